#!/usr/bin/env bash
# Under load, PostgreSQL is paused (SIGSTOP), restarted, crashed, and its disk filled. Meanwhile the nodes respond 503, at
# /readyz too; afterwards they recover by themselves.
#   tests/faults/pause_database.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=110 pause=20 full=15
[[ -z $short ]] || seconds=48 pause=13 full=3
[[ $(id -u) == 0 ]] || fail "only root can make a small file system"

# expect_not_ready STATE: /readyz of every node returns 503.
expect_not_ready() {
  local number probes=()
  for number in "${!node_pid[@]}"; do
    await_503 "$number" &
    probes+=($!)
  done
  for number in "${!probes[@]}"; do
    wait "${probes[number]}" || fail "/readyz of node $number does not return 503 while the database $1"
  done
}

await_503() {
  for _ in {1..50}; do
    [[ $(probe "$1") == 503 ]] && return
    sleep 0.1
  done
  return 1
}

await_nodes() {
  local number
  for number in "${!node_pid[@]}"; do await_node "$number"; done
}

find_programs
install -d "$work/small"
mount -t tmpfs -o size=256m,mode=755 tmpfs "$work/small"
data=$work/small/data
create_postgres "$data"
port=$(free_port)
start_postgres "$data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
start_nodes 0 1 2

# The timeout is longer than a node waits for a connection, so that the clients receive its 503.
begin_load "$seconds" "database paused, restarted, crashed, full" --timeout 8 --pace 12
sleep 5
signal_postgres STOP "$data"
sleep "$((pause - 6))"
expect_not_ready "is paused"
sleep 1
signal_postgres CONT "$data"
await_nodes
sleep 4
as_server "$(postgres_program pg_ctl)" -D "$data" -m fast -w restart >/dev/null
await_nodes
sleep 4
stop_postgres "$data" immediate
expect_not_ready "is down"
start_postgres "$data" "$port"
await_nodes
sleep 4
# Fills the disk, and fills it again when PostgreSQL frees space.
for _ in $(seq "$((full * 2))"); do
  cat /dev/zero >>"$work/small/ballast" 2>/dev/null || true
  sleep 0.5
done
kill -0 "$load" || fail "the clients stopped before the disk was full"
rm "$work/small/ballast"
# PostgreSQL stops when it cannot write its log. A supervisor would restart it.
if ! as_server "$(postgres_program pg_ctl)" -D "$data" status >/dev/null; then
  echo "PostgreSQL stopped because its disk was full"
  start_postgres "$data" "$port"
fi
await_nodes
end_load
expect_effect 503
