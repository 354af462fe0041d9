#!/usr/bin/env bash
# Tests every SDK of openapi/generate: generates it, compiles it with strict settings, and uses it against running servers.
#
#   tests/sdk/run.sh [NAME…]     names of openapi/generate; default: all
#
# The binaries are $JETON_BIN and $MY_INFO_BIN; default: target/release, else target/debug. The servers use free ports and a
# temporary directory; installed tools and compiled code stay in target/sdk*. An SDK whose tools are missing is skipped,
# unless it was named. Prints a matrix of SDKs and steps and "N passed, N failed, N skipped"; fails when a step fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../servers.sh"
all=(typescript-fetch hey-api openapi-typescript python openapi-python-client java go rust progenitor)
steps=(generate compile sign-in account my-info refresh error sessions sign-out user password client)
built=$root/target/sdk-check
work=$(mktemp -d)
servers=()
trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT

main() {
  local sdk sdks=() names=("$@") missing
  ((${#names[@]})) || names=("${all[@]}")
  python3 "$here/readme.py"
  start
  for sdk in "${names[@]}"; do
    [[ " ${all[*]} " == *" $sdk "* ]] || { echo "$0: no SDK is named $sdk; choose from: ${all[*]}" >&2; exit 2; }
    missing=$(missing_tools "$sdk")
    if [[ -n $missing ]]; then
      (($#)) && { echo "$0: $sdk needs $missing" >&2; exit 1; }
      echo "skipped: $sdk needs $missing"
      skipped=$((${skipped:-0} + 1))
      continue
    fi
    sdks+=("$sdk")
    check "$sdk"
  done
  report "${sdks[@]}"
}

# missing_tools SDK: prints the tools for the SDK that are not installed.
missing_tools() {
  local tools tool missing=()
  case $1 in
    typescript-fetch) tools="python3 java npm" ;;
    hey-api | openapi-typescript) tools=npm ;;
    python) tools="python3 java" ;;
    openapi-python-client) tools=python3 ;;
    java) tools="python3 java javac mvn" ;;
    go) tools="python3 java go" ;;
    rust) tools="python3 java cargo" ;;
    progenitor) tools=cargo ;;
  esac
  for tool in $tools; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  echo "${missing[*]}"
}

# check SDK: runs the steps and logs "ok STEP" for each. The first step without this line has failed.
check() {
  local begun=$SECONDS log=$work/$1.log
  # In the background, because `set -e` has no effect in a command before "||".
  (
    generate "$1"
    # The output before may lack a final newline.
    printf '\nok generate\n'
    "compile_${1//-/_}"
    printf '\nok compile\n'
    cd "$built/$1"
    timeout 120 bash -c "$(program "$1")"
  ) >"$log" 2>&1 &
  wait $! || true
  echo "$1: $(grep --count '^ok ' "$log" || true) of ${#steps[@]} steps in $((SECONDS - begun)) s"
}

# The SDK of the example API is generated from an older document, in which a field is missing.
generate() {
  mkdir -p "$built/$1"
  "$root/openapi/generate" "$1"
  "$root/openapi/generate" "$1" --document "$work/my-info.json" --name my-info --output "$root/target/sdk-my-info"
}

program() {
  case $1 in
    typescript-fetch | hey-api | openapi-typescript) echo "node $1/check.js" ;;
    python | openapi-python-client) echo "venv/bin/python '$here/$1/check.py'" ;;
    java) echo "java -cp 'classes:jars/*' Check" ;;
    go) echo "go run ." ;;
    rust | progenitor) echo "cargo run --quiet" ;;
  esac
}

compile_typescript_fetch() {
  node_project typescript-fetch
  local name sdk
  for name in jeton my-info; do
    sdk=$root/target/sdk$([[ $name == jeton ]] || echo -my-info)/typescript-fetch
    node_modules/.bin/tsc --project "$sdk" --strict
    node_modules/.bin/tsc --project "$sdk/tsconfig.esm.json" --strict
    ln -sfn "$sdk" "node_modules/$name-client"
  done
  node_modules/.bin/tsc --project typescript-fetch
}

compile_hey_api() {
  sources hey-api
}

compile_openapi_typescript() {
  sources openapi-typescript
}

# A project that contains the SDK's sources.
sources() {
  node_project "$1"
  cp -r "$root/target/sdk/$1" "$1/jeton"
  cp -r "$root/target/sdk-my-info/$1" "$1/my-info"
  node_modules/.bin/tsc --project "$1"
}

