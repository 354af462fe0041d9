#!/usr/bin/env bash
# Checks deploy/kubernetes.yaml against the schemas of Kubernetes, and deploy/compose.yaml with the loader of Docker
# Compose. Needs Python and Go, and downloads both checkers.
#   tests/deploy/manifests.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=target/deploy-tools
[[ -x $tools/bin/kubernetes-validate ]] || {
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check 'kubernetes-validate==1.37.0'
}
for version in 1.30 1.37; do
  "$tools/bin/kubernetes-validate" --kubernetes-version "$version" --strict deploy/kubernetes.yaml
done
(cd tests/deploy/compose && go build -o "$OLDPWD/$tools/compose" .)
JETON_HOST=auth.example.com "$tools/compose" deploy/compose.yaml >"$tools/compose.yaml"
if "$tools/compose" deploy/compose.yaml >/dev/null 2>&1; then
  echo "deploy/compose.yaml loads without JETON_HOST" >&2
  exit 1
fi
echo "the manifests fit their schemas"
