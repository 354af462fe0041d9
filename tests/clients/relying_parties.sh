#!/usr/bin/env bash
# Tests servers that sign their users in at Jeton, with the configurations of docs/recipes.md.
#
#   tests/clients/relying_parties.sh JETON [apache | oauth2_proxy | spring]...     default: all of them
#
# JETON is the path of the binary; "" as for tests/clients/run.sh. apache needs apache2 with mod_auth_openidc;
# oauth2_proxy needs Go; spring needs Java 17 and Maven. All files are in a temporary directory. Prints a line per check
# and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../servers.sh"
for file in "$here"/relying_parties/*.sh; do
  # shellcheck source=/dev/null
  source "$file"
done
work=$(mktemp -d)
servers=()

# A recipe sets these: its heading in the document, the path of the redirect URI, the arguments of browser.py that sign
# out, and texts of the pages after "Cancel" and with a wrong client secret.
heading='' callback='' sign_out=() cancelled='' wrong_secret=''

main() {
  jeton_binary=$(binary "${1:-${JETON_BIN:-}}" jeton)
  shift || true
  (($#)) || set -- apache oauth2_proxy spring
  forget_settings
  chmod 755 "$work" # the children of Apache have another user
  start_jeton
  start_upstream
  for software in "$@"; do
    declare -F "start_$software" >/dev/null || fail "no recipe $software"
    prepare
    "start_$software" "$secret"
    check_signing_in
    check_callbacks
    check_signing_out
    "check_$software"
    stop_software
    "start_$software" "a wrong secret, in place of the right one"
    check "with a wrong client secret, the user sees an error" refused "$wrong_secret" "$app/"
    check "and the log names the reason" grep --quiet invalid_client "$folder/log"
    stop_software
  done
  report
}

start_jeton() {
  local user
  issuer="http://localhost:$(free_port)"
  metrics="http://127.0.0.1:$(free_port)"
  password=$(python3 -c 'import secrets; print("Aa1 " + secrets.token_urlsafe(24))')
  mkdir "$work/run"
  JETON_BOOTSTRAP__ADMIN_PASSWORD=$password JETON_METRICS__LISTEN=${metrics#http://} \
    jeton serve >"$work/server.log" 2>&1 &
  servers+=($!)
  await "$issuer/healthz" $! "$work/server.log"
  for user in alice bob; do jeton user add "$user" <<<"$password" >/dev/null; done
}

# jeton ARGUMENTS: runs the server or a command on the store of this test.
jeton() (
  cd "$work/run"
  JETON_SERVER__LISTEN=${issuer#http://} JETON_DATA_DIR="$work/run/data" exec "$jeton_binary" "$@"
)

start_upstream() {
  upstream="http://127.0.0.1:$(free_port)"
  python3 "$here/relying_parties/upstream.py" "${upstream##*:}" >"$work/upstream.log" 2>&1 &
  servers+=($!)
  await "$upstream" $! "$work/upstream.log"
}

# Registers the client by the document's command.
prepare() {
  local command
  app="http://localhost:$(free_port)"
  folder="$work/$software"
  mkdir "$folder"
  "describe_$software"
  command=$(block sh | sed -n -e 's/\\$//' -e p | tr '\n' ' ')
  [[ $command == "jeton client add "* ]] || fail "no command for the client in the recipe $heading"
  eval "$command --json" >"$folder/client.json" || fail "the client was not created"
  secret=$(jq -r .client_secret "$folder/client.json")
}

# block LANGUAGE: prints the recipe's block of this language, with the addresses of this test.
block() {
  awk -v heading="### $heading" -v fence="\`\`\`$1" '
    inside && /^```$/ { exit }
    inside { print }
    /^##/ { found = $0 == heading }
    found && $0 == fence { inside = 1 }' "$root/docs/recipes.md" |
    sed -e "s|https://app.example.com|$app|g" -e "s|ISS\b|$issuer|g" -e "s|http://127.0.0.1:8000|$upstream|g" \
      -e "s|auth.example.com|${issuer#http://}|g"
}

# await_software PID LOG: waits until the software responds.
await_software() {
  servers+=("$1")
  for _ in {1..300}; do
    curl --silent --max-time 2 --output /dev/null "$app/" && return
    kill -0 "$1" 2>/dev/null || fail "$software stopped during startup" "$2"
    sleep 0.2
  done
  fail "no response from $app" "$2"
}

stop_software() {
  stop_servers "${servers[-1]}"
  unset 'servers[-1]'
}

check_signing_in() {
  new_browser
  check "the first visit leads to the sign-in page" asks_for_password "$app/"
  check "after the sign-in, the page shows the user" shows alice "$app/"
  check "a second visit does not lead to Jeton" shows "" "$app/" --until "$issuer"
  only_cookies_of_jeton
  check "a user who is signed in at Jeton needs no password" shows "" "$app/"
}

check_callbacks() {
  local returned
  new_browser
  visit alice "$app/" --until "$app$callback"
  returned=$url
  check "the browser returns with a code" test "${returned#"$app$callback?"*code=}" != "$returned"
  new_browser
  check "another browser cannot use the code" refused "" "$returned"
  new_browser
  visit alice "$app/" --until "$app$callback"
  check "another state is refused" refused "" "$(sed -E 's/([?&]state=)[^&]*/\1other/' <<<"$url")"
  new_browser
  visit alice "$app/" --until "$app$callback"
  returned=$url
  check "the browser that began can use the code" shows "" "$returned"
  new_browser
  check "a user who cancels sees why" refused "$cancelled" "$app/" --press cancel
  check "and can sign in afterwards" shows alice "$app/"
}

