#!/usr/bin/env python3
"""tests/soak/draw.py DIRECTORY: draws a run of tests/soak.sh as DIRECTORY/soak.svg.

Four panels over time: memory, file descriptors, latency, and the rates of responses and errors. Faults are shaded.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from run import Run

WIDTH, LEFT, RIGHT = 960, 64, 176
HEIGHT, TOP, GAP = 150, 56, 46
PLOT = WIDTH - LEFT - RIGHT
STYLE = """
svg { font: 12px system-ui, sans-serif; --text: #24292f; --quiet: #57606a; --line: #d0d7de; --page: #ffffff;
  --a: #0969da; --b: #bc4c00; --c: #1a7f37; --database: #d4a72c40; --node: #8250df38; }
@media (prefers-color-scheme: dark) { svg { --text: #e6edf3; --quiet: #8b949e; --line: #30363d; --page: #0d1117;
  --a: #58a6ff; --b: #f0883e; --c: #56d364; --database: #e3b34140; --node: #bc8cff40; } }
text { fill: var(--text); } .quiet { fill: var(--quiet); } .title { font-weight: 600; } .end { text-anchor: end; }
.middle { text-anchor: middle; } .grid { stroke: var(--line); stroke-width: 1; } .page { fill: var(--page); }
path { fill: none; stroke-width: 1.5; stroke-linejoin: round; } .thin { stroke-width: 1; stroke-dasharray: 3 2; }
.a { stroke: var(--a); } .b { stroke: var(--b); } .c { stroke: var(--c); }
.database { fill: var(--database); } .node { fill: var(--node); }
"""

Points = Sequence[tuple[float, float]]


class Line:
    """One line of a panel. Between two parts the node was down, or there was no response."""

    def __init__(self, name: str, style: str, parts: Iterable[Points]) -> None:
        self.name, self.style, self.parts = name, style, [part for part in parts if part]

    def highest(self) -> float:
        return max((y for part in self.parts for _, y in part), default=1.0)


class Picture:
    def __init__(self, run: Run) -> None:
        self.run, self.out, self.top = run, [], TOP
        self.lanes = 4
        self.height = TOP + self.lanes * (HEIGHT + GAP) + 8

    def x(self, time: float) -> float:
        return LEFT + PLOT * min(max(time / self.run.seconds, 0), 1)

    def add(self, text: str) -> None:
        self.out.append(text)

    def text(self, x: float, y: float, text: str, style: str = "") -> None:
        self.add(f'<text x="{x:.0f}" y="{y:.0f}" class="{style}">{text}</text>')

    def header(self) -> None:
        nodes, minutes = "two nodes on one PostgreSQL", round(self.run.seconds / 60)
        self.text(LEFT, 20, f"{minutes} minutes of mixed load with faults: {nodes}", "title")
        x = LEFT
        for style, name in (("database", "database paused, restarted, crashed, or its connections cut"),
                            ("node", "node 1 killed, and restarted 2 s later")):
            self.add(f'<rect x="{x}" y="30" width="14" height="12" class="{style}"/>')
            self.text(x + 20, 41, name)
            x += 390

    def panel(self, title: str, lines: Sequence[Line], scale: "Scale") -> None:
        bottom = self.top + 20 + HEIGHT - 20
        height = bottom - self.top - 20
        y: Callable[[float], float] = lambda value: bottom - height * scale.part(value)
        self.text(LEFT, self.top + 12, title, "title")
        for tick in scale.ticks:
            self.add(f'<line x1="{LEFT}" x2="{LEFT + PLOT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" class="grid"/>')
            self.text(LEFT - 8, y(tick) + 4, f"{tick:,.10g}", "quiet end")
        for fault in self.run.faults:
            # A short one is still visible.
            begin, width = self.x(fault.begin), max(self.x(fault.end) - self.x(fault.begin), 2)
            style = "node" if fault.name == "node killed" else "database"
            place = f'x="{begin:.1f}" y="{bottom - height}" width="{width:.1f}" height="{height}"'
            self.add(f'<rect {place} class="{style}"/>')
        for number, line in enumerate(lines):
            for part in line.parts:
                self.add(f'<path class="{line.style}" d="{self.path(part, y)}"/>')
            at = self.top + 32 + 18 * number
            self.add(f'<path class="{line.style}" d="M{LEFT + PLOT + 14} {at}h22"/>')
            self.text(LEFT + PLOT + 42, at + 4, line.name)
        self.time_axis(bottom)
        self.top += HEIGHT + GAP

    def path(self, points: Points, y: Callable[[float], float]) -> str:
        # A single point is drawn too.
        end = "h1" if len(points) == 1 else ""
        return "M" + "L".join(f"{self.x(time):.1f} {y(value):.1f}" for time, value in points) + end

    def time_axis(self, bottom: float) -> None:
        minutes = self.run.seconds / 60
        step = next(step for step in (0.25, 0.5, 1, 2, 5, 10, 20) if minutes / step <= 12)
        for number in range(int(minutes / step + 0.01) + 1):
            minute = number * step
            self.text(self.x(minute * 60), bottom + 16, f"{minute:g}", "quiet middle")
        self.text(LEFT + PLOT + 14, bottom + 16, "minutes", "quiet")

    def svg(self) -> str:
        size = f'viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}"'
        label = "Memory, file descriptors, latency, responses and errors of two nodes over time"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
        page = f'<rect class="page" width="{WIDTH}" height="{self.height}"/>'
        return "\n".join([head, f"<style>{STYLE}</style>", page, *self.out, "</svg>"]) + "\n"


class Scale:
    """A linear axis from zero, or a logarithmic one."""

    def __init__(self, highest: float, lowest: float | None = None) -> None:
        self.lowest = lowest
        if lowest is None:
            step = nice(highest / 4)
            count = math.ceil(highest / step)
            self.ticks = [step * number for number in range(count + 1)]
        else:
            decades = math.ceil(math.log10(highest / lowest))
            self.ticks = [lowest * 10**number for number in range(decades + 1)]

    def part(self, value: float) -> float:
        highest = self.ticks[-1]
        if self.lowest is None:
            return value / highest
        value = max(value, self.lowest)
        return math.log(value / self.lowest) / math.log(highest / self.lowest)


def nice(step: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    power = 10 ** math.floor(math.log10(max(step, 1e-9)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)


def main() -> None:
    run = Run(sys.argv[1])
    picture = Picture(run)
    picture.header()
    memory = [node_line(run, node, "memory") for node in "01"]
    picture.panel("Resident memory, MiB", memory, Scale(highest(memory)))
    descriptors = [node_line(run, node, "descriptors") for node in "01"]
    picture.panel("Open file descriptors", descriptors, Scale(highest(descriptors)))
    latency = [latency_line(run, kind, name, style + extra)
               for kind, style in (("sign-in", "b"), ("refresh", "a"), ("introspection", "c"))
               for name, extra in (("p99", " thin"), ("p50", ""))]
    picture.panel("Latency, ms, in intervals of 5 s", latency, Scale(highest(latency), 0.1))
    rates = [Line("responses", "a", [rate(run)]), Line("errors", "b", [errors(run)])]
    picture.panel("Responses and errors per second", rates, Scale(highest(rates)))
    (run.directory / "soak.svg").write_text(picture.svg(), encoding="utf-8")


def highest(lines: Sequence[Line]) -> float:
    return max(line.highest() for line in lines)


def node_line(run: Run, node: str, name: str) -> Line:
    parts = defaultdict(list)
    step = run.seconds / 360
    for sample in run.node(node):
        part = parts[sample.pid]
        if 0 <= sample.time <= run.seconds and (not part or sample.time - part[-1][0] >= step):
            part.append((sample.time, getattr(sample, name)))
    return Line(f"node {node}", "ab"[int(node)], parts.values())


def latency_line(run: Run, kind: str, name: str, style: str) -> Line:
    parts = [[]]
    for row in run.latencies:
        if row.kind == kind and row.responses:
            parts[-1].append((row.time, getattr(row, name)))
        elif row.kind == kind:
            parts.append([])
    return Line(f"{kind} {name}", style, parts)


def rate(run: Run) -> Points:
    """Each row has the responses since the row before."""
    counts = defaultdict(int)
    for row in run.latencies:
        counts[row.time] += row.responses
    points, before = [], 0.0
    for time, count in counts.items():
        points.append((time, count / max(time - before, 1)))
        before = time
    return points


def errors(run: Run) -> Points:
    """Counted when the request was sent."""
    step = 5
    counts = [0] * math.ceil(run.seconds / step)
    for error in run.errors:
        if 0 <= error.sent < run.seconds:
            counts[int(error.sent / step)] += 1
    return [(step * number + step / 2, count / step) for number, count in enumerate(counts)]


main()
