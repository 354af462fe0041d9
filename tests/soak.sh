#!/usr/bin/env bash
# Two nodes on one PostgreSQL under a mixed load with a fault every 20 to 45 s. Fails if a session is lost, if there is
# an error that no fault explains, or if memory, file descriptors or threads of a node grow.
#   tests/soak.sh [MINUTES] [DIRECTORY]
# MINUTES     default: 2
# DIRECTORY   for the figures (CSV) and the picture; default: target/soak
# Environment: BINARY and CLIENTS as in faults/nodes.sh.
minutes=${1:-2} output=${2:-}
source "$(dirname "$0")/faults/nodes.sh" ''
[[ $minutes =~ ^([2-9]|[1-5][0-9]|60)$ ]] || fail "MINUTES is a number from 2 to 60"
output=${output:-$root/target/soak}
seconds=$((minutes * 60)) interval=$((minutes * 60 / 40))
((interval >= 20)) || interval=20
issuer=http://127.0.0.1
# Keys are replaced within two minutes, and rows are swept every second.
settings=(JETON_SERVER__TRUSTED_PROXIES=127.0.0.1 JETON_ACCESS_TOKEN__LIFETIME=60s JETON_SESSION__RETENTION=1h
  JETON_KEYS__ANNOUNCE=0s JETON_KEYS__JWKS_MAX_AGE=1s JETON_KEYS__REFRESH_INTERVAL=1s
  JETON_SIGN_IN__ACCOUNT_INTERVAL=1s)

# The command line on the nodes' database.
jeton() {
  env JETON_ISSUER="$issuer" JETON_DATABASE__URL="$database" JETON_ROOT_SECRET__FILE="$work/root-secret" \
    JETON_DATA_DIR="$work/node-0" JETON_LOG__FILTER=error "${settings[@]}" "$binary" "$@"
}

start_node() {
  launch_node "$1" "${settings[@]}"
  echo "${node_pid[$1]}" >"$work/node-$1.pid"
}

now() { date +%s.%3N; }

# Writes memory, file descriptors and threads of both nodes every two seconds.
sample_nodes() {
  local number pid descriptors
  echo "time,node,pid,resident_kib,descriptors,threads"
  while :; do
    for number in 0 1; do
      pid=$(<"$work/node-$number.pid")
      descriptors=(/proc/"$pid"/fd/*)
      awk -v row="$(now),$number,$pid" -v descriptors="${#descriptors[@]}" '
        /^VmRSS:/ { memory = $2 } /^Threads:/ { threads = $2 }
        END { if (memory) print row "," memory "," descriptors "," threads }' /proc/"$pid"/status 2>/dev/null || true
    done
    sleep 2
  done
}

# --- Faults: name, node, and what is done. The record of a fault ends when its cause does.

fault() {
  local begin
  begin=$(now)
  "${@:3}"
  echo "$begin,$(now),$1,$2" >>"$output/faults.csv"
}

pause_database() {
  signal_postgres STOP "$data"
  sleep 8
  signal_postgres CONT "$data"
}

restart_database() {
  as_server "$(postgres_program pg_ctl)" -D "$data" -m fast -w restart >/dev/null
}

crash_database() {
  stop_postgres "$data" immediate
  start_postgres "$data" "$port"
}

cut_connections() {
  query "$port" "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
    AND backend_type = 'client backend'" >/dev/null
}

kill_and_restart_node() {
  kill_node 1
  sleep 2
  start_node 1
  await_node 1
}

inject_fault() {
  case $(($1 % 5)) in
    0) fault "database paused" all pause_database ;;
    1) fault "node killed" 1 kill_and_restart_node ;;
    2) fault "database restarted" all restart_database ;;
    3) fault "database connections cut" all cut_connections ;;
    4) fault "database crashed" all crash_database ;;
  esac
}

# --- Maintenance, which must cause no error.

rotations=0 last_rotation=-1000
# A new key signs 63 s after it was created, and another one is refused until then.
rotate_key() {
  ((SECONDS - last_rotation >= 100)) || return 0
  jeton key rotate >/dev/null
  last_rotation=$SECONDS rotations=$((rotations + 1))
}

aged=0
# Makes sessions that have ended look older than session.retention, so that they are swept.
age_sessions() {
  local count
  count=$(query "$port" "WITH aged AS (UPDATE sessions SET expires_at = expires_at - 7200000000
    WHERE expires_at BETWEEN $(date +%s%6N) - 3600000000 AND $(date +%s%6N) RETURNING id) SELECT count(*) FROM aged")
  aged=$((aged + count))
}

sleep_until() {
  local rest=$(($1 - SECONDS))
  ((rest <= 0)) || sleep "$rest"
}

# --- The run.

find_programs
mkdir -p "$output"
data=$work/data
create_postgres "$data"
port=$(free_port)
start_postgres "$data" "$port"
database=postgres://jeton@127.0.0.1:$port/postgres
for number in 0 1; do start_node "$number"; done
for number in 0 1; do await_node "$number"; done
secret=$(jeton client add soak-api --confidential --json --audience "$issuer" | jq -r .client_secret)
echo "Another-9d1e-password-77" | jeton user add guessed >/dev/null
sample_nodes >"$output/nodes.csv" &
sampler=$!
disown
helpers+=("$sampler")
sleep 5

size=(--single 600 --shared 60 --pace 12 --timeout 8)
((minutes >= 5)) || size=(--single 150 --shared 15 --pace 12 --timeout 8)
echo "begin,end,name,node" >"$output/faults.csv"
begin_load "$seconds" "mixed load, $minutes min" "${size[@]}" --mixed "soak-api:$secret" --record "$output"
begin=$SECONDS
echo "begin,end,idle" >"$output/load.csv"
echo -n "$(now),$(($(date +%s) + seconds))," >>"$output/load.csv"
for ((number = 0; (number + 1) * interval + 15 < seconds; number++)); do
  sleep_until $((begin + (2 * number + 1) * interval / 2))
  rotate_key
  age_sessions
  sleep_until $((begin + (number + 1) * interval))
  inject_fault "$number"
done
violations=()
wait "$load" || violations+=("a session was lost, or a response was wrong: see above")
cat "$work/report"
# Closes the connections of the clients, and sweeps.
sleep 5
now >>"$output/load.csv"
sleep 10
kill "$sampler"

# expect NAME CONDITION: the condition is an arithmetic expression.
expect() {
  (($2)) || violations+=("$1: not $2")
}

old=$(query "$port" "SELECT count(*) FROM sessions WHERE expires_at < $(date +%s%6N) - 3700000000")
expect "$aged sessions were aged, $old of them were not swept" "aged > 0 && old == 0"
unused=$(query "$port" "SELECT count(*) FROM sign_in_throttle WHERE free_at < $(date +%s%6N) - 120000000")
expect "$unused counts of failed sign-ins were not swept" "unused == 0"
keys=$(jeton key list --json | jq -s length)
expect "of $rotations new keys, $keys are left" "keys <= 3"
panic=$(grep -h -m 1 panicked "$work"/node-*.log) && violations+=("a node panicked: $panic")
echo "$rotations keys were created, $aged sessions swept"
python3 "$root/tests/soak/draw.py" "$output"
python3 "$root/tests/soak/judge.py" "$output" || violations+=("see the lines that begin with VIOLATED")
((${#violations[@]} == 0)) || fail "$(printf '%s\n' "${violations[@]}")"
