#!/usr/bin/env bash
# Runs the whole suite on a temporary PostgreSQL server and a temporary MariaDB server, or on a MySQL server.
#
# Tests of SQLite itself still run on SQLite: files and their permissions, the write lock, and query plans. Tests of the
# program that use no server, and of the sources, are left out unless arguments select tests: they would repeat the run on
# SQLite. Tests that are ignored on SQLite run here. A test of one engine is named after it (..._on_postgres,
# ..._on_mariadb); the run on the other engine skips it and then reports it as ignored. MySQL runs MariaDB's, without
# ..._except_on_mysql.
#
#   tests/stores.sh [postgres|mariadb|mysql] [-- TEST ARGUMENTS]
set -euo pipefail
source "$(dirname "$0")/engines.sh"
cd "$root"

readonly timeout_seconds=${TIMEOUT_SECONDS:-1200} # of one engine
engines=(postgres mariadb)
# Tests do not wait for the disk.
declare -rA options=(
  [postgres]="-c fsync=off -c full_page_writes=off"
  [mariadb]="--innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0"
  [mysql]="--innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 --skip-log-bin"
)
declare -rA other=([postgres]=_on_mariadb [mariadb]=_on_postgres [mysql]="_on_postgres _except_on_mysql")
if [[ $# -gt 0 && "$1" != -- ]]; then
  [[ -n ${options[$1]:-} ]] || { echo "no such engine: $1; use postgres, mariadb or mysql" >&2; exit 2; }
  engines=("$1")
  shift
fi
if [[ "${1:-}" == -- ]]; then
  shift
fi

selected=("$@")
if (($# == 0)); then
  selected=(--skip layout::)
  for module in tests/process/*.rs; do
    grep -q 'on_server()' "$module" || selected+=(--skip "process::$(basename "$module" .rs)::")
  done
fi

for engine in "${engines[@]}"; do
  # shellcheck disable=SC2086
  "start_$engine" ${options[$engine]}
  read -ra others <<<"${other[$engine]}"
  status=0
  JETON_TEST_DATABASE_URL=$url timeout "$timeout_seconds" cargo test --locked --workspace --test jeton -- \
    --include-ignored "${others[@]/#/--skip=}" "${selected[@]}" || status=$?
  "stop_$engine"
  trap - EXIT
  ((status == 0)) || exit "$status"
  echo "Tests that cannot run on $engine:"
  cargo test --locked --workspace --test jeton -- "${others[@]}"
done
