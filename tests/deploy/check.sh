#!/usr/bin/env bash
# Checks the files of deploy/ that need no other server: the unit, the image's inputs, the settings, the alerts and the
# dashboard, and that every metric they name exists. Needs systemd-analyze and promtool; takes a few seconds.
#   tests/deploy/check.sh [BINARY]     default: target/release/jeton, else target/debug/jeton
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../servers.sh"
cd "$root"
program=$(binary "${1:-}" jeton)
forget_settings
for tool in systemd-analyze promtool; do
  command -v "$tool" >/dev/null || fail "$tool not found: install systemd and prometheus"
done
work=$(mktemp -d)
server=
finish() {
  [[ -z $server ]] || stop_servers "$server"
  rm -rf "$work"
}
trap finish EXIT

echo "== unit"
# /usr/local/bin/jeton need not exist here: the unit runs a shell first.
systemd-analyze verify deploy/jeton.service
# 1.4 by systemd 252; other versions count differently.
systemd-analyze security --offline=true --threshold=20 --no-pager deploy/jeton.service | tail -n 1

echo "== image, settings"
python3 tests/deploy/files.py inputs
python3 tests/deploy/files.py settings "$program"

echo "== alerts, dashboard"
cp deploy/alerts.yaml tests/deploy/alerts.test.yaml "$work"
python3 tests/deploy/files.py queries >"$work/queries.yaml"
(cd "$work" && promtool check rules alerts.yaml queries.yaml && promtool test rules alerts.test.yaml)

echo "== metrics of a server"
port=$(free_port)
metrics=$(free_port)
base=http://127.0.0.1:$port
JETON_SERVER__LISTEN=127.0.0.1:$port JETON_METRICS__LISTEN=127.0.0.1:$metrics JETON_DATA_DIR=$work/data \
  JETON_SERVER__MAX_CONNECTIONS_PER_ADDRESS=2 JETON_SIGN_IN__ACCOUNT_BURST=1 JETON_SESSION__RETRY_WINDOW=0s \
  JETON_SESSION__LATE_RETRY=never JETON_KEYS__REFRESH_INTERVAL=1s \
  JETON_BOOTSTRAP__ADMIN_PASSWORD='correct horse battery staple' \
  "$program" >/dev/null 2>"$work/log" &
server=$!
await "$base/readyz" "$server" "$work/log"
send() {
  curl --silent "$base/$1" "${@:2}"
}
sign_in=(-d grant_type=password -d username=admin --data-urlencode 'password=correct horse battery staple')
first=$(send token "${sign_in[@]}" | jq -r .refresh_token)
send token -d grant_type=refresh_token -d "refresh_token=$first" >/dev/null
send token -d grant_type=refresh_token -d "refresh_token=$first" >/dev/null # a replay
second=$(send token "${sign_in[@]}" | jq -r .refresh_token)
send revoke -d "token=$second" >/dev/null
for attempt in one two; do send token -d grant_type=password -d username=ann -d "password=$attempt" >/dev/null; done
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port"
send healthz >/dev/null || true # the third connection is refused
exec 3>&- 4>&-
for _ in {1..50}; do
  curl --silent --fail "http://127.0.0.1:$metrics/metrics" >"$work/metrics"
  if grep -q '^jeton_sweeping' "$work/metrics"; then break; fi
  sleep 0.1
done
python3 tests/deploy/files.py metrics "$work/metrics"
