#!/usr/bin/env bash
# 200 refreshes of one token at the same instant on three nodes: all get the same refresh token and access token.
#   tests/faults/one_token.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=30
[[ -z $short ]] || seconds=4

find_programs
create_postgres "$work/data"
port=$(free_port)
start_postgres "$work/data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
start_nodes 0 1 2

begin_load "$seconds" "one token at once" --simultaneous 200
end_load
