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
source "$here/../servers.sh"
work=$(mktemp -d)
servers=()
log_lines=400

main() {
  local jeton
  jeton=$(binary "${1:-}" jeton)
  forget_settings
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

install() {
  python3 -m venv "$work/python"
  "$work/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$here/requirements.txt"
}

start() {
  local port
  port=$(free_port)
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
  servers+=($!)
  await "$CHECK_ISSUER/readyz" $! "$work/log"
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

trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT
main "$@"
