#!/usr/bin/env python3
"""How many instructions a span, a chunk and a whole request take, counted by callgrind.

Times move with the machine; these counts don't, and a line that somebody adds to the hot path shows at once. Each is the
difference between N repetitions and 2N, so that starting the program is no part of it. The bounds stand a tenth above what
g++ 12 and clang 14 need at -O2: lower them when the code gets better.
"""
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, driver_arguments, find_compilers, run

HERE = Path(__file__).resolve().parent
BOUNDS = {  # what: (kind of work, repetitions, what is taken off, the most instructions)
    "a span with its source": ("spans", 2000, None, {"g++": 113, "clang": 129}),
    "a chunk through a wrapped pull function, over the bare one": ("wrapped", 5000, "bare", {"g++": 21, "clang": 16}),
    "a request: root, 8 spans, a body of 16 chunks, its reading": ("requests", 500, None, {"g++": 1800, "clang": 1830}),
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
            over = f"takes {count:.1f} instructions; its bound is {most}" if count > most else ""
            report.check(f"{what}, {compiler.kind}", over)


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
