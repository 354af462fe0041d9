#!/usr/bin/env bash
# Runs deploy/jeton.service and deploy/jeton.socket under systemd as process 1 of a container: start, restrictions,
# sign-in, restart after a kill, restarts under load, upgrade and way back, stop. Needs root and systemd-nspawn (Debian:
# systemd-container). Nothing of the host is written outside a temporary directory.
#   tests/deploy/systemd.sh [BINARY]     default: target/release/jeton
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../servers.sh"
cd "$root"

# The container's root: the host's /usr, read-only, and the files that the unit names.
prepare() {
  local tree=$1 name
  mkdir -p "$tree"/{etc/systemd/system,etc/jeton,var/lib,var/log/journal,run,tmp,proc,sys,dev,root,home,usr,test}
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$tree/$name"; done
  cp /etc/{passwd,group,nsswitch.conf,ld.so.cache} "$tree/etc/"
  : >"$tree/etc/machine-id"
  install -d -m 700 "$tree/etc/credstore"
  cp config/production.toml "$tree/etc/jeton/jeton.toml"
  (umask 077 && openssl rand -base64 32 >"$tree/etc/credstore/jeton.root-secret")
  cp deploy/jeton.{service,socket} "$tree/etc/systemd/system/"
  cat >"$tree/etc/systemd/system/test.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
[Service]
ExecStart=/test/inside.sh
StandardOutput=file:/test/results/out
StandardError=file:/test/results/out
ExecStopPost=/bin/systemctl exit 0
UNIT
}

boot() {
  local program work
  program=$(binary "${1:-}" jeton)
  command -v systemd-nspawn >/dev/null || fail "systemd-nspawn not found: install systemd-container"
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf --one-file-system '$work'" EXIT
  mkdir -p "$work"/local/bin "$work"/results "$work"/nspawn
  cp "$program" "$work/local/bin/jeton"
  prepare "$work/tree"
  install -m 755 tests/deploy/inside.sh tests/deploy/restart_load.py "$work/tree/test/"
  mkdir -p "$work/tree/test/results" "$work/tree/test/release/target/release"
  cp -r deploy docs/operating.md "$work/tree/test/release/"
  # The new version of an upgrade, in which a byte differs.
  { cat "$program"; echo; } >"$work/tree/test/release/target/release/jeton"
  # In a mount namespace of its own, so that the host keeps no mount. nspawn leaves files in /run/systemd/nspawn.
  timeout 120 unshare --mount bash -euc '
    work=$1
    mkdir -p /run/systemd/nspawn
    mount -t tmpfs tmpfs /run/systemd/nspawn
    mount --bind -o ro /usr "$work/tree/usr"
    mount --bind "$work/local" "$work/tree/usr/local"
    exec systemd-nspawn --quiet --directory="$work/tree" --boot --private-network --register=no --keep-unit \
      --console=pipe --link-journal=no --bind="$work/results:/test/results" -- --unit=test.service
  ' - "$work" </dev/null >"$work/console" 2>&1 || true
  cat "$work/results/out" 2>/dev/null || cat "$work/console" >&2
  [[ $(tail -n 1 "$work/results/out" 2>/dev/null) == "the unit works" ]] ||
    fail "the unit does not work" "$work/console"
}

boot "$@"
