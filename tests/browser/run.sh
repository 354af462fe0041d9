#!/usr/bin/env bash
# The example /my-info in a real browser, against a real Jeton.
#
#   tests/browser/run.sh [JETON [MY_INFO]]     their binaries; else target/release, else target/debug
#
# Needs chromium (CHROMIUM names another binary), node 20 or newer and npm. Everything that it installs, starts or writes is
# in a temporary directory, but for the screenshots, which are in target/browser. Prints one line a step and ends with
# "N passed, N failed"; fails when a step does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../servers.sh"

JETON=$(binary "${1:-}" jeton)
MY_INFO=$(binary "${2:-}" examples/my-info)
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[[ -n $CHROMIUM ]] || fail "there is no chromium"
forget_settings

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$work"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >"$work/npm.log" 2>&1 ||
  fail "npm ci failed" "$work/npm.log"
rm -rf "$root/target/browser"
mkdir -p "$root/target/browser"

export CHECK_JETON=$JETON CHECK_MY_INFO=$MY_INFO CHECK_CHROMIUM=$CHROMIUM
export CHECK_WORK=$work CHECK_SCREENSHOTS="$root/target/browser"
timeout 420 node "$work/story.mjs"
