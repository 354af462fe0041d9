#!/usr/bin/env bash
# Tests the web apps in Python and Go of docs/recipes.md, and libraries for the authorization code grant without a
# framework: Authlib and requests-oauthlib. Also the requests that Grafana sends with the configuration of that document;
# Grafana does not run.
#
#   tests/clients/web_apps.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                         target/debug/jeton
#
# Needs Python 3 with venv, and jq. Skips Go if it is not installed. All files are in a temporary directory, Python
# packages aside. Prints a line per check and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$(dirname "${BASH_SOURCE[0]}")/jeton.sh"

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
  block "A web app in Python" python >"$work/flask/photos.py"
  register photos --access-token-lifetime 3s
  start flask "$app/" env -C "$work/flask" SECRET_KEY="$CHECK_PASSWORD" CLIENT_SECRET="$secret" \
    "$python" -m flask --app photos run --port "${app##*:}"
  checks flask "$python" "$here/web_app.py" "$app" photos
}

test_libraries() {
  register cli
  checks python "$python" "$here/python_code.py"
}

test_grafana() {
  register grafana
  add_user editor --role editors --role jeton:admin
  block Grafana ini | sed "s/SECRET/$secret/" >"$work/grafana.ini"
  CHECK_CONFIGURATION="$work/grafana.ini" checks grafana "$python" "$here/grafana.py"
}

test_go() {
  local app
  app="http://localhost:$(free_port)"
  (cd "$here/go" && go vet ./... && go build -o "$work/app" .) >"$work/build.log" 2>&1 ||
    fail "the app in Go does not compile" "$work/build.log"
  register albums --access-token-lifetime 3s
  start app "$app/" env CLIENT_SECRET="$secret" "$work/app" -issuer "$CHECK_ISSUER" -address "$app"
  checks go "$python" "$here/web_app.py" "$app" albums
  check "the document has lines of the app" is_part_of "A web app in Go" go "$here/go/main.go"
}

main "$@"
