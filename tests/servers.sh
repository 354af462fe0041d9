# What the scripts share that start servers.
#
# Sourced by them, with `set -euo pipefail`.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# fail MESSAGE [LOG]: ends the script, with the end of the log.
fail() {
  echo "$0: $1" >&2
  [[ -z ${2:-} ]] || tail -n "${log_lines:-40}" "$2" >&2
  exit 1
}

# binary GIVEN NAME: the path of GIVEN; when that is empty, of what is called so in target/release, else in target/debug.
binary() {
  local given=$1 name=$2 candidate
  for candidate in "$given" "$root/target/release/$name" "$root/target/debug/$name"; do
    if [[ -n $candidate && -x $candidate ]]; then
      realpath "$candidate"
      return
    fi
    [[ -z $given ]] || break
  done
  fail "there is no ${given:-$name} to test: build one, or name its binary"
}

# The caller's settings must not change a run; and the servers refuse those that they do not know.
forget_settings() {
  local name
  for name in ${!JETON_@} ${!MY_INFO_@}; do unset "$name"; done
  export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
}

# Not one that an outgoing connection may take until the server is there, or while it is away.
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

# await URL PID LOG: until the URL is answered well, while the process is there.
await() {
  for _ in {1..300}; do
    curl --silent --fail --max-time 2 --output /dev/null "$1" && return
    kill -0 "$2" 2>/dev/null || fail "the server stopped at once" "$3"
    sleep 0.2
  done
  fail "no answer from $1" "$3"
}

# stop_servers PID...
stop_servers() {
  local pid
  (($#)) || return 0
  for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
  wait "$@" 2>/dev/null || true
}
