#!/usr/bin/env python3
"""Sums what the tests of one or more meson builds counted, and ends with `N passed, N failed, N skipped`.

A test counts its own checks: doctest's `test cases:` line, or lines `N passed, N failed, N skipped`. One that printed
no count counts as one, by its result; one that failed has at least one failure, whatever it printed. The exit status is
1 when anything failed or nothing ran.
"""
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import ROOT

DOCTEST = re.compile(r"^\[doctest\] test cases: *\d+ *\| *(\d+) passed *\| *(\d+) failed *\| *(\d+) skipped", re.MULTILINE)
PLAIN = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
GOOD = {"OK", "EXPECTEDFAIL"}


def count(test):
    """(passed, failed, skipped) of one line of a testlog.json."""
    output = COLOUR.sub("", test.get("stdout") or "")
    counts = [tuple(map(int, found)) for found in DOCTEST.findall(output) + PLAIN.findall(output)]
    passed, failed, skipped = (sum(column) for column in zip(*counts)) if counts else (0, 0, 0)
    if test["result"] == "SKIP":
        return passed, failed, skipped or 1
    if test["result"] in GOOD:
        return (1, 0, 0) if not counts else (passed, failed, skipped)
    return passed, failed or 1, skipped


def describe(log, test):
    print(f"{test['result']} {test['name']} ({log})")
    for line in ((test.get("stdout") or "") + (test.get("stderr") or "")).splitlines()[-40:]:
        print(f"    {line}")


def main(builds):
    logs = [build / "meson-logs" / "testlog.json" for build in builds]
    total = (0, 0, 0)
    for log in logs:
        if not log.is_file():
            print(f"no tests have run in {log.parent.parent}")
            total = (total[0], total[1] + 1, total[2])
            continue
        for test in map(json.loads, log.read_text().splitlines()):
            counted = count(test)
            total = tuple(map(sum, zip(total, counted)))
            if counted[1] or counted[2] or not any(counted):
                describe(log, test)
            if not any(counted):
                print("    it ran nothing")
                total = (total[0], total[1] + 1, total[2])
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main([Path(build) for build in sys.argv[1:]] or sorted(ROOT.glob("build*/"))))
