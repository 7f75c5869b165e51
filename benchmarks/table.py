"""Figures as the benchmark programs print them, and the tables that are made of them."""
import json
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

BEGIN, END = "<!-- costs: begin (benchmarks/run --readme --write) -->", "<!-- costs: end -->"
README_ROWS = {  # figure: what the README calls it
    "floor: two counter reads and a 32-byte store": "the floor: two reads of the time-stamp counter, one 32-byte store",
    "span with a source, and the tier read at the end of the trace": "a span with its source, the tier resolved",
    "span with a source, an integer and a short text": "a span with its source, an integer and a short text",
    "request: root and 8 spans, ids included": "a request: root and 8 spans, ids included",
    "request, whole: the same and its data point handed over":
        "the same with a body of 16 chunks, the Reading, and a data point handed over",
    "chunk, over the bare pull function": "a chunk through a wrapped pull function, over the bare one",
    "child span, unsampled": "a span of a request that is not sampled",
    "child span, disabled": "a span under a policy that is off",
    "processor time of the process, for a span exported as OTLP/protobuf":
        "a span with two attributes, recorded, encoded as OTLP/protobuf, dropped by the pipeline's thread",
}
FIGURES_NOTE = """
floors: the median of pairs measured at one moment. 10–90 %: the spread of these, or of the ns where a figure is over the
bare case. allocations: operator new, for one unit of the figure, when warm."""
PEERS_HEAD = """The same request by others: root and 8 spans, two attributes on each, 16 chunks. Nanoseconds of processor
time: of the recording thread, and where it is exported of the whole process. The least of many bursts, because programs
that run one after the other have no moment in common; --json has the medians.
"""
PEERS_NOTE = """
event span: OpenTelemetry's span with an integer and an event, recorded. wide span: its span of ten attributes, exported.
allocations: operator new, for one exported request. CPU: a processor's share at 10,000 event spans a second.
spans/s: wide spans, thousands a second of wall time, by one thread that shares its processor with the peer's own threads,
and by one thread on each of {processors} processors, in sum. They come in bursts of up to 4,096 a thread; time ends when
each burst is exported, and the quickest burst counts. --json has the whole second's figure too."""
README_NOTE = """Medians on one core. The third column compares with as many floors as the row has spans (9 for a request),
measured in the same moment."""


@dataclass
class Figure:
    name: str
    kind: str = "value"  # "floors": a ratio counts; "over bare": nanoseconds over the bare case; "value": in `unit`
    ns_min: float = None
    ns_median: float = None
    ratio: float = None
    spread: list = field(default_factory=list)
    budget: float = None
    allocations: float = None
    value: float = None
    unit: str = "ns"
    at_least: bool = False

    @classmethod
    def read(cls, text):
        made = cls(**{key: value for key, value in json.loads(text).items() if key in cls.__dataclass_fields__})
        made.budget = made.budget or None
        made.ratio = made.ratio or None
        if made.kind == "value" and made.unit == "ns":
            made.ns_min = made.ns_median = made.value
        return made

    def measured(self):
        return {"floors": self.ratio, "over bare": self.ns_median, "value": self.value}[self.kind]

    def met(self):
        """None without a budget."""
        if self.budget is None:
            return None
        return self.measured() >= self.budget if self.at_least else self.measured() <= self.budget

    def budget_text(self):
        if self.budget is None:
            return ""
        unit = {"floors": "×", "over bare": "ns"}.get(self.kind, self.unit)
        return f"{'≥' if self.at_least else '≤'} {self.budget:g} {unit}"

    def as_json(self):
        entry = {key: getattr(self, key) for key in ("name", "ns_min", "ns_median", "ratio", "budget", "allocations")}
        if self.kind == "value":
            entry |= {"value": self.value, "unit": self.unit}
        return entry | {"met": self.met(), "spread": self.spread}


def number(value, digits=1):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{0.0 if abs(value) < 0.5 * 10 ** -digits else value:.{digits}f}"


