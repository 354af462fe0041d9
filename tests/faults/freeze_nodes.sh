#!/usr/bin/env bash
# Two of three nodes, in turn, stand still (SIGSTOP) with requests in their hands, and go on when their clients have long
# been served elsewhere and have moved on twice. What they still do then must not be taken for a replay.
#   tests/faults/freeze_nodes.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=90 still=20
[[ -z $short ]] || seconds=12 still=8

find_programs
make_postgres "$place/data"
port=$(free_port)
start_postgres "$place/data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
start_nodes 0 1 2

begin_load "$seconds" "nodes frozen"
end=$((SECONDS + seconds)) freezes=0
while ((SECONDS + still + 2 < end)); do
  sleep 2
  kill -STOP "${node_pid[freezes % 2]}"
  sleep "$still"
  kill -CONT "${node_pid[freezes % 2]}"
  freezes=$((freezes + 1))
done
end_load
happened timed_out
echo "$freezes times a node stood still for $still s"
