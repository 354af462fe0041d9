#!/usr/bin/env python3
"""tests/soak/judge.py DIRECTORY: judges a run of tests/soak.sh, and prints its tables for docs/reliability.md.

Latencies are reported and not judged, because they depend on the machine. Exit code 1 if something is violated.
"""

import collections
import statistics
import sys

from run import CAUSES, RECOVERY, Error, Fault, Run

# The node that runs from the beginning to the end.
STEADY = "0"
# The growth from the second quarter of the load to the last one: a part, and an amount.
GROWTH = {"memory": (0.10, 8), "descriptors": (0.20, 20), "threads": (0.0, 2)}
UNITS = {"memory": "MiB", "descriptors": "open file descriptors", "threads": "threads"}
# Idle nodes may have more connections to the database than before the load: database.connections.
IDLE_DESCRIPTORS = 12


def main() -> None:
    run = Run(sys.argv[1])
    checks = [errors(run), *effects(run), idle_descriptors(run)]
    checks += [growth(run, name) for name in GROWTH]
    checks += [(count > 0, f"{kind}: {count} responses") for kind, count in responses(run).items()]
    for is_kept, text in checks:
        print("ok      " if is_kept else "VIOLATED", text)
    print_tables(run)
    sys.exit(not all(is_kept for is_kept, _ in checks))


def errors(run: Run) -> tuple[bool, str]:
    left = [error for error in run.errors if not run.cause(error)]
    text = f"{len(run.errors)} errors, {len(left)} without a fault up to {RECOVERY} s before"
    for error in left[:10]:
        text += f"\n         at {error.sent:.1f} s for {error.ended - error.sent:.1f} s: "
        text += f"{error.kind} at node {error.node}: {error.result}"
    return not left, text


def effects(run: Run) -> list[tuple[bool, str]]:
    """A fault without an effect shows nothing. Cut connections may be replaced unnoticed."""
    checks = []
    for name in CAUSES:
        times, count = len(faults(run, name)), len(caused(run, name))
        is_needed = name != "database connections cut"
        checks.append((times > 0 and (count > 0 or not is_needed), f"{name}: {times} times, {count} errors"))
    return checks


def faults(run: Run, name: str) -> list[Fault]:
    return [fault for fault in run.faults if fault.name == name]


def caused(run: Run, name: str) -> list[tuple[Fault, Error]]:
    causes = ((run.cause(error), error) for error in run.errors)
    return [(cause, error) for cause, error in causes if cause and cause.name == name]


def idle_descriptors(run: Run) -> tuple[bool, str]:
    samples = run.node(STEADY)
    before = statistics.median(sample.descriptors for sample in samples if sample.time < 0)
    # The clients sign in before the load begins.
    before = min(before, samples[0].descriptors)
    after = statistics.median(sample.descriptors for sample in samples if sample.time > run.idle)
    text = f"{before:.0f} open file descriptors of an idle node before, {after:.0f} after the load"
    return after <= before + IDLE_DESCRIPTORS, f"{text}; allowed {IDLE_DESCRIPTORS} more"


def growth(run: Run, name: str) -> tuple[bool, str]:
    part, amount = GROWTH[name]
    second, last = quarter(run, name, 1), quarter(run, name, 3)
    text = f"{second:.0f} {UNITS[name]} in the second quarter, {last:.0f} in the last (medians)"
    return last <= second * (1 + part) + amount, f"{text}; allowed {part:.0%} and {amount} more"


def quarter(run: Run, name: str, number: int) -> float:
    begin, end = run.seconds * number / 4, run.seconds * (number + 1) / 4
    return statistics.median(getattr(sample, name) for sample in run.node(STEADY) if begin <= sample.time < end)


def responses(run: Run) -> dict[str, int]:
    counts = collections.Counter()
    for latency in run.latencies:
        counts[latency.kind] += latency.responses
    return {kind: counts[kind] for kind in run.kinds()}


def print_tables(run: Run) -> None:
    print("\n| fault | times | errors by kind | last error after its end |\n|---|---|---|---|")
    for name in CAUSES:
        own = caused(run, name)
        kinds = collections.Counter(error.result.replace("_", " ") for _, error in own)
        text = ", ".join(f"{kind} {count:,}" for kind, count in kinds.most_common()) or "none"
        last = max((error.ended - fault.end for fault, error in own), default=0)
        print(f"| {name} | {len(faults(run, name))} | {text} | {f'{last:.1f} s' if last > 0 else ''} |")
    print("\n| request | responses | p50 | p99 | longest |\n|---|---|---|---|---|")
    for kind, count in responses(run).items():
        rows = [row for row in run.latencies if row.kind == kind and row.responses]
        p50, p99 = (statistics.median(getattr(row, name) for row in rows) for name in ("p50", "p99"))
        longest = max(row.most for row in rows) / 1000
        print(f"| {kind} | {count:,} | {p50:.1f} ms | {p99:.0f} ms | {longest:.1f} s |")


main()
