#!/usr/bin/env python3
"""How many instructions a span, a chunk and a whole request take, counted by callgrind.

Times move with the machine; these counts don't, and a line that somebody adds to the hot path shows at once. Each is the
difference between N repetitions and 2N, so that starting the program is no part of it. The bounds stand a tenth above what
g++ 12 and clang 14 need at -O2: lower them when the code gets better. A count far below its bound is a failure, too: then
the compiler has seen through the work and left it out.
"""
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, driver_arguments, find_compilers, run

HERE = Path(__file__).resolve().parent
LEAST = 0.6  # of the bound: with fewer the compiler has removed the work, or the bound is out of date
BOUNDS = {  # what: (kind of work, repetitions, what is taken off, the most instructions)
    "a span with its source": ("spans", 2000, None, {"g++": 104, "clang": 89}),
    "a chunk through a wrapped pull function, over the bare one": ("pulled", 5000, "bare_pulled", {"g++": 23, "clang": 16}),
    "a chunk by completion handler, over the bare one": ("handled", 5000, "bare_handled", {"g++": 42, "clang": 49}),
    "a chunk through a wrapped streambuf, over the bare one": ("buffered", 5000, "bare_buffered", {"g++": 40, "clang": 45}),
    "a request: root, 8 spans, a body of 16 chunks, its reading": ("requests", 500, None, {"g++": 1790, "clang": 1490}),
}
COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")


def instructions(program, kind, repetitions):
    """All that the program executes, in its own code and in the libraries'."""
    status, output = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, kind, repetitions])
    found = COLLECTED.search(output)
    if status or not found:
        raise RuntimeError(f"callgrind ended with status {status}:\n{output}")
    return int(found.group(1))


def each(program, kind, repetitions):
    """Instructions for one repetition."""
    return (instructions(program, kind, 2 * repetitions) - instructions(program, kind, repetitions)) / repetitions


def judge(count, most):
    """Empty for a count within its bounds."""
    if count > most:
        return f"takes {count:.1f} instructions; its bound is {most}"
    if count < LEAST * most:
        return f"takes only {count:.1f} instructions of {most}: is the work still done? If so, lower the bound"
    return ""


def check(report, compiler, include, bounds):
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch, "work")
        status, output = compiler.run("-O2", "-I", include, HERE / "work.cpp", "-o", program)
        if status:
            report.check(compiler.kind, "the program does not compile", output)
            return
        for what, (kind, repetitions, bare, bounds_by_compiler) in bounds.items():
            most = bounds_by_compiler[compiler.kind]
            try:
                count = each(program, kind, repetitions) - (each(program, bare, repetitions) if bare else 0)
            except RuntimeError as error:
                report.check(f"{what}, {compiler.kind}", "could not be counted", str(error))
                continue
            print(f"{count:7.1f} of {most:5d}  {what}, {compiler.version}")
            report.check(f"{what}, {compiler.kind}", judge(count, most))


def main():
    options = driver_arguments(__doc__).parse_args()

    report = Report()
    compilers, missing = find_compilers(options.compiler)
    if not shutil.which("valgrind"):
        report.skip("instruction counts", "there is no valgrind on this machine (apt-get install valgrind)",
                    len(BOUNDS) * len(compilers))
        report.finish()
        return 77
    report.missing_compilers(missing, options.require_all, len(BOUNDS))
    for compiler in compilers:
        check(report, compiler, options.include, BOUNDS)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
