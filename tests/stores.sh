#!/usr/bin/env bash
# The whole suite on a PostgreSQL server that is thrown away after it.
#
# Tests about SQLite itself stay on SQLite: the processes, the files and their permissions, the write lock, the
# plans of queries, and the step of the schema from stores that only SQLite can have.
#
#   tests/stores.sh [postgres] [-- ARGUMENTS OF THE TESTS]
set -euo pipefail
cd "$(dirname "$0")/.."

readonly patience=1200
if [[ "${1:-postgres}" != -- ]]; then
  [[ "${1:-postgres}" == postgres ]] || { echo "no such engine: $1" >&2; exit 2; }
  shift || true
fi
if [[ "${1:-}" == -- ]]; then
  shift
fi

find_program() {
  command -v "$1" || ls /usr/lib/postgresql/*/bin/"$1" 2>/dev/null || {
    echo "there is no $1: install PostgreSQL" >&2
    return 1
  }
}

# PostgreSQL does not run as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd "$place" && setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    (cd "$place" && LC_ALL=C.UTF-8 "$@")
  fi
}

stop() {
  as_server "$pg_ctl" -D "$place/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$place"
}

initdb=$(find_program initdb | tail -n 1)
pg_ctl=$(find_program pg_ctl | tail -n 1)
place=$(mktemp -d)
trap stop EXIT
if [[ $(id -u) == 0 ]]; then
  chown postgres "$place"
fi

# An order that follows a language, as most servers have it; nothing here may depend on that.
as_server "$initdb" -D "$place/data" -U jeton --auth=trust --no-sync -E UTF8 \
  --locale=C.UTF-8 --locale-provider=icu --icu-locale=en >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as_server "$pg_ctl" -D "$place/data" -l "$place/log" -w start -o "-p $port -k $place \
  -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=300" >/dev/null

export JETON_TEST_DATABASE_URL="postgres://jeton@127.0.0.1:$port/postgres"
timeout "$patience" cargo test --locked --test jeton -- "$@"
