#!/usr/bin/env bash
# One node on SQLite, repeatedly killed (SIGKILL) and restarted under load.
#   tests/faults/kill_sqlite.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60
[[ -z $short ]] || seconds=8

find_programs
database=sqlite:$work/jeton.db
start_nodes 0

begin_load "$seconds" "SQLite node killed"
end=$((SECONDS + seconds - 3)) kills=0
while ((SECONDS < end)); do
  sleep "1.$((RANDOM % 10))"
  kill_node 0
  kills=$((kills + 1))
  launch_node 0
  await_node 0
done
end_load
expect_effect cut refused
echo "the node was killed $kills times"
