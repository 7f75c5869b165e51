#!/usr/bin/env python3
"""What including a header costs the compiler, as a ratio to <string> in the same run.

CPU time of the compiler at -O2 -c, less that of an empty file; the least of several interleaved runs, so that a busy
machine doesn't turn the test red. What is over its budget is measured again before it fails.
"""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import ROOT, Report, identify

BUDGETS = {  # pattern under include/: the most that it may cost, in units of <string>
    "lastbyte/lastbyte.hpp": 3.0,
    "lastbyte/core/tracer.hpp": 2.5,
    "lastbyte/core/label.hpp": 0.8,
    "lastbyte/core/tier.hpp": 0.8,
    "lastbyte/body/outcome.hpp": 0.8,
    "lastbyte/encode/*.hpp": 2.0,
    "lastbyte/pipeline/*.hpp": 2.0,
}
UNIT = "string"


def headers_with_budgets(include):
    """header -> budget; a header that a line of the table names and that isn't there has the budget None."""
    names = sorted(path.relative_to(include).as_posix() for path in include.glob("lastbyte/**/*.hpp"))
    budgets = {}
    for pattern, budget in BUDGETS.items():
        found = [name for name in names if fnmatch(name, pattern)]
        budgets.update({name: budget for name in found} or ({} if "*" in pattern else {pattern: None}))
    return budgets


@dataclass(frozen=True)
class Compilation:
    seconds: float  # processor time, all processes of the compiler together
    memory_kib: int  # the most that one of them held
    object_bytes: int


NOT_YET = Compilation(float("inf"), 0, 0)


class Stopwatch:
    """Compiles files that consist of includes, and keeps the least of each. benchmarks/compile_cost uses it too."""

    def __init__(self, command, include, scratch):
        self.source, self.object = Path(scratch, "measured.cpp"), Path(scratch, "measured.o")
        self.command = [*command, "-std=c++20", "-O2", "-I", str(include), "-c", self.source, "-o", self.object]
        self.least = {}

    def compile(self, *headers):
        self.source.write_text("".join(f"#include <{header}>\n" for header in headers))
        compiler = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(compiler.pid, 0)
        compiler.returncode = os.waitstatus_to_exitcode(status)
        if compiler.returncode:
            raise SystemExit(f"{', '.join(headers) or 'an empty file'} does not compile")
        return Compilation(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, self.object.stat().st_size)

    def measure(self, files, rounds):
        """Each file is a tuple of headers; the empty one and <string> are always among them."""
        for _ in range(rounds):
            for file in ((), (UNIT,), *files):
                self.least[file] = min(self.compile(*file), self.least.get(file, NOT_YET), key=lambda one: one.seconds)

    def cost(self, *headers, over=()):
        return self.least[headers].seconds - self.least[over].seconds

    def ratio(self, *headers):
        return self.cost(*headers) / self.cost(UNIT)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--compiler", default="c++")
    arguments.add_argument("--include", type=Path, default=ROOT / "include")
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()

    report = Report()
    budgets = headers_with_budgets(options.include)
    for header in [header for header, budget in budgets.items() if budget is None]:
        report.check(header, "has a budget, and does not exist")
        del budgets[header]
    compiler = identify(shlex.split(options.compiler))
    with tempfile.TemporaryDirectory() as scratch:
        watch = Stopwatch(compiler.command, options.include, scratch)
        watch.measure([(header,) for header in budgets], options.rounds)
        for _ in range(2):
            if over := [(header,) for header, budget in budgets.items() if watch.ratio(header) > budget]:
                watch.measure(over, 2 * options.rounds)
    print(f"with {compiler.version}; <{UNIT}> costs {1000 * watch.cost(UNIT):.0f} ms")
    for header, budget in budgets.items():
        ratio = watch.ratio(header)
        print(f"{1000 * watch.cost(header):6.0f} ms  {ratio:5.2f} of {budget:.1f}  {header}")
        report.check(header, f"costs {ratio:.2f} times <{UNIT}>; its budget is {budget}" if ratio > budget else "")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
