#!/usr/bin/env bash
# Tests the official SDK of the Model Context Protocol against a real server: the MCP server in docs/apis.md and the
# client in docs/recipes.md, by authorization code and by client credentials.
#
#   tests/clients/mcp.sh [JETON]     path of the binary; default: $JETON_BIN, else target/release/jeton, else
#                                    target/debug/jeton
#
# Needs Python 3, Node.js 20 or later, npm and jq. Prints a line per check and "N passed, N failed"; fails when a check
# fails or none ran.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=jeton.sh
source "$(dirname "${BASH_SOURCE[0]}")/jeton.sh"

main() {
  install_npm "$here/mcp"
  start_jeton "${1:-}"
  CHECK_MCP_PORT=$(free_port)
  CHECK_REDIRECT_PORT=$(free_port)
  export CHECK_MCP_PORT CHECK_REDIRECT_PORT
  replacements=(-e "s/\b9878\b/$CHECK_MCP_PORT/g" -e "s/\b9879\b/$CHECK_REDIRECT_PORT/g")
  block "MCP servers" js apis.md >"$work/node/mcp-server.mjs"
  block "MCP clients" js >"$work/node/mcp-client.mjs"
  add_clients

  checks mcp node "$work/node/mcp.mjs"
  report
}

add_clients() {
  local server=http://localhost:$CHECK_MCP_PORT/mcp other=https://other.example.com
  register assistant --access-token-lifetime 3s
  add_client robot --confidential --grant client_credentials --scope notes --scope other \
    --audience "$server" --audience "$other"
  export CHECK_ROBOT_SECRET=$secret
  add_client elsewhere --grant authorization_code --scope notes --audience "$other" \
    --redirect-uri http://localhost/callback
}

main "$@"
