# Functions shared by the scripts that run clients of others against a server. Source this file after
# `set -euo pipefail`.
# shellcheck shell=bash disable=SC2154

source "$(dirname "${BASH_SOURCE[0]}")/../servers.sh"
work=$(mktemp -d)
servers=()
logs=()
trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT

# jeton_on_path GIVEN: `jeton` runs the given binary, or the built one, as in the documents. Its settings are in the
# environment: start_jeton exports them.
jeton_on_path() {
  local binary
  binary=$(binary "${1:-${JETON_BIN:-}}" jeton)
  mkdir "$work/bin" "$work/run"
  ln -s "$binary" "$work/bin/jeton"
  export PATH="$work/bin:$PATH"
  forget_settings
  cd "$work/run" || exit
}

# install_npm FOLDER: installs the packages of the folder's lock file, and copies its programs and the shared ones.
install_npm() {
  mkdir "$work/node"
  cp "$root"/tests/clients/*.mjs "$work/node"
  cp "$1"/*.json "$1"/*.mjs "$work/node"
  npm ci --prefix "$work/node" --ignore-scripts --no-audit --no-fund --loglevel=error >"$work/npm.log" 2>&1 ||
    fail "npm ci failed" "$work/npm.log"
}

# Starts a server in an empty directory. Checks read its address and its user from CHECK_….
start_jeton() {
  local port
  port=$(free_port)
  export CHECK_ISSUER="http://127.0.0.1:$port"
  export CHECK_USERNAME=admin
  CHECK_PASSWORD=$(python3 -c 'import secrets; print("Aa1 " + secrets.token_urlsafe(24))')
  export CHECK_PASSWORD
  export CHECK_PUBLIC_CLIENT=first-party
  export CHECK_WORK=$work CHECK_BROWSER=$root/tests/clients/browser.py CHECK_DOCUMENTS=$root/docs

  export JETON_SERVER__LISTEN=127.0.0.1:$port JETON_DATA_DIR=$work/run/data
  JETON_BOOTSTRAP__ADMIN_PASSWORD=$CHECK_PASSWORD jeton serve >"$work/server.log" 2>&1 &
  servers+=($!)
  await "$CHECK_ISSUER/healthz" $! "$work/server.log"
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

# register HEADING [SED]: registers a client by the first `sh` block below a heading of docs/recipes.md. SED
# changes the addresses in it.
register() {
  awk -v heading=" $1" '
    /^##+ / && index($0, "# " substr(heading, 2)) { below = 1 }
    below && /^```sh$/ { inside = 1; next }
    inside && /^```$/ { exit }
    inside { print }' "$CHECK_DOCUMENTS/recipes.md" | sed "${2:-}" >"$work/register.sh"
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
