#!/usr/bin/env python3
"""The arrows between the folders, and the few rules that every header keeps.

    core ◄ body ◄ telemetry ◄ pipeline; context beside body; encode sees core and telemetry; transport sees neither;
    adapt sees all and nothing sees adapt.
"""
import argparse
import re
import sys
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import ROOT, Report

# (who, whom, why): patterns of paths under include/lastbyte. What no line allows is an error.
ALLOWED = [
    ("core/*", "core/*", "the folder itself"),
    ("body/*", "body/*", "the folder itself"),
    ("body/*", "core/*", "a body is bound to a tracer"),
    ("lastbyte.hpp", "core/*", "the umbrella is core and body"),
    ("lastbyte.hpp", "body/*", "the umbrella is core and body"),
    ("context/*", "context/*", "the folder itself"),
    ("context/*", "core/*", "a context starts or continues a trace"),
    ("telemetry/*", "telemetry/*", "the folder itself"),
    ("telemetry/*", "core/*", "a field takes tiers and final values"),
    ("telemetry/*", "body/*", "a point is completed from a Reading"),
    ("pipeline/*", "pipeline/*", "the folder itself"),
    ("pipeline/*", "telemetry/*", "it carries data points"),
    ("pipeline/*", "body/*", "it carries finished traces"),
    ("pipeline/*", "core/*", "it carries finished traces"),
    ("encode/*", "core/*", "spans, tiers and text"),
    ("encode/*", "telemetry/*", "data points and rollups"),
    ("encode/*", "body/outcome.hpp", "a trace is encoded with its outcome"),
    ("encode/*", "body/consumption.hpp", "a trace is encoded with its body's facts"),
    ("encode/*", "body/reading.hpp", "what is encoded is a Reading"),
    ("encode/*", "encode/json.hpp", "primitives: an encoder's alphabet, not an encoder"),
    ("encode/*", "encode/protobuf.hpp", "primitives: an encoder's alphabet, not an encoder"),
    ("encode/*", "encode/parts/*", "parts: what several encoders are made of, and no encoder"),
    ("transport/*", "transport/*", "the folder itself; bytes only, so nothing else"),
    ("adapt/*", "[!a]*", "an adapter sees all but other adapters"),
]
# What core/ and body/ must not include: each costs every user 100 ms or more, or brings threads and I/O.
HEAVY = {"regex", "iostream", "sstream", "functional", "filesystem", "chrono", "string", "thread", "mutex", "memory",
         "atomic", "vector", "ranges", "fstream", "ostream", "istream", "streambuf", "map", "unordered_map",
         "condition_variable", "future", "x86intrin.h", "immintrin.h"}
HEAVY_BUT = {"body/streambuf.hpp": {"streambuf", "istream"}}
TOP_LEVEL = {"include", "tests", "benchmarks", "meson.build", "meson_options.txt", "README.md", "CHANGELOG.md",
             "LICENSE"}
MAX_LINES = 400
INCLUDE = re.compile(r'^ *# *include *([<"])([^>"]+)[>"]', re.MULTILINE)
FORBIDDEN = re.compile(r"@brief|\\brief|\b(?:TODO|FIXME|XXX)\b")


def includes_of(path, library):
    """Names under include/lastbyte, and names of other headers, that a header includes."""
    own, other = [], []
    for bracket, name in INCLUDE.findall(path.read_text()):
        beside = (path.parent / name).resolve()
        if name.startswith("lastbyte/"):
            own.append(name.removeprefix("lastbyte/"))
        elif bracket == '"' and beside.is_relative_to(library):
            own.append(beside.relative_to(library).as_posix())
        else:
            other.append(name)
    return own, other


def edge_problems(name, own, other, library):
    for target in own:
        if not (library / target).is_file():
            yield f"includes <lastbyte/{target}>, which does not exist"
        elif not any(fnmatch(name, who) and fnmatch(target, whom) for who, whom, _ in ALLOWED):
            yield f"may not see {target}: no line of ALLOWED in tests/layers.py has this arrow"
    if name.startswith(("core/", "body/")):
        for heavy in sorted(HEAVY.intersection(other) - HEAVY_BUT.get(name, set())):
            yield f"includes <{heavy}>, which nothing in core/ and body/ may"


def text_problems(text):
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        yield f"has {len(lines)} lines; more than {MAX_LINES} are two ideas"
    head = next((i for i, line in enumerate(lines) if not line.startswith("//")), len(lines))
    if not 3 <= head <= 6:
        yield f"begins with {head} comment lines; 3 to 6 say what it is, what goes wrong without it, what it costs"
    if "#pragma once" not in lines:
        yield "has no #pragma once"
    for number, line in enumerate(lines, 1):
        if found := FORBIDDEN.search(line):
            yield f"says {found.group()} in line {number}"


def cycle(graph):
    try:
        TopologicalSorter(graph).prepare()
        return ""
    except CycleError as error:
        return "the headers include each other: " + " -> ".join(error.args[1])


def unexpected_at_top(root):
    """Names in the top folder that don't belong there: no dotfile, and not ignored by .gitignore."""
    ignore = root / ".gitignore"
    ignored = [line.strip("/") for line in ignore.read_text().split()] if ignore.exists() else []
    return sorted(path.name for path in root.iterdir() if path.name not in TOP_LEVEL and path.name[0] != "."
                  and not any(fnmatch(path.name, pattern) for pattern in ignored))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--root", type=Path, default=ROOT)
    root = arguments.parse_args().root.resolve()
    library = root / "include" / "lastbyte"

    report = Report()
    graph = {}
    for path in sorted(library.rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(library).as_posix()
        if path.suffix != ".hpp":
            report.check(name, "is no header")
            continue
        own, other = includes_of(path, library)
        graph[name] = own
        problems = [*edge_problems(name, own, other, library), *text_problems(path.read_text())]
        report.check(name, "; ".join(problems))
    report.check("include/lastbyte", cycle(graph))
    report.check("the top folder", ", ".join(unexpected_at_top(root)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
