#!/usr/bin/env bash
# Nodes on MariaDB, each with an empty database, killed (SIGKILL) during their first migration, as soon as a certain
# table exists. Then a node starts on each of these databases. It must complete the tables and serve.
#   tests/faults/kill_migration.sh [--short]
source "$(dirname "$0")/nodes.sh"
kills=39
[[ -z $short ]] || kills=13
# In the order in which the migration creates them.
tables=(jeton_locks seaql_migrations users clients client_secrets sessions signing_keys audit_events sign_in_throttle
  leases ended_client_epochs consents root_secret_uses)

# sql QUERY
sql() {
  mariadb --no-defaults -u root -S "$work/mariadb/socket" --batch --skip-column-names -e "$1"
}

# With fsync, so that a change of a table takes as long as elsewhere.
start_mariadb() {
  local mariadb=$work/mariadb
  install -d "$mariadb"
  [[ $(id -u) != 0 ]] || chown mysql "$mariadb"
  as_mariadb mariadb-install-db --no-defaults --datadir="$mariadb/data" --skip-test-db \
    --auth-root-authentication-method=normal >/dev/null
  port=$(free_port)
  as_mariadb mariadbd --no-defaults --datadir="$mariadb/data" --socket="$mariadb/socket" --pid-file="$mariadb/pid" \
    --port="$port" --bind-address=127.0.0.1 --max-connections=400 >"$work/mariadb.log" 2>&1 &
  # Keeps the shell from reporting its end.
  disown
  for _ in {1..300}; do
    if sql "CREATE USER jeton@'127.0.0.1'; GRANT ALL ON *.* TO jeton@'127.0.0.1'" 2>/dev/null; then
      helpers+=("$(cat "$mariadb/pid")")
      return
    fi
    sleep 0.1
  done
  fail "MariaDB did not start" "$work/mariadb.log"
}

# launch_on NUMBER: starts node NUMBER on the database of this number.
launch_on() {
  database=mysql://jeton@127.0.0.1:$port/jeton_$1
  launch_node "$1"
}

# has_table NUMBER NAME
has_table() {
  [[ -n $(sql "SHOW TABLES FROM jeton_$1 LIKE '$2'") ]]
}

applied_steps() {
  has_table "$1" seaql_migrations || return 0
  sql "SELECT version FROM jeton_$1.seaql_migrations ORDER BY 1"
}

# The tables of a database, as SQL.
schema() {
  mariadb-dump --no-defaults -u root -S "$work/mariadb/socket" --no-data --skip-comments "jeton_$1"
}

sign_in() {
  curl --silent --max-time 30 --output /dev/null --write-out '%{http_code}' \
    "http://127.0.0.1:${node_port[$1]}/token" -d grant_type=password -d username=admin -d "password=$password"
}

binary=$(binary "${BINARY:-}" jeton)
command -v mariadbd >/dev/null || fail "MariaDB not found: install mariadb-server"
start_mariadb

# An undisturbed start, to learn the result.
sql "CREATE DATABASE jeton_0"
launch_on 0
await_node 0
complete=$(schema 0) steps=$(applied_steps 0)
kill_node 0
[[ $(sql "SHOW TABLES FROM jeton_0" | sort) == "$(printf '%s\n' "${tables[@]}" | sort)" ]] ||
  fail "the migration creates other tables than this script knows"

during=0
for ((number = 1; number <= kills; number++)); do
  sql "CREATE DATABASE jeton_$number"
  table=${tables[(number - 1) % ${#tables[@]}]}
  launch_on "$number"
  # The file of the table: a query would be slower than the migration.
  for ((end = SECONDS + 60; SECONDS < end; )); do
    [[ ! -e $work/mariadb/data/jeton_$number/$table.frm ]] || break
  done
  kill_node "$number"
  [[ $(applied_steps "$number") == "$steps" ]] || during=$((during + 1))
done
echo "$during of $kills nodes were killed during their first migration, after each of ${#tables[@]} tables"
((during * 2 >= kills)) || fail "too few kills during the migration, so nothing was tested"

# Together, because each may wait 30 s for the lease of the killed node.
for ((number = 1; number <= kills; number++)); do launch_on "$number"; done
for ((number = 1; number <= kills; number++)); do
  await_node "$number"
  [[ $(applied_steps "$number") == "$steps" ]] || fail "the steps of database $number are not complete"
  diff <(echo "$complete") <(echo "$(schema "$number")") || fail "the tables of database $number are different"
  [[ $(sign_in "$number") == 200 ]] || fail "no sign-in at database $number"
  kill_node "$number"
done
echo "the next node completed the tables on all $kills databases and served"