node_project() {
  cd "$built/$1"
  rm -rf "$1" && cp -r "$here/typescript/$1" "$here/typescript"/*.* .
  cmp --silent package-lock.json installed && return
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json installed
}

compile_python() {
  python_project python
  # Checks the package with its own mypy settings.
  (cd "$root/target/sdk/python" && "$built/python/venv/bin/mypy" --package jeton_client)
}

compile_openapi_python_client() {
  python_project openapi-python-client
  (cd "$root/target/sdk/openapi-python-client" && "$built/openapi-python-client/venv/bin/mypy" --strict --package jeton_client)
}

python_project() {
  cd "$built/$1"
  if ! cmp --silent "$here/$1/requirements.txt" installed; then
    python3 -m venv --clear venv
    venv/bin/pip install --quiet --disable-pip-version-check --requirement "$here/$1/requirements.txt"
    cp "$here/$1/requirements.txt" installed
  fi
  venv/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$root/target/sdk/$1" "$root/target/sdk-my-info/$1"
  venv/bin/mypy --strict "$here/$1/check.py"
}

compile_java() {
  cd "$built/java"
  rm -rf jars classes && mkdir jars classes
  local sdk
  for sdk in "$root/target/sdk/java" "$root/target/sdk-my-info/java"; do
    mvn --quiet --batch-mode --file "$sdk/pom.xml" package -Dmaven.test.skip -Dmaven.javadoc.skip -Dmaven.source.skip
    cp "$sdk"/target/*.jar "$sdk"/target/lib/*.jar jars
  done
  javac -Xlint:all -Werror -cp 'jars/*' -d classes "$here/java/Check.java"
}

compile_go() {
  cd "$built/go"
  cp "$here/go"/* .
  go vet ./...
}

compile_rust() {
  crate rust
}

compile_progenitor() {
  crate progenitor
}

# The paths of the SDKs in Cargo.toml are valid from this directory, too. All crates share one target directory.
crate() {
  cd "$built/$1"
  rm -rf src && cp -r "$here/$1"/* .
  export CARGO_TARGET_DIR=$built/crates
  cargo clippy --quiet -- -D warnings
  cargo build --quiet
}

start() {
  local jeton my_info
  jeton=$(binary "${JETON_BIN:-}" jeton)
  my_info=$(binary "${MY_INFO_BIN:-}" examples/my-info)
  forget_settings
  export SDK_ISSUER=http://127.0.0.1:$(free_port) SDK_API=http://127.0.0.1:$(free_port) SDK_USERNAME=admin
  SDK_PASSWORD=$(python3 -c 'import secrets; print("Aa1 &+" + secrets.token_urlsafe(24))')
  export SDK_PASSWORD

  # Each SDK signs in with a wrong password: all together within a minute would be slowed with 429.
  JETON_SERVER__LISTEN=${SDK_ISSUER#http://} JETON_DATA_DIR=$work/data JETON_METRICS__LISTEN='' \
    JETON_SIGN_IN__ACCOUNT_BURST=0 JETON_SIGN_IN__ADDRESS_BURST=0 \
    JETON_BOOTSTRAP__ADMIN_PASSWORD=$SDK_PASSWORD JETON_BOOTSTRAP__EXAMPLE_API=$SDK_API "$jeton" >"$work/jeton.out" 2>&1 &
  servers+=($!)
  await "$SDK_ISSUER/readyz" $! "$work/jeton.out"
  "$my_info" --listen "${SDK_API#http://}" --issuer "$SDK_ISSUER" --database "$work/my-info.db" >"$work/my-info.out" 2>&1 &
  servers+=($!)
  await "$SDK_API/openapi.json" $! "$work/my-info.out"
  curl --silent --fail "$SDK_API/openapi.json" | python3 -c '
import json, sys
document = json.load(sys.stdin)
info = document["components"]["schemas"]["MyInfo"]
info["required"].remove("created_at")
del info["properties"]["created_at"]
json.dump(document, sys.stdout)' >"$work/my-info.json"
}

report() {
  local sdk step passed=0 failed=0 line mark
  for sdk in "$@"; do
    grep --quiet "^ok ${steps[-1]}\$" "$work/$sdk.log" || { echo "--- $sdk:"; tail -n 40 "$work/$sdk.log"; } >&2
  done
  printf '\n%-22s' SDK
  printf '%-9s' "${steps[@]}"
  echo
  for sdk in "$@"; do
    line=$(printf '%-22s' "$sdk")
    mark=FAILED
    for step in "${steps[@]}"; do
      if grep --quiet "^ok $step\$" "$work/$sdk.log"; then
        line+=$(printf '%-9s' ok)
        passed=$((passed + 1))
      else
        line+=$(printf '%-9s' "$mark")
        mark=-
        failed=$((failed + 1))
      fi
    done
    echo "$line"
  done
  printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$((${skipped:-0} * ${#steps[@]}))"
  ((failed == 0 && passed > 0))
}

main "$@"
