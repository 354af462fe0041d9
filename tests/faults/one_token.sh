#!/usr/bin/env bash
# Two hundred refreshes of one token at the same instant, over three nodes: one refresh token, one access token.
#   tests/faults/one_token.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=30
[[ -z $short ]] || seconds=4

find_programs
make_postgres "$place/data"
port=$(free_port)
start_postgres "$place/data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
start_nodes 0 1 2

begin_load "$seconds" "one token at once" --crowd 200
end_load
