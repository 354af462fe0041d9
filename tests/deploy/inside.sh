#!/usr/bin/env bash
# The part of tests/deploy/systemd.sh that runs in the container, as root.
set -euo pipefail
password='correct horse battery staple'

inspect() {
  ip link set lo up
  local journal="journalctl --no-pager --output=cat --unit=jeton"
  echo "== without a password the first start is refused, and not repeated"
  systemctl start jeton || true
  for _ in {1..300}; do
    ! systemctl is-failed --quiet jeton || break
    sleep 0.1
  done
  sleep 3 # longer than RestartSec
  $journal | grep -q 'admin_password_file' || stop "the reason is not in the journal"
  [[ $(systemctl show --property=ExecMainStatus --value jeton) == 78 ]] || stop "the exit code is not 78"
  [[ $(systemctl show --property=NRestarts --value jeton) == 0 ]] || stop "it was started again"
  rm -rf /var/lib/private/jeton /var/lib/jeton

  echo "== with a password the administrator signs in"
  (umask 077 && echo "$password" >/etc/credstore/jeton.admin-password)
  systemctl start jeton
  ready
  sign_in || stop "the administrator cannot sign in"
  refused "$(id_of_main)"
  if $journal | grep "$password"; then stop "a password is in the journal"; fi
  $journal | grep -q '"message":"started"' || stop "the log is not in the journal"
  [[ $(stat -c %a /var/lib/private/jeton/jeton.db) == 600 ]] || stop "others can read the database"

  echo "== the credentials are not needed again, and a killed server starts again"
  rm /etc/credstore/jeton.admin-password
  systemctl kill --signal=KILL jeton
  sleep 3
  ready
  sign_in || stop "the administrator cannot sign in after the restart"

  echo "== no request fails while the server restarts"
  restart_under_load

  echo "== a restart of the socket is one of the service, and so is a stop"
  local former
  former=$(id_of_main)
  systemctl restart jeton.socket || stop "the socket does not restart"
  ready
  [[ $(id_of_main) != "$former" ]] || stop "the service did not restart with the socket"
  systemctl stop jeton.socket
  [[ $(systemctl is-active jeton.service) == inactive ]] || stop "the service did not stop with the socket"
  systemctl start jeton.socket jeton.service
  ready

  echo "== commands work as root while the server runs"
  JETON_DATA_DIR=/var/lib/jeton JETON_ROOT_SECRET__FILE=/etc/credstore/jeton.root-secret \
    jeton --config /etc/jeton/jeton.toml user show admin >/dev/null || stop "a command fails"

  echo "== the documented backup, upgrade and way back"
  upgrade_and_go_back

  echo "== an open request is answered after SIGTERM"
  local type='Content-Type: application/x-www-form-urlencoded'
  { printf 'POST /token HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: 17\r\n\r\ngrant_type=' "$type"
    sleep 2
    printf 'nosuch'; } | timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080; cat >&3; head -n 1 <&3' >/tmp/answer &
  local request=$!
  sleep 1
  systemctl stop jeton
  wait "$request"
  grep -q ' 400' /tmp/answer || stop "the open request got no response: $(cat /tmp/answer)"
  [[ $(systemctl show --property=Result --value jeton) == success ]] || stop "the stop failed"

  echo "== with TLS, and with a renewed certificate after a restart"
  sed -i -E 's/^#(.*(TLS__|=jeton\.(certificate|key):))/\1/' /etc/systemd/system/jeton.service
  systemctl daemon-reload
  serves_certificate first
  serves_certificate second
  echo "the unit works"
}

# Runs the lines of docs/operating.md; the new version is the same program, in another file.
upgrade_and_go_back() (
  cd /test/release
  sed -n '/^```bash$/,/^```$/{/^```/d;p}' operating.md >/etc/jeton/root.sh
  # shellcheck source=/dev/null
  . /etc/jeton/root.sh
  commands '^\*\*8\. Backup' '^\*\*Later' | grep -v pg_dump | run
  ls /var/backups/jeton/????-??-??.db >/dev/null || stop "there is no backup of today"
  jeton user add before-upgrade <<<"$password" >/dev/null
  commands '^### Upgrade' '^Several nodes' | sed 's/ && jeton doctor$//' | run
  cmp -s target/release/jeton /usr/local/bin/jeton || stop "the new version is not installed"
  ready
  jeton user add after-upgrade <<<"$password" >/dev/null
  commands '^Several nodes' '^### Monitoring' | run
  ready
  cmp -s target/release/jeton /usr/local/bin/jeton && stop "the former version is not installed"
  sign_in || stop "the administrator cannot sign in after the way back"
  jeton user show before-upgrade >/dev/null || stop "the backup lacks a user"
  if jeton user show after-upgrade >/dev/null 2>&1; then stop "the database is not that of the backup"; fi
)

