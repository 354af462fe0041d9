#!/usr/bin/env bash
# Two nodes on one PostgreSQL, the clock of one 5 s ahead of the other's.
#   tests/faults/clocks_apart.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60
[[ -z $short ]] || seconds=8

library=$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1 | grep .) || fail "there is no libfaketime: install it"
find_programs
make_postgres "$place/data"
port=$(free_port)
start_postgres "$place/data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
begin_node 0 JETON_LOG__FILTER=warn
await_node 0
begin_node 1 JETON_LOG__FILTER=warn LD_PRELOAD="$library" FAKETIME=+5s FAKETIME_DONT_FAKE_MONOTONIC=1
await_node 1

# The clock that a node goes by is in each access token.
seen=()
for number in 0 1; do
  token=$(curl --silent --fail "http://127.0.0.1:${node_port[number]}/token" -d grant_type=password -d username=admin \
    -d "password=$password" | jq -r '.access_token | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .iat')
  seen+=($((token - $(date +%s))))
done
((seen[1] - seen[0] >= 4)) || fail "the clocks are not apart: ${seen[*]} s"

warning="clock and the database's lie apart"
grep -q "$warning" "$place/node-1.log" || fail "the node that is ahead does not say so"
! grep -q "$warning" "$place/node-0.log" || fail "the node whose clock is right complains of it"

# What is left of the retry window where the node that is ahead judges what the other wrote, less a second.
begin_load "$seconds" "clocks 5 s apart" --same-within 4
end_load
echo "the nodes' clocks were ${seen[*]} s from this machine's"
late=$(ask "$port" "SELECT count(*) FROM audit_events WHERE action = 'late_retry'")
((late == 0)) || fail "$late times a second tab was taken for a late retry"
