#!/usr/bin/env python3
"""What gdb prints of lastbyte's types with include/lastbyte_gdb.py, in a program of each compiler."""
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, driver_arguments, find_compilers, in_parallel, run

PROGRAM = Path(__file__).resolve().parent / "program.cpp"
SPANS = r"\[0\] = index, miss, 2\.000 ms, \[1\] = parse, failed, \d+\.\d{3} ms"
OPEN = rf"trace 0{{31}}1, open = \{{{SPANS}\}}"
ENDED = SPANS + r", \[2\] = other, \d+\.\d{3} ms, \[3\] = file:canon/foo\.md, cache, \d+\.\d{3} ms"
STOPS = [  # at each call of stop(): an expression of its caller, and what gdb says
    {"tracer": OPEN.replace(r", \d+\.\d{3} ms", ""),  # it does not know the rate of the clock
     "snapshot": OPEN, "moved": "no trace", "running": r"running span file:canon/foo\.md, cache",
     "movable": "running span other", "ended": "ended span"},
    {"done": rf".*trace 0{{31}}1, complete, 5 bytes = \{{{ENDED}\}}", "tier": "cache", "none": "none",
     "unresolved": "unresolved", "outcome": "lastbyte::Outcome::complete", "root": "0{15}1", "trace_id": "0{31}1"},
]


def printed(compiler, include, scratch):
    """A list of (expression, what is wrong with what gdb says of it, what the compiler said)."""
    program = Path(scratch, compiler.kind)
    status, output = compiler.run("-I", include, "-g", "-O0", PROGRAM, "-o", program)
    if status:
        return [("the program", "does not compile", output)]
    orders = ["break stop"]
    for stop in STOPS:
        orders += ["run" if stop is STOPS[0] else "continue", "up"]
        for name in stop:
            orders += [f"echo {name}=", f"output {name}", "echo \\n"]
    status, output = run(["gdb", "-nx", "-batch", "-x", include / "lastbyte_gdb.py",
                          *(part for order in orders for part in ("-ex", order)), program])
    said = dict(re.findall(r"^(\w+)=(.*)$", output, re.MULTILINE))
    return [(name, "" if re.fullmatch(right, said.get(name, "")) else f"gdb says {said.get(name, output[-1000:])}", "")
            for stop in STOPS for name, right in stop.items()]


def main():
    options = driver_arguments(__doc__).parse_args()
    report = Report()
    compilers, missing = find_compilers(options.compiler)
    if not shutil.which("gdb"):
        report.skip("gdb", "there is no gdb on this machine (apt-get install gdb)", sum(map(len, STOPS)) * len(compilers))
        report.finish()
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        include = options.include.resolve()
        for compiler, checks in zip(compilers, in_parallel(lambda each: printed(each, include, scratch), compilers)):
            for name, problem, output in checks:
                report.check(f"{name}, {compiler.kind}", problem, output)
    report.missing_compilers(missing, options.require_all, sum(map(len, STOPS)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
