#!/usr/bin/env bash
# Builds deploy/Containerfile with a stand-in for the Rust image, whose `cargo` copies a binary that exists, and runs
# the image: read-only, without privileges, as the image's user, with SQLite and with PostgreSQL. Needs root, buildah,
# bubblewrap and PostgreSQL.
#   tests/deploy/image.sh [BINARY]     default: target/release/jeton
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../engines.sh"
cd "$root"
program=$(binary "${1:-}" jeton)
forget_settings
for command in buildah bwrap jq; do command -v "$command" >/dev/null || fail "$command not found: install it"; done
place=$(mktemp -d)
server=
export BUILDAH_ISOLATION=chroot
buildah() { command buildah --storage-driver vfs --root "$place/storage" --runroot "$place/run" "$@"; }
finish() {
  [[ -z $server ]] || stop_servers "$server"
  buildah umount --all >/dev/null 2>&1 || true
  rm -rf --one-file-system "$place"
  stop_postgres
}
start_postgres
trap finish EXIT

# The stand-in has the host's programs, read-only.
mkdir -p "$place"/rust/etc "$place"/rust/usr/{bin,sbin,lib,lib64} "$place/cargo/bin"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$place/rust/$name"; done
cp /etc/ld.so.cache "$place/rust/etc/"
cp "$program" "$place/cargo/jeton"
cat >"$place/cargo/bin/cargo" <<'CARGO'
#!/bin/sh -e
[ "$*" = "build --release --locked --bin jeton" ]
install -D /cargo/jeton target/release/jeton
CARGO
chmod +x "$place/cargo/bin/cargo"
printf 'FROM scratch\nCOPY . /\nENV PATH=/cargo/bin:/usr/bin:/bin\n' >"$place/Containerfile"
buildah build --quiet --file "$place/Containerfile" --tag localhost/rust "$place/rust" >/dev/null
echo "== build"
buildah build --quiet --format docker --build-arg BUILDER=localhost/rust --volume /usr/bin:/usr/bin:ro \
  --volume /usr/lib:/usr/lib:ro --volume /usr/lib64:/usr/lib64:ro \
  --volume "$place/cargo:/cargo:ro" --file deploy/Containerfile --tag jeton . >/dev/null
settings=$(buildah inspect --type image jeton | jq .Docker.config)
for expected in '.User == "65532:65532"' '.Entrypoint == ["/usr/local/bin/jeton"]' '.Cmd == ["serve"]' \
  '.Healthcheck.Test == ["CMD", "/usr/local/bin/jeton", "healthcheck"]' '.Volumes | has("/var/lib/jeton")'; do
  jq --exit-status "$expected" <<<"$settings" >/dev/null || fail "the image's configuration: not $expected"
done

container=$(buildah from jeton)
tree=$(buildah mount "$container")
mkdir "$tree"/{dev,proc,run,run/secrets} # as every container engine does
echo "== files"
(cd "$tree" && find . -type f -printf '%10s %m %p\n' && find . -type d -path './var/lib/jeton' -printf '%U:%G %m %p\n')
[[ $(stat -c %u:%g:%a "$tree/var/lib/jeton") == 65532:65532:700 ]] || fail "the data directory's owner or mode"
[[ -z $(find "$tree" -perm /6000) ]] || fail "a file has the bit setuid or setgid"

# run DATA SETTING... -- ARGUMENT...: runs the image with this option for the data directory and these settings, a
# read-only root and no privilege.
run() {
  local settings=() data=$1
  shift
  while [[ $1 != -- ]]; do settings+=(--setenv "${1%%=*}" "${1#*=}"); shift; done
  shift
  # shellcheck disable=SC2086
  exec setpriv --reuid 65532 --regid 65532 --clear-groups --bounding-set=-all --no-new-privs \
    bwrap --unshare-user --unshare-ipc --unshare-pid --unshare-uts --ro-bind "$tree" / --dev /dev --proc /proc \
    $data --ro-bind "$place/secrets" /run/secrets --clearenv --setenv JETON_DATA_DIR /var/lib/jeton "${settings[@]}" \
    --die-with-parent /usr/local/bin/jeton "$@"
}

# try DATA SETTING...: starts the image, signs in, checks the health and stops it.
try() {
  local data=$1 password='correct horse battery staple'
  shift
  set -- JETON_SERVER__LISTEN=127.0.0.1:"$listen" JETON_METRICS__LISTEN=127.0.0.1:"$metrics" \
    JETON_BOOTSTRAP__ADMIN_PASSWORD="$password" "$@"
  run "$data" "$@" -- serve >"$place/console" 2>"$place/log" &
  server=$!
  await "http://127.0.0.1:$listen/readyz" "$server" "$place/log"
  curl --silent --fail --output /dev/null "http://127.0.0.1:$listen/token" -d grant_type=password -d username=admin \
    --data-urlencode "password=$password" || fail "the administrator cannot sign in" "$place/log"
  if "$program" healthcheck --help >/dev/null 2>&1; then
    (run "$data" "$@" -- healthcheck) || fail "the health check fails"
  else
    echo "this binary has no command healthcheck: not run"
  fi
  stop_servers "$server"
  server=
}

listen=$(free_port)
metrics=$(free_port)
mkdir "$place/data" "$place/secrets"
chmod 755 "$place" "$place"/storage "$place"/storage/vfs "$place"/storage/vfs/dir
echo "== SQLite in the volume, everything else read-only"
chown 65532:65532 "$place/data"
try "--bind $place/data /var/lib/jeton"
[[ $(stat -c %u:%a "$place/data/jeton.db") == 65532:600 ]] || fail "the database's owner or mode"

echo "== PostgreSQL, nothing writable, all secrets in files"
(umask 077 && openssl rand -base64 32 >"$place/secrets/root-secret" &&
  echo "postgres://app:a%20password@127.0.0.1:$port/app" >"$place/secrets/database-url")
chown 65532:65532 "$place"/secrets/*
chmod 400 "$place"/secrets/*
psql --quiet "$url" --command "CREATE ROLE app LOGIN PASSWORD 'a password'" --command "CREATE DATABASE app OWNER app"
sed -i '1i host all app all scram-sha-256' "$work/data/pg_hba.conf"
psql --quiet "$url" --output /dev/null --command "SELECT pg_reload_conf()"
try "" JETON_DATABASE__URL_FILE=/run/secrets/database-url JETON_ROOT_SECRET__FILE=/run/secrets/root-secret
[[ -z $(ls -A "$tree/var/lib/jeton") ]] || fail "a file in the image"
echo "the image works"
