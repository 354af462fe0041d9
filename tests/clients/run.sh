#!/usr/bin/env bash
# Tests third-party clients against a real server: Authlib and PyJWT (Python), oauth4webapi, jose and openid-client
# (Node.js).
#
#   tests/clients/run.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                    target/debug/jeton
#
# Needs Python 3 with venv, Node.js 20 or later, npm and jq. All files are in a temporary directory, Python packages
# aside. Prints a line per check and "N passed, N failed"; fails when a check fails or none ran.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$(dirname "${BASH_SOURCE[0]}")/jeton.sh"

main() {
  install_python
  install_npm "$here"
  start_jeton "${1:-}"
  add_clients
  add_programs

  checks python "$python" "$here/python_clients.py"
  checks node node "$work/node/node_clients.mjs"
  checks node-code node "$work/node/node_code.mjs"
  checks node-programs node "$work/node/node_programs.mjs"
  report
}

add_clients() {
  export CHECK_CLIENT_ID=interop-client CHECK_CODE_PUBLIC=code-page CHECK_CODE_CONFIDENTIAL=code-service
  export CHECK_REDIRECT_URI=https://app.example.com/callback CHECK_POST_LOGOUT_REDIRECT_URI=https://app.example.com/
  local code=(--grant authorization_code
    --redirect-uri "$CHECK_REDIRECT_URI" --post-logout-redirect-uri "$CHECK_POST_LOGOUT_REDIRECT_URI")

  add_client "$CHECK_CLIENT_ID" --confidential --first-party --grant password
  export CHECK_CLIENT_SECRET=$secret
  add_client "$CHECK_CODE_PUBLIC" "${code[@]}"
  add_client "$CHECK_CODE_CONFIDENTIAL" --confidential "${code[@]}"
  export CHECK_CODE_SECRET=$secret
}

# The programs of docs/recipes.md, and their clients.
add_programs() {
  local cli server
  cli=$(free_port)
  server=$(free_port)
  replacements=(-e "s/\b9876\b/$cli/g" -e "s/\b9877\b/$server/g")
  register terminal
  register forum
  export CHECK_PROGRAM_PORTS="$cli $server" CLIENT_SECRET=$secret
  block "A command-line program in JavaScript" js >"$work/node/cli.mjs"
  block "A server-side program in JavaScript" js >"$work/node/server.mjs"
}

main "$@"
