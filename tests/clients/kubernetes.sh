#!/usr/bin/env bash
# Tests the configuration for Kubernetes in docs/recipes.md: the API server's own authentication (k8s.io/apiserver) reads
# it, and gets the tokens that a client with kubelogin's requests gets. Runs neither kubelogin nor an API server.
#
#   tests/clients/kubernetes.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                           target/debug/jeton
#
# Needs Go, Python 3 with venv, jq, openssl and socat. All files are in a temporary directory, Python packages aside.
# Prints a line per check and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$(dirname "${BASH_SOURCE[0]}")/jeton.sh"

main() {
  command -v go >/dev/null || fail "Go is not installed"
  install_python
  (cd "$here/kubernetes" && go vet ./... && go build -o "$work/authenticate" .) >"$work/build.log" 2>&1 ||
    fail "the program in Go does not compile" "$work/build.log"
  JETON_ISSUER="https://localhost:$(free_port)"
  export JETON_ISSUER
  start_jeton "${1:-}"
  start_tls
  add_user alice --role cluster-admins --role jeton:admin
  register kubernetes --access-token-lifetime 10s
  register cli
  block Kubernetes yaml >"$work/authentication.yaml"

  export CHECK_USERNAME=alice
  export CHECK_AUTHENTICATE="$work/authenticate" CHECK_CONFIGURATION="$work/authentication.yaml"
  checks kubernetes "$python" "$here/kubernetes.py"
  report
}

# Kubernetes accepts only an https issuer.
start_tls() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/openssl.log" ||
    fail "no certificate" "$work/openssl.log"
  export SSL_CERT_FILE="$work/certificate.pem" REQUESTS_CA_BUNDLE="$work/certificate.pem"
  export CURL_CA_BUNDLE="$work/certificate.pem"
  local from="openssl-listen:${CHECK_ISSUER##*:},reuseaddr,fork,verify=0"
  start socat "$CHECK_ISSUER/healthz" \
    socat "$from,certificate=$work/certificate.pem,key=$work/key.pem" "tcp:$JETON_SERVER__LISTEN"
}

main "$@"
