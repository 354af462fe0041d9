# Functions that start a temporary PostgreSQL or MariaDB server. Source this file after `set -euo pipefail`.
# shellcheck shell=bash

source "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

find_program() {
  command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1" 2>/dev/null || {
    echo "$1 not found: install $2" >&2
    return 1
  }
}

# Both servers refuse to run as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd "$work" && setpriv --reuid="$user" --regid="$user" --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    (cd "$work" && LC_ALL=C.UTF-8 "$@")
  fi
}

# create_work_directory USER: creates a temporary directory for a server that runs as USER, and picks a port.
create_work_directory() {
  user=$1
  work=$(mktemp -d)
  if [[ $(id -u) == 0 ]]; then
    chown "$user" "$work"
  fi
  port=$(free_port)
}

stop_postgres() {
  as_server "$pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$work"
}

# start_postgres OPTION...: starts a temporary server with these options of `postgres`, and sets $url. stop_postgres, or
# the end of the script, stops it and removes its files.
start_postgres() {
  local initdb
  initdb=$(find_program initdb PostgreSQL | tail -n 1)
  pg_ctl=$(find_program pg_ctl PostgreSQL | tail -n 1)
  create_work_directory postgres
  trap stop_postgres EXIT
  # A language's collation, as most servers have. Jeton must not depend on it.
  as_server "$initdb" -D "$work/data" -U jeton --auth=trust --no-sync -E UTF8 \
    --locale=C.UTF-8 --locale-provider=icu --icu-locale=en >/dev/null
  as_server "$pg_ctl" -D "$work/data" -l "$work/log" -w start -o "-p $port -k $work \
    -c listen_addresses=127.0.0.1 -c max_connections=300 $*" >/dev/null
  url="postgres://jeton@127.0.0.1:$port/postgres"
}

stop_mariadb() {
  kill -KILL "$(cat "$work/pid" 2>/dev/null)" 2>/dev/null || true
  wait
  rm -rf "$work"
}

# start_mariadb OPTION...: the same with options of `mariadbd`.
start_mariadb() {
  local mariadbd
  mariadbd=$(find_program mariadbd "MariaDB's server")
  create_work_directory mysql
  as_server mariadb-install-db --no-defaults --datadir="$work/data" --skip-test-db \
    --auth-root-authentication-method=normal >/dev/null
  # MariaDB's defaults: a case-insensitive collation and a long lock timeout. Jeton must not depend on them.
  trap stop_mariadb EXIT
  as_server "$mariadbd" --no-defaults --datadir="$work/data" --socket="$work/socket" \
    --pid-file="$work/pid" --port="$port" --bind-address=127.0.0.1 --max-connections=300 "$@" \
    >"$work/log" 2>&1 &
  local sql="CREATE USER jeton@'127.0.0.1'; GRANT ALL ON *.* TO jeton@'127.0.0.1'; DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES"
  local tries=0
  until mariadb --no-defaults -u root -S "$work/socket" -e "$sql" 2>/dev/null; do
    if ((++tries > 300)); then
      cat "$work/log" >&2
      return 1
    fi
    sleep 0.1
  done
  url="mysql://jeton@127.0.0.1:$port/mysql"
}
