#!/usr/bin/env bash
# A Galera cluster of three MariaDB members and three nodes, each on its own member: first 200 refreshes of one token at
# the same instant, then many sessions, each refreshed through all members.
#   tests/faults/galera.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60 one_token_seconds=20
[[ -z $short ]] || seconds=12 one_token_seconds=4
readonly provider=/usr/lib/galera/libgalera_smm.so

query_member() {
  mariadb --no-defaults -u root -S "$work/member-$1/socket" --batch --skip-column-names -e "$2" 2>/dev/null
}

# start_member NUMBER [OPTION ...]: starts a member and waits until it is synced.
start_member() {
  local number=$1 member=$work/member-$1 address=127.0.0.1:${group_port[$1]}
  shift
  as_mariadb mariadbd --no-defaults --datadir="$member/data" --socket="$member/socket" \
    --pid-file="$member/pid" --port="${member_port[number]}" --bind-address=127.0.0.1 --max-connections=100 --performance-schema=OFF \
    --binlog-format=ROW --innodb-autoinc-lock-mode=2 --innodb-flush-log-at-trx-commit=0 \
    --wsrep-on=ON --wsrep-provider="$provider" --wsrep-cluster-name=jeton --wsrep-slave-threads=2 \
    --wsrep-cluster-address="gcomm://$members" --wsrep-node-name="member-$number" \
    --wsrep-node-address="$address" --wsrep-sst-method=rsync \
    --wsrep-sst-receive-address="127.0.0.1:$(free_port)" \
    --wsrep-provider-options="gmcast.listen_addr=tcp://$address;ist.recv_addr=127.0.0.1:$(free_port);gcache.size=32M" \
    "$@" >"$work/member-$number.log" 2>&1 &
  # Keeps the shell from reporting its end.
  disown
  for _ in {1..600}; do
    if [[ $(query_member "$number" "SHOW STATUS LIKE 'wsrep_local_state_comment'") == *Synced* ]]; then
      helpers+=("$(cat "$member/pid")")
      return
    fi
    sleep 0.2
  done
  fail "member $number did not join the cluster"
}

# sum NAME: prints the sum of a status variable over all members.
sum() {
  local number total=0 line
  for number in 0 1 2; do
    line=$(query_member "$number" "SHOW GLOBAL STATUS LIKE '$1'")
    total=$((total + ${line##*[[:space:]]}))
  done
  echo "$total"
}

find_programs
command -v mariadbd >/dev/null && [[ -e $provider ]] || fail "Galera not found: install mariadb-server and galera-4"
member_port=() group_port=()
for number in 0 1 2; do
  install -d "$work/member-$number"
  [[ $(id -u) != 0 ]] || chown mysql "$work/member-$number"
  member_port+=("$(free_port)") group_port+=("$(free_port)")
done
members=127.0.0.1:${group_port[0]},127.0.0.1:${group_port[1]},127.0.0.1:${group_port[2]}
as_mariadb mariadb-install-db --no-defaults --datadir="$work/member-0/data" --skip-test-db \
  --auth-root-authentication-method=normal >/dev/null
for number in 1 2; do cp -a "$work/member-0/data" "$work/member-$number/data"; done
start_member 0 --wsrep-new-cluster
query_member 0 "CREATE USER jeton@'127.0.0.1'; GRANT ALL ON jeton.* TO jeton@'127.0.0.1'; CREATE DATABASE jeton"
start_member 1
start_member 2

# The nodes start at the same time on an empty database: one of them creates the tables.
for number in 0 1 2; do
  database=mysql://jeton@127.0.0.1:${member_port[number]}/jeton
  launch_node "$number"
done
for number in 0 1 2; do await_node "$number"; done

begin_load "$one_token_seconds" "one token at once, on three members" --simultaneous 200
end_load
begin_load "$seconds" "concurrent writes to three members"
end_load
conflicts=$(($(sum wsrep_local_cert_failures) + $(sum wsrep_local_bf_aborts)))
((conflicts > 0)) || fail "no write conflict between members occurred, so nothing was tested"
echo "$conflicts transactions were rolled back by conflicts between members"
