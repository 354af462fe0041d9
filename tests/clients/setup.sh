# What tests of the configurations in docs/recipes.md share. Source this file after `set -euo pipefail`. Sets `here`, and
# `work`, a temporary directory.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../servers.sh"
document=$here/../../docs/recipes.md
work=$(mktemp -d)
servers=()
trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT

install_python() {
  python3 -m venv "$work/python"
  "$work/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$here/requirements.txt"
}

# start_jeton BINARY [ISSUER]
start_jeton() {
  jeton_binary=$(binary "${1:-${JETON_BIN:-}}" jeton)
  forget_settings
  listen="localhost:$(free_port)"
  export CHECK_ISSUER=${2:-http://$listen}
  export CHECK_USERNAME=admin CHECK_PUBLIC_CLIENT=first-party
  CHECK_PASSWORD=$(python3 -c 'import secrets; print("Aa1 " + secrets.token_urlsafe(24))')
  export CHECK_PASSWORD

  mkdir "$work/run"
  (
    export JETON_BOOTSTRAP__ADMIN_PASSWORD=$CHECK_PASSWORD
    jeton serve
  ) >"$work/server.log" 2>&1 &
  servers+=($!)
  await "http://$listen/healthz" $! "$work/server.log"
}

# jeton [ARGUMENTS]: runs the server or a command on the store of this test. Call it in a subshell.
jeton() {
  cd "$work/run" || exit
  JETON_ISSUER=$CHECK_ISSUER JETON_SERVER__LISTEN=$listen JETON_DATA_DIR="$work/run/data" exec "$jeton_binary" "$@"
}

# block LINE: prints the code block of docs/recipes.md that begins with this line, with the issuer of this test.
block() {
  awk -v first="$1" '
    /^```/ { inside = 0; fence = 1; next }
    fence && $0 == first { inside = found = 1 }
    { fence = 0 }
    inside
    END { exit !found }
  ' "$document" | sed "s#http://localhost:8080\|https://auth.example.com\|\bISS\b#$CHECK_ISSUER#" || fail "no block $1 in $document"
}

# add_client ID LIFETIME: registers the client as docs/recipes.md does, with this lifetime of access tokens. Sets `secret`.
add_client() {
  local line log="$work/client.log"
  line=$(awk -v start="jeton client add $1 " '
    index($0, start) == 1 { inside = 1 }
    inside { print; if (!/\\$/) exit }
  ' "$document")
  [[ -n $line ]] || fail "$document does not add the client $1"
  (eval "$line") >"$log" 2>&1 || fail "the client $1 was not added" "$log"
  (jeton client update "$1" --access-token-lifetime "$2") >>"$log" 2>&1 || fail "the client $1 was not updated" "$log"
  # shellcheck disable=SC2034
  secret=$(awk '/^client_secret/ { print $NF; exit }' "$log")
}

# checks LABEL COMMAND: runs checks that print "ok …" or "not ok …". A program that stops without either counts as a
# failed check.
checks() {
  local log="$work/$1.checks" status=0
  export CHECK_LABEL=$1
  shift
  "$@" | tee "$log" || status=$?
  if ! grep --quiet '^ok ' "$log" || { ((status)) && ! grep --quiet '^not ok ' "$log"; }; then
    echo "not ok $CHECK_LABEL: the checks stopped with status $status" | tee -a "$log"
  fi
}

report() {
  local passed failed log
  passed=$(cat "$work"/*.checks | grep --count '^ok ' || true)
  failed=$(cat "$work"/*.checks | grep --count '^not ok ' || true)
  if ((failed)); then
    for log in "$work"/*.log; do
      { echo "--- end of ${log##*/}:"; tail -n 40 "$log"; } >&2
    done
  fi
  echo "$passed passed, $failed failed"
  ((failed == 0 && passed > 0))
}
