# oauth2-proxy. Sourced by relying_parties.sh.
# shellcheck shell=bash disable=SC2034,SC2154

describe_oauth2_proxy() {
  heading=oauth2-proxy
  client=proxy
  callback=/oauth2/callback
  sign_out=("$app$(block "$heading" text)")
  cancelled="denied"
  wrong_secret="Internal Server Error"
  oauth2_proxy="$work/bin/oauth2-proxy"
  GOBIN="$work/bin" go install \
    github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6 >"$work/go.log" 2>&1 ||
    fail "oauth2-proxy was not built" "$work/go.log"
}

# start_oauth2_proxy SECRET: refreshes one second after a token was issued.
start_oauth2_proxy() {
  block "$heading" toml | sed -e "s|COOKIE_SECRET|$(openssl rand -hex 16)|" -e "s|SECRET|$1|" \
    -e "s|127.0.0.1:4180|127.0.0.1:${app##*:}|" -e 's|"10m"|"1s"|' >"$folder/oauth2-proxy.toml"
  start oauth2_proxy "$app/" "$oauth2_proxy" --config "$folder/oauth2-proxy.toml"
}

check_oauth2_proxy() {
  check_refreshing
}
