#!/usr/bin/env bash
# An attacker has copies of an access token and a refresh token, on another device (another User-Agent).
#
# - It polls GET /account/sessions for the moment of a rotation. The list does not tell it.
# - It posts the copied refresh token within the retry window of each rotation. With retry_device = "any" it gets the
#   same response, and the audit log has one event, refresh_repeated_elsewhere. With "same" its second use is a replay.
# - It posts the token after the window. Its second use is a replay.
#
# Meanwhile the owner's other tab, which has a copy of the storage, stays signed in.
#   tests/faults/stolen_token.sh [--short]
source "$(dirname "$0")/nodes.sh"
generations=12 pause=2
[[ -z $short ]] || generations=4 pause=1

find_server
database=sqlite:$work/jeton.db
window=2s
metrics=$(free_port)
launch_node 0 JETON_SESSION__RETRY_WINDOW=$window JETON_METRICS__LISTEN="127.0.0.1:$metrics"
await_node 0
issuer=http://127.0.0.1:${node_port[0]}

# form AGENT ARGUMENT...: posts a form to /token with a User-Agent.
form() { curl --silent --max-time 10 --user-agent "$1" "$issuer/token" "${@:2}"; }
sign_in() {
  form owner -d grant_type=password -d username=admin --data-urlencode "password=$password" -d "scope=account admin"
}
# refresh AGENT TOKEN
refresh() { form "$1" -d grant_type=refresh_token -d refresh_token="$2"; }
# get PATH ACCESS_TOKEN
get() { curl --silent --max-time 10 --user-agent thief -H "Authorization: Bearer $2" "$issuer$1"; }
member() { jq -er ".$1" <<<"$2" || fail "no $1 in $2"; }
expect_refused() {
  [[ $(jq -r .error <<<"$2") == invalid_grant ]] || fail "$1: $2"
}
# last_use ACCESS_TOKEN: last_used_at of the session of the token.
last_use() { get /account/sessions "$1" | jq '.sessions[] | select(.current) | .last_used_at'; }
# events ACTION SESSION: the number of audit events.
events() {
  get "/admin/audit-events?action=$1&session_id=$2" "$auditor" | jq -e '.audit_events | arrays | length' ||
    fail "no audit log"
}
session_of() {
  jq -r '.access_token | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .sid' <<<"$1"
}
# set_device VALUE: retry_device of the client.
set_device() {
  curl --silent --fail --max-time 10 -X PATCH "$issuer/admin/clients/first-party" -H "Authorization: Bearer $auditor" \
    -H 'Content-Type: application/merge-patch+json' -d "{\"retry_device\": \"$1\"}" >"$work/patched" ||
    fail "retry_device was not set to $1"
}

auditor=$(member access_token "$(sign_in)")

# The poll: the thief repeats it around each rotation of the owner.
tokens=$(sign_in) session=$(session_of "$tokens") copied=$(member access_token "$tokens")
seen=0 hours=0
before=$(last_use "$copied")
for ((turn = 0; turn < generations; turn++)); do
  hour=$(($(date +%s) / 3600))
  tokens=$(refresh owner "$(member refresh_token "$tokens")")
  after=$(last_use "$copied")
  ((after == before || after % 3600 == 0)) || fail "last_used_at is not rounded to the hour: $after"
  if ((after != before)); then
    ((after / 3600 >= hour && hours == 0)) || seen=$((seen + 1))
    hours=$((hours + 1))
  fi
  before=$after
done
((seen == 0)) || fail "GET /account/sessions showed $seen of $generations rotations"
echo "GET /account/sessions showed the moment of none of $generations rotations"

# Within the window, with "any": the thief learns each moment here.
tokens=$(sign_in) session=$(session_of "$tokens") stolen=$(member refresh_token "$tokens")
for ((turn = 0; turn < generations; turn++)); do
  owner=$(refresh owner "$stolen")
  thief=$(refresh thief "$stolen")
  [[ $(jq -S 'del(.expires_in)' <<<"$owner") == $(jq -S 'del(.expires_in)' <<<"$thief") ]] ||
    fail "another response within the window: $thief"
  stolen=$(member refresh_token "$owner")
done
audited=$(events refresh_repeated_elsewhere "$session")
((audited == 1)) || fail "retry_device = any: $audited audit events instead of 1"
counted=$(curl --silent "http://127.0.0.1:$metrics/metrics" |
  sed -n 's/^jeton_refreshes_total{outcome="repeated_elsewhere"} //p')
((counted == generations)) || fail "the metric counted ${counted:-0} of $generations repetitions"
echo "retry_device = any: the thief got the same response $generations times; $audited audit event, metric $counted"

# Within the window, with "same".
set_device same
tokens=$(sign_in) session=$(session_of "$tokens") stolen=$(member refresh_token "$tokens")
owner=$(refresh owner "$stolen")
thief=$(refresh thief "$stolen")
stolen=$(member refresh_token "$thief")
owner=$(refresh owner "$(member refresh_token "$owner")")
expect_refused "the thief's second use within the window was accepted" "$(refresh thief "$stolen")"
expect_refused "the session was not revoked" "$(refresh owner "$(member refresh_token "$owner")")"
[[ $(events late_retry "$session") == 1 && $(events replay "$session") == 1 ]] || fail "the theft was not audited"
echo "retry_device = same: the thief was detected at its second use, and audited"
set_device any

# After the window.
tokens=$(sign_in) session=$(session_of "$tokens") stolen=$(member refresh_token "$tokens")
owner=$(refresh owner "$stolen")
sleep 2.5
thief=$(refresh thief "$stolen")
stolen=$(member refresh_token "$thief")
owner=$(refresh owner "$(member refresh_token "$owner")")
sleep 2.5
expect_refused "the thief's second use after the window was accepted" "$(refresh thief "$stolen")"
[[ $(events late_retry "$session") == 1 && $(events replay "$session") == 1 ]] || fail "the theft was not audited"
echo "after the window: the thief was detected at its second use, and audited"

# The owner's two tabs refresh in turn, within the window and after it.
tokens=$(sign_in) session=$(session_of "$tokens")
tab=("$(member refresh_token "$tokens")" "$(member refresh_token "$tokens")")
for ((turn = 0; turn < generations; turn++)); do
  tokens=$(refresh owner "${tab[turn % 2]}")
  tab[turn % 2]=$(member refresh_token "$tokens")
  sleep $((pause * 3 * (turn % 2)))
done
for action in late_retry refresh_repeated_elsewhere replay; do
  (($(events $action "$session") == 0)) || fail "two tabs of one device caused the audit event $action"
done
echo "two tabs with copied storage refreshed $generations times in turn; no audit event"
