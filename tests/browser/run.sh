#!/usr/bin/env bash
# Runs the browser tests: the pages of my-info and of Jeton in Chromium, against real servers.
#
#   tests/browser/run.sh [JETON [MY_INFO]]     paths of the binaries; default: target/release, else target/debug
#
# Needs Chromium (CHROMIUM is the path of another binary), Node.js 20 or later and npm. All files are in a temporary
# directory, except the screenshots in target/browser. Prints a line per step and "N passed, N failed"; fails when a
# step fails.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../servers.sh"

JETON=$(binary "${1:-}" jeton)
MY_INFO=$(binary "${2:-}" examples/my-info)
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[[ -n $CHROMIUM ]] || fail "no Chromium found: install it, or set CHROMIUM"
forget_settings

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$work"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >"$work/npm.log" 2>&1 ||
  fail "npm ci failed" "$work/npm.log"
rm -rf "$root/target/browser"
mkdir -p "$root/target/browser"

export CHECK_JETON=$JETON CHECK_MY_INFO=$MY_INFO CHECK_CHROMIUM=$CHROMIUM
CHECK_PORTS="$(free_port) $(free_port) $(free_port) $(free_port)"
export CHECK_PORTS CHECK_WORK=$work CHECK_SCREENSHOTS="$root/target/browser"
timeout 420 node "$work/story.mjs"
