#!/usr/bin/env python3
"""grpc_server says of each of its four calls how it ended.

    check_grpc_server.py PROGRAM SOURCE_ROOT
"""
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, not_equal

PATIENCE = 60


def main():
    report = Report()
    done = subprocess.run([Path(sys.argv[1]).resolve()], capture_output=True, text=True, timeout=PATIENCE)
    lines = done.stdout.splitlines()
    for name, pages, outcome in [("whole", "100", "complete"), ("left", r"\d+", "cancelled"),
                                 ("late", r"\d+", "timed_out"), ("cut", r"\d+", "shutdown")]:
        found = [line for line in lines if re.fullmatch(rf"{name}: cache, {pages} pages, \d+ bytes, {outcome}", line)]
        report.check(f"the call {name} has one line", not_equal(len(found), 1), done.stdout)
    report.check("there are no others", not_equal(len(lines), 4), done.stdout)
    # 2 bytes for the number, 2 and 14 for the text
    report.check("the bytes are those of the messages", "" if "whole: cache, 100 pages, 1800 bytes, complete" in lines else
                 "they are others", done.stdout)
    report.check("it exits with 0", not_equal(done.returncode, 0), done.stderr)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
