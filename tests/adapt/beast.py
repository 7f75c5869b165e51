#!/usr/bin/env python3
"""Each end of a Boost.Beast body gives one Reading, with the right outcome and bytes.

    beast.py PROGRAM      the program of beast.cpp
"""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bodies import Bodies
from harness import Report, not_equal
from server import Server

HUGE = "&size=60000&chunks=100000"
CURL_TIMED_OUT = 28


def check_ends(report, server):
    bodies = Bodies(report, server, path="/{id}?{query}")
    order, hang_up = bodies.order, bodies.hang_up
    for how, way in [("callbacks", ""), ("coroutine", "&co=1")]:
        answer = order(f"{how}: read to the end", way, "complete", 3000)
        report.check(f"{how}: the client has all of it", not_equal(bodies.count(answer), 3000))
        order(f"{how}: empty", f"chunks=0{way}", "complete", 0)
        answer = order(f"{how}: empty chunks between", f"chunks=6&then=empties{way}", "complete", 3000)
        report.check(f"{how}: an empty chunk is not the last one",
                     "" if answer.count(b"\r\n0\r\n") == 1 else answer.decode())
        order(f"{how}: with a length", f"length=3000{way}", "complete", 3000)
        order(f"{how}: fewer bytes than announced", f"length=5000{way}", "truncated", 3000)
        order(f"{how}: 10 MB", f"size=100000&chunks=100{way}", "complete", 10_000_000)
        answer = order(f"{how}: throws in the middle", f"then=throw{way}", "producer_error", 3000)
        report.check(f"{how}: what was before it is sent", not_equal(bodies.count(answer), 3000))
        for reset in (True, False):
            hang_up(f"{how}: the client {'resets' if reset else 'closes'} in the middle", f"{HUGE}{way}", 100_000, reset)
        answer = order(f"{how}: off: no Reading", f"off=1{way}", None, None)
        report.check(f"{how}: off: the body is sent", not_equal(bodies.count(answer), 3000))
    hang_up("a chunk that was under way at a hang-up doesn't count", "size=50000000&chunks=1", 100_000, True, size=0)
    hang_up("the handler tells of a hang-up", f"{HUGE}&tell=1", 100_000, True)
    order("HEAD", "", "no_body", 0, method="HEAD")
    answer = order("HEAD, written whole", "whole=1&length=3000", "no_body", 0, method="HEAD")
    report.check("HEAD, written whole: pulls nothing", not_equal(bodies.count(answer), 0))
    with server.connect() as client:  # reads nothing
        client.sendall(bodies.request(bodies.expect("a time-out", f"timeout_ms=300&tell=1{HUGE}", "timed_out", None)))
        bodies.judge()


def check_others(report, program):
    """Curl, and nginx in front."""
    server = Server(program)
    bodies = Bodies(report, server, path="/{id}?{query}")
    bodies.by_curl([
        ("to the end", "", [], 0, "complete", 3000),
        ("HEAD", "length=3000", ["-I"], 0, "no_body", 0),
        ("gives up", HUGE, ["--max-time", "0.3", "--limit-rate", "1M"], CURL_TIMED_OUT, "aborted", None),
    ])
    bodies.by_nginx([("", 3000), ("co=1", 3000), ("length=3000", 3000)], HUGE)
    report.check("it ends well", server.stop())


def check_context(report, program):
    """An io_context that is destroyed in mid-write drops the handler, and the body with it."""
    for way in ("", "&co=1"):
        for then, outcome in [("", "aborted"), ("&then=shutdown", "shutdown")]:
            server = Server(program)
            with server.connect() as client:
                client.sendall(Bodies.request(f"/1?{way}{then}{HUGE}"))
                Bodies.begin(client)
                name = f"{'coroutine' if way else 'callbacks'}: its io_context goes in mid-write, {outcome}"
                report.check(f"{name}: it ends", server.stop())
            found = [how for how, *_ in server.readings(1).get("1", [])]
            report.check(name, "" if found == [outcome] else f"it is {found}")


def main():
    program = Path(sys.argv[1]).resolve()
    report = Report()
    start = time.monotonic()
    try:
        server = Server(program)
        check_ends(report, server)
        report.check("it ends well", server.stop())
        check_context(report, program)
        check_others(report, program)
    finally:
        Server.kill_all()
    print(f"in {time.monotonic() - start:.1f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
