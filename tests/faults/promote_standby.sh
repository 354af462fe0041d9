#!/usr/bin/env bash
# A PostgreSQL primary crashes under load and its lagging asynchronous standby is promoted. Sessions continue although
# their last rotations are lost, and replays of older tokens are detected afterwards.
#
# The nodes connect to the address of a TCP proxy that forwards to the current primary, like HAProxy in front of Patroni.
# They are neither reconfigured nor restarted.
#   tests/faults/promote_standby.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60 lag=10 idle=100
[[ -z $short ]] || seconds=14 lag=3 idle=20

# forward_to PORT: forwards new connections to PORT and closes the existing ones.
forward_to() {
  stop_forwarding
  socat "TCP-LISTEN:$front,bind=127.0.0.1,reuseaddr,fork,backlog=128" "TCP:127.0.0.1:$1" 2>>"$work/forwarder.log" &
  forwarder=$!
  disown
  helpers+=("$forwarder")
}

stop_forwarding() {
  [[ -n ${forwarder:-} ]] || return 0
  # Its children first: afterwards they have no parent to find them by.
  pkill -P "$forwarder" || true
  kill "$forwarder" 2>/dev/null || true
  forwarder=
}

find_programs
primary=$work/primary standby=$work/standby
create_postgres "$primary"
port=$(free_port) other_port=$(free_port) front=$(free_port)
start_postgres "$primary" "$port"
# pg_basebackup runs as PostgreSQL's user, which needs this directory.
[[ $(id -u) != 0 ]] || install -d -m 700 -o postgres "$standby"
as_server "$(postgres_program pg_basebackup)" -h 127.0.0.1 -p "$port" -U jeton -D "$standby" -R -X stream -c fast
start_postgres "$standby" "$other_port"
forward_to "$port"
database=postgres://jeton@127.0.0.1:$front/postgres
start_nodes 0 1 2

# A repeated refresh may get another access token when the standby lacks the first rotation.
begin_load "$seconds" "standby promoted" --idle "$idle" --idle-after "$((lag + 4))" --same-within 0.1
sleep 5
[[ $(query "$port" "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'async'") == 1 ]] ||
  fail "the standby does not replicate asynchronously"
query "$other_port" "ALTER SYSTEM SET primary_conninfo = ''"
query "$other_port" "SELECT pg_reload_conf()" >/dev/null
sleep "$lag"
stop_postgres "$primary" immediate
stop_forwarding
query "$other_port" "SELECT pg_promote()" >/dev/null
forward_to "$other_port"
end_load
expect_effect cut 503

ahead=$(query "$other_port" "SELECT count(DISTINCT session_id) FROM audit_events WHERE action = 'refresh_ahead_of_store'")
replays=$(query "$other_port" "SELECT count(*) FROM audit_events WHERE action = 'replay'")
echo "$ahead sessions were ahead of the store; $(figure replays_tried) old tokens were replayed," \
  "$(figure replays_detected) replays detected, $(figure replays_accepted_first) of them accepted first;" \
  "the audit log has $replays replays"
((ahead > 0)) || fail "no rotation was lost, so nothing was tested"
