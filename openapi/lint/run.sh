#!/usr/bin/env bash
# Lints openapi.json with redocly's recommended rules and spectral's OpenAPI rules. Fails on any error or warning.
#
#   openapi/lint/run.sh [DOCUMENT]     default: openapi/openapi.json
#
# Needs Node.js 20 or later and npm. The linters are installed into a temporary directory.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
document=$(realpath "${1:-$here/../openapi.json}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/lint"
cp "$document" "$work/openapi.json"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.yaml "$here"/.redocly.lint-ignore.yaml "$work/lint"
cd "$work/lint"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$work/npm.log" 2>&1 || { cat "$work/npm.log" >&2; exit 1; }

# Keeps the linters from checking for updates and sending telemetry.
export REDOCLY_SUPPRESS_UPDATE_NOTICE=true REDOCLY_TELEMETRY=off NO_UPDATE_NOTIFIER=1
node_modules/.bin/redocly lint --config redocly.yaml --format=stylish ../openapi.json 2>"$work/redocly.log" ||
  { cat "$work/redocly.log" >&2; exit 1; }
node_modules/.bin/spectral lint --ruleset spectral.yaml --fail-severity=hint ../openapi.json
echo "openapi.json: no errors, no warnings"
