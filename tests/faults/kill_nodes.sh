#!/usr/bin/env bash
# Three nodes on one PostgreSQL, killed (SIGKILL) and started again at random while their clients refresh.
#   tests/faults/kill_nodes.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=120
[[ -z $short ]] || seconds=12

find_programs
make_postgres "$place/data"
port=$(free_port)
start_postgres "$place/data" "$port"
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
  begin_node "$victim"
done
end_load
happened cut refused
echo "$kills nodes were killed"
