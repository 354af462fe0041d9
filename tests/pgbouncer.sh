#!/usr/bin/env bash
# Runs the tests that write most against PostgreSQL behind PgBouncer in transaction mode, and checks that the server
# refuses to start behind a pooler that mixes up prepared statements.
#
#   tests/pgbouncer.sh [TEST ARGUMENTS]
#   PGBOUNCER=COMMAND tests/pgbouncer.sh     uses this PgBouncer instead of the installed one
#
# Needs PgBouncer 1.21 or later. Debian 12 has an older one; there, the package of Debian 13 is unpacked into
# target/pgbouncer together with its libraries. It is downloaded from the Debian mirror that apt uses on this machine.
set -euo pipefail
source "$(dirname "$0")/servers.sh"
cd "$root"
readonly timeout_seconds=900 minimum_version=1.21 next_release=trixie

is_new_enough() {
  local version
  version=$("$@" --version 2>/dev/null | sed -n 's/^PgBouncer //p') || return 1
  [[ -n $version && $(printf '%s\n' "$minimum_version" "$version" | sort -V | head -n 1) == "$minimum_version" ]]
}

# The URI of the mirror from which apt takes this machine's Debian release.
debian_mirror() {
  local codename
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  apt-get update --print-uris | sed -n "s|^'\(.*\)/dists/$codename/InRelease'.*|\1|p" | sed -n 1p
}

# apt runs with separate package lists, so the machine's own are unchanged and nothing is installed.
unpack_next_release() {
  local directory=$root/target/pgbouncer mirror apt_options
  [[ -e $directory/unpacked ]] && return
  mirror=$(debian_mirror)
  [[ -n $mirror ]] || fail "apt has no Debian mirror configured: install PgBouncer $minimum_version, or set PGBOUNCER"
  mkdir -p "$directory"/{lists/partial,cache/archives/partial,packages,system}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $next_release main" >"$directory/sources"
  apt_options=(-o "Dir::Etc::sourcelist=$directory/sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$directory/lists" -o "Dir::Cache=$directory/cache" -o Acquire::Languages=none)
  apt-get "${apt_options[@]}" update -qq
  (cd "$directory/packages" && apt-get "${apt_options[@]}" download -qq pgbouncer libc6 libcares2 libevent-2.1-7t64 \
    libpam0g libssl3t64 libsystemd0 libaudit1 libcap-ng0 libcap2 libgcc-s1 libzstd1 liblzma5 liblz4-1 zlib1g) 2>/dev/null
  for package in "$directory"/packages/*.deb; do
    dpkg-deb --extract "$package" "$directory/system"
  done
  touch "$directory/unpacked"
}

find_pgbouncer() {
  if [[ -n ${PGBOUNCER:-} ]]; then
    read -ra pgbouncer <<<"$PGBOUNCER"
    return
  fi
  pgbouncer=("$(command -v pgbouncer || echo /usr/sbin/pgbouncer)")
  is_new_enough "${pgbouncer[@]}" && return
  unpack_next_release
  local libraries=$work/bouncer/usr/lib/x86_64-linux-gnu
  # PgBouncer runs as another user, which may not have access to the target directory.
  cp -r target/pgbouncer/system "$work/bouncer"
  pgbouncer=("$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$work/bouncer/usr/sbin/pgbouncer")
  is_new_enough "${pgbouncer[@]}" || fail "no PgBouncer $minimum_version or later found: install one, or set PGBOUNCER"
}

# PostgreSQL and PgBouncer refuse to run as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd "$work" && exec setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    (cd "$work" && LC_ALL=C.UTF-8 exec "$@")
  fi
}

# The background job is a shell; the PID of the pooler itself is in its PID file.
stop_pooler() {
  kill -KILL "$(cat "$work/pooler.pid" 2>/dev/null)" 2>/dev/null || true
  wait
  rm -f "$work/pooler.pid"
}

stop() {
  stop_pooler
  as_server "$binaries/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$work"
}

# start_pooler [SETTING]: starts PgBouncer, with one more line of settings.
start_pooler() {
  cat >"$work/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$port connect_query='SET statement_timeout = 30000'
[pgbouncer]
pidfile = $work/pooler.pid
listen_addr = 127.0.0.1
listen_port = $pooler
unix_socket_dir =
auth_type = trust
auth_file = $work/users
pool_mode = transaction
default_pool_size = 6
max_client_conn = 1000
${1:-}
INI
  as_server "${pgbouncer[@]}" "$work/pgbouncer.ini" >"$work/pooler.log" 2>&1 &
  for _ in {1..100}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$pooler") 2>/dev/null && return
    sleep 0.1
  done
  fail "PgBouncer does not accept connections" "$work/pooler.log"
}

binaries=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || true)" 2>/dev/null | tail -n 1)")
work=$(mktemp -d)
chmod 755 "$work"
trap stop EXIT
[[ $(id -u) != 0 ]] || chown postgres "$work"
find_pgbouncer
"${pgbouncer[@]}" --version | head -n 1
port=$(free_port)
as_server "$binaries/initdb" -D "$work/data" -U jeton --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null
as_server "$binaries/pg_ctl" -D "$work/data" -l "$work/log" -w start -o "-p $port -k $work \
  -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=500" >/dev/null
pooler=$(free_port)
echo '"jeton" ""' >"$work/users"

start_pooler
test_database=(JETON_TEST_DATABASE_URL="postgres://jeton@127.0.0.1:$port/postgres" JETON_TEST_POOLER="127.0.0.1:$pooler")
if (($# == 0)); then
  set -- store:: grant::refresh_token:: account::
fi
env "${test_database[@]}" timeout "$timeout_seconds" cargo test --locked --workspace --test jeton -- \
  --include-ignored --skip _on_mariadb "$@"

stop_pooler
start_pooler "max_prepared_statements = 0"
output=$(cd "$work" && JETON_DATABASE__URL="postgres://jeton@127.0.0.1:$pooler/postgres" JETON_DATA_DIR="$work/jeton" \
  JETON_SERVER__LISTEN=127.0.0.1:0 timeout 60 "$root/target/debug/jeton" serve 2>&1) &&
  fail "the server started behind a pooler that mixes up prepared statements"
grep -q 'max_prepared_statements' <<<"$output" || { echo "$output" >&2; exit 1; }
echo "ok the server refuses a pooler that mixes up prepared statements, and names the setting"