check_signing_out() {
  new_browser
  check "a user signs in to sign out" shows alice "$app/"
  cp "$cookies" "$folder/kept"
  visit "" "${sign_out[@]}"
  check "after signing out, the next visit leads to the sign-in page" asks_for_password "$app/"
  cookies="$folder/kept"
  only_cookies_of_jeton
  check "the browser session has ended at Jeton, too" asks_for_password "$app/"
  check "another user signs in" shows bob "$app/"
}

# For software that refreshes its tokens, and does so after a second in this test.
check_refreshing() {
  local before
  new_browser
  check "a user signs in and stays" shows alice "$app/"
  before=$(rotations)
  sleep 2.5 # oauth2-proxy rounds the age of a session down by up to a second
  check "eight requests at once refresh" eight_show_the_user
  sleep 2.5
  check "a later request refreshes again" shows "" "$app/" --until "$issuer"
  check "two refreshes have rotated the refresh token" test "$(rotations)" -ge $((before + 2))
  jeton session revoke --user alice >/dev/null
  sleep 2.5
  check "after the user's sessions are revoked, the page is closed" closed "$app/"
  check "and the next visit leads to the sign-in page" asks_for_password "$app/"
}

# rotations: prints how many refreshes Jeton has answered with a new refresh token.
rotations() {
  curl --silent "$metrics/metrics" | awk '/^jeton_refreshes_total.*"rotated"/ { print $2 }'
}

# Eight tabs of the browser open the page, without Jeton's pages.
eight_show_the_user() {
  local tab pids=() failed=0
  for tab in {1..8}; do
    (
      cp "$cookies" "$cookies.$tab"
      # shellcheck disable=SC2030 # each tab has cookies of its own
      cookies="$cookies.$tab"
      shows "" "$app/" --until "$issuer"
    ) &
    pids+=($!)
  done
  for tab in "${pids[@]}"; do wait "$tab" || failed=1; done
  # shellcheck disable=SC2031
  cp "$cookies.8" "$cookies"
  ((failed == 0))
}

new_browser() {
  cookies=$(mktemp -p "$folder" -u)
}

only_cookies_of_jeton() {
  sed -i -E '/^Set-Cookie3: "?jeton-/!{ /^Set-Cookie3/d }' "$cookies"
}

# visit USER URL [OPTIONS]: opens the URL as the user; "": stops at the sign-in page. Sets url, page and status.
visit() {
  local output
  local -a as=(-u CHECK_PASSWORD)
  [[ -z $1 ]] || as=("CHECK_USERNAME=$1" "CHECK_PASSWORD=$password")
  shift
  status=0
  output=$(env "${as[@]}" python3 "$here/browser.py" "$@" --cookies "$cookies" 2>&1) || status=$?
  url=${output%%$'\n'*}
  page=${output#*$'\n'}
}

# shows USER URL [OPTIONS]: the URL leads to the page of the application, and to this user there. "": alice, who needs
# no password.
shows() {
  visit "$@"
  [[ $status == 0 && $url == "$app"/* && $page == *"user: ${1:-alice}"* ]]
}

asks_for_password() {
  visit "" "$@"
  [[ $status == 0 && $url == "$issuer"/authorize* && $page == *'name="password"'* ]]
}

closed() {
  visit "" "$@"
  [[ $status == 0 && $page != *"user: "* ]]
}

# refused TEXT URL [OPTIONS]: the URL does not lead to the application, but to a page with the text.
refused() {
  local text=$1
  shift
  visit alice "$@"
  [[ $url == "$app"/* && $page != *"user: "* && $page == *"$text"* ]]
}

# check TEXT COMMAND...: prints whether the command succeeds.
check() {
  local text=$1 result=ok
  shift
  "$@" || result="not ok"
  echo "$result $software: $text" | tee -a "$work/checks"
  [[ $result == ok ]] || printf '%s\n' "--- $* led to $url with status $status:" "${page:0:3000}" >&2
}

report() {
  local passed failed
  passed=$(grep --count '^ok ' "$work/checks" || true)
  failed=$(grep --count '^not ok ' "$work/checks" || true)
  ((failed == 0)) || tail -n 30 "$work"/*.log "$work"/*/log >&2
  echo "$passed passed, $failed failed"
  ((failed == 0 && passed > 0))
}

trap 'stop_servers "${servers[@]}"; rm -rf "$work"' EXIT
main "$@"
