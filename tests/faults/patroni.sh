#!/usr/bin/env bash
# Three PostgreSQL servers under Patroni with etcd and HAProxy, by the files in docs/scaling.md. Under load, the machine
# of the primary dies, a switchover is ordered, and the machine of the primary stands still until another server is
# primary. No client is signed out, and no session that was revoked meanwhile is active afterwards.
#
# Members have the addresses 127.X.Y.11 to 127.X.Y.13, with random X and Y, and the ports of the files.
#   tests/faults/patroni.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60
[[ -z $short ]] || seconds=45
network=127.$((RANDOM % 200 + 20)).$((RANDOM % 250)).
declare -A process # "1 etcd", "1 patroni": pid

# member_file NUMBER HEADING: prints a file of docs/scaling.md for this member.
member_file() {
  document_block scaling.md "$2" yaml | sed \
    -e "/hosts:\|initial-cluster:/! { s/10\.0\.0\.11/10.0.0.1$1/; s/^name: pg1$/name: pg$1/ }" \
    -e "s#10\.0\.0\.0/24#127.0.0.0/8#; s/10\.0\.0\./$network/g" -e "s#/var/lib/[a-z/0-9]*/jeton#$work/member-$1/$2#" \
    -e "s#/usr/lib/postgresql/15/bin#$(dirname "$(realpath "$(postgres_program pg_controldata)")")#" \
    -e "s/^  bin_dir:/  parameters: {unix_socket_directories: ''}\n&/" || exit 1
}

# launch NUMBER NAME COMMAND...: starts a program of a member as PostgreSQL's user.
launch() {
  local number=$1 name=$2
  shift 2
  if [[ $(id -u) == 0 ]]; then
    set -- setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
  fi
  (cd / && exec env LC_ALL=C.UTF-8 HOME="$work/member-$number" "$@") >>"$work/$name-$number.log" 2>&1 &
  process[$number $name]=$!
  helpers+=("$!")
  disown
}

launch_member() {
  launch "$1" etcd etcd --config-file "$work/member-$1/etcd.yml"
  launch "$1" patroni patroni "$work/member-$1/patroni.yml"
}

# signal_member SIGNAL NUMBER: signals all processes of a member.
signal_member() {
  local postmaster children
  postmaster=$(head -n 1 "$work/member-$2/Patroni/postmaster.pid")
  children=$(pgrep -P "$postmaster")
  # shellcheck disable=SC2086
  kill -s "$1" "${process[$2 patroni]}" "${process[$2 etcd]}" "$postmaster" $children
}

# Prints the number of the primary.
primary() {
  local number
  for number in 1 2 3; do
    if curl --silent --fail --max-time 2 --output /dev/null "http://${network}1$number:8008/primary"; then
      echo "$number"
      return
    fi
  done
  return 1
}

# sql SQL [USER PASSWORD]: a query at the primary, as the nodes reach it, in the database with the user's name.
sql() {
  PGPASSWORD=${3:-PASSWORD} psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$front" -U "${2:-jeton}" -c "$1" \
    2>>"$work/psql.log"
}

# Waits until the primary has two standbys that follow it, one of them synchronous.
await_cluster() {
  local state="SELECT string_agg(sync_state, ' ' ORDER BY sync_state) FROM pg_stat_replication
    WHERE state = 'streaming'"
  for _ in {1..600}; do
    [[ $(sql "$state" postgres SUPERUSER_PASSWORD) != "async sync" ]] || return 0
    sleep 0.2
  done
  fail "the cluster is not complete" "$work/patroni-1.log"
}

# await_primary_other_than NUMBER: waits for a primary and sets $new.
await_primary_other_than() {
  for _ in {1..300}; do
    new=$(primary) && [[ $new != "$1" ]] && return
    sleep 0.2
  done
  fail "no other primary than member $1" "$work/patroni-$1.log"
}

# Begins sessions and revokes them; the file has those whose revocation was confirmed.
revoke_sessions() {
  local url="http://127.0.0.1:${node_port[0]}" token
  while sleep 0.2; do
    token=$(curl --silent --max-time 8 "$url/token" --data-urlencode "password=$password" \
      --data "grant_type=password&client_id=first-party&username=admin" | jq -r '.refresh_token // empty') || continue
    [[ -n $token ]] && curl --silent --fail --max-time 8 --output /dev/null "$url/revoke" \
      --data "client_id=first-party&token=$token" && echo "$token" >>"$work/revoked"
  done
}

expect_revoked() {
  local token error
  while read -r token; do
    error=$(curl --silent "http://127.0.0.1:${node_port[0]}/token" \
      --data "grant_type=refresh_token&client_id=first-party&refresh_token=$token" | jq -r .error)
    [[ $error == invalid_grant ]] || fail "a revoked session is not refused: $error"
  done <"$work/revoked"
  echo "$(wc -l <"$work/revoked") sessions revoked meanwhile are revoked"
}

# round NAME FAULT: a function that gets the primary's number and returns when another one is primary.
round() {
  local ahead="SELECT count(DISTINCT session_id) FROM audit_events WHERE action = 'refresh_ahead_of_store'"
  local old begin before
  await_cluster
  old=$(primary)
  before=$(sql "$ahead")
  rm -f "$work/revoked"
  begin_load "$seconds" "$1" --same-within 0.1
  revoke_sessions &
  revoker=$!
  helpers+=("$revoker")
  sleep 5
  begin=$SECONDS
  "$2" "$old"
  echo "member $new is primary instead of member $old, after $((SECONDS - begin)) s"
  end_load
  kill "$revoker"
  wait "$revoker" 2>/dev/null || true
  expect_effect cut 503 timed_out
  expect_revoked
  await_cluster
  [[ $(primary) != "$old" ]] || fail "member $old is primary again"
  echo "$(($(sql "$ahead") - before)) sessions were ahead of the new primary; member $old follows it"
}

kill_primary() {
  signal_member KILL "$1"
  await_primary_other_than "$1"
  sleep 5
  launch_member "$1"
}

switch_over() {
  launch 0 patronictl patronictl -c "$work/member-1/patroni.yml" switchover --leader "pg$1" --force jeton
  await_primary_other_than "$1"
}

pause_primary() {
  signal_member STOP "$1"
  await_primary_other_than "$1"
  sleep 5
  signal_member CONT "$1"
}

find_programs
for program in etcd patroni patronictl haproxy; do
  command -v "$program" >/dev/null || fail "$program not found: install etcd-server, patroni and haproxy"
done
front=$(free_port)
for number in 1 2 3; do
  install -d "$work/member-$number"
  [[ $(id -u) != 0 ]] || chown postgres "$work/member-$number"
  member_file "$number" etcd >"$work/member-$number/etcd.yml"
  member_file "$number" Patroni >"$work/member-$number/patroni.yml"
  servers+=("$work/member-$number/Patroni")
  launch_member "$number"
done
document_block scaling.md HAProxy haproxy |
  sed -e "s/127\.0\.0\.1:5432/127.0.0.1:$front/" -e "s/10\.0\.0\./$network/" >"$work/haproxy.cfg"
launch 0 haproxy haproxy -db -f "$work/haproxy.cfg"
await_cluster
for statement in "CREATE USER jeton PASSWORD 'PASSWORD'" "CREATE DATABASE jeton OWNER jeton"; do
  sql "$statement" postgres SUPERUSER_PASSWORD
done
database=postgres://jeton:PASSWORD@127.0.0.1:$front/jeton
start_nodes 0 1 2
round "primary of a Patroni cluster killed" kill_primary
round "switchover ordered" switch_over
round "primary of a Patroni cluster paused until another one is promoted" pause_primary
