#!/usr/bin/env bash
# Tests the web apps in Python and Go of docs/clients.md, and libraries for the authorization code grant without a
# framework: Authlib and requests-oauthlib, go-oidc with golang.org/x/oauth2.
#
#   tests/clients/web_apps.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                         target/debug/jeton
#
# Needs Python 3 with venv. Skips Go if it is not installed. All files are in a temporary directory. Prints a line per
# check and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../servers.sh"
document=$here/../../docs/clients.md
work=$(mktemp -d)
servers=()

main() {
  jeton_binary=$(binary "${1:-${JETON_BIN:-}}" jeton)
  forget_settings
  install_python
  start_jeton

  test_flask
  test_libraries
  if command -v go >/dev/null; then
    test_go
  else
    echo "skipped: go-oidc, because Go is not installed"
  fi
  report
}

install_python() {
  python3 -m venv "$work/python"
  "$work/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$here/requirements.txt"
}

start_jeton() {
  local port
  port=$(free_port)
  export CHECK_ISSUER="http://localhost:$port"
  export CHECK_USERNAME=admin CHECK_PUBLIC_CLIENT=first-party
  CHECK_PASSWORD=$(python3 -c 'import secrets; print("Aa1 " + secrets.token_urlsafe(24))')
  export CHECK_PASSWORD

  mkdir "$work/run"
  (
    export JETON_BOOTSTRAP__ADMIN_PASSWORD=$CHECK_PASSWORD
    jeton serve
  ) >"$work/server.log" 2>&1 &
  servers+=($!)
  await "$CHECK_ISSUER/healthz" $! "$work/server.log"
}

# jeton [ARGUMENTS]: runs the server or a command on the store of this test. Call it in a subshell.
jeton() {
  cd "$work/run"
  JETON_SERVER__LISTEN=${CHECK_ISSUER#http://} JETON_DATA_DIR="$work/run/data" exec "$jeton_binary" "$@"
}

test_flask() {
  local app
  app="http://localhost:$(free_port)"
  mkdir "$work/flask"
  block '# photos.py' >"$work/flask/photos.py"
  add_client photos
  (
    cd "$work/flask"
    export SECRET_KEY=$CHECK_PASSWORD CLIENT_SECRET=$secret
    exec "$work/python/bin/flask" --app photos run --port "${app##*:}"
  ) >"$work/flask.log" 2>&1 &
  servers+=($!)
  await "$app/" $! "$work/flask.log"
  checks flask "$work/python/bin/python" "$here/web_app.py" "$app" photos
}

test_libraries() {
  add_client cli
  checks python "$work/python/bin/python" "$here/python_code.py"
}

test_go() {
  local app
  app="http://localhost:$(free_port)"
  (cd "$here/go" && go vet ./... && go build -o "$work/app" .) >"$work/build.log" 2>&1 ||
    fail "the app in Go does not compile" "$work/build.log"
  add_client albums
  CLIENT_SECRET=$secret "$work/app" -issuer "$CHECK_ISSUER" -address "$app" >"$work/go.log" 2>&1 &
  servers+=($!)
  await "$app/" $! "$work/go.log"
  checks go "$work/python/bin/python" "$here/web_app.py" "$app" albums
  checks go-lines lines_are_those_of_app
}

# Every line of Go in the document is a line of the app.
lines_are_those_of_app() {
  local line count=0
  while read -r line; do
    [[ -z $line || $line == //* ]] && continue
    grep --quiet --fixed-strings -- "$line" "$here/go/main.go" ||
      { echo "not ok go: the document has a line that the app has not: $line"; return; }
    count=$((count + 1))
  done < <(block 'provider, err := oidc.NewProvider(ctx, issuer)')
  ((count > 10)) && echo "ok go: the $count lines in the document are those of the app"
}

# block LINE: prints the code block of docs/clients.md that begins with this line, with the issuer of this test.
block() {
  awk -v first="$1" '
    /^```/ { inside = 0; fence = 1; next }
    fence && $0 == first { inside = found = 1 }
    { fence = 0 }
    inside
    END { exit !found }
  ' "$document" | sed "s|http://localhost:8080|$CHECK_ISSUER|" || fail "no block $1 in $document"
}

# add_client ID: registers the client as docs/clients.md does, and lets its access tokens expire soon. Sets `secret`.
add_client() {
  local line log="$work/client.log"
  line=$(awk -v start="jeton client add $1 " '
    index($0, start) == 1 { inside = 1 }
    inside { print; if (!/\\$/) exit }
  ' "$document")
  [[ -n $line ]] || fail "$document does not add the client $1"
  (eval "$line") >"$log" 2>&1 || fail "the client $1 was not added" "$log"
  (jeton client update "$1" --access-token-lifetime 2s) >>"$log" 2>&1 || fail "the client $1 was not updated" "$log"
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
    for log in "$work"/{server,flask,go}.log; do
      [[ ! -e $log ]] || { echo "--- end of ${log##*/}:"; tail -n 40 "$log"; } >&2
    done
  fi
  echo "$passed passed, $failed failed"
  ((failed == 0 && passed > 0))
}

trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT
main "$@"
