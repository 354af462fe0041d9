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

echo "== units"
# /usr/local/bin/jeton need not exist here.
sed "s|/usr/local/bin/jeton|$(realpath "$program")|" deploy/jeton.service >"$work/jeton.service"
cp deploy/jeton.socket "$work"
systemd-analyze verify "$work/jeton.service" "$work/jeton.socket"
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
  "$program" >/dev/null 2>"$work/log" &
server=$!
await "$base/readyz" "$server" "$work/log"
curl --silent --fail "http://127.0.0.1:$metrics/metrics" >"$work/metrics"
python3 tests/deploy/files.py metrics "$work/metrics"
