#!/usr/bin/env bash
# Tests third-party clients against a real server: Authlib and PyJWT (Python), oauth4webapi, jose and openid-client
# (Node.js).
#
#   tests/clients/run.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                    target/debug/jeton
#
# Needs Python 3 with venv, Node.js 20 or later and npm. All files are in a temporary directory. Prints a line per check
# and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../servers.sh"
work=$(mktemp -d)
servers=()
logs=()

main() {
  local jeton
  jeton=$(binary "${1:-${JETON_BIN:-}}" jeton)
  forget_settings
  install_python
  install_node
  start "$jeton"
  add_clients "$jeton"

  checks python "$work/python/bin/python" "$here/python_clients.py"
  checks node node "$work/node/node_clients.mjs"
  checks code node "$work/node/node_code.mjs"
  report
}

install_python() {
  python3 -m venv "$work/python"
  "$work/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$here/requirements.txt"
}

install_node() {
  mkdir "$work/node"
  cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$work/node"
  npm ci --prefix "$work/node" --ignore-scripts --no-audit --no-fund --loglevel=error >"$work/npm.log" 2>&1 ||
    fail "npm ci failed" "$work/npm.log"
}

start() {
  local port
  port=$(free_port)
  export CHECK_ISSUER="http://127.0.0.1:$port"
  export CHECK_USERNAME=admin
  CHECK_PASSWORD=$(python3 -c 'import secrets; print("Aa1 " + secrets.token_urlsafe(24))')
  export CHECK_PASSWORD
  export CHECK_PUBLIC_CLIENT=first-party
  export CHECK_WORK=$work CHECK_BROWSER=$here/browser.py

  mkdir "$work/run"
  JETON_BOOTSTRAP__ADMIN_PASSWORD=$CHECK_PASSWORD jeton "$1" serve >"$work/server.log" 2>&1 &
  servers+=($!)
  await "$CHECK_ISSUER/healthz" $! "$work/server.log"
}

# jeton BINARY [ARGUMENTS]: runs the server or a command on the store of this test.
jeton() {
  cd "$work/run"
  JETON_SERVER__LISTEN=${CHECK_ISSUER#http://} JETON_DATA_DIR="$work/run/data" exec "$@"
}

add_clients() {
  export CHECK_CLIENT_ID=interop-client CHECK_CODE_PUBLIC=code-page CHECK_CODE_CONFIDENTIAL=code-service
  export CHECK_REDIRECT_URI=https://app.example.com/callback CHECK_POST_LOGOUT_REDIRECT_URI=https://app.example.com/
  local code=(--grant authorization_code
    --redirect-uri "$CHECK_REDIRECT_URI" --post-logout-redirect-uri "$CHECK_POST_LOGOUT_REDIRECT_URI")

  add_client "$1" "$CHECK_CLIENT_ID" --confidential --first-party --grant password
  CHECK_CLIENT_SECRET=$(secret)
  add_client "$1" "$CHECK_CODE_PUBLIC" "${code[@]}"
  add_client "$1" "$CHECK_CODE_CONFIDENTIAL" --confidential "${code[@]}"
  CHECK_CODE_SECRET=$(secret)
  export CHECK_CLIENT_SECRET CHECK_CODE_SECRET
}

# add_client BINARY ID [FLAGS]
add_client() {
  (jeton "$1" client add "${@:2}") >"$work/client.log" 2>&1 || fail "the client $2 was not created" "$work/client.log"
}

# The secret of the client that was added last.
secret() {
  awk '/^client_secret/ { print $NF; found = 1; exit } END { exit !found }' "$work/client.log" ||
    fail "no client secret in the answer" "$work/client.log"
}

# checks NAME COMMAND: runs checks that print "ok …" or "not ok …". A program that stops without either counts as a
# failed check.
checks() {
  local name=$1 log="$work/$1.log" status=0
  shift
  timeout 120 "$@" | tee "$log" || status=$?
  if ! grep --quiet '^ok ' "$log" || { ((status)) && ! grep --quiet '^not ok ' "$log"; }; then
    echo "not ok $name: the checks stopped with status $status" | tee -a "$log"
  fi
  logs+=("$log")
}

report() {
  local passed failed
  passed=$(cat "${logs[@]}" | grep --count '^ok ' || true)
  failed=$(cat "${logs[@]}" | grep --count '^not ok ' || true)
  ((failed == 0)) || { echo "--- end of the server's log:"; tail -n 40 "$work/server.log"; } >&2
  echo "$passed passed, $failed failed"
  ((failed == 0 && passed > 0))
}

trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT
main "$@"
