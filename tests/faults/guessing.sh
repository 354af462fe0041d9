#!/usr/bin/env bash
# Password guessing on one node with SQLite: many correct sign-ins at once, and an attacker who guesses one account
# as fast as possible while its owner signs in.
#   tests/faults/guessing.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=90
[[ -z $short ]] || seconds=12
binary=$(realpath "${BINARY:-$root/target/release/jeton}")
database=sqlite:$work/jeton.db

# sign_in ADDRESS USER_AGENT PASSWORD: prints the status and the seconds of Retry-After.
sign_in() {
  curl --silent --interface "$1" --user-agent "$2" --output "$work/answer.$1" \
    --write-out '%{http_code} %header{retry-after}\n' "http://127.0.0.1:${node_port[0]}/token" \
    -d grant_type=password -d username=admin --data-urlencode "password=$3"
}

start_nodes 0

# 120 correct sign-ins at once from one address are load, not failures.
for number in {1..120}; do
  sign_in 127.0.0.2 office "$password" >"$work/status.$number" &
  sign_ins+=($!)
done
wait "${sign_ins[@]}"
statuses=$(cut -d' ' -f1 "$work"/status.* | sort | uniq -c | tr -s ' \n' ' ')
echo "120 correct sign-ins at once from one address (number, status):$statuses"
[[ $statuses != *" 429"* ]] || fail "correct sign-ins were throttled"

# The owner has signed out on the phone. Then the attacker guesses without pause on four connections.
[[ $(sign_in 127.0.0.3 phone "$password") == 200* ]] || fail "the owner cannot sign in"
refresh_token=$(jq -r .refresh_token "$work/answer.127.0.0.3")
curl --silent --fail "http://127.0.0.1:${node_port[0]}/revoke" -d "token=$refresh_token" -o "$work/revoked"
for number in 1 2 3 4; do
  (while :; do sign_in 127.0.0.66 attacker "wrong$RANDOM" || true; done) >"$work/attacker.$number" 2>/dev/null &
  helpers+=($!)
done
sleep 3
known=0 tries=0 result='no success' next=0 end=$((SECONDS + seconds))
while ((SECONDS < end)); do
  [[ $(sign_in 127.0.0.3 phone "$password") == 200* ]] || fail "the owner was refused on a known device"
  known=$((known + 1))
  if ((SECONDS >= next)); then
    read -r status wait < <(sign_in 127.0.0.4 laptop "$password")
    tries=$((tries + 1)) next=$((SECONDS + ${wait:-1}))
    # A success makes the laptop known, so that nothing more is learned from it.
    [[ $status != 200 ]] || { result="success at try $tries" next=$end; }
  fi
  sleep 0.5
done
attempts=$(cat "$work"/attacker.* | wc -l)
guesses=$(cat "$work"/attacker.* | grep -c '^400' || true)
echo "under $attempts attempts of an attacker, $guesses of them guesses:"
echo "the owner signed in $known of $known times on the phone, and on a new laptop: $result"
[[ $result == success* ]] || fail "one address has locked the owner out of a new device"

# After the attack, an operator lifts the count.
for number in "${helpers[@]}"; do kill "$number" 2>/dev/null || true; done
sleep 0.5
JETON_DATABASE__URL=$database JETON_ROOT_SECRET__FILE=$work/root-secret "$binary" user unlock admin
[[ $(sign_in 127.0.0.5 tablet "$password") == 200* ]] || fail "an unlocked account was refused"
