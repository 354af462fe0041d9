# Functions shared by the scripts that run software of others against a server. Source this file after
# `set -euo pipefail`. Sets `here`, this folder, and `work`, a temporary folder.
# shellcheck shell=bash disable=SC2034

# shellcheck source-path=SCRIPTDIR source=../servers.sh
source "$(dirname "${BASH_SOURCE[0]}")/../servers.sh"
here=$root/tests/clients
work=$(mktemp -d)
servers=()
replacements=() # of `addresses`
trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT
default_binary=${JETON_BIN:-}
forget_settings

# Installs the Python packages in target/, unless an earlier run has. Sets `python`.
install_python() {
  local folder=$root/target/clients-python installed
  python=$folder/bin/python
  installed=$(python3 --version; cat "$here/requirements.txt")
  mkdir -p "$root/target"
  (
    flock 9
    [[ $installed != "$(cat "$folder/installed" 2>/dev/null)" ]] || exit 0
    python3 -m venv --clear "$folder"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt"
    echo "$installed" >"$folder/installed"
  ) 9>"$folder.lock"
}

# install_npm FOLDER: installs the packages of the folder's lock file, and copies its programs and the shared ones.
install_npm() {
  mkdir "$work/node"
  cp "$here"/*.mjs "$here/browser.py" "$1"/*.json "$work/node"
  [[ $1 == "$here" ]] || cp "$1"/*.mjs "$work/node"
  npm ci --prefix "$work/node" --ignore-scripts --no-audit --no-fund --loglevel=error >"$work/npm.log" 2>&1 ||
    fail "npm ci failed" "$work/npm.log"
}

# start_jeton [BINARY]: starts a server in an empty folder, and goes there. Then `jeton` is its binary. Further settings
# are in the environment. Checks read its address and its user from CHECK_….
start_jeton() {
  local binary
  binary=$(binary "${1:-$default_binary}" jeton)
  mkdir "$work/bin" "$work/run"
  ln -s "$binary" "$work/bin/jeton"
  export PATH="$work/bin:$PATH"
  cd "$work/run" || exit

  JETON_SERVER__LISTEN="localhost:$(free_port)"
  export JETON_SERVER__LISTEN JETON_DATA_DIR="$work/run/data"
  export CHECK_ISSUER=${JETON_ISSUER:-http://$JETON_SERVER__LISTEN}
  export CHECK_USERNAME=admin CHECK_PUBLIC_CLIENT=first-party
  CHECK_PASSWORD=$(python3 -c 'import secrets; print("Aa1 " + secrets.token_urlsafe(24))')
  export CHECK_PASSWORD
  start server "http://$JETON_SERVER__LISTEN/healthz" \
    env JETON_BOOTSTRAP__ADMIN_PASSWORD="$CHECK_PASSWORD" jeton serve
}

# start NAME URL COMMAND...: starts a program with a log of that name, and waits until the URL responds.
start() {
  local url=$2 log="$work/$1.log"
  shift 2
  "$@" >>"$log" 2>&1 &
  servers+=($!)
  await "$url" $! "$log"
}

# add_user NAME [FLAGS]: adds a user with the password of the checks.
add_user() {
  jeton user add "$@" <<<"$CHECK_PASSWORD" >"$work/user.log" 2>&1 || fail "the user $1 was not added" "$work/user.log"
}

# add_client ID [FLAGS]: registers a client. Sets `secret`.
add_client() {
  jeton client add "$@" --json >"$work/client.json" 2>"$work/client.log" ||
    fail "the client $1 was not added" "$work/client.log"
  secret=$(jq -r '.client_secret // empty' "$work/client.json")
}

# register ID [FLAGS]: registers a client by the command of docs/recipes.md, with further flags. Sets `secret`.
register() {
  local command
  command=$(awk -v start="jeton client add $1 " '
    index($0, start) == 1 { inside = 1 }
    inside { print; if (!/\\$/) exit }' "$root/docs/recipes.md" | addresses)
  [[ -n $command ]] || fail "docs/recipes.md does not register the client $1"
  shift
  eval "add_client ${command#jeton client add } \"\$@\""
}

# block HEADING LANGUAGE [DOCUMENT]: prints the first block of the language below the heading in docs/recipes.md, with the
# addresses of this test.
block() {
  document_block "${3:-recipes.md}" "$1" "$2" | addresses || exit 1
}

# addresses: replaces the addresses of the documents by those of this test.
addresses() {
  sed -e "s#http://localhost:8080\|https://auth\.example\.com\|\bISS\b#$CHECK_ISSUER#g" \
    -e "s#auth\.example\.com#${CHECK_ISSUER#*://}#g" "${replacements[@]}"
}

# checks LABEL COMMAND...: runs a program of checks, which prints "ok …" or "not ok …". One that stops without either
# counts as a failed check.
checks() {
  local log="$work/$1.checks" status=0
  export CHECK_LABEL=$1
  shift
  timeout 300 "$@" | tee -a "$log" || status=$?
  if ! grep --quiet '^ok ' "$log" || { ((status)) && ! grep --quiet '^not ok ' "$log"; }; then
    echo "not ok $CHECK_LABEL: the checks stopped with status $status" | tee -a "$log"
  fi
}

# check TEXT COMMAND...: one check, with the label in CHECK_LABEL: the command succeeds. It may explain its failure in
# `details`.
check() {
  local text=$1 result=ok
  shift
  details=
  "$@" || result="not ok"
  echo "$result $CHECK_LABEL: $text" | tee -a "$work/$CHECK_LABEL.checks"
  [[ $result == ok ]] || printf '%s\n' "--- $*" "$details" >&2
}

# is_part_of HEADING LANGUAGE FILE: every line of the block, comments aside, is a line of the file.
is_part_of() {
  local line count=0
  while read -r line; do
    [[ -z $line || $line == //* ]] && continue
    details="not in $3: $line"
    grep --quiet --fixed-strings -- "$line" "$3" || return 1
    count=$((count + 1))
  done < <(block "$1" "$2")
  ((count > 10))
}

# Prints the numbers of checks, and the ends of all logs if one failed.
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
