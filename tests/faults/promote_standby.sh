#!/usr/bin/env bash
# A PostgreSQL primary dies under load; its asynchronous standby, which had fallen behind, takes its place. Sessions whose
# last rotations are lost go on, and what a thief does afterwards is noticed.
#
# The nodes connect to one address, behind which a forwarder leads to the primary of the day, as HAProxy does in front of
# Patroni: they are neither told nor restarted.
#   tests/faults/promote_standby.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60 behind=10 sleepers=100
[[ -z $short ]] || seconds=14 behind=3 sleepers=20

# lead_to PORT: where the forwarder leads from now on. Whoever is connected is cut off.
lead_to() {
  stop_leading
  socat "TCP-LISTEN:$front,bind=127.0.0.1,reuseaddr,fork,backlog=128" "TCP:127.0.0.1:$1" 2>>"$place/forwarder.log" &
  forwarder=$!
  disown
  helpers+=("$forwarder")
}

stop_leading() {
  [[ -n ${forwarder:-} ]] || return 0
  # Its children first, who would be nobody's after it.
  pkill -P "$forwarder" || true
  kill "$forwarder" 2>/dev/null || true
  forwarder=
}

find_programs
primary=$place/primary standby=$place/standby
make_postgres "$primary"
port=$(free_port) other_port=$(free_port) front=$(free_port)
start_postgres "$primary" "$port"
# It may write beside the primary, as whoever runs that.
[[ $(id -u) != 0 ]] || install -d -m 700 -o postgres "$standby"
as_server "$(postgres_program pg_basebackup)" -h 127.0.0.1 -p "$port" -U jeton -D "$standby" -R -X stream -c fast
start_postgres "$standby" "$other_port"
lead_to "$port"
database=postgres://jeton@127.0.0.1:$front/postgres
start_nodes 0 1 2

# A token that was shown twice may get another access token when the first answer is forgotten.
begin_load "$seconds" "standby promoted" --sleepers "$sleepers" --asleep-after "$((behind + 4))" --same-within 0.1
sleep 5
[[ $(ask "$port" "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'async'") == 1 ]] ||
  fail "there is no asynchronous standby"
ask "$other_port" "ALTER SYSTEM SET primary_conninfo = ''"
ask "$other_port" "SELECT pg_reload_conf()" >/dev/null
sleep "$behind"
stop_postgres "$primary" immediate
stop_leading
ask "$other_port" "SELECT pg_promote()" >/dev/null
lead_to "$other_port"
end_load
happened cut 503

ahead=$(ask "$other_port" "SELECT count(DISTINCT session_id) FROM audit_events WHERE action = 'refresh_ahead_of_store'")
replays=$(ask "$other_port" "SELECT count(*) FROM audit_events WHERE action = 'replay'")
echo "$ahead sessions were ahead of the store; $(figure replays_tried) old tokens were shown, $(figure replays_caught)" \
  "noticed, $(figure thieves_first) of them taken at first; the audit log tells of $replays replays"
((ahead > 0)) || fail "no rotation was lost: nothing was tried"
