#!/usr/bin/env bash
# A server with a certificate of a test authority, and TLS clients of others: openssl, curl, Go, Java, Python and
# Chromium. The certificate is replaced under load, h2load measures HTTP/2, and 200 clients refresh while 10,000
# connections are half-open. Prints figures; only an error or a refused connection is a failure. Takes two minutes.
#
# Needs openssl, curl, Go, Java, Chromium with certutil, and h2load (Debian: libnss3-tools, nghttp2-client), and a limit
# of 16,000 open files.
#   tests/tls/run.sh [BINARY]     default: target/release/jeton
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../servers.sh
source "$(dirname "$0")/../servers.sh"
here=$root/tests/tls
binary=$(binary "${1:-}" jeton)
readonly half_open=10000
for program in openssl curl go java keytool chromium certutil h2load; do
  command -v "$program" >/dev/null || fail "$program not found; see the head of this script"
done
ulimit -n 16000 || fail "the limit of open files is too low: ulimit -n"
forget_settings
work=$(mktemp -d)
server=
trap 'stop_servers $server; rm -rf "$work"' EXIT

# certificate NAME: creates a certificate for localhost and its key.
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -out "$work/$1.csr" \
    -subj /CN=localhost 2>/dev/null
  openssl x509 -req -in "$work/$1.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 30 -out "$work/$1.pem" \
    -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") 2>/dev/null
}

# serial [OPTION ...]: prints the serial number of the certificate that a handshake with these options shows.
# shellcheck disable=SC2120
serial() {
  openssl s_client -connect "$address" -CAfile "$work/ca.pem" -verify_return_error "$@" </dev/null 2>"$work/openssl.log" |
    openssl x509 -noout -serial 2>/dev/null
}

# check TEXT COMMAND...: the command succeeds.
check() {
  local text=$1
  shift
  "$@" >"$work/check.log" 2>&1 || fail "not ok $text" "$work/check.log"
  echo "ok $text"
}

check_protocols() {
  local version
  for version in 1_2 1_3; do check "openssl: TLS $version" serial "-tls$version"; done
  check "openssl: TLS 1.1 is refused" fails serial -tls1_1 -cipher DEFAULT:@SECLEVEL=0
  grep -Eq 'alert (protocol version|handshake failure)' "$work/openssl.log" || fail "no alert for TLS 1.1" "$work/openssl.log"
  for version in h2 http/1.1; do check "openssl: ALPN $version" agrees_on "$version"; done
  check "openssl: an unknown ALPN protocol is refused" fails serial -alpn unknown/1
  check "curl: HTTP/1.1" responds 1.1 --http1.1 --tls-max 1.2
  check "curl: HTTP/2" responds 2 --http2
  check "curl: no plain HTTP" fails curl --silent --fail --max-time 5 "http://$address/readyz"
  check "curl: without the authority, the certificate is refused" fails env -u CURL_CA_BUNDLE -u SSL_CERT_FILE \
    curl --silent --fail --max-time 5 "$issuer/readyz"
}

fails() {
  ! "$@"
}

agrees_on() {
  openssl s_client -connect "$address" -CAfile "$work/ca.pem" -alpn "$1" </dev/null 2>/dev/null |
    grep "^ALPN protocol: $1$"
}

responds() {
  [[ $(curl --silent --fail --max-time 10 "${@:2}" --output /dev/null --write-out '%{http_version}' \
    "$issuer/.well-known/openid-configuration") == "$1" ]]
}

check_clients() {
  "$work/go-checks" client "$issuer" "$password"
  keytool -importcert -noprompt -alias test -file "$work/ca.pem" -keystore "$work/trusted" -storepass changeit \
    2>/dev/null
  java -Djavax.net.ssl.trustStore="$work/trusted" -Djavax.net.ssl.trustStorePassword=changeit "$here/Client.java" \
    "$issuer" "$password"
  python3 "$here/client.py" "$issuer" "$password"
  check_browser
}

# Chromium reads the authorities of the NSS database in the user's home. Its page with an error has another title.
check_browser() {
  local home=$work/home
  mkdir -p "$home/.pki/nssdb"
  certutil -d "sql:$home/.pki/nssdb" -N --empty-password
  check "Chromium: without the authority, the certificate is refused" fails shows_page "$home"
  certutil -d "sql:$home/.pki/nssdb" -A -t C,, -n test -i "$work/ca.pem"
  check "Chromium: shows a page" shows_page "$home"
}

shows_page() {
  rm -rf "$1/profile"
  HOME=$1 timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$1/profile" --dump-dom \
    "$issuer/docs" >"$work/page" 2>"$work/chromium.log"
  grep '<title>Jeton: API</title>' "$work/page"
}

# Replaces the certificate while h2load's connections stay open and clients open a connection per refresh.
replace_under_load() {
  local before load
  before=$(serial)
  "$work/go-checks" load --time 10s --pid "$server" "$issuer" "$password" >"$work/refreshes.log" 2>&1 &
  load=$!
  until grep -q 'have signed in' "$work/refreshes.log"; do
    kill -0 "$load" 2>/dev/null || fail "the sign-ins failed" "$work/refreshes.log"
    sleep 0.1
  done
  (sleep 2; mv "$work/second.key" "$work/server.key"; mv "$work/second.pem" "$work/server.pem") &
  # A connection has at most 1,000 requests.
  check "h2load: no error while the certificate is replaced" no_error --clients=8 --rps=50 --requests=4000
  wait "$load" || fail "a refresh failed while the certificate was replaced" "$work/refreshes.log"
  cat "$work/refreshes.log"
  [[ $(serial) != "$before" ]] || fail "the certificate was not replaced" "$work/server.log"
  echo "ok the certificate was replaced without an error"
}

no_error() {
  h2load "$@" --max-concurrent-streams=10 "$issuer/.well-known/openid-configuration" >"$work/h2load.log" 2>&1 &&
    grep -q ' 0 failed, 0 errored, 0 timeout' "$work/h2load.log"
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/ca.key" -out "$work/ca.pem" \
  -subj "/CN=Test authority" -days 30 2>/dev/null
certificate server
certificate second
(cd "$here/go" && go build -o "$work/go-checks" .) || fail "building the clients failed"
password=$(openssl rand -hex 20)
address=localhost:$(free_port)
issuer=https://$address
export CURL_CA_BUNDLE=$work/ca.pem SSL_CERT_FILE=$work/ca.pem
JETON_SERVER__LISTEN=$address JETON_DATA_DIR=$work/data JETON_BOOTSTRAP__ADMIN_PASSWORD=$password \
  JETON_SERVER__TLS__CERTIFICATE=$work/server.pem JETON_SERVER__TLS__KEY=$work/server.key \
  JETON_SERVER__MAX_CONNECTIONS=12000 "$binary" >"$work/server.log" 2>&1 &
server=$!
await "$issuer/readyz" "$server" "$work/server.log"

check_protocols
check_clients
replace_under_load
check "h2load: 9,000 requests over HTTP/2" no_error --clients=10 --requests=9000
grep -E '^finished|^time for request' "$work/h2load.log"
"$work/go-checks" load --rounds 2 --time 8s --half-open "$half_open" --pid "$server" "$issuer" "$password" ||
  fail "clients failed beside half-open connections" "$work/server.log"
! grep -E 'ERROR|panicked' "$work/server.log" || fail "the server's log has errors"
echo "ok TLS"
