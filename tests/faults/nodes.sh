# What the faults stand on: nodes, a PostgreSQL server, and the clients of benches/faults. Everything is in a temporary
# directory and on free ports of 127.0.0.1, and is gone at the end.
#
# Sourced by the scripts beside it, which take these arguments:
#   --short     a few seconds and a few hundred clients, for every change
# and in the environment BINARY and CLIENTS, the server and the clients; else both are built.
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

# The server and the clients, built if they are not yet.
find_programs() {
  local built
  clients=${CLIENTS:-}
  if [[ -z $clients ]]; then
    built=$(cd "$root" && cargo bench --locked --no-run --bench faults --message-format json 2>"$place/build.log") ||
      { cat "$place/build.log" >&2; fail "the clients cannot be built"; }
    clients=$(jq -r 'select(.target.name? == "faults") | .executable // empty' <<<"$built")
  fi
  binary=$(realpath "${BINARY:-$root/target/release/jeton}")
  [[ -x $clients && -x $binary ]] || fail "there is no server to test"
}

forget_settings
place=$(mktemp -d)
chmod 755 "$place"
node_pid=() node_port=()
servers=() helpers=()
trap finish EXIT

finish() {
  local status=$? pid data
  trap - EXIT
  # Whatever was stopped with SIGSTOP would not hear anything else.
  for pid in "${node_pid[@]}" "${helpers[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  for data in "${servers[@]}"; do
    signal_postgres CONT "$data"
    as_server "$(postgres_program pg_ctl)" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
  done
  if ((status)); then
    tail -n 5 "$place"/*.log >&2 2>/dev/null || true
  fi
  if mountpoint -q "$place/small" 2>/dev/null; then umount "$place/small"; fi
  rm -rf "$place"
  exit "$status"
}

# --- PostgreSQL, with fsync: a crash and a promotion must find on disk what was promised.

postgres_program() {
  command -v "$1" || find /usr/lib/postgresql/*/bin -name "$1" | sort -V | tail -n 1 | grep . ||
    fail "there is no $1: install PostgreSQL"
}

# PostgreSQL does not run as root.
as_server() {
  if [[ $(id -u) == 0 ]]; then
    (cd / && setpriv --reuid=postgres --regid=postgres --clear-groups env LC_ALL=C.UTF-8 "$@")
  else
    LC_ALL=C.UTF-8 "$@"
  fi
}

# make_postgres DIRECTORY: what a server needs before its first start.
make_postgres() {
  install -d "$(dirname "$1")"
  install -d -m 700 "$1"
  [[ $(id -u) != 0 ]] || chown postgres "$1"
  as_server "$(postgres_program initdb)" -D "$1" -U jeton --auth=trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null
}

# start_postgres DIRECTORY PORT: starts it, and waits until it answers.
start_postgres() {
  local log=$place/postgres-$2.log
  [[ -e $log ]] || install -m 666 /dev/null "$log"
  [[ " ${servers[*]} " == *" $1 "* ]] || servers+=("$1")
  as_server "$(postgres_program pg_ctl)" -D "$1" -l "$log" -w -t 60 start -o "-p $2 -k '' \
    -c listen_addresses=127.0.0.1 -c max_connections=100 -c shared_buffers=64MB" >/dev/null
}

stop_postgres() {
  as_server "$(postgres_program pg_ctl)" -D "$1" -m "$2" -w stop >/dev/null
}

# signal_postgres SIGNAL DIRECTORY: to the server and to all its processes.
signal_postgres() {
  local head
  head=$(head -n 1 "$2/postmaster.pid" 2>/dev/null) || return 0
  kill -s "$1" "$head" 2>/dev/null || return 0
  pkill -"$1" -P "$head" || true
}

# ask PORT SQL
ask() {
  psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$1" -U jeton -d postgres -c "$2"
}

# --- Nodes.

# begin_node NUMBER [NAME=VALUE ...]: starts it and does not wait. $database is the URL, $preload a library.
begin_node() {
  local number=$1
  shift
  [[ -n ${node_port[number]:-} ]] || node_port[number]=$(free_port)
  [[ -e $place/root-secret ]] || head -c 32 /dev/urandom | base64 >"$place/root-secret"
  chmod 600 "$place/root-secret"
  env JETON_SERVER__LISTEN="127.0.0.1:${node_port[number]}" JETON_ISSUER=http://127.0.0.1 \
    JETON_DATABASE__URL="$database" JETON_ROOT_SECRET__FILE="$place/root-secret" \
    JETON_DATA_DIR="$place/node-$number" JETON_METRICS__LISTEN='' JETON_LOG__FILTER=error \
    JETON_BOOTSTRAP__ADMIN_PASSWORD="$password" "$@" \
    "$binary" serve >>"$place/node-$number.log" 2>&1 &
  node_pid[number]=$!
  # Else the shell would tell of each that is killed.
  disown
}

start_nodes() {
  local number
  for number in "$@"; do begin_node "$number"; done
  for number in "$@"; do await_node "$number"; done
}

# probe NUMBER: the status of /readyz, 000 without an answer.
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

# Comes back when it is gone, and its port free.
kill_node() {
  while kill -KILL "${node_pid[$1]}" 2>/dev/null; do sleep 0.02; done
}

# --- Clients.

# begin_load SECONDS FAULT [ARGUMENTS]: begins a load on all nodes; comes back when everybody has signed in.
begin_load() {
  local nodes=() port size=(--single 1600 --shared 200 --pace 6)
  [[ -z $short ]] || size=(--single 150 --shared 15 --pace 3 --patience 2 --grace 40)
  for port in "${node_port[@]}"; do nodes+=(--node "127.0.0.1:$port"); done
  rm -f "$place/begun"
  "$clients" "${nodes[@]}" --password "$password" --seconds "$1" --fault "$2" --begun "$place/begun" \
    --figures "$place/figures" "${size[@]}" "${@:3}" >"$place/verdict" &
  load=$!
  helpers+=("$load")
  until [[ -e $place/begun ]]; do
    kill -0 "$load" 2>/dev/null || fail "the load did not begin"
    sleep 0.1
  done
}


# Waits for the clients' verdict and prints it.
end_load() {
  local status=0
  wait "$load" || status=$?
  cat "$place/verdict"
  ((status == 0)) || fail "a promise was broken"
}

figure() {
  sed -n "s/^$1=//p" "$place/figures"
}

# happened NAME...: at least one of these figures is not zero, or there was no fault to speak of.
happened() {
  local name
  for name in "$@"; do
    (($(figure "$name") > 0)) && return
  done
  fail "nobody noticed the fault: $* are 0"
}
