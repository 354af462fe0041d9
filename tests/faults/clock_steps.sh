#!/usr/bin/env bash
# A clock that is 130 days ahead: of one of two nodes on MariaDB, of a SQLite node that starts, and of a SQLite node that
# runs. Then the clock is set back. No session and no signing key may be deleted or changed, and no honest client may be
# signed out. Then the same with 30 clients and 40 days: beyond the idle lifetime of sessions, not beyond their lifetime.
#   tests/faults/clock_steps.sh [--short]
source "$(dirname "$0")/nodes.sh"
# A node sweeps every second.
pause=20
[[ -z $short ]] || pause=4
clients=5 ahead=130

library=$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1 | grep .) || fail "libfaketime not found: install it"
command -v mariadbd >/dev/null || fail "MariaDB not found: install mariadb-server"
binary=$(binary "${BINARY:-}" jeton)

# launch NUMBER [NAME=VALUE ...]: starts a node and waits until it listens.
launch() {
  launch_node "$1" JETON_KEYS__REFRESH_INTERVAL=1s JETON_LOG__FILTER=warn "${@:2}"
  for _ in {1..150}; do
    curl --silent --max-time 2 --output /dev/null "http://127.0.0.1:${node_port[$1]}/healthz" && return
    sleep 0.1
  done
  fail "node $1 does not listen"
}

# launch_ahead NUMBER: starts a node whose clock is ahead.
launch_ahead() {
  launch "$1" LD_PRELOAD="$library" FAKETIME="+${ahead}d" FAKETIME_DONT_FAKE_MONOTONIC=1
}

# request NUMBER PATH [CURL ARGUMENTS]: sets $status and $answer.
request() {
  answer=$(curl --silent --max-time 8 --write-out '\n%{http_code}' "http://127.0.0.1:${node_port[$1]}$2" "${@:3}") || true
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
}

# sign_in NUMBER: sets $access_token and $refresh_token.
sign_in() {
  request "$1" /token -d grant_type=password -d username=admin -d "password=$password"
  [[ $status == 200 ]] || fail "sign-in: $status $answer"
  access_token=$(jq -r .access_token <<<"$answer")
  refresh_token=$(jq -r .refresh_token <<<"$answer")
}

# begin NUMBER: signs the clients in and sets $before, the rows that must stay.
begin() {
  refresh_tokens=() access_tokens=()
  for ((client = 0; client < clients; client++)); do
    sign_in "$1"
    refresh_tokens+=("$refresh_token")
    access_tokens+=("$access_token")
  done
  request "$1" /token -d grant_type=password -d username=unknown -d password=wrong-1
  before=$(rows)
}

# rows: prints the number of sessions and of counts of failed sign-ins, and the signing keys.
rows() {
  sql "SELECT 1, 'key', id, activates_at, length(sealed_private_key) FROM signing_keys"
  sql "SELECT count(*), 'sessions' FROM sessions"
  sql "SELECT count(*), 'counts' FROM sign_in_throttle"
}

expect_rows() {
  local now
  now=$(rows)
  [[ $now == "$before" ]] || fail "$1: rows before: $before; after: $now"
}

# refresh_all NUMBER: each client refreshes, as an honest one.
refresh_all() {
  for client in "${!refresh_tokens[@]}"; do
    request "$1" /token -d grant_type=refresh_token -d "refresh_token=${refresh_tokens[client]}"
    [[ $status == 200 ]] || fail "$2: client $client was signed out: $status $answer"
    refresh_tokens[client]=$(jq -r .refresh_token <<<"$answer")
    access_token=$(jq -r .access_token <<<"$answer")
    request "$1" /account -H "Authorization: Bearer $access_token"
    [[ $status == 200 ]] || fail "$2: a new access token was refused: $status $answer"
  done
}

# kept: prints the number of rows that must stay.
kept() {
  awk '{ printf "%s%s %s", separator, $1, $2; separator = ", " }' <<<"$before"
}

# expect_no_refusal NUMBER: the node whose clock is wrong is not ready. It may put off a refresh and the verification of
# an access token, but not refuse them.
expect_no_refusal() {
  [[ $(probe "$1") == 503 || $2 == started ]] || fail "a node whose clock was set is ready"
  for client in "${!refresh_tokens[@]}"; do
    request "$1" /token -d grant_type=refresh_token -d "refresh_token=${refresh_tokens[client]}"
    [[ $status == 503 ]] || fail "node $1 did not put a refresh off: $status $answer"
    request "$1" /account -H "Authorization: Bearer ${access_tokens[client]}"
    [[ $status == 503 ]] || fail "node $1 did not put a verification off: $status $answer"
  done
}

# issued_at: prints the iat of $access_token.
issued_at() {
  jq -Rr 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .iat' <<<"$access_token"
}

# expect_ahead NUMBER: fails when the clock of the node is not ahead.
expect_ahead() {
  sign_in "$1"
  (($(issued_at) - $(date +%s) > (ahead - 1) * 86400)) || fail "libfaketime did not change the clock of node $1"
  # The session of this sign-in.
  before=$(rows)
}

port=$(free_port)
start_mariadb "$port"
database=mysql://jeton@127.0.0.1:$port/jeton
sql() { query_mariadb "$1"; }
launch 0
begin 0
launch_ahead 1
expect_ahead 1
expect_no_refusal 1 apart
sleep "$pause"
expect_no_refusal 1 apart
request 0 /account -H "Authorization: Bearer $access_token"
[[ $status == 401 ]] || fail "an access token from the future was not refused: $status $answer"
expect_rows "MariaDB, one node ahead"
refresh_all 0 "MariaDB, one node ahead"
kill_node 1
kill_node 0
echo "MariaDB, one of two nodes $ahead days ahead: $(kept) kept"

database=sqlite:$work/jeton.db
sql() { sqlite3 -cmd '.timeout 5000' -separator ' ' "$work/jeton.db" "$1"; }
launch 2
begin 2
sleep 2
kill_node 2
launch_ahead 2
expect_ahead 2
expect_no_refusal 2 started
sleep "$pause"
expect_rows "SQLite, started ahead"
kill_node 2
launch 2
sleep 2
expect_rows "SQLite, set back"
refresh_all 2 "SQLite, set back"
kill_node 2
echo "SQLite, started $ahead days ahead and set back: $(kept) kept"

# set_clock NUMBER: sets the clock of a running node forward by $ahead days, and back.
set_clock() {
  rm -f "$work"/jeton.db*
  echo +0 >"$work/offset"
  launch "$1" LD_PRELOAD="$library" FAKETIME_TIMESTAMP_FILE="$work/offset" FAKETIME_NO_CACHE=1 \
    FAKETIME_DONT_FAKE_MONOTONIC=1
  begin "$1"
  sleep 2
  echo "+${ahead}d" >"$work/offset"
  expect_no_refusal "$1" set
  expect_ahead "$1"
  sleep "$pause"
  expect_no_refusal "$1" set
  expect_rows "SQLite, set forward"
  echo +0 >"$work/offset"
  sleep 2
  expect_rows "SQLite, set forward and back"
  await_node "$1"
  request "$1" /account -H "Authorization: Bearer $access_token"
  [[ $status == 401 ]] || fail "an access token from the future was not refused: $status $answer"
  refresh_all "$1" "SQLite, set forward and back"
  kill_node "$1"
  echo "SQLite, set $ahead days forward and back, $clients clients refreshed: $(kept) kept"
}

set_clock 3
clients=30 ahead=40
set_clock 4
