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
  jeton_on_path "$(binary "${1:-${JETON_BIN:-}}" jeton)"
  install_python
  install_node
  start
  add_clients

  checks python "$work/python/bin/python" "$here/python_clients.py"
  checks node node "$work/node/node_clients.mjs"
  checks code node "$work/node/node_code.mjs"
  register_programs
  checks programs node "$work/node/node_programs.mjs"
  report
}

# jeton_on_path BINARY: `jeton` runs the binary, as in the documents. Its settings are in the environment, see start.
jeton_on_path() {
  mkdir "$work/bin" "$work/run"
  ln -s "$1" "$work/bin/jeton"
  export PATH="$work/bin:$PATH"
  forget_settings
  cd "$work/run"
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

  export JETON_SERVER__LISTEN=127.0.0.1:$port JETON_DATA_DIR=$work/run/data
  JETON_BOOTSTRAP__ADMIN_PASSWORD=$CHECK_PASSWORD jeton serve >"$work/server.log" 2>&1 &
  servers+=($!)
  await "$CHECK_ISSUER/healthz" $! "$work/server.log"
}

add_clients() {
  export CHECK_CLIENT_ID=interop-client CHECK_CODE_PUBLIC=code-page CHECK_CODE_CONFIDENTIAL=code-service
  export CHECK_REDIRECT_URI=https://app.example.com/callback CHECK_POST_LOGOUT_REDIRECT_URI=https://app.example.com/
  local code=(--grant authorization_code
    --redirect-uri "$CHECK_REDIRECT_URI" --post-logout-redirect-uri "$CHECK_POST_LOGOUT_REDIRECT_URI")

  add_client "$CHECK_CLIENT_ID" --confidential --first-party --grant password
  CHECK_CLIENT_SECRET=$(secret)
  add_client "$CHECK_CODE_PUBLIC" "${code[@]}"
  add_client "$CHECK_CODE_CONFIDENTIAL" --confidential "${code[@]}"
  CHECK_CODE_SECRET=$(secret)
  export CHECK_CLIENT_SECRET CHECK_CODE_SECRET
}

# add_client ID [FLAGS]
add_client() {
  jeton client add "$@" >"$work/client.log" 2>&1 || fail "the client $1 was not created" "$work/client.log"
}

# The secret of the client that was added last.
secret() {
  awk '/^client_secret/ { print $NF; found = 1; exit } END { exit !found }' "$work/client.log" ||
    fail "no client secret in the answer" "$work/client.log"
}

# Registers the clients of the programs in docs/clients.md, by the commands of the document.
register_programs() {
  CHECK_PROGRAM_PORTS="$(free_port) $(free_port)"
  export CHECK_PROGRAM_PORTS CHECK_DOCUMENT=$root/docs/clients.md
  register "A command-line program"
  register "A server-side program"
  CHECK_SECRET=$(secret)
  export CHECK_SECRET
}

# register HEADING: runs the first `console` block below the heading.
register() {
  awk -v heading="## $1" '
    $0 == heading { below = 1 }
    below && /^```console$/ { inside = 1; next }
    inside && /^```$/ { exit }
    inside { sub(/^\$ /, ""); print }' "$CHECK_DOCUMENT" |
    sed "s/:9877/:${CHECK_PROGRAM_PORTS#* }/g" >"$work/register.sh"
  grep --quiet '^jeton client add' "$work/register.sh" || fail "no command below $1"
  bash -euo pipefail "$work/register.sh" >"$work/client.log" 2>&1 ||
    fail "the client of $1 was not created" "$work/client.log"
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
