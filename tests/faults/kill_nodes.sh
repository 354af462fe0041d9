#!/usr/bin/env bash
# Three nodes on one PostgreSQL, killed (SIGKILL) and restarted at random under load.
#   tests/faults/kill_nodes.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=120
[[ -z $short ]] || seconds=12

find_programs
create_postgres "$work/data"
port=$(free_port)
start_postgres "$work/data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
start_nodes 0 1 2

begin_load "$seconds" "nodes killed"
end=$((SECONDS + seconds - 2)) kills=0
while ((SECONDS < end)); do
  sleep "$((RANDOM % 2)).$((RANDOM % 10))"
  victim=$((RANDOM % 3))
  kill_node "$victim"
  kills=$((kills + 1))
  sleep "0.$((RANDOM % 10))"
  launch_node "$victim"
done
end_load
expect_effect cut refused
echo "$kills nodes were killed"
