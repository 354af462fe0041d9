#!/usr/bin/env bash
# Tests Jeton and the example API /my-info with curl: a request without a token, sign-in, requests with a token, Jeton
# stopped, key rotation, and revoked sessions.
#
#   tests/story.sh [JETON [MY_INFO]]     paths of the binaries; default: target/release, else target/debug
#
# All files are in a temporary directory; the servers listen on free ports.
set -euo pipefail
source "$(dirname "$0")/servers.sh"
work=$(mktemp -d)
servers=()
trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT

jeton=$(binary "${1:-}" jeton)
my_info=$(binary "${2:-}" examples/my-info)
forget_settings
issuer=http://localhost:$(free_port)
api=http://localhost:$(free_port)

with_jeton() {
  JETON_SERVER__LISTEN=${issuer#http://} JETON_DATA_DIR=$work/data JETON_METRICS__LISTEN='' \
    JETON_BOOTSTRAP__ADMIN_PASSWORD='correct horse battery staple' JETON_BOOTSTRAP__EXAMPLE_API=$api \
    JETON_KEYS__REFRESH_INTERVAL=1s "$@"
}

start_jeton() {
  # Without a shell in between, which alone would get the signal.
  with_jeton exec "$jeton" >>"$work/jeton.log" 2>&1 &
  jeton_pid=$!
  servers+=("$jeton_pid")
  await "$issuer/readyz" "$jeton_pid" "$work/jeton.log"
}

stop_jeton() {
  stop_servers "$jeton_pid"
  ! curl --silent --output /dev/null "$issuer/healthz" || fail "Jeton still runs"
}

# my_info_is STATUS NAME [CURL OPTIONS]: GET /my-info returns STATUS.
my_info_is() {
  local wanted=$1 name=$2 status
  shift 2
  status=$(curl --silent --max-time 20 --dump-header "$work/headers" --output "$work/body" --write-out '%{http_code}' "$@" "$api/my-info")
  [[ $status == "$wanted" ]] || { echo "not ok $name: $status instead of $wanted" >&2; cat "$work/body" >&2; exit 1; }
  echo "ok $name: $status"
}

# sign_in FILE [RESOURCE [SCOPE]]: signs in at the client my-info and writes the token response to FILE. RESOURCE
# defaults to the API.
sign_in() {
  curl --silent --fail "$token_endpoint" -d grant_type=password -d client_id=my-info -d resource="${2:-$api}" \
    -d scope="${3:-my-info:read my-info:write}" -d username=admin --data-urlencode 'password=correct horse battery staple' >"$1"
}

# sign_in_on_page FILE: the same on the hosted page, as a browser does: authorization code with PKCE.
sign_in_on_page() {
  local verifier challenge request token answer code
  local browser=(curl --silent --cookie "$work/cookies" --cookie-jar "$work/cookies")
  verifier=$(openssl rand -hex 32)
  challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d =)
  request="$authorization_endpoint?response_type=code&client_id=my-info&redirect_uri=$api/&resource=$api&state=s1"
  request+="&scope=my-info:read+my-info:write&code_challenge=$challenge&code_challenge_method=S256"
  token=$("${browser[@]}" --fail "$request" | sed -n 's/.*name="form_token" value="\([^"]*\)".*/\1/p')
  answer=$("${browser[@]}" --output /dev/null --write-out '%{redirect_url}' --header "Origin: $issuer" "$request" \
    --data-urlencode "form_token=$token" -d username=admin --data-urlencode 'password=correct horse battery staple' -d action=sign_in)
  [[ $answer == "$api/?code="*state=s1* ]] || { echo "not ok no code on the page: $answer" >&2; exit 1; }
  code=${answer#*code=}
  curl --silent --fail "$token_endpoint" -d grant_type=authorization_code -d client_id=my-info -d code="${code%%&*}" \
    --data-urlencode "redirect_uri=$api/" -d code_verifier="$verifier" >"$1"
}

# await_refusal HEADER: waits until the API refuses the token. SECONDS is the time that took.
await_refusal() {
  SECONDS=0
  while [[ $(curl --silent --output /dev/null --write-out '%{http_code}' --header "$1" "$api/my-info") == 200 ]]; do
    ((SECONDS < 30)) || fail "not ok the API still accepts the token" "$work/my-info.log"
    sleep 0.1
  done
}

bearer() {
  echo "Authorization: Bearer $(jq -r .access_token "$1")"
}

# my-info starts first: it waits for Jeton.
api_secret=$(head -c 32 /dev/urandom | base64)
MY_INFO_API_CLIENT_SECRET=$api_secret "$my_info" --listen "${api#http://}" --issuer "$issuer" --database "$work/my-info/my-info.db" >"$work/my-info.log" 2>&1 &
servers+=($!)
await "$api/healthz" $! "$work/my-info.log"
my_info_is 401 "without a token, before Jeton is up"
start_jeton

my_info_is 401 "without a token"
grep -qi '^www-authenticate: Bearer .*resource_metadata=' "$work/headers" || { echo "no challenge" >&2; exit 1; }

metadata=$(sed -n 's/.*resource_metadata="\([^"]*\)".*/\1/p' "$work/headers")
server=$(curl --silent --fail "$metadata" | jq -r '.authorization_servers[0]')
metadata=$(curl --silent --fail "$server/.well-known/oauth-authorization-server")
token_endpoint=$(jq -r .token_endpoint <<<"$metadata")
authorization_endpoint=$(jq -r .authorization_endpoint <<<"$metadata")
sign_in_on_page "$work/tokens.json"
bearer=$(bearer "$work/tokens.json")

my_info_is 200 "signed in" --header "$bearer"
my_info_is 422 "a name is needed" --header "$bearer" --request PUT --json '{"email":"ada@example.com"}'
my_info_is 200 "changed" --header "$bearer" --request PUT --json '{"name":"Ada"}'
my_info_is 401 "a token with a changed signature" --header "${bearer%?????}AAAAA"
stop_jeton
my_info_is 200 "Jeton stopped" --header "$bearer"
[[ $(jq -r .name "$work/body") == Ada ]] || { echo "the change is lost" >&2; exit 1; }
start_jeton
my_info_is 200 "Jeton started again" --header "$bearer"

# Replaces all keys at once. The API does not know the new key yet.
with_jeton "$jeton" key rotate --emergency >>"$work/jeton.log" 2>&1
kid() { curl --silent --fail "$issuer/.well-known/jwks.json" | jq -r '.keys[0].kid'; }
old=$(kid)
for _ in {1..50}; do [[ $(kid) != "$old" ]] && break; sleep 0.2; done
sign_in "$work/new.json"
my_info_is 200 "the first token signed by the new key" --header "$(bearer "$work/new.json")"
# While the token is hardly older than the API's key set, the API returns 503.
for _ in {1..100}; do
  status=$(curl --silent --output /dev/null --write-out '%{http_code}' --header "$bearer" "$api/my-info")
  [[ $status == 503 ]] || break
  sleep 0.2
done
my_info_is 401 "a token signed by the revoked key" --header "$bearer"

# claim NAME FILE: prints a claim of the access token in FILE.
claim() {
  jq -r --arg name "$1" '.access_token | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .[$name]' "$2"
}

# revoke_session FILE: revokes the session of the tokens in FILE by its id, from another session of the same user.
revoke_session() {
  local id status
  id=$(claim sid "$1")
  sign_in "$work/phone.json" "$issuer" account
  curl --silent --fail --header "$(bearer "$work/phone.json")" "$issuer/account/sessions" |
    jq -e --arg id "$id" 'any(.sessions[]; .id == $id and (.current | not))' >/dev/null || { echo "not ok the session is not listed" >&2; exit 1; }
  status=$(curl --silent --output /dev/null --write-out '%{http_code}' --request DELETE --header "$(bearer "$work/phone.json")" "$issuer/account/sessions/$id")
  [[ $status == 204 ]] || { echo "not ok revoking a session: $status" >&2; exit 1; }
  curl --silent "$token_endpoint" -d grant_type=refresh_token -d client_id=my-info -d refresh_token="$(jq -r .refresh_token "$1")" |
    jq -e '.error == "invalid_grant"' >/dev/null || { echo "not ok the revoked session was refreshed" >&2; exit 1; }
  echo "ok revoked by its id from another device; its refresh fails at once"
}

# A session at a shared computer is revoked. Without the feed of revoked sessions, the API accepts its token until it
# expires.
with_jeton "$jeton" client update my-info --access-token-lifetime 5s >>"$work/jeton.log"
sign_in "$work/shared.json"
shared=$(bearer "$work/shared.json")
revoke_session "$work/shared.json"
for _ in {1..300}; do
  status=$(curl --silent --output /dev/null --write-out '%{http_code}' --header "$shared" "$api/my-info")
  [[ $status == 200 ]] || break
  sleep 0.2
done
my_info_is 401 "without the feed, when the token has expired" --header "$shared"
with_jeton "$jeton" client update my-info --default access-token-lifetime >>"$work/jeton.log"

# With the feed, the API refuses the token within seconds.
printf %s "$api_secret" | with_jeton "$jeton" client add my-info-api --confidential --secret-stdin --audience "$api" >>"$work/jeton.log"
sign_in "$work/new.json"
sign_in "$work/shared.json"
shared=$(bearer "$work/shared.json")
my_info_is 200 "signed in on a second device" --header "$shared"
for _ in {1..200}; do
  jq -e '.tokens.issuers[0].revocations | .age != null and .failing_for == null' <(curl --silent "$api/healthz") >/dev/null && break
  sleep 0.2
done
revoke_session "$work/shared.json"
introspected=$(curl --silent --user "my-info-api:$(jq -rn --arg s "$api_secret" '$s | @uri')" -d token="$(jq -r .access_token "$work/shared.json")" "$issuer/introspect")
[[ $introspected == '{"active":false}' ]] || { echo "not ok introspection of a revoked session: $introspected" >&2; exit 1; }
echo "ok introspection is inactive at once"
await_refusal "$shared"
my_info_is 401 "session revoked, known to the API after $SECONDS s" --header "$shared"
my_info_is 200 "the other session is still active" --header "$(bearer "$work/new.json")"

# Revokes all sessions. The page's token has the API as its audience and may not do that. A token for the account API
# may, and is good for nothing else.
sign_out_everywhere() {
  curl --silent --write-out '%{http_code}' --request DELETE --header "$(bearer "$1")" "$issuer/account/sessions"
}
refused=$(sign_out_everywhere "$work/new.json")
[[ $refused == *401 ]] || { echo "not ok the page's token may revoke sessions: $refused" >&2; exit 1; }
sign_in "$work/account.json" "$issuer" account
my_info_is 401 "with a token for the account API" --header "$(bearer "$work/account.json")"
ended=$(sign_out_everywhere "$work/account.json")
[[ $ended == '{"sessions_ended":'*200 ]] || { echo "not ok signing out everywhere: $ended" >&2; exit 1; }
await_refusal "$(bearer "$work/new.json")"
my_info_is 401 "signed out everywhere, known to the API after $SECONDS s" --header "$(bearer "$work/new.json")"
