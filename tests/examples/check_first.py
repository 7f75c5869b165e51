#!/usr/bin/env python3
"""first.cpp prints what the README says it prints, which is what its own head says.

    check_first.py PROGRAM SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, run

SHOWN = re.compile(r"<!-- program: tests/examples/first\.cpp -->\n```cpp\n(.*?)```\n```text\n(.*?)```", re.DOTALL)


def main():
    program, root = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    report = Report()
    status, output = run([program])
    report.check("it exits with 0", "" if status == 0 else f"it exited with {status}", output)

    shown = SHOWN.search((root / "README.md").read_text())
    report.check("the README shows it, and then its output", "" if shown else "no such pair of blocks")
    if shown:
        code, expected = shown.groups()
        report.check("it prints what the README says", "" if output == expected else f"not {expected!r}", output)
        source = (root / "tests/examples/first.cpp").read_text()
        report.check("the README shows the whole program", "" if source.endswith("\n\n" + code) else "they differ")
        head = source[:source.index("#include")]
        untold = [line for line in expected.splitlines() if f"`{line}`" not in head]
        report.check("its head says what it prints", "; ".join(untold))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
