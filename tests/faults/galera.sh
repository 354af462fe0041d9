#!/usr/bin/env bash
# A Galera cluster of three MariaDB members and three nodes, of which each writes to a member of its own: first 200
# refreshes of one token at the same instant, then many sessions, each refreshed through all members.
#   tests/faults/galera.sh [--short]
source "$(dirname "$0")/nodes.sh"
seconds=60 crowd=20
[[ -z $short ]] || seconds=12 crowd=4
readonly provider=/usr/lib/galera/libgalera_smm.so

# Like PostgreSQL, MariaDB does not run as root.
as_member() {
  if [[ $(id -u) == 0 ]]; then
    (cd / && setpriv --reuid=mysql --regid=mysql --clear-groups "$@")
  else
    "$@"
  fi
}

ask_member() {
  mariadb --no-defaults -u root -S "$place/member-$1/socket" --batch --skip-column-names -e "$2" 2>/dev/null
}

# start_member NUMBER [OPTION ...]: starts it, and waits until it has what the others have.
start_member() {
  local number=$1 directory=$place/member-$1 address=127.0.0.1:${group_port[$1]}
  shift
  as_member mariadbd --no-defaults --datadir="$directory/data" --socket="$directory/socket" \
    --pid-file="$directory/pid" --port="${member_port[number]}" --bind-address=127.0.0.1 --max-connections=100 --performance-schema=OFF \
    --binlog-format=ROW --innodb-autoinc-lock-mode=2 --innodb-flush-log-at-trx-commit=0 \
    --wsrep-on=ON --wsrep-provider="$provider" --wsrep-cluster-name=jeton --wsrep-slave-threads=2 \
    --wsrep-cluster-address="gcomm://$members" --wsrep-node-name="member-$number" \
    --wsrep-node-address="$address" --wsrep-sst-method=rsync \
    --wsrep-sst-receive-address="127.0.0.1:$(free_port)" \
    --wsrep-provider-options="gmcast.listen_addr=tcp://$address;ist.recv_addr=127.0.0.1:$(free_port);gcache.size=32M" \
    "$@" >"$place/member-$number.log" 2>&1 &
  # Else the shell would tell of its end.
  disown
  for _ in {1..600}; do
    if [[ $(ask_member "$number" "SHOW STATUS LIKE 'wsrep_local_state_comment'") == *Synced* ]]; then
      helpers+=("$(cat "$directory/pid")")
      return
    fi
    sleep 0.2
  done
  fail "member $number has not joined the cluster"
}

# sum NAME: this status of all members together.
sum() {
  local number total=0 line
  for number in 0 1 2; do
    line=$(ask_member "$number" "SHOW GLOBAL STATUS LIKE '$1'")
    total=$((total + ${line##*[[:space:]]}))
  done
  echo "$total"
}

find_programs
command -v mariadbd >/dev/null && [[ -e $provider ]] || fail "there is no Galera: install mariadb-server and galera-4"
member_port=() group_port=()
for number in 0 1 2; do
  install -d "$place/member-$number"
  [[ $(id -u) != 0 ]] || chown mysql "$place/member-$number"
  member_port+=("$(free_port)") group_port+=("$(free_port)")
done
members=127.0.0.1:${group_port[0]},127.0.0.1:${group_port[1]},127.0.0.1:${group_port[2]}
as_member mariadb-install-db --no-defaults --datadir="$place/member-0/data" --skip-test-db \
  --auth-root-authentication-method=normal >/dev/null
for number in 1 2; do cp -a "$place/member-0/data" "$place/member-$number/data"; done
start_member 0 --wsrep-new-cluster
ask_member 0 "CREATE USER jeton@'127.0.0.1'; GRANT ALL ON jeton.* TO jeton@'127.0.0.1'; CREATE DATABASE jeton"
start_member 1
start_member 2

# All at once, on an empty database: one makes the tables for all.
for number in 0 1 2; do
  database=mysql://jeton@127.0.0.1:${member_port[number]}/jeton
  begin_node "$number"
done
for number in 0 1 2; do await_node "$number"; done

begin_load "$crowd" "one token at once, on three members" --crowd 200
end_load
begin_load "$seconds" "three members written to at once"
end_load
conflicts=$(($(sum wsrep_local_cert_failures) + $(sum wsrep_local_bf_aborts)))
((conflicts > 0)) || fail "no two members have met: there was no fault to speak of"
echo "$conflicts transactions were undone, because another member was first"
