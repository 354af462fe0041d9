#!/usr/bin/env bash
# Checks the documents: line lengths, links, names of files, and their shell lines. The shell lines of each document run as
# they stand, against a server that starts in an empty directory.
#   tests/documents.sh [BINARY]     default: target/release/jeton
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
binary=$(realpath "${1:-target/release/jeton}")
for name in $(compgen -e JETON_ || true); do unset "$name"; done
server=
work=
finish() {
  [[ -z $server ]] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  [[ -z $work ]] || rm -rf "$work"
  server= work=
}
trap finish EXIT

start() {
  work=$(mktemp -d)
  mkdir -p "$work/target/release"
  ln -s "$binary" "$work/target/release/jeton"
  cd "$work"
  JETON_BOOTSTRAP__ADMIN_PASSWORD='correct horse battery staple' "$binary" >console.log 2>server.log &
  server=$!
  for try in {1..100}; do
    curl --silent --fail --output /dev/null http://localhost:8080/readyz && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
  done
  cat server.log >&2
  exit 1
}

# check_lengths DOCUMENT...: lines have at most 120 characters, tables aside.
check_lengths() {
  local long
  long=$(awk 'length > 120 && !/^\|/ { print FILENAME ":" FNR ": longer than 120 characters" }' "$@")
  [[ -z $long ]] || { echo "$long" >&2; exit 1; }
}

# anchors DOCUMENT: the anchors of its headings, as GitHub names them.
anchors() {
  sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed -e 's/[^a-z0-9 _-]//g' -e 's/ /-/g'
}

# check_links DOCUMENT...: every relative link leads to a file, and to a heading of it.
check_links() {
  local document link target anchor broken=
  for document in "$@"; do
    while read -r link; do
      target=$(dirname "$document")/${link%%#*}
      [[ $link != \#* ]] || target=$document
      anchor=${link#*#}
      if [[ ! -e $target ]] || { [[ $link == *#* ]] && ! anchors "$target" | grep -qxF "$anchor"; }; then
        echo "$document: broken link $link" >&2
        broken=yes
      fi
    done < <(grep -oE '\]\([^)]+\)' "$document" | sed -e 's/^](//' -e 's/)$//' | grep -v '^[a-z]*:' || true)
  done
  [[ -z $broken ]] || exit 1
}

# check_paths DOCUMENT...: every file or folder of this repository that is named in backticks exists.
check_paths() {
  local folders='src|tests|migration|openapi|resource-server|benches|config|deploy|docs' found broken=
  found=$(grep -noE "\`($folders)/[A-Za-z0-9_./-]+\`" "$@" | tr -d '\`' || true)
  while IFS=: read -r document line path; do
    [[ -e $path ]] || { echo "$document:$line: there is no $path" >&2; broken=yes; }
  done <<<"$found"
  [[ -z $broken ]] || exit 1
}

# run_lines DOCUMENT: runs its `sh` blocks.
run_lines() {
  awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/$1" >lines.sh
  local lines
  lines=$(grep -c . lines.sh)
  ((lines > 10)) || { echo "$1 has only $lines lines to run" >&2; exit 1; }
  bash -euo pipefail lines.sh >output.log 2>&1 || { cat output.log >&2; echo "$1: a line failed" >&2; exit 1; }
  cat output.log
  echo
  ! grep -q '^false$' output.log || { echo "a response was not as $1 says" >&2; exit 1; }
  echo "the $lines lines of $1 work"
}

expect() {
  grep -q "$1" output.log || { echo "$2" >&2; exit 1; }
}

mapfile -t documents < <(git ls-files -- '*.md')
check_lengths "${documents[@]}"
check_links "${documents[@]}"
check_paths README.md CONTRIBUTING.md docs/*.md
(($(wc -l <README.md) <= 150)) || { echo "README.md has more than 150 lines" >&2; exit 1; }

start
run_lines README.md
expect '"username":"admin"' "/account did not respond"
expect '"sessions_ended":1' "the session was not revoked"
tail -n 1 output.log | grep -q '"error":"invalid_grant"' || { echo "the refresh was not refused" >&2; exit 1; }
finish

start
run_lines docs/clients.md
expect 'not readable' "a page on an unregistered origin could read a response"
finish

start
run_lines docs/recipes.md
finish

start
run_lines docs/apis.md
finish

start
run_lines docs/operating.md
expect 'still there' "the last admin could be deleted"
expect 'not overwritten' "a backup was overwritten"
expect 'not replaced' "a database was replaced by a restore"
expect 'a key is waiting' "a second key could be rotated in"
expect 'keys_revoked\|sign_in by user' "the audit log has no events"
finish
