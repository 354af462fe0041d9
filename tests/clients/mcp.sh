#!/usr/bin/env bash
# Tests the official SDK of the Model Context Protocol against a real server: the MCP server in docs/apis.md and the
# client in docs/recipes.md, by authorization code and by client credentials.
#
#   tests/clients/mcp.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                    target/debug/jeton
#
# Needs Python 3, Node.js 20 or later and npm. Prints a line per check and "N passed, N failed"; fails when a check fails
# or none ran.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$here/jeton.sh"

main() {
  jeton_on_path "${1:-}"
  install_npm "$here/mcp"
  start_jeton
  CHECK_MCP_PORT=$(free_port)
  CHECK_REDIRECT_PORT=$(free_port)
  export CHECK_MCP_PORT CHECK_REDIRECT_PORT
  add_clients

  checks mcp node "$work/node/mcp.mjs"
  report
}

add_clients() {
  local server=http://localhost:$CHECK_MCP_PORT/mcp other=https://other.example.com
  register "MCP clients" "s/:9878/:$CHECK_MCP_PORT/"
  jeton client update assistant --access-token-lifetime 3s >/dev/null

  add_client robot --confidential --grant client_credentials --scope notes --scope other \
    --audience "$server" --audience "$other"
  CHECK_ROBOT_SECRET=$(secret)
  export CHECK_ROBOT_SECRET
  add_client elsewhere --grant authorization_code --scope notes --audience "$other" \
    --redirect-uri http://localhost/callback
}

main "$@"
