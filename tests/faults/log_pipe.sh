#!/usr/bin/env bash
# A server whose log nothing reads: its standard error is a full pipe, then a closed one. Each time it must answer
# sign-ins and probes, count the lost lines, and stop in order.
#   tests/faults/log_pipe.sh [--short]
source "$(dirname "$0")/nodes.sh"
# More than the lines that wait in the queue and in the pipe.
requests=50000
[[ -z $short ]] || requests=12000
find_server

# start_server LOG: starts a server that logs to the open file descriptor LOG.
start_server() {
  port=$(free_port) metrics_port=$(free_port)
  # Without its throttle, each refused sign-in is one line more.
  JETON_DATA_DIR=$work/data JETON_SERVER__LISTEN=127.0.0.1:$port JETON_METRICS__LISTEN=127.0.0.1:$metrics_port \
    JETON_BOOTSTRAP__ADMIN_PASSWORD=$password JETON_SIGN_IN__ACCOUNT_BURST=0 JETON_SIGN_IN__ADDRESS_BURST=0 \
    JETON_LOG__FILTER=debug "$binary" serve 2>&"$1" >"$work/console.log" &
  server=$!
  node_pid[0]=$server
  for _ in {1..100}; do
    curl --silent --fail --max-time 1 --output /dev/null "http://127.0.0.1:$port/readyz" && return
    sleep 0.1
  done
  fail "the server did not start"
}

# check NAME: sends refused refreshes, then a sign-in; prints the number of lost lines and stops the server.
check() {
  local url=http://127.0.0.1:$port
  curl --silent --show-error --max-time 5 --output /dev/null "$url/token?try=[1-$requests]" \
    -d grant_type=refresh_token -d refresh_token=jrt_x || fail "$1: a request got no answer in 5 s"
  curl --silent --fail --max-time 5 --output /dev/null "$url/token" -d grant_type=password -d username=admin \
    --data-urlencode "password=$password" || fail "$1: a sign-in failed"
  curl --silent --fail --max-time 5 --output /dev/null "$url/healthz" || fail "$1: /healthz failed"
  lost=$(curl --silent --max-time 5 "http://127.0.0.1:$metrics_port/metrics" |
    sed -n 's/^jeton_log_lines_lost_total //p')
  ((${lost:-0} > 0)) || fail "$1: no lost line was counted"
  kill -TERM "$server"
  timeout 10 tail --pid="$server" -f /dev/null || fail "$1: SIGTERM was not obeyed"
  wait "$server" || fail "$1: the server ended with status $?"
  echo "$1: $requests requests answered, $lost log lines lost and counted, stopped in order"
}

mkfifo "$work/pipe"
# The reader reads nothing.
sleep 600 <"$work/pipe" &
helpers+=($!)
exec 3>"$work/pipe"
start_server 3
check "full pipe"
exec 3>&-

exec 4> >(head -n 1 >"$work/first_line")
start_server 4
check "closed pipe"
exec 4>&-
