#!/usr/bin/env bash
# Two of three nodes, in turn, are paused (SIGSTOP) while they process requests. They resume after their clients have
# refreshed at other nodes twice. Requests that they complete then must not count as replays.
#   tests/faults/freeze_nodes.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=90 pause=20
[[ -z $short ]] || seconds=12 pause=8

find_programs
create_postgres "$work/data"
port=$(free_port)
start_postgres "$work/data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
start_nodes 0 1 2

begin_load "$seconds" "nodes frozen"
end=$((SECONDS + seconds)) freezes=0
while ((SECONDS + pause + 2 < end)); do
  sleep 2
  kill -STOP "${node_pid[freezes % 2]}"
  sleep "$pause"
  kill -CONT "${node_pid[freezes % 2]}"
  freezes=$((freezes + 1))
done
end_load
expect_effect timed_out
echo "a node was paused for $pause s $freezes times"
