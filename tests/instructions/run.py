#!/usr/bin/env python3
"""How many instructions a span, a chunk, a whole request and an encoded span take, counted by callgrind.

Times move with the machine; these counts don't, and a line that somebody adds to the hot path shows at once. Each is the
difference between N repetitions and 2N, so that starting the program is no part of it. The bounds stand a tenth above what
g++ 12 and clang 14 need at -O2, and for what is encoded so little that an allocation or a copy for each span is beyond
them: lower them when the code gets better. Another version of the compiler may need another tenth. A count far below its
bound is a failure, too: then the compiler has seen through the work and left it out.
"""
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, driver_arguments, find_compilers, in_parallel, run

HERE = Path(__file__).resolve().parent
LEAST = 0.8  # of the bound: with fewer the compiler has removed the work, or the bound is out of date
MEASURED_WITH = {"g++": re.compile(r"\b12\.\d"), "clang": re.compile(r"\b14\.\d")}
BOUNDS = {  # what: (kind of work, repetitions, what is taken off, the most instructions)
    "a span with its source": ("spans", 2000, None, {"g++": 104, "clang": 89}),
    "a chunk through a wrapped pull function, over the bare one": ("pulled", 5000, "bare_pulled", {"g++": 17, "clang": 13}),
    "a chunk by completion handler, over the bare one": ("handled", 5000, "bare_handled", {"g++": 38, "clang": 42}),
    "a chunk through a wrapped streambuf, over the bare one": ("buffered", 5000, "bare_buffered", {"g++": 28, "clang": 30}),
    "a request: root, 8 spans, a body of 16 chunks, its reading": ("requests", 500, None, {"g++": 1715, "clang": 1490}),
}
ENCODING_BOUNDS = {
    "a span encoded as OTLP/protobuf": ("protobuf", 500, None, {"g++": 302, "clang": 277}),
    "a span with a source and two attributes, as OTLP/protobuf": ("attributes", 500, None, {"g++": 900, "clang": 877}),
    "a span encoded as OTLP/JSON": ("json", 500, None, {"g++": 2010, "clang": 1420}),
    "a span encoded as a Chrome trace event": ("chrome", 500, None, {"g++": 2390, "clang": 1690}),
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


def judge(count, most, compiler):
    """Empty for a count within its bounds."""
    known = MEASURED_WITH[compiler.kind].search(compiler.version)
    if count > most * (1 if known else 1.1):
        return f"takes {count:.1f} instructions; its bound is {most}"
    if count < LEAST * most * (1 if known else 0.9):
        return f"takes only {count:.1f} instructions of {most}: is the work still done? If so, lower the bound"
    return ""


def measure(compiler, include, source, bounds):
    """What was counted, a line each, and for each check its name, problem and output."""
    lines, checks = [], []
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch, source.stem)
        status, output = compiler.run("-O2", "-I", include, source, "-o", program)
        if status:
            return lines, [(f"{source.name}, {compiler.kind}", "the program does not compile", output)]
        for what, (kind, repetitions, bare, bounds_by_compiler) in bounds.items():
            name, most = f"{what}, {compiler.kind}", bounds_by_compiler[compiler.kind]
            try:
                count = each(program, kind, repetitions) - (each(program, bare, repetitions) if bare else 0)
            except RuntimeError as error:
                checks.append((name, "could not be counted", str(error)))
                continue
            lines.append(f"{count:7.1f} of {most:5d}  {what}, {compiler.version}")
            checks.append((name, judge(count, most, compiler), ""))
    return lines, checks


def main():
    options = driver_arguments(__doc__).parse_args()

    report = Report()
    checks_each = len(BOUNDS) + len(ENCODING_BOUNDS)
    compilers, missing = find_compilers(options.compiler)
    if not shutil.which("valgrind"):
        report.skip("instruction counts", "there is no valgrind on this machine (apt-get install valgrind)",
                    checks_each * len(compilers))
        report.finish()
        return 77
    report.missing_compilers(missing, options.require_all, checks_each)
    jobs = [(compiler, options.include, HERE / source, bounds) for compiler in compilers
            for source, bounds in (("work.cpp", BOUNDS), ("encode.cpp", ENCODING_BOUNDS))]
    for lines, checks in in_parallel(lambda job: measure(*job), jobs):
        print(*lines, sep="\n")
        for name, problem, output in checks:
            report.check(name, problem, output)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
