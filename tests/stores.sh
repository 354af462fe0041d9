#!/usr/bin/env bash
# The whole suite on a PostgreSQL server and on a MariaDB server that are thrown away after it.
#
# Tests about SQLite itself stay on SQLite: most of those of processes, the files and their permissions, the
# write lock, and the plans of queries.
#
#   tests/stores.sh [postgres|mariadb] [-- ARGUMENTS OF THE TESTS]
set -euo pipefail
source "$(dirname "$0")/servers.sh"
cd "$root"

readonly patience=1200
engines=(postgres mariadb)
if [[ $# -gt 0 && "$1" != -- ]]; then
  [[ " ${engines[*]} " == *" $1 "* ]] || { echo "no such engine: $1" >&2; exit 2; }
  engines=("$1")
  shift
fi
if [[ "${1:-}" == -- ]]; then
  shift
fi

find_program() {
  command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1" 2>/dev/null || {
    echo "there is no $1: install $2" >&2
    return 1
  }
}

# Neither server runs as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd "$place" && setpriv --reuid="$user" --regid="$user" --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    (cd "$place" && LC_ALL=C.UTF-8 "$@")
  fi
}

# A directory of its own for the server, which ends with it.
make_place() {
  user=$1
  place=$(mktemp -d)
  if [[ $(id -u) == 0 ]]; then
    chown "$user" "$place"
  fi
  port=$(free_port)
}

stop_postgres() {
  as_server "$pg_ctl" -D "$place/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$place"
}

start_postgres() {
  local initdb
  initdb=$(find_program initdb PostgreSQL | tail -n 1)
  pg_ctl=$(find_program pg_ctl PostgreSQL | tail -n 1)
  make_place postgres
  trap stop_postgres EXIT
  # An order that follows a language, as most servers have it; nothing here may depend on that.
  as_server "$initdb" -D "$place/data" -U jeton --auth=trust --no-sync -E UTF8 \
    --locale=C.UTF-8 --locale-provider=icu --icu-locale=en >/dev/null
  as_server "$pg_ctl" -D "$place/data" -l "$place/log" -w start -o "-p $port -k $place \
    -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=300" >/dev/null
  url="postgres://jeton@127.0.0.1:$port/postgres"
}

stop_mariadb() {
  kill -KILL "$(cat "$place/pid" 2>/dev/null)" 2>/dev/null || true
  wait
  rm -rf "$place"
}

start_mariadb() {
  local mariadbd
  mariadbd=$(find_program mariadbd "MariaDB's server")
  make_place mysql
  as_server mariadb-install-db --no-defaults --datadir="$place/data" --skip-test-db \
    --auth-root-authentication-method=normal >/dev/null
  # A collation that knows no upper case, and locks that wait long, as most servers have them; nothing here may
  # depend on that. No disk is waited for.
  trap stop_mariadb EXIT
  as_server "$mariadbd" --no-defaults --datadir="$place/data" --socket="$place/socket" \
    --pid-file="$place/pid" --port="$port" --bind-address=127.0.0.1 --max-connections=300 \
    --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 \
    >"$place/log" 2>&1 &
  local sql="CREATE USER jeton@'127.0.0.1'; GRANT ALL ON *.* TO jeton@'127.0.0.1'; DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES"
  local tries=0
  until mariadb --no-defaults -u root -S "$place/socket" -e "$sql" 2>/dev/null; do
    if ((++tries > 300)); then
      cat "$place/log" >&2
      return 1
    fi
    sleep 0.1
  done
  url="mysql://jeton@127.0.0.1:$port/mysql"
}

for engine in "${engines[@]}"; do
  "start_$engine"
  status=0
  JETON_TEST_DATABASE_URL=$url timeout "$patience" cargo test --locked --test jeton -- "$@" || status=$?
  "stop_$engine"
  trap - EXIT
  ((status == 0)) || exit "$status"
done
