#!/usr/bin/env bash
# Imports users of other systems by the scripts of docs/migrating.md, and signs them in with their old passwords.
#
#   tests/clients/migrating.sh JETON
#
# JETON is the path of the binary; "" as for tests/clients/run.sh. Needs Python 3 and jq; installs Python packages in
# target/. Prints a line per check and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$(dirname "${BASH_SOURCE[0]}")/jeton.sh"

# Users whose hashes the scripts leave out, with a message.
refused="django-bcrypt_sha256 django-none passlib-bcrypt_sha256 passlib-sha512_crypt keycloak-sha1 aspnet-version2 aspnet-none"
# The number of users that are imported, by heading.
declare -A expected=([Django]=5 [Flask]=3 ["Laravel and other bcrypt"]=3 [passlib]=5 [Keycloak]=3 [Auth0]=2
  ["ASP.NET Core Identity"]=2)

main() {
  local heading
  start_jeton "${1:-}"
  make_exports
  for heading in "${!expected[@]}"; do
    export CHECK_LABEL=$heading
    log="$work/${heading//\//-}"
    check "the script converts each user whose hash Jeton takes" converts "$heading"
    check "a dry run is clean" runs_dry
    check "the users are imported" imports "${expected[$heading]}" 0
    check "a second import changes nothing" imports 0 "${expected[$heading]}"
    check "each user signs in with the old password" sign_in_all
    check "each hash is replaced" all_replaced
    check "each user signs in again" sign_in_all
    check "an import of the old hashes changes nothing" imports 0 "${expected[$heading]}"
  done
  export CHECK_LABEL=refused
  check "the users without a usable hash are named" all_refused
  check "a disabled user stays disabled" is_disabled
  report
}

make_exports() {
  local python=$root/target/clients-migrating
  [[ -d $python ]] || {
    python3 -m venv "$python.new"
    "$python.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
      --requirement "$here/migrating/requirements.txt"
    mv "$python.new" "$python"
  }
  mkdir "$work/exports"
  "$python/bin/python" "$here/migrating/exports.py" "$work/exports" "$CHECK_PASSWORD" >"$work/exports.log" 2>&1 ||
    fail "the exports were not made" "$work/exports.log"
}

converts() {
  block "$1" python migrating.md >"$work/convert.py"
  python3 "$work/convert.py" <"$work/exports/$1" >"$log.jsonl" 2>"$log.refused"
  details=$(cat "$log.refused" "$log.jsonl")
  (($(wc -l <"$log.jsonl") == expected[$1]))
}

runs_dry() {
  details=$(jeton user import "$log.jsonl" --dry-run 2>&1)
}

# imports CREATED UNCHANGED
imports() {
  details=$(jeton user import "$log.jsonl" 2>&1) || return 1
  [[ $details == *"created: $1,"* && $details == *"unchanged: $2"* ]]
}

sign_in_all() {
  local name
  while read -r name; do
    [[ $name != django-off ]] || continue
    details="$name: $(curl --silent "$CHECK_ISSUER/token" --data grant_type=password --data-urlencode "username=$name" \
      --data-urlencode "password=$CHECK_PASSWORD")"
    jq --exit-status .access_token <<<"${details#*: }" >/dev/null || return 1
  done < <(jq --raw-output .username "$log.jsonl")
}

# Each hash is Argon2id with the cost of the server.
all_replaced() {
  local export name hash cost
  export=$(jeton user export --with-password-hashes)
  cost=$(jq --raw-output 'select(.username == "admin").password_hash | split("$")[3]' <<<"$export")
  while read -r name; do
    [[ $name != django-off ]] || continue
    hash=$(jq --raw-output --arg name "$name" 'select(.username == $name).password_hash' <<<"$export")
    details="$name: ${hash%\$*\$*}"
    [[ $hash == "\$argon2id\$v=19\$$cost\$"* ]] || return 1
  done < <(jq --raw-output .username "$log.jsonl")
}

all_refused() {
  details=$(cut -d : -f 1 "$work"/*.refused | sort | tr '\n' ' ')
  [[ ${details% } == "$(tr ' ' '\n' <<<"$refused" | sort | tr '\n' ' ' | sed 's/ $//')" ]]
}

is_disabled() {
  details=$(jeton user show django-off --json)
  jq --exit-status .disabled <<<"$details" >/dev/null
}

main "$@"
