#!/usr/bin/env bash
# Stores behind PgBouncer in transaction mode: the rooms of the suite that write most, and what a start says where
# the pooler mixes prepared statements up.
#
#   tests/pgbouncer.sh [ARGUMENTS OF THE TESTS]      PGBOUNCER=COMMAND: another than what is found here
#
# It needs PgBouncer 1.21 or later. Where Debian has an older one, the next release's package is unpacked into
# target/pgbouncer, with the libraries that it was built for.
set -euo pipefail
source "$(dirname "$0")/servers.sh"
cd "$root"
readonly patience=900 least=1.21

is_new_enough() {
  local version
  version=$("$@" --version 2>/dev/null | sed -n 's/^PgBouncer //p') || return 1
  [[ -n $version && $(printf '%s\n' "$least" "$version" | sort -V | head -n 1) == "$least" ]]
}

# By lists of its own, so that nothing else is ever installed from there.
unpack_newer() {
  local place=$root/target/pgbouncer lists
  [[ -e $place/unpacked ]] && return
  mkdir -p "$place"/{lists/partial,cache/archives/partial,packages,system}
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >"$place/sources"
  lists=(-o "Dir::Etc::sourcelist=$place/sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$place/lists" -o "Dir::Cache=$place/cache" -o Acquire::Languages=none)
  apt-get "${lists[@]}" update -qq
  (cd "$place/packages" && apt-get "${lists[@]}" download -qq pgbouncer libc6 libcares2 libevent-2.1-7t64 \
    libpam0g libssl3t64 libsystemd0 libaudit1 libcap-ng0 libcap2 libgcc-s1 libzstd1 liblzma5 liblz4-1 zlib1g) 2>/dev/null
  for package in "$place"/packages/*.deb; do
    dpkg-deb --extract "$package" "$place/system"
  done
  touch "$place/unpacked"
}

find_pgbouncer() {
  if [[ -n ${PGBOUNCER:-} ]]; then
    read -ra pgbouncer <<<"$PGBOUNCER"
    return
  fi
  pgbouncer=("$(command -v pgbouncer || echo /usr/sbin/pgbouncer)")
  is_new_enough "${pgbouncer[@]}" && return
  unpack_newer
  local libraries=$place/bouncer/usr/lib/x86_64-linux-gnu
  # Out of the way of those who may not look into this directory.
  cp -r target/pgbouncer/system "$place/bouncer"
  pgbouncer=("$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$place/bouncer/usr/sbin/pgbouncer")
  is_new_enough "${pgbouncer[@]}" || fail "there is no PgBouncer $least or later"
}

# Neither of them runs as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd "$place" && exec setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    (cd "$place" && LC_ALL=C.UTF-8 exec "$@")
  fi
}

# What was started is a shell; the pooler is the process that it says itself.
stop_pooler() {
  kill -KILL "$(cat "$place/pooler.pid" 2>/dev/null)" 2>/dev/null || true
  wait
  rm -f "$place/pooler.pid"
}

stop() {
  stop_pooler
  as_server "$binaries/pg_ctl" -D "$place/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$place"
}

# Starts the pooler with one more line of settings.
start_pooler() {
  cat >"$place/pgbouncer.ini" <<INI
[databases]
* = host=127.0.0.1 port=$port connect_query='SET statement_timeout = 30000'
[pgbouncer]
pidfile = $place/pooler.pid
listen_addr = 127.0.0.1
listen_port = $pooler
unix_socket_dir =
auth_type = trust
auth_file = $place/users
pool_mode = transaction
default_pool_size = 6
max_client_conn = 1000
${1:-}
INI
  as_server "${pgbouncer[@]}" "$place/pgbouncer.ini" >"$place/pooler.log" 2>&1 &
  for _ in {1..100}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$pooler") 2>/dev/null && return
    sleep 0.1
  done
  fail "the pooler does not listen" "$place/pooler.log"
}

binaries=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || true)" 2>/dev/null | tail -n 1)")
place=$(mktemp -d)
chmod 755 "$place"
trap stop EXIT
[[ $(id -u) != 0 ]] || chown postgres "$place"
find_pgbouncer
"${pgbouncer[@]}" --version | head -n 1
port=$(free_port)
as_server "$binaries/initdb" -D "$place/data" -U jeton --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null
as_server "$binaries/pg_ctl" -D "$place/data" -l "$place/log" -w start -o "-p $port -k $place \
  -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=500" >/dev/null
pooler=$(free_port)
echo '"jeton" ""' >"$place/users"

start_pooler
tested_at=(JETON_TEST_DATABASE_URL="postgres://jeton@127.0.0.1:$port/postgres" JETON_TEST_POOLER="127.0.0.1:$pooler")
if (($# == 0)); then
  set -- store:: grant::refresh_token:: account::
fi
env "${tested_at[@]}" timeout "$patience" cargo test --locked --test jeton -- "$@"

stop_pooler
start_pooler "max_prepared_statements = 0"
told=$(cd "$place" && JETON_DATABASE__URL="postgres://jeton@127.0.0.1:$pooler/postgres" JETON_DATA_DIR="$place/jeton" \
  JETON_SERVER__LISTEN=127.0.0.1:0 timeout 60 "$root/target/debug/jeton" serve 2>&1) &&
  fail "a pooler that mixes prepared statements up was taken"
grep -q 'max_prepared_statements' <<<"$told" || { echo "$told" >&2; exit 1; }
echo "a pooler that mixes prepared statements up is refused by name"
