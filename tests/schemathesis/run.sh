#!/usr/bin/env bash
# The whole document against a running server: schemathesis makes requests that the document allows, and requests that it
# does not, and holds each answer to what the document declares; with valid access tokens, and without any.
#
#   tests/schemathesis/run.sh [JETON [TOOLS]]   JETON: the server's binary; else target/release/jeton, else target/debug/jeton
#                                               TOOLS: a virtual environment that has schemathesis; else one is made
#
# Needs python3 (with venv) and curl. All that it installs, starts or writes is in a temporary directory. Ends with
# "N cases, no failures"; fails when a check does, or when too few cases ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
server=

main() {
  local jeton
  jeton=$(binary "${1:-}")
  for name in ${!JETON_@}; do unset "$name"; done
  export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
  tools=${2:-$work/python}
  [[ -x $tools/bin/st ]] || install
  start "$jeton"
  cases 0 "with access tokens"
  cases 1 "without access tokens"
  alive
  local all
  all=$(($(cat "$work/count.0") + $(cat "$work/count.1")))
  ((all >= 3000)) || fail "only $all cases ran"
  echo "$all cases, no failures"
}

binary() {
  local candidate
  for candidate in "$1" "$root/target/release/jeton" "$root/target/debug/jeton"; do
    if [[ -n $candidate && -x $candidate ]]; then
      realpath "$candidate"
      return
    fi
    [[ -z $1 ]] || break
  done
  fail "no server to test: build one, or name its binary"
}

install() {
  python3 -m venv "$work/python"
  "$work/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$here/requirements.txt"
}

start() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  export CHECK_ISSUER="http://127.0.0.1:$port"
  CHECK_PASSWORD=$(random) CHECK_SECRET=$(random)
  export CHECK_PASSWORD CHECK_SECRET
  # Guessing is hardly slowed, so that each case reaches what it is about.
  cat >"$work/jeton.toml" <<SETTINGS
data_dir = "$work/data"
[server]
listen = "127.0.0.1:$port"
[metrics]
listen = ""
[account]
registration = "open"
[sign_in]
account_burst = 0
address_burst = 0
[log]
filter = "jeton=warn"
SETTINGS
  JETON_BOOTSTRAP__ADMIN_PASSWORD=$CHECK_PASSWORD "$1" --config "$work/jeton.toml" serve >"$work/log" 2>&1 &
  server=$!
  local try
  for try in {1..300}; do
    curl --silent --fail --max-time 2 --output /dev/null "$CHECK_ISSUER/readyz" && break
    kill -0 "$server" 2>/dev/null || fail "the server stopped at once" "$work/log"
    sleep 0.2
  done
  "$1" --config "$work/jeton.toml" user add probe <<<"$CHECK_PASSWORD" >>"$work/log" 2>&1 || fail "no user" "$work/log"
  "$1" --config "$work/jeton.toml" client add probe-operator --confidential --first-party --grant client_credentials \
    --scope admin --scope introspect --secret-stdin <<<"$CHECK_SECRET" >>"$work/log" 2>&1 || fail "no client" "$work/log"
}

random() {
  python3 -c 'import secrets; print(secrets.token_urlsafe(32))'
}

cases() {
  local log="$work/schemathesis.$1"
  echo "== $2"
  mkdir -p "$work/run"
  (cd "$work/run" && SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 CHECK_ANONYMOUS=$1 \
    "$tools/bin/st" --config-file "$here/schemathesis.toml" run --no-color "$CHECK_ISSUER/openapi.json") >"$log" 2>&1 ||
    fail "schemathesis found failures" "$log"
  grep --extended-regexp 'Test cases|generated|Seed' "$log" || true
  sed --quiet --regexp-extended 's/.*\b([0-9]+) (test cases )?generated.*/\1/p' "$log" | head -n 1 >"$work/count.$1"
}

alive() {
  curl --silent --fail --max-time 5 --output /dev/null "$CHECK_ISSUER/readyz" || fail "the server is gone" "$work/log"
}

fail() {
  echo "$0: $1" >&2
  [[ -z ${2:-} ]] || tail -n "${LINES_SHOWN:-400}" "$2" >&2
  exit 1
}

stop() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}

trap stop EXIT
main "$@"
