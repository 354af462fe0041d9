#!/usr/bin/env bash
# The lints of openapi.json: redocly's recommended rules and spectral's for OpenAPI. No error and no warning passes.
#
#   openapi/lint/run.sh [DOCUMENT]     else openapi/openapi.json
#
# Needs node 20 or newer and npm. What it installs is in a temporary directory.
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

# Both would otherwise ask the network for newer versions of themselves.
export REDOCLY_SUPPRESS_UPDATE_NOTICE=true REDOCLY_TELEMETRY=off NO_UPDATE_NOTIFIER=1
node_modules/.bin/redocly lint --config redocly.yaml --format=stylish ../openapi.json 2>"$work/redocly.log" ||
  { cat "$work/redocly.log" >&2; exit 1; }
node_modules/.bin/spectral lint --ruleset spectral.yaml --fail-severity=hint ../openapi.json
echo "openapi.json: no errors, no warnings"
