#!/usr/bin/env bash
# PostgreSQL stands still (SIGSTOP), is restarted, crashes, and has its disk filled up, all under load. The nodes say 503
# meanwhile, /readyz too, and go on by themselves.
#   tests/faults/pause_database.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=110 still=20 full=15
[[ -z $short ]] || seconds=42 still=7 full=3
[[ $(id -u) == 0 ]] || fail "only root can make a small file system"

# not_ready WHY: every node says so, all asked at once.
not_ready() {
  local number probes=()
  for number in "${!node_pid[@]}"; do
    probe_until_away "$number" &
    probes+=($!)
  done
  for number in "${!probes[@]}"; do
    wait "${probes[number]}" || fail "/readyz of node $number does not say 503 while the database $1"
  done
}

probe_until_away() {
  for _ in {1..50}; do
    [[ $(probe "$1") == 503 ]] && return
    sleep 0.1
  done
  return 1
}

ready() {
  local number
  for number in "${!node_pid[@]}"; do await_node "$number"; done
}

find_programs
install -d "$place/small"
mount -t tmpfs -o size=256m,mode=755 tmpfs "$place/small"
data=$place/small/data
make_postgres "$data"
port=$(free_port)
start_postgres "$data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
start_nodes 0 1 2

# Longer than a node waits for a connection, so that its 503 comes.
begin_load "$seconds" "database paused, restarted, crashed, full" --patience 8 --pace 12
sleep 5
signal_postgres STOP "$data"
sleep "$((still - 6))"
not_ready "stands still"
sleep 1
signal_postgres CONT "$data"
ready
sleep 4
as_server "$(postgres_program pg_ctl)" -D "$data" -m fast -w restart >/dev/null
ready
sleep 4
stop_postgres "$data" immediate
not_ready "is away"
start_postgres "$data" "$port"
ready
sleep 4
# Until nothing more fits; what little is given back meanwhile is taken too.
for _ in $(seq "$((full * 2))"); do
  cat /dev/zero >>"$place/small/ballast" 2>/dev/null || true
  sleep 0.5
done
kill -0 "$load" || fail "the load was over too soon"
rm "$place/small/ballast"
# A server that cannot write its log ends. Whoever watches over it starts it again.
if ! as_server "$(postgres_program pg_ctl)" -D "$data" status >/dev/null; then
  echo "PostgreSQL ended, because its disk was full"
  start_postgres "$data" "$port"
fi
ready
end_load
happened 503
