#!/usr/bin/env bash
# Tests third-party clients against a real server: Authlib and PyJWT (Python), oauth4webapi, jose and openid-client
# (Node.js).
#
#   tests/clients/run.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                    target/debug/jeton
#
# Needs Python 3 with venv, Node.js 20 or later and npm. All files are in a temporary directory. Prints a line per check
# and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$here/jeton.sh"

main() {
  jeton_on_path "${1:-}"
  install_python
  install_npm "$here"
  start_jeton
  add_clients

  checks python "$work/python/bin/python" "$here/python_clients.py"
  checks node node "$work/node/node_clients.mjs"
  checks code node "$work/node/node_code.mjs"
  register_programs
  checks programs node "$work/node/node_programs.mjs"
  report
}

install_python() {
  python3 -m venv "$work/python"
  "$work/python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    --requirement "$here/requirements.txt"
}

add_clients() {
  export CHECK_CLIENT_ID=interop-client CHECK_CODE_PUBLIC=code-page CHECK_CODE_CONFIDENTIAL=code-service
  export CHECK_REDIRECT_URI=https://app.example.com/callback CHECK_POST_LOGOUT_REDIRECT_URI=https://app.example.com/
  local code=(--grant authorization_code
    --redirect-uri "$CHECK_REDIRECT_URI" --post-logout-redirect-uri "$CHECK_POST_LOGOUT_REDIRECT_URI")

  add_client "$CHECK_CLIENT_ID" --confidential --first-party --grant password
  CHECK_CLIENT_SECRET=$(secret)
  add_client "$CHECK_CODE_PUBLIC" "${code[@]}"
  add_client "$CHECK_CODE_CONFIDENTIAL" --confidential "${code[@]}"
  CHECK_CODE_SECRET=$(secret)
  export CHECK_CLIENT_SECRET CHECK_CODE_SECRET
}

# Registers the clients of the programs in docs/recipes.md, by the commands of the document.
register_programs() {
  CHECK_PROGRAM_PORTS="$(free_port) $(free_port)"
  export CHECK_PROGRAM_PORTS
  register "A command-line program in JavaScript"
  register "A server-side program in JavaScript" "s/:9877/:${CHECK_PROGRAM_PORTS#* }/g"
  CHECK_SECRET=$(secret)
  export CHECK_SECRET
}

main "$@"
