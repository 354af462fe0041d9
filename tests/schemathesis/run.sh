#!/usr/bin/env bash
# Tests the server against its OpenAPI document with schemathesis. It sends generated requests, valid and invalid by the
# schemas, and checks each response against the document; once with access tokens and once without.
#
#   tests/schemathesis/run.sh [JETON [TOOLS]]
#     JETON   path of the binary; default: target/release/jeton, else target/debug/jeton
#     TOOLS   virtual environment with schemathesis; default: a temporary one
#
# Needs Python 3 with venv and curl. All files are in a temporary directory. Prints "N cases, no failures"; fails when a
# check fails or too few cases ran.
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
  expect_ready
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
  # Weak throttling, so that most cases reach the endpoint's own checks.
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
  "$1" --config "$work/jeton.toml" user add probe <<<"$CHECK_PASSWORD" >>"$work/log" 2>&1 || fail "creating the user failed" "$work/log"
  "$1" --config "$work/jeton.toml" client add probe-operator --confidential --first-party --grant client_credentials \
    --scope admin --scope introspect --secret-stdin <<<"$CHECK_SECRET" >>"$work/log" 2>&1 || fail "creating the client failed" "$work/log"
}

random() {
  python3 -c 'import secrets; print(secrets.token_urlsafe(32))'
}

# cases ANONYMOUS TITLE: runs all cases; ANONYMOUS is 1 for requests without access tokens.
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

expect_ready() {
  curl --silent --fail --max-time 5 --output /dev/null "$CHECK_ISSUER/readyz" || fail "the server is not ready after the cases" "$work/log"
}

trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT
main "$@"
