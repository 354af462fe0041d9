# Functions that start a temporary PostgreSQL, MariaDB or MySQL server. Source this file after `set -euo pipefail`.
#
# ENGINE_ROOT is the folder of a Debian system with the server; empty: this system. Another one needs root.
# shellcheck shell=bash

source "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

find_program() {
  if [[ -n ${ENGINE_ROOT:-} ]]; then
    echo "$1"
    return
  fi
  command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1" 2>/dev/null || {
    echo "$1 not found: install $2" >&2
    return 1
  }
}

# Both servers refuse to run as root.
as_server() {
  if [[ -n ${ENGINE_ROOT:-} ]]; then
    chroot --userspec="$(id -u "$user"):$(id -g "$user")" "$ENGINE_ROOT" env LC_ALL=C.UTF-8 "$@"
  elif [[ $(id -u) == 0 ]]; then
    (cd "$work" && setpriv --reuid="$user" --regid="$user" --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    (cd "$work" && LC_ALL=C.UTF-8 "$@")
  fi
}

# create_work_directory USER: creates a temporary directory for a server that runs as USER, and picks a port. The server
# sees the directory as $inside.
create_work_directory() {
  user=$1
  work=$(mktemp -d -p "${ENGINE_ROOT:+$ENGINE_ROOT/tmp}")
  inside=${work#"${ENGINE_ROOT:-}"}
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
  as_server mariadb-install-db --no-defaults --datadir="$inside/data" --skip-test-db \
    --auth-root-authentication-method=normal >/dev/null
  launch_mariadb "$mariadbd" "$@"
  await_mariadb "CREATE USER jeton@'127.0.0.1'; GRANT ALL ON *.* TO jeton@'127.0.0.1';
    DELETE FROM mysql.global_priv WHERE User = ''; FLUSH PRIVILEGES"
}

stop_mysql() {
  stop_mariadb
}

# start_mysql OPTION...: the same with options of `mysqld`. The client is MariaDB's.
start_mysql() {
  local mysqld
  mysqld=$(find_program mysqld "MySQL's server")
  create_work_directory mysql
  as_server "$mysqld" --no-defaults --initialize-insecure --secure-file-priv=NULL --datadir="$inside/data" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    return 1
  }
  launch_mariadb "$mysqld" --mysqlx=OFF --secure-file-priv=NULL "$@"
  await_mariadb "CREATE USER jeton@'127.0.0.1'; GRANT ALL ON *.* TO jeton@'127.0.0.1'"
}

# launch_mariadb SERVER OPTION...: starts MariaDB or MySQL with its defaults: a case-insensitive collation and a long lock
# timeout. Jeton must not depend on them.
launch_mariadb() {
  trap stop_mariadb EXIT
  as_server "$1" --no-defaults --datadir="$inside/data" --socket="$inside/socket" \
    --pid-file="$inside/pid" --port="$port" --bind-address=127.0.0.1 --max-connections=300 "${@:2}" \
    >"$work/log" 2>&1 &
}

# await_mariadb SQL: runs the statements once the server accepts connections, and sets $url.
await_mariadb() {
  local tries=0
  until mariadb --no-defaults -u root -S "$work/socket" -e "$1" 2>/dev/null; do
    if ((++tries > 300)); then
      cat "$work/log" >&2
      return 1
    fi
    sleep 0.1
  done
  url="mysql://jeton@127.0.0.1:$port/mysql"
}