# commands FROM TO: the lines for root between the lines of the document that match the expressions.
commands() {
  sed -n "/$1/,/$2/s/^# //p" operating.md
}

# Runs the lines of standard input in this shell, and stops at the first that fails.
run() {
  local line
  while read -r line; do
    eval "$line" </dev/null >/tmp/line 2>&1 || stop "$line: $(cat /tmp/line)"
  done
}

# serves_certificate NAME: makes a certificate, restarts the unit and looks at the certificate that clients get.
serves_certificate() {
  install -d -m 700 /etc/jeton/tls
  # The container has no configuration of OpenSSL.
  openssl req -config <(printf '[req]\ndistinguished_name=name\n[name]\n') -x509 -nodes -days 30 -subj "/CN=$1" \
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -addext subjectAltName=IP:127.0.0.1 \
    -keyout /etc/jeton/tls/privkey.pem -out /etc/jeton/tls/fullchain.pem 2>/dev/null
  systemctl restart jeton || stop "no start with TLS"
  openssl s_client -connect 127.0.0.1:8080 </dev/null 2>/dev/null | grep -q "CN *= *$1" ||
    stop "clients do not get the certificate $1"
}

restart_under_load() {
  local load before turn
  python3 /test/restart_load.py /tmp/started /tmp/end >/tmp/load 2>&1 &
  load=$!
  until [[ -e /tmp/started ]]; do
    kill -0 "$load" 2>/dev/null || stop "the load does not start: $(cat /tmp/load)"
    sleep 0.1
  done
  for turn in 1 2 3; do
    before=$(id_of_main)
    sleep 1
    systemctl restart jeton || stop "restart $turn fails"
    # With Type=notify, the server is ready now.
    [[ $(id_of_main) != "$before" ]] || stop "the server did not restart"
    curl --silent --fail --output /dev/null http://127.0.0.1:8080/readyz || stop "not ready after restart $turn"
  done
  sleep 1
  touch /tmp/end
  wait "$load" || stop "requests failed: $(cat /tmp/load)"
  cat /tmp/load
}

stop() {
  echo "FAILED: $1"
  journalctl --no-pager --unit=jeton | tail -n 20
  exit 1
}

ready() {
  for _ in {1..100}; do
    curl --silent --fail --output /dev/null http://127.0.0.1:8080/readyz && return
    sleep 0.1
  done
  stop "not ready"
}

sign_in() {
  curl --silent --fail --output /dev/null http://127.0.0.1:8080/token -d client_id=first-party -d grant_type=password \
    -d username=admin --data-urlencode "password=$password"
}

id_of_main() {
  systemctl show --property=MainPID --value jeton
}

# refused PID: the process has no privilege and cannot write outside its state directory.
refused() {
  local id=$1 status=/proc/$1/status path user
  grep -qE '^CapEff:\s0+$' "$status" || stop "the server has capabilities"
  grep -qE '^CapBnd:\s0+$' "$status" || stop "the server can get capabilities"
  grep -qE '^NoNewPrivs:\s1$' "$status" || stop "the server can get privileges"
  grep -qE '^Seccomp:\s2$' "$status" || stop "the server has no filter of system calls"
  user=$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "$status")
  ((user >= 61184)) || stop "the server has no dynamic user: $user"
  for path in /etc /usr /var /var/log /root /home; do
    if nsenter --target "$id" --mount -- touch "$path/x" 2>/dev/null; then stop "$path is writable"; fi
  done
  [[ $(readlink "/proc/$id/ns/ipc") != "$(readlink /proc/self/ns/ipc)" ]] || stop "the server shares IPC"
  [[ $(cut -d' ' -f19 /proc/"$id"/task/*/stat | sort | uniq -c | grep -c ' 10$') == 1 ]] ||
    stop "the threads for passwords have no lower priority"
}

inspect
