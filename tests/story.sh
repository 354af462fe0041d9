#!/usr/bin/env bash
# The story of the README's picture by curl: refused, signed in, let in; and Jeton may be away.
#
#   tests/story.sh [JETON [MY_INFO]]     their binaries; else target/release, else target/debug
#
# Everything that it starts or writes is in a temporary directory and on free ports.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

binary() {
  local given=$1 name=$2 candidate
  for candidate in "$given" "$root/target/release/$name" "$root/target/debug/$name"; do
    [[ -n $candidate && -x $candidate ]] && { realpath "$candidate"; return; }
    [[ -z $given ]] || break
  done
  echo "$0: no $name to test: build it, or name its binary" >&2
  return 1
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

jeton=$(binary "${1:-}" jeton)
my_info=$(binary "${2:-}" examples/my-info)
for name in ${!JETON_@} ${!MY_INFO_@}; do unset "$name"; done
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
issuer=http://127.0.0.1:$(free_port)
api=http://127.0.0.1:$(free_port)

start_jeton() {
  JETON_SERVER__LISTEN=${issuer#http://} JETON_DATA_DIR=$work/data JETON_METRICS__LISTEN='' \
    JETON_BOOTSTRAP__ADMIN_PASSWORD='correct horse' JETON_BOOTSTRAP__EXAMPLE_API=$api \
    "$jeton" >>"$work/jeton.log" 2>&1 &
  jeton_pid=$!
  pids+=("$jeton_pid")
  await "$issuer/readyz" "$work/jeton.log"
}

stop_jeton() {
  kill "$jeton_pid"
  wait "$jeton_pid" || true
}

await() {
  for _ in {1..150}; do
    curl --silent --fail --max-time 2 --output /dev/null "$1" && return
    sleep 0.2
  done
  echo "$0: no answer from $1" >&2
  cat "$2" >&2
  exit 1
}

# my_info_is STATUS WHAT [CURL'S OPTIONS]: GET /my-info is answered so.
my_info_is() {
  local wanted=$1 what=$2 status
  shift 2
  status=$(curl --silent --max-time 20 --dump-header "$work/headers" --output "$work/body" --write-out '%{http_code}' "$@" "$api/my-info")
  [[ $status == "$wanted" ]] || { echo "not ok $what: $status instead of $wanted" >&2; cat "$work/body" >&2; exit 1; }
  echo "ok $what: $status"
}

# The example first: it waits for Jeton by itself.
"$my_info" --listen "${api#http://}" --issuer "$issuer" --database "$work/my-info/my-info.db" >"$work/my-info.log" 2>&1 &
pids+=($!)
await "$api/healthz" "$work/my-info.log"
my_info_is 401 "without a token, before Jeton is up"
start_jeton

my_info_is 401 "without a token"
grep -qi '^www-authenticate: Bearer .*resource_metadata=' "$work/headers" || { echo "no challenge" >&2; exit 1; }

metadata=$(sed -n 's/.*resource_metadata="\([^"]*\)".*/\1/p' "$work/headers")
server=$(curl --silent --fail "$metadata" | jq -r '.authorization_servers[0]')
token_endpoint=$(curl --silent --fail "$server/.well-known/oauth-authorization-server" | jq -r .token_endpoint)
curl --silent --fail "$token_endpoint" -d grant_type=password -d client_id=my-info -d resource="$api" \
  -d username=admin --data-urlencode 'password=correct horse' >"$work/tokens.json"
bearer="Authorization: Bearer $(jq -r .access_token "$work/tokens.json")"

my_info_is 200 "signed in" --header "$bearer"
my_info_is 422 "a name is needed" --header "$bearer" --request PUT --json '{"email":"ada@example.com"}'
my_info_is 200 "changed" --header "$bearer" --request PUT --json '{"name":"Ada"}'
my_info_is 401 "a token that somebody mended" --header "${bearer%?????}AAAAA"
stop_jeton
my_info_is 200 "Jeton stopped" --header "$bearer"
[[ $(jq -r .name "$work/body") == Ada ]] || { echo "the change is lost" >&2; exit 1; }
start_jeton
my_info_is 200 "Jeton back" --header "$bearer"
