#!/usr/bin/env bash
# Reports whether the time of a response tells if a user or a client exists. Fails only if the responses differ in more
# than time: a time is not asserted.
#   tests/timing.sh [JETON [PAIRS]]     default: 2000 pairs of requests for each comparison
#
# Needs Python. Takes about two minutes on a quiet machine; on a busy one the intervals are wide.
set -euo pipefail
source "$(dirname "$0")/clients/jeton.sh"
pairs=${2:-2000}
[[ $pairs =~ ^[1-9][0-9]{2,4}$ ]] || fail "PAIRS is a number from 100 to 99999"

# Each name is tried once, from one address, which would be slowed.
JETON_SIGN_IN__ADDRESS_BURST=0 JETON_METRICS__LISTEN='' start_jeton "${1:-}"
add_client backend --confidential
add_user template
hash=$(jeton user export --with-password-hashes | jq -r 'select(.username == "template").password_hash')
for ((number = 0; number < pairs; number++)); do
  printf '{"username":"known-%s","password_hash":"%s"}\n' "$number" "$hash"
  printf '{"username":"disabled-%s","password_hash":"%s","disabled":true}\n' "$number" "$hash"
done | jeton user import - >/dev/null
python3 "$root/tests/timing.py" "$CHECK_ISSUER" "$pairs"
