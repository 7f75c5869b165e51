#!/usr/bin/env python3
"""httplib_server says of each answer how it ended, on its own and to a client that only it has not written.

    check_httplib_server.py PROGRAM SOURCE_ROOT
"""
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, free_port, run

PATIENCE = 10  # seconds, for what should take none
OWN = [r"GET /search: cache, 60 bytes, complete", r"HEAD /search: none, 0 bytes, no_body",
       r"GET /file: build, 100 bytes, complete", r"GET /file: build, \d+ bytes, aborted",
       r"GET /version: none, 6 bytes, complete"]


def unlike(lines, patterns):
    """What of either has no counterpart in the other; answers may end in another order than they began in."""
    left = list(patterns)
    for line in lines:
        found = next((pattern for pattern in left if re.fullmatch(pattern, line)), None)
        if found is None:
            return f"nothing like {line!r} was expected"
        left.remove(found)
    return f"{left} are missing" if left else ""


def check_alone(report, program):
    status, output = run([program])
    report.check("it exits with 0", f"it exited with {status}" if status else "", output)
    report.check("a line for each answer, after its last byte", unlike(output.splitlines(), OWN), output)


def check_served(report, program):
    port = free_port()
    process = subprocess.Popen([program, str(port)], stdout=subprocess.PIPE, text=True)
    opened = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(path, **headers):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
                return opened.open(request, timeout=PATIENCE)
            except urllib.error.URLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    try:
        with get("/file") as left:  # first: the server may need a moment to see that its client is gone
            left.read(100)
        part = get("/file", Range="bytes=1000-1999")
        report.check("a range arrives", "" if (part.status, len(part.read())) == (206, 1000) else "it doesn't")
        report.check("ten hits arrive", "" if get("/search").read() == b"a hit\n" * 10 else "they don't")
        get("/version").read()
        get("/stop").read()
        output = process.communicate(timeout=PATIENCE)[0]
    finally:
        process.kill()
    expected = [OWN[0], r"GET /file: none, 1000 bytes, complete", OWN[3], OWN[4]]
    report.check("a line for each of them", unlike(output.splitlines(), expected), output)


def main():
    program = Path(sys.argv[1]).resolve()
    report = Report()
    check_alone(report, program)
    check_served(report, program)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
