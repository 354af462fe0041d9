#!/usr/bin/env bash
# Runs the README's shell lines as they stand, against a server that starts in an empty directory.
#   tests/readme.sh [BINARY]     default: target/release/jeton
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$(realpath "${1:-target/release/jeton}")
readme=$(realpath README.md)
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

mkdir -p "$work/target/release"
ln -s "$binary" "$work/target/release/jeton"
cd "$work"
for name in $(compgen -e JETON_ || true); do unset "$name"; done
JETON_BOOTSTRAP__ADMIN_PASSWORD='correct horse battery staple' "$binary" >console.log 2>server.log &
server=$!
for try in {1..100}; do
  curl --silent --fail --output /dev/null http://127.0.0.1:8080/readyz && break
  kill -0 "$server" 2>/dev/null || { cat server.log >&2; exit 1; }
  sleep 0.2
done

awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$readme" >lines.sh
lines=$(grep -c . lines.sh)
((lines > 10)) || { echo "the README has only $lines lines to run" >&2; exit 1; }
bash -euo pipefail lines.sh | tee output.log
echo
grep -q '"username":"admin"' output.log || { echo "/account did not answer" >&2; exit 1; }
grep -q 'is ended$' output.log || { echo "the session was not revoked" >&2; exit 1; }
tail -n 1 output.log | grep -q '"error":"invalid_grant"' || { echo "the refresh was not refused" >&2; exit 1; }
echo "the README's $lines lines work"
