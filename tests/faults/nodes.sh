# Functions of the fault scripts: nodes, a PostgreSQL server, and the clients of benches/faults. All files are in a
# temporary directory that is removed at the end; all servers listen on free ports of 127.0.0.1.
#
# Sourced by the scripts in this directory. Their arguments:
#   --short     a few seconds and a few hundred clients, for CI
# Environment: BINARY and CLIENTS are the paths of the server and the clients; default: both are built.
# shellcheck shell=bash
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../servers.sh"
password=Faults-3f9c1e-7b
short=
case "${1:-}" in
  --short) short=yes ;;
  '') ;;
  *) echo "usage: $0 [--short]" >&2; exit 2 ;;
esac

# Sets $binary and $clients, and builds them if necessary.
find_programs() {
  local built
  clients=${CLIENTS:-}
  if [[ -z $clients ]]; then
    built=$(cd "$root" && cargo bench --locked --no-run --bench faults --message-format json 2>"$work/build.log") ||
      { cat "$work/build.log" >&2; fail "building the clients failed"; }
    clients=$(jq -r 'select(.target.name? == "faults") | .executable // empty' <<<"$built")
  fi
  [[ -x $clients ]] || fail "no clients $clients"
  binary=$(realpath "${BINARY:-$root/target/release/jeton}")
  [[ -x $binary ]] || fail "no binary $binary"
}

# Sets $binary alone, and builds it if necessary.
find_server() {
  if [[ -z ${BINARY:-} ]]; then
    (cd "$root" && cargo build --locked --release --bin jeton 2>"$work/build.log") ||
      { cat "$work/build.log" >&2; fail "building the server failed"; }
  fi
  binary=$(realpath "${BINARY:-$root/target/release/jeton}")
  [[ -x $binary ]] || fail "no binary $binary"
}

forget_settings
work=$(mktemp -d)
chmod 755 "$work"
node_pid=() node_port=()
servers=() helpers=()
trap finish EXIT
trap 'fail "stopped after ${SECONDS} s in: $BASH_COMMAND"' TERM

finish() {
  local status=$? pid data
  trap - EXIT
  # Processes stopped by SIGSTOP react to SIGKILL alone.
  for pid in "${node_pid[@]}" "${helpers[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  for data in "${servers[@]}"; do
    signal_postgres CONT "$data"
    as_server "$(postgres_program pg_ctl)" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
  done
  if ((status)); then
    tail -n 5 "$work"/*.log >&2 2>/dev/null || true
  fi
  if mountpoint -q "$work/small" 2>/dev/null; then umount "$work/small"; fi
  rm -rf "$work"
  exit "$status"
}

# --- PostgreSQL, with fsync, because durable writes must survive a crash and a promotion.

postgres_program() {
  command -v "$1" || find /usr/lib/postgresql/*/bin -name "$1" | sort -V | tail -n 1 | grep . ||
    fail "$1 not found: install PostgreSQL"
}

# PostgreSQL refuses to run as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    LC_ALL=C.UTF-8 "$@"
  fi
}

# create_postgres DIRECTORY: creates a database cluster.
create_postgres() {
  install -d "$(dirname "$1")"
  install -d -m 700 "$1"
  [[ $(id -u) != 0 ]] || chown postgres "$1"
  as_server "$(postgres_program initdb)" -D "$1" -U jeton --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null
}

# start_postgres DIRECTORY PORT: starts the server and waits until it accepts connections.
start_postgres() {
  local log=$work/postgres-$2.log
  [[ -e $log ]] || install -m 666 /dev/null "$log"
  [[ " ${servers[*]} " == *" $1 "* ]] || servers+=("$1")
  as_server "$(postgres_program pg_ctl)" -D "$1" -l "$log" -w -t 60 start -o "-p $2 -k '' \
    -c listen_addresses=127.0.0.1 -c max_connections=100 -c shared_buffers=64MB" >/dev/null
}

stop_postgres() {
  as_server "$(postgres_program pg_ctl)" -D "$1" -m "$2" -w stop >/dev/null
}

# signal_postgres SIGNAL DIRECTORY: signals the server and its child processes.
signal_postgres() {
  local postmaster
  postmaster=$(head -n 1 "$2/postmaster.pid" 2>/dev/null) || return 0
  kill -s "$1" "$postmaster" 2>/dev/null || return 0
  pkill -"$1" -P "$postmaster" || true
}

# query PORT SQL
query() {
  psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$1" -U jeton -d postgres -c "$2"
}

# --- MariaDB.

# MariaDB refuses to run as root.
as_mariadb() {
  if [[ $(id -u) == 0 ]]; then
    (cd / && setpriv --reuid=mysql --regid=mysql --clear-groups "$@")
  else
    "$@"
  fi
}

