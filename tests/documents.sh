#!/usr/bin/env bash
# Runs the shell lines of the README and of docs/operating.md as they stand, each against a server that starts in an
# empty directory.
#   tests/documents.sh [BINARY]     default: target/release/jeton
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
binary=$(realpath "${1:-target/release/jeton}")
for name in $(compgen -e JETON_ || true); do unset "$name"; done
server=
work=
finish() {
  [[ -z $server ]] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  [[ -z $work ]] || rm -rf "$work"
  server= work=
}
trap finish EXIT

start() {
  work=$(mktemp -d)
  mkdir -p "$work/target/release"
  ln -s "$binary" "$work/target/release/jeton"
  cd "$work"
  JETON_BOOTSTRAP__ADMIN_PASSWORD='correct horse battery staple' "$binary" >console.log 2>server.log &
  server=$!
  for try in {1..100}; do
    curl --silent --fail --output /dev/null http://127.0.0.1:8080/readyz && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
  done
  cat server.log >&2
  exit 1
}

# Every line of a document that a reader is told to paste.
paste_lines() {
  awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/$1" >lines.sh
  local lines
  lines=$(grep -c . lines.sh)
  ((lines > 10)) || { echo "$1 has only $lines lines to run" >&2; exit 1; }
  bash -euo pipefail lines.sh >output.log 2>&1 || { cat output.log >&2; echo "$1: a line failed" >&2; exit 1; }
  cat output.log
  echo
  echo "the $lines lines of $1 work"
}

expect() {
  grep -q "$1" output.log || { echo "$2" >&2; exit 1; }
}

start
paste_lines README.md
expect '"username":"admin"' "/account did not answer"
expect 'is ended$' "the session was not revoked"
tail -n 1 output.log | grep -q '"error":"invalid_grant"' || { echo "the refresh was not refused" >&2; exit 1; }
finish

start
paste_lines docs/operating.md
expect 'still there' "the last admin could be deleted"
expect 'one is on its way' "a second key could be rotated in"
! grep -q '^false$' output.log || { echo "an answer was not as the document says" >&2; exit 1; }
expect 'keys_revoked\|sign_in by user' "the audit log tells nothing"
finish
