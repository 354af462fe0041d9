# Functions shared by the test scripts that start servers. Source this file after `set -euo pipefail`.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# fail MESSAGE [LOG]: prints the message and the last lines of the log, and exits.
fail() {
  echo "$0: $1" >&2
  [[ -z ${2:-} ]] || tail -n "${log_lines:-40}" "$2" >&2
  exit 1
}

# binary GIVEN NAME: prints the path of GIVEN. If it is empty: of NAME in target/release, else in target/debug.
binary() {
  local given=$1 name=$2 candidate
  for candidate in "$given" "$root/target/release/$name" "$root/target/debug/$name"; do
    if [[ -n $candidate && -x $candidate ]]; then
      realpath "$candidate"
      return
    fi
    [[ -z $given ]] || break
  done
  fail "no binary ${given:-$name}: build it, or give its path"
}

# Removes the caller's settings: they would change the run, and the servers refuse unknown ones.
forget_settings() {
  local name
  for name in ${!JETON_@} ${!MY_INFO_@}; do unset "$name"; done
  export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
}

# A free port outside the range for outgoing connections, so that none takes it while the server is down.
free_port() {
  python3 - <<'PYTHON'
import random, socket
least = int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0])
while True:
    port = random.randrange(10000, least)
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
PYTHON
}

# await URL PID LOG: waits until the URL returns success. Fails when the process ends first.
await() {
  for _ in {1..300}; do
    curl --silent --fail --max-time 2 --output /dev/null "$1" && return
    kill -0 "$2" 2>/dev/null || fail "the server stopped during startup" "$3"
    sleep 0.2
  done
  fail "no successful response from $1" "$3"
}

# stop_servers PID...
stop_servers() {
  local pid
  (($#)) || return 0
  for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
  wait "$@" 2>/dev/null || true
}

# document_block DOCUMENT HEADING LANGUAGE: prints the first block of the language below the heading in docs/DOCUMENT.
document_block() {
  awk -v heading="$2" -v fence="\`\`\`$3" '
    inside && /^```$/ { found = 1; exit }
    inside { print; next }
    below && $0 == fence { inside = 1; next }
    /^```/ { other = !other }
    !other && /^#+ / { below = substr($0, index($0, " ") + 1) == heading }
    END { exit !found }' "$root/docs/$1" || fail "no block of $3 below $2 in docs/$1"
}