def print_rows(head, rows):
    """Aligned columns, the first to the left."""
    widths = [max(len(str(row[i])) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = [str(cell).rjust(width) for cell, width in zip(row, widths)]
        cells[0] = str(row[0]).ljust(widths[0])
        print("  ".join(cells).rstrip())


def print_figures(figures):
    rows = []
    for one in figures:
        if one.kind == "value":
            least, median = "", f"{number(one.value, 2)} {one.unit}"
        else:
            least, median = number(one.ns_min, 2), number(one.ns_median, 2)
        ratio = f"{one.ratio:.2f}" if one.ratio else ""
        spread = "–".join(number(end, 2) for end in one.spread)
        allocations = "" if one.allocations is None else number(one.allocations, 3)
        met = {None: "", True: "yes", False: "NO"}[one.met()]
        rows.append((one.name, least, median, ratio, spread, one.budget_text(), met, allocations))
    print_rows(("figure", "ns least", "ns median", "floors", "10–90 %", "budget", "met", "allocations"), rows)
    if any(one.spread for one in figures):
        print(FIGURES_NOTE)


def print_peers(entries, missing):
    """Peers in rows; each figure also as a multiple of lastbyte's."""
    by_peer = {}
    for entry in entries:
        what, _, but = entry["what"].partition(" (")
        by_peer.setdefault(entry["peer"], {"setup": entry["setup"]})[what] = entry | {"but": but.rstrip(")")}
    own = by_peer.get("lastbyte", {})
    columns = ["request recorded", "request recorded and exported", "span with an integer and an event recorded",
               "span with ten attributes recorded and exported"]
    throughputs = ["throughput on one processor", "throughput on all processors"]
    rows = []
    for peer, found in by_peer.items():
        row = [peer]
        for column in columns:
            if column not in found:
                row.append("")
                continue
            times = found[column]["ns_min"] / own[column]["ns_min"] if column in own and peer != "lastbyte" else None
            row.append(number(found[column]["ns_min"], 0) + ("" if times is None else f" ({times:.2g} ×)"))
        row.append(number(found.get(columns[1], {}).get("allocations"), 1))
        for column in throughputs:
            best, ours = (of.get(column, {}).get("spans_per_second_at_best") for of in (found, own))
            times = "" if not ours or not best or peer == "lastbyte" else f" ({best / ours:.2g} ×)"
            row.append(f"{best / 1000:,.0f}k{times}" if best else "")
        paced = found.get("paced")
        row.append(f"{100 * paced['cpu_average']:.2f} / {100 * paced['cpu_peak']:.2f}" if paced else "")
        row.append(f"{paced['heap_bytes'] / 1024:,.0f}" if paced else "")
        rows.append(row)
    print(PEERS_HEAD)
    print_rows(("peer", "recorded", "exported", "event span", "wide span", "allocations", "spans/s, one core", "all cores",
                "CPU %, peak", "heap KiB"), rows)
    processors = max((entry.get("threads", 1) for entry in entries), default=1)
    print(PEERS_NOTE.format(processors=processors))
    for peer, found in by_peer.items():
        but = next((entry["but"] for key, entry in found.items() if key != "setup" and entry.get("but")), "")
        lost = max((found.get(column, {}).get("lost", 0) for column in throughputs), default=0)
        but += f"; lost {100 * lost:.1f} % of the spans of its throughput" if lost > 0.005 else ""
        print(f"  {peer}: {found['setup']}{'; ' + but.removeprefix('; ') if but else ''}")
    for peer in missing:
        print(f"  {peer}: not found on this machine, not measured")


def processor():
    """The kind of processor, as its maker names it."""
    try:
        facts = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    except OSError:
        facts = {}
    name = facts.get("model name") or platform.machine()
    if "cpu family" in facts and "model" in facts:
        name += f" (family {facts['cpu family']}, model {facts['model']})"
    return name + (", virtual" if "hypervisor" in facts.get("flags", "") else "")


def readme_table(figures, compile_cost, compiler, command):
    found = {one.name: one for one in figures}
    lines = [BEGIN, "| what | ns | floors | budget |", "| --- | ---: | ---: | ---: |"]
    for name, title in README_ROWS.items():
        if name not in found:
            continue
        one = found[name]
        shown = one.value if one.kind == "value" else one.ns_median
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        lines.append(f"| {title} | {number(shown)} | {ratio} | {one.budget_text()} |")
    for result in compile_cost:
        if result["kind"] == "g++":
            row = result["headers"][1]
            lines.append(f"| `#include <lastbyte/lastbyte.hpp>`, over an empty file | {row['ms']:.0f} ms | | ≤ 350 ms |")
    lines += ["", README_NOTE, f"{processor()}, {compiler}, -O2; `{command}`.", END]
    return "\n".join(lines) + "\n"


def write_readme(readme, table):
    """Puts the table between its markers; says what is missing when they aren't there."""
    text = readme.read_text()
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise SystemExit(f"{readme} has no lines `{BEGIN}` and `{END}`: put both where the table belongs")
    readme.write_text(text[:begin] + table.rstrip("\n") + text[end + len(END):])