# start_mariadb PORT: creates a server in $work/mariadb with the database jeton, and waits until it accepts connections.
start_mariadb() {
  local directory=$work/mariadb sql="CREATE USER jeton@'127.0.0.1'; GRANT ALL ON jeton.* TO jeton@'127.0.0.1'"
  install -d "$directory"
  [[ $(id -u) != 0 ]] || chown mysql "$directory"
  as_mariadb mariadb-install-db --no-defaults --datadir="$directory/data" --skip-test-db \
    --auth-root-authentication-method=normal >/dev/null
  as_mariadb mariadbd --no-defaults --datadir="$directory/data" --socket="$directory/socket" \
    --pid-file="$directory/pid" --port="$1" --bind-address=127.0.0.1 --max-connections=100 >"$work/mariadb.log" 2>&1 &
  disown
  for _ in {1..300}; do
    if query_mariadb "$sql; CREATE DATABASE jeton" mysql 2>/dev/null; then
      helpers+=("$(cat "$directory/pid")")
      return
    fi
    sleep 0.1
  done
  fail "MariaDB does not accept connections"
}

# query_mariadb SQL [DATABASE]
query_mariadb() {
  mariadb --no-defaults -u root -S "$work/mariadb/socket" --batch --skip-column-names -e "$1" "${2:-jeton}"
}

# --- Nodes.

# launch_node NUMBER [NAME=VALUE ...]: starts a node on $database without waiting for it.
launch_node() {
  local number=$1
  shift
  [[ -n ${node_port[number]:-} ]] || node_port[number]=$(free_port)
  [[ -e $work/root-secret ]] || head -c 32 /dev/urandom | base64 >"$work/root-secret"
  chmod 600 "$work/root-secret"
  env JETON_SERVER__LISTEN="127.0.0.1:${node_port[number]}" JETON_ISSUER=http://127.0.0.1 \
    JETON_DATABASE__URL="$database" JETON_ROOT_SECRET__FILE="$work/root-secret" \
    JETON_DATA_DIR="$work/node-$number" JETON_METRICS__LISTEN='' JETON_LOG__FILTER=error \
    JETON_BOOTSTRAP__ADMIN_PASSWORD="$password" "$@" \
    "$binary" serve >>"$work/node-$number.log" 2>&1 &
  node_pid[number]=$!
  # Keeps the shell from reporting each killed node.
  disown
}

start_nodes() {
  local number
  for number in "$@"; do launch_node "$number"; done
  for number in "$@"; do await_node "$number"; done
}

# probe NUMBER: prints the status of /readyz; 000 without a response.
probe() {
  curl --silent --max-time 8 --output /dev/null --write-out '%{http_code}' \
    "http://127.0.0.1:${node_port[$1]}/readyz" || true
}

await_node() {
  for _ in {1..300}; do
    [[ $(probe "$1") == 200 ]] && return
    sleep 0.1
  done
  fail "node $1 is not ready: $(probe "$1")"
}

# kill_node NUMBER: kills a node and waits until its port is free.
kill_node() {
  while kill -KILL "${node_pid[$1]}" 2>/dev/null; do sleep 0.02; done
}

# --- Clients.

# begin_load SECONDS FAULT [ARGUMENTS]: starts the clients on all nodes and waits until all have signed in.
begin_load() {
  local nodes=() port size=(--single 1600 --shared 200 --pace 6)
  [[ -z $short ]] || size=(--single 150 --shared 15 --pace 3 --timeout 2 --grace 40)
  for port in "${node_port[@]}"; do nodes+=(--node "127.0.0.1:$port"); done
  rm -f "$work/load-started"
  "$clients" "${nodes[@]}" --password "$password" --seconds "$1" --fault "$2" --started-file "$work/load-started" \
    --figures "$work/figures" "${size[@]}" "${@:3}" >"$work/report" &
  load=$!
  helpers+=("$load")
  until [[ -e $work/load-started ]]; do
    kill -0 "$load" 2>/dev/null || fail "the clients stopped before the load"
    sleep 0.1
  done
}

# Waits for the clients and prints their report.
end_load() {
  local status=0
  wait "$load" || status=$?
  cat "$work/report"
  ((status == 0)) || fail "a promise was violated; see the report above"
}

# figure NAME: prints a figure of the clients' report.
figure() {
  sed -n "s/^$1=//p" "$work/figures"
}

# expect_effect NAME...: fails when all these figures are zero, because then the fault had no effect.
expect_effect() {
  local name
  for name in "$@"; do
    (($(figure "$name") > 0)) && return
  done
  fail "the fault had no effect on the clients: $* are 0"
}
