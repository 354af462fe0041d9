#!/usr/bin/env bash
# Tests the web apps in Python and Go of docs/recipes.md, and libraries for the authorization code grant without a
# framework: Authlib and requests-oauthlib, go-oidc with golang.org/x/oauth2. Also the requests that Grafana sends with the
# configuration of that document; Grafana does not run.
#
#   tests/clients/web_apps.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                         target/debug/jeton
#
# Needs Python 3 with venv. Skips Go if it is not installed. All files are in a temporary directory. Prints a line per
# check and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/setup.sh"

main() {
  install_python
  start_jeton "${1:-}"

  test_flask
  test_libraries
  test_grafana
  if command -v go >/dev/null; then
    test_go
  else
    echo "skipped: go-oidc, because Go is not installed"
  fi
  report
}

test_flask() {
  local app
  app="http://localhost:$(free_port)"
  mkdir "$work/flask"
  block '# photos.py' >"$work/flask/photos.py"
  add_client photos 3s
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
  add_client cli 3s
  checks python "$work/python/bin/python" "$here/python_code.py"
}

test_grafana() {
  add_client grafana 15m
  (jeton user add editor --role editors --role jeton:admin <<<"$CHECK_PASSWORD") >"$work/user.log" 2>&1 ||
    fail "the user was not added" "$work/user.log"
  block '[auth.generic_oauth]' | sed "s/SECRET/$secret/" >"$work/grafana.ini"
  CHECK_CONFIGURATION="$work/grafana.ini" checks grafana "$work/python/bin/python" "$here/grafana.py"
}

test_go() {
  local app
  app="http://localhost:$(free_port)"
  (cd "$here/go" && go vet ./... && go build -o "$work/app" .) >"$work/build.log" 2>&1 ||
    fail "the app in Go does not compile" "$work/build.log"
  add_client albums 3s
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

main "$@"
