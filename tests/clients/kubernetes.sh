#!/usr/bin/env bash
# Tests the configuration for Kubernetes in docs/recipes.md: the API server's own authentication (k8s.io/apiserver) reads
# it, and gets the tokens that a client with kubelogin's requests gets. Runs neither kubelogin nor an API server.
#
#   tests/clients/kubernetes.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                           target/debug/jeton
#
# Needs Go, Python 3 with venv, openssl and socat. All files are in a temporary directory. Prints a line per check and
# "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/setup.sh"

main() {
  command -v go >/dev/null || fail "Go is not installed"
  install_python
  (cd "$here/kubernetes" && go vet ./... && go build -o "$work/authenticate" .) >"$work/build.log" 2>&1 ||
    fail "the program in Go does not compile" "$work/build.log"
  local port
  port=$(free_port)
  start_jeton "${1:-}" "https://localhost:$port"
  start_tls "$port"
  add_user
  add_client kubernetes 10s
  add_client cli 10s
  block '# authentication.yaml' >"$work/authentication.yaml"

  export CHECK_AUTHENTICATE="$work/authenticate" CHECK_CONFIGURATION="$work/authentication.yaml"
  checks kubernetes "$work/python/bin/python" "$here/kubernetes.py"
  report
}

# start_tls PORT: Kubernetes accepts only an https issuer.
start_tls() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/openssl.log" ||
    fail "no certificate" "$work/openssl.log"
  socat "openssl-listen:$1,reuseaddr,fork,certificate=$work/certificate.pem,key=$work/key.pem,verify=0" \
    "tcp:$listen" 2>"$work/socat.log" &
  servers+=($!)
  export SSL_CERT_FILE="$work/certificate.pem" REQUESTS_CA_BUNDLE="$work/certificate.pem"
  CURL_CA_BUNDLE=$SSL_CERT_FILE await "$CHECK_ISSUER/healthz" $! "$work/socat.log"
}

# A user with a role for the cluster and one for Jeton.
add_user() {
  export CHECK_USERNAME=alice
  (jeton user add alice --role cluster-admins --role jeton:admin <<<"$CHECK_PASSWORD") >"$work/user.log" 2>&1 ||
    fail "the user was not added" "$work/user.log"
}

main "$@"
