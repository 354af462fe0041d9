#!/usr/bin/env bash
# Tests servers that sign their users in at Jeton, with the configurations of docs/recipes.md.
#
#   tests/clients/relying_parties.sh JETON [apache | oauth2_proxy | spring]...     default: all of them
#
# JETON is the path of the binary; "" as for tests/clients/run.sh. Needs Python 3 and jq; apache needs apache2 with
# mod_auth_openidc; oauth2_proxy needs Go; spring needs Java 17 and Maven. All files are in a temporary directory. Prints a line per check
# and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$(dirname "${BASH_SOURCE[0]}")/jeton.sh"
for file in "$here"/relying_parties/*.sh; do
  # shellcheck source=/dev/null
  source "$file"
done

# A recipe sets these: its heading in the document, the id of its client, the path of the redirect URI, the arguments of
# browser.py that sign out, and texts of the pages after "Cancel" and with a wrong client secret.
# shellcheck disable=SC2034
heading='' client='' callback='' sign_out=() cancelled='' wrong_secret=''

main() {
  local binary=${1:-}
  shift || true
  (($#)) || set -- apache oauth2_proxy spring
  chmod 755 "$work" # the children of Apache have another user
  metrics="http://127.0.0.1:$(free_port)"
  export JETON_METRICS__LISTEN=${metrics#http://}
  start_jeton "$binary"
  add_user alice
  add_user bob
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
    check "and the log names the reason" grep --quiet invalid_client "$log"
    stop_software
  done
  report
}

start_upstream() {
  upstream="http://127.0.0.1:$(free_port)"
  start upstream "$upstream" python3 "$here/relying_parties/upstream.py" "${upstream##*:}"
}

prepare() {
  app="http://localhost:$(free_port)"
  folder="$work/$software"
  log="$work/$software.log"
  export CHECK_LABEL=$software
  mkdir "$folder"
  replacements=(-e "s|https://app.example.com|$app|g" -e "s|http://127.0.0.1:8000|$upstream|g")
  "describe_$software"
  register "$client"
}

stop_software() {
  stop_servers "${servers[-1]}"
  unset 'servers[-1]'
}

check_signing_in() {
  new_browser
  check "the first visit leads to the sign-in page" asks_for_password "$app/"
  check "after the sign-in, the page shows the user" shows alice "$app/"
  check "a second visit does not lead to Jeton" shows "" "$app/" --until "$CHECK_ISSUER"
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
  check "a later request refreshes again" shows "" "$app/" --until "$CHECK_ISSUER"
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
      shows "" "$app/" --until "$CHECK_ISSUER"
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

# visit USER URL [OPTIONS]: opens the URL as the user; "": stops at the sign-in page. Sets url, page, status and details.
visit() {
  local output
  local -a as=(-u CHECK_PASSWORD)
  [[ -z $1 ]] || as=("CHECK_USERNAME=$1")
  shift
  status=0
  output=$(env "${as[@]}" python3 "$here/browser.py" "$@" --cookies "$cookies" 2>&1) || status=$?
  url=${output%%$'\n'*}
  page=${output#*$'\n'}
  details="$url with status $status: ${page:0:3000}"
}

# shows USER URL [OPTIONS]: the URL leads to the page of the application, and to this user there. "": alice, who needs
# no password.
shows() {
  visit "$@"
  [[ $status == 0 && $url == "$app"/* && $page == *"user: ${1:-alice}"* ]]
}

asks_for_password() {
  visit "" "$@"
  [[ $status == 0 && $url == "$CHECK_ISSUER"/authorize* && $page == *'name="password"'* ]]
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

main "$@"
