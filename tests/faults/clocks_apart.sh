#!/usr/bin/env bash
# Two nodes on one PostgreSQL with clocks 5 s apart.
#   tests/faults/clocks_apart.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60
[[ -z $short ]] || seconds=8

library=$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1 | grep .) || fail "libfaketime not found: install it"
find_programs
create_postgres "$work/data"
port=$(free_port)
start_postgres "$work/data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
metrics=("$(free_port)" "$(free_port)")
launch_node 0 JETON_LOG__FILTER=warn JETON_METRICS__LISTEN="127.0.0.1:${metrics[0]}"
await_node 0
launch_node 1 JETON_LOG__FILTER=warn JETON_METRICS__LISTEN="127.0.0.1:${metrics[1]}" LD_PRELOAD="$library" FAKETIME=+5s FAKETIME_DONT_FAKE_MONOTONIC=1
await_node 1

# Each access token shows the clock of its node.
offsets=()
for number in 0 1; do
  token=$(curl --silent --fail "http://127.0.0.1:${node_port[number]}/token" -d grant_type=password -d username=admin \
    -d "password=$password" | jq -r '.access_token | split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .iat')
  offsets+=($((token - $(date +%s))))
done
((offsets[1] - offsets[0] >= 4)) || fail "libfaketime did not change the clock; offsets: ${offsets[*]} s"

warning=NTP
grep -q "$warning" "$work/node-1.log" || fail "the node whose clock is ahead does not log a warning"
! grep -q "$warning" "$work/node-0.log" || fail "the node whose clock is right logs a warning"

# To the node that is ahead, the other's rotations seem 5 s old: of the retry window of 10 s, 5 s are left. One second
# is a margin.
begin_load "$seconds" "clocks 5 s apart" --same-within 4
end_load
echo "the nodes' clocks differed by ${offsets[*]} s from this machine's"
# Late retries of one device are not in the audit log.
late=0
for port in "${metrics[@]}"; do
  counted=$(curl --silent --fail "http://127.0.0.1:$port/metrics" | sed -n 's/^jeton_refreshes_total{outcome="late_retry"} //p')
  late=$((late + ${counted:-0}))
done
((late == 0)) || fail "$late refreshes of a second tab were treated as late retries"
