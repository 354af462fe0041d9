"""The figures of one run of tests/soak.sh, read from its CSV files."""

import csv
import pathlib
from dataclasses import dataclass

# The time after a fault in which its consequences may still be seen, in seconds: a node waits 5 s for a connection to
# the database and 5 s for a response.
RECOVERY = 10
# What a fault may cause. Anything else is a violation at any time.
CAUSES = {
    "node killed": {"refused", "cut"},
    "database paused": {"503", "timed_out"},
    "database restarted": {"503", "timed_out"},
    "database connections cut": {"503"},
    "database crashed": {"503", "timed_out"},
}


@dataclass
class Fault:
    begin: float
    end: float
    name: str
    node: str

    def explains(self, error: "Error") -> bool:
        if self.node not in ("all", error.node) or error.result not in CAUSES[self.name]:
            return False
        # A client notices that its connection was cut when it uses it again.
        begun = error.connected if error.result == "cut" else error.sent - RECOVERY
        return begun < self.end and error.ended > self.begin


@dataclass
class Error:
    connected: float
    sent: float
    ended: float
    kind: str
    node: str
    result: str


@dataclass
class Sample:
    time: float
    node: str
    pid: str
    memory: float
    descriptors: int
    threads: int


@dataclass
class Latency:
    time: float
    kind: str
    responses: int
    p50: float
    p99: float
    most: float


class Run:
    """All times are in seconds since the load began."""

    def __init__(self, directory: str) -> None:
        self.directory = pathlib.Path(directory)
        (load,) = self._rows("load")
        begin = float(load["begin"])
        self.seconds = float(load["end"]) - begin
        self.idle = float(load["idle"]) - begin
        self.faults = [
            Fault(float(row["begin"]) - begin, float(row["end"]) - begin, row["name"], row["node"])
            for row in self._rows("faults")
        ]
        self.errors = [
            Error(float(row["connected"]) - begin, float(row["sent"]) - begin, float(row["ended"]) - begin,
                  row["kind"], row["node"], row["result"])
            for row in self._rows("errors")
        ]
        self.samples = [
            Sample(float(row["time"]) - begin, row["node"], row["pid"], int(row["resident_kib"]) / 1024,
                   int(row["descriptors"]), int(row["threads"]))
            for row in self._rows("nodes")
        ]
        self.latencies = [
            Latency(float(row["time"]) - begin, row["kind"], int(row["responses"]), float(row["p50_ms"]),
                    float(row["p99_ms"]), float(row["max_ms"]))
            for row in self._rows("latencies")
        ]

    def _rows(self, name: str) -> list[dict[str, str]]:
        with open(self.directory / f"{name}.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def cause(self, error: Error) -> Fault | None:
        """The last fault that explains the error."""
        return next((fault for fault in reversed(self.faults) if fault.explains(error)), None)

    def node(self, node: str) -> list[Sample]:
        return [sample for sample in self.samples if sample.node == node]

    def kinds(self) -> list[str]:
        return list(dict.fromkeys(latency.kind for latency in self.latencies))
