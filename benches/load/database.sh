#!/usr/bin/env bash
# Starts a temporary database server with durable commits, prints its URL, and stops it when standard input ends.
#   benches/load/database.sh postgres|mariadb
set -euo pipefail
source "$(dirname "$0")/../../tests/engines.sh"

# Unlike /tmp, never in memory.
export TMPDIR=${TMPDIR:-/var/tmp}
case "${1:-}" in
  postgres) start_postgres ;;
  mariadb)
    start_mariadb
    mariadb --no-defaults -u root -S "$work/socket" -e "CREATE DATABASE jeton"
    url=${url%/*}/jeton
    ;;
  *) echo "usage: $0 postgres|mariadb" >&2; exit 2 ;;
esac
echo "$url"
cat >/dev/null
