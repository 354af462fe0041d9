#!/usr/bin/env bash
# Writes the software bill of materials of the program, in the format of CycloneDX 1.5: each library in it, with
# version, licence and checksum. Needs jq, and cargo-cyclonedx:
#   cargo install cargo-cyclonedx --version 0.5.9 --locked
#
#   deploy/sbom.sh [FILE]     default: target/jeton.cdx.json
set -euo pipefail
file=$(realpath -m "${1:-$(dirname "$0")/../target/jeton.cdx.json}")
cd "$(dirname "$0")/.."

command -v cargo-cyclonedx >/dev/null || {
  echo "cargo-cyclonedx is not installed: cargo install cargo-cyclonedx --version 0.5.9 --locked" >&2
  exit 1
}
# The same source gives the same file.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
host=$(rustc -vV | sed -n 's/^host: //p')
# It writes one file per binary, beside Cargo.toml.
made=jeton_bin.cdx.json
trap 'rm -f "$made"' EXIT
cargo cyclonedx --quiet --manifest-path Cargo.toml --format json --spec-version 1.5 --describe binaries \
  --no-build-deps --target "$host"
mkdir -p "$(dirname "$file")"
# Without the path of the source, which differs between machines.
jq --arg folder "path+file://$PWD" 'walk(if type == "string" then
    sub("^" + ($folder | gsub("(?<c>[.+])"; "\\\(.c)")) + "[^#]*#"; "") | sub("[?]download_url=file:.*"; "")
  else . end)' "$made" >"$file.part"
mv "$file.part" "$file"
printf '%s: %s libraries\n' "$file" "$(jq '.components | length' "$file")"
