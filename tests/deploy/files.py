"""Checks of deploy/ that read its files. See check.sh.

files.py inputs            the files that the sources include are in the image's build
files.py settings BINARY   the server accepts the settings of each deployment
files.py queries           prints the queries of the dashboard as rules, for promtool
files.py metrics FILE      every metric and label of alerts and dashboard is in FILE, the /metrics of a server
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DEPLOY = Path("deploy")
# What a server on SQLite does not show. Everything else is shown from the start.
RARE = {
    "jeton_clock_ahead_seconds": "needs a database server",
}
# The metrics of Jeton, and the standard ones that it has. A histogram has three suffixes.
NAME = r"(?:jeton|process)_[a-z_]+"
# Labels that Prometheus adds.
ADDED = {"job", "instance"}


def fail(message):
    sys.exit(f"tests/deploy/files.py: {message}")


def sources(*folders):
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.rs")):
            yield path, path.read_text()


def inputs():
    """Each `include_str!` and the manifests are below a path that the Containerfile copies."""
    lines = re.findall(r"^COPY (?!--)(.+)$", (DEPLOY / "Containerfile").read_text(), re.M)
    copied = [Path(name).resolve() for line in lines for name in line.split()[:-1]]
    needed = {Path(name).resolve() for name in ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "src/main.rs")}
    for path, text in sources("src", "migration"):
        for name in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', text):
            needed.add((path.parent / name).resolve())
    for path in needed | set(copied):
        if not path.exists():
            fail(f"there is no {path}")
        if not any(path == top or top in path.parents for top in copied):
            fail(f"deploy/Containerfile does not copy {path}, which the sources need")


def settings(program):
    unit = (DEPLOY / "jeton.service").read_text()
    environment = dict(re.findall(r"^Environment=(JETON_\w+)=(\S+)$", unit, re.M))
    accept(program, "jeton.service", environment, Path("config/production.toml").read_text())

    compose = (DEPLOY / "compose.yaml").read_text()
    environment = dict(re.findall(r"^      (JETON_\w+__\w+|JETON_ISSUER|JETON_DEFAULT_CLIENT): (.*)$", compose, re.M))
    environment = {name: re.sub(r"\$\{\w+(:[-?][^}]*)?\}", "auth.example.com", value.strip('"'))
                   for name, value in environment.items()}
    accept(program, "compose.yaml", environment, "")

    kubernetes = (DEPLOY / "kubernetes.yaml").read_text()
    text = re.search(r"^  jeton\.toml: \|\n((?:    .*\n|\n)+)", kubernetes, re.M)[1]
    environment = dict(re.findall(r"- name: (JETON_\w+)\n +value: (.+)$", kubernetes, re.M))
    for name in re.findall(r"- name: (JETON_\w+)\n +valueFrom:", kubernetes):
        environment[name] = "postgres://jeton:secret@db/jeton" if name.endswith("URL") else "a secret"
    accept(program, "kubernetes.yaml", environment, re.sub(r"^    ", "", text, flags=re.M))


def accept(program, name, environment, text):
    if not environment:
        fail(f"no settings found in {name}")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file, tempfile.NamedTemporaryFile("w") as url:
        file.write(text)
        file.flush()
        url.write("postgres://jeton:secret@db/jeton")
        url.flush()
        if "JETON_DATABASE__URL_FILE" in environment:
            environment["JETON_DATABASE__URL_FILE"] = url.name
        run = subprocess.run([program, "--config", file.name, "config"], env={**os.environ, **environment},
                             capture_output=True, text=True, check=False)
    if run.returncode:
        fail(f"the settings of deploy/{name} are refused: {run.stderr}")
    print(f"{name}: {len(environment)} variables and {len(text.splitlines())} lines of settings are accepted")


def dashboard():
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        fail("two panels of the dashboard have the same id")
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    if len(queries) < 10:
        fail("the dashboard has no queries")
    return queries


def queries():
    values = {"$__rate_interval": "5m", "$job": "jeton", "$instance": ".+"}
    rules = []
    for number, query in enumerate(dashboard()):
        for name, value in values.items():
            query = query.replace(name, value)
        rules.append({"record": f"query:{number}", "expr": query})
    print(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))


def metrics(file):
    shown, labels = set(), {}
    text = Path(file).read_text()
    histograms = set(re.findall(rf"^# TYPE ({NAME}) histogram$", text, re.M))
    summaries = re.findall(rf"^# TYPE ({NAME}) summary$", text, re.M)
    if summaries:
        fail(f"these have no buckets: {summaries}")

    def base(name):
        stem = re.sub(r"_(bucket|sum|count)$", "", name)
        return stem if stem in histograms else name

    for name, braces in re.findall(rf"^({NAME})(?:\{{(.*)\}})? ", text, re.M):
        name = base(name)
        shown.add(name)
        labels.setdefault(name, set()).update(re.findall(r'(\w+)="', braces))
    known = set(re.findall(rf'"({NAME})"', Path("src/metric/definitions.rs").read_text()))
    for path, code in sources("src"):
        if "metric/" not in str(path) and re.search(r"metrics::(counter|gauge|histogram)!\(\s*\"", code):
            fail(f"{path} has a metric that is not in src/metric/definitions.rs")
    table = re.findall(rf"^\| `{NAME}`.*$", Path("docs/operating.md").read_text(), re.M)
    documented = {name for row in table for name in re.findall(rf"`({NAME})`", row.split("|")[1])}
    if known - documented:
        fail(f"docs/operating.md lacks the metrics {sorted(known - documented)}")
    if documented - known:
        fail(f"docs/operating.md has metrics that do not exist: {sorted(documented - known)}")
    if known - shown - set(RARE):
        fail(f"the server does not show {sorted(known - shown - set(RARE))}")
    text = (DEPLOY / "alerts.yaml").read_text() + "\n".join(dashboard())
    used = re.findall(rf"\b({NAME})(?:\{{([^}}]*)\}})?", text)
    used = [(base(name), selector) for name, selector in used]
    for name, selector in used:
        if name not in shown and (name not in RARE or name not in known):
            fail(f"there is no metric {name}")
        unknown = set(re.findall(r"(\w+) ?(?:=~|!~|!=|=)", selector)) - ADDED - labels.get(name, set())
        if name in shown and unknown:
            fail(f"{name} has no label {sorted(unknown)}")
    names = {name for name, _ in used}
    print(f"{len(names & shown)} metrics of alerts and dashboard are at /metrics; these are in the sources only:")
    for name in sorted(names - shown):
        print(f"  {name}: {RARE[name]}")
    if known - names:
        fail(f"neither an alert nor the dashboard uses {sorted(known - names)}")


if __name__ == "__main__":
    {"inputs": inputs, "settings": settings, "queries": queries, "metrics": metrics}[sys.argv[1]](*sys.argv[2:])
