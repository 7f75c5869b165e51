#!/usr/bin/env python3
"""Each end of a cpp-httplib body gives one Reading, with the right outcome and bytes; also with curl, and nginx in front.

    httplib.py PROGRAM          the program of httplib.cpp
    httplib.py --wrk PROGRAM    requests a second beside the bare server: medians of interleaved runs by wrk
"""
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bodies import Bodies
from harness import Report, not_equal, run
from server import PATIENCE, Server

HUGE = "&size=60000&chunks=100000"
ENDLESS = "&size=60000&then=endless"
ABORT_SIGNAL = -6
CURL_TIMED_OUT = 28


def old(server):
    return server.about.startswith("0.11.")


def check_ends(report, program):
    server = Server(program)
    bodies = Bodies(report, server)
    order, hang_up = bodies.order, bodies.hang_up
    for kind in ("chunked", "sized", "plain", "text"):
        answer = order(f"{kind}: read to the end", f"kind={kind}", "complete", 3000)
        report.check(f"{kind}: the client has all of it", not_equal(bodies.count(answer), 3000))
        order(f"{kind}: HEAD calls no provider", f"kind={kind}", "no_body", 0, method="HEAD")
    answer = order("sized: 10 MB in one call", "kind=sized&size=10000000&chunks=1", "complete", 10_000_000)
    report.check("sized: 10 MB arrive", not_equal(bodies.count(answer), 10_000_000))
    order("text: 10 MB", "kind=text&size=10000000&chunks=1", "complete", 10_000_000)
    order("sized: of no length", "kind=sized&size=0", "complete", 0)
    order("text: empty", "kind=text&size=0", "complete", 0)
    order("text: HEAD of an empty one", "kind=text&size=0", "no_body", 0, method="HEAD")
    order("chunked: done at once", "kind=chunked&chunks=0", "complete", 0)
    order("chunked: gzip counts what the provider wrote", "kind=chunked", "complete", 3000,
          headers=["Accept-Encoding: gzip"])
    order("chunked: written through the sink's stream", "kind=chunked&then=os", "complete", 3000)

    for kind in ("sized", "text"):
        for what, ranges, size in [("a part of it", "0-9", 10), ("its end", "-7", 7), ("from its middle", "1500-", 1500),
                                   ("two parts", "0-9,2000-2009", 20), ("two parts that touch", "0-9,10-19", 20)]:
            answer = order(f"{kind}: Range, {what}", f"kind={kind}", "complete", size, headers=[f"Range: bytes={ranges}"])
            report.check(f"{kind}: Range, {what}: it is a 206", "" if answer.startswith(b"HTTP/1.1 206") else answer[:40])
        # Newer versions cut the one and refuse the other.
        order(f"{kind}: Range beyond its end", f"kind={kind}", "truncated" if old(server) else "complete", 3000,
              headers=["Range: bytes=0-9999"])
        order(f"{kind}: Range all beyond its end", f"kind={kind}", "truncated" if old(server) else "abandoned", 0,
              headers=["Range: bytes=5000-6000"])
    order("sized: Range that fails in its second part", "kind=sized&size=5&chunks=3&then=false&length=3000",
          "producer_error", 15, headers=["Range: bytes=0-9,100-109"])

    order("sized: more than announced", "kind=sized&then=over&length=2500", "overrun", 3000)
    order("sized: false in the middle", "kind=sized&then=false&length=9000", "producer_error", 3000)
    order("chunked: false at once", "kind=chunked&then=false&chunks=0", "producer_error", 0)
    for kind in ("chunked", "plain"):
        order(f"{kind}: false in the middle", f"kind={kind}&then=false", "producer_error", 3000)
        order(f"{kind}: false after the user said that it is cancelled", f"kind={kind}&then=cancel", "cancelled", 3000)
    order("chunked: an empty write is no end", "kind=chunked&then=empty", "producer_error", 3000, headers=["X: y"])

    for kind in ("chunked", "sized", "plain"):
        for reset in (True, False):
            how = "resets" if reset else "closes"
            hang_up(f"{kind}: the client {how} in the middle", f"kind={kind}{HUGE}", 100_000, reset)
        hang_up(f"{kind}: a provider that overlooks it", f"kind={kind}{HUGE}&then=ignore", 100_000, True)
    hang_up("text: the client resets in the middle", "kind=text&size=60000000&chunks=1", 100_000, True)
    unheard = "aborted" if old(server) else ("aborted", "abandoned")  # newer versions ask themselves, before the first call
    hang_up("chunked: a provider that asks, hears no and gives up", "kind=chunked&pause_ms=50&chunks=0&then=ask", 20, True,
            unheard)

    for kind in ("chunked", "sized", "text"):
        order(f"{kind}: a copy of the Response is released before the first byte", f"kind={kind}&copy=1", "complete", 3000)
        order(f"{kind}: a copy of the Response is released in mid-body", f"kind={kind}&keep=1&then=release", "complete",
              3000)
        order(f"{kind}: a copy of the Response is kept", f"kind={kind}&keep=1", "complete", 3000)
    order("chunked: a copy is kept, and it fails", "kind=chunked&keep=1&then=false", "producer_error", 3000)
    if old(server):  # newer versions send as much of the provider's body as the other has
        order("chunked: another content takes its place", "kind=chunked&replace=1", "abandoned", 0)

    with server.connect() as client:
        for turn in range(4):
            kind = ("chunked", "sized")[turn % 2]
            path = bodies.expect(f"keep-alive: request {turn + 1} of one connection", f"kind={kind}", "complete", 3000)
            client.sendall(bodies.request(path, last=False))
            seen = b""
            while bodies.count(seen) < 3000 or (kind == "chunked" and not seen.endswith(b"0\r\n\r\n")):
                seen += client.recv(65536)
    answer = order("off: no Reading", "kind=off", None, None)
    report.check("off: the body is sent", not_equal(bodies.count(answer), 3000))
    for kind in ("chunked", "sized", "text"):
        check_logger(bodies, kind)
    bodies.judge()
    server.get("/drop")  # the copies that were kept
    late = server.readings(bodies.wanted())
    report.check("a copy that is dropped later brings no second Reading",
                 "; ".join(f"{number} has {found}" for number, found in late.items() if len(found) != 1))
    check_overwritten(report, server)
    report.check("it ends well", server.stop())


def check_logger(bodies, kind):
    """One that runs before the body, copies the Response and drops the copy. Whoever recorded there would have no bytes.
    The version's own logger runs after our Reading, or before it too."""
    bodies.order(f"{kind}: a logger that runs before the body", f"kind={kind}&logged=1", "complete", 3000)
    number = str(bodies.number)
    bodies.server.readings(1, of=number)
    lines = [line[1] for line in bodies.server.lines if line[0] == number]
    order = ["logged", "complete"] if old(bodies.server) else ["logged", "logged", "complete"]
    bodies.report.check(f"{kind}: the logger runs first", not_equal(lines[:len(order)], order))


def check_overwritten(report, server):
    """The releaser of a provider that is overwritten never runs."""
    server.get("/body?id=twice&kind=chunked&twice=1")
    found = sorted(how for how, *_ in server.readings(1, of="twice", each=2).pop("twice", []))
    report.check("chunked: the provider that was overwritten has its Reading, and so has the other",
                 "" if found == ["abandoned", "complete"] else f"they are {found}")


def check_stop(report, program):
    """The server's success flag says that all went well."""
    for kind in ("chunked", "sized", "plain"):
        for who in ("itself", "another"):
            server = Server(program)
            bodies = Bodies(report, server)
            stopped = "shutdown" if old(server) else ("shutdown", "aborted")  # newer versions: like a hang-up
            name = f"{kind}: stopped in mid-body by {'its provider' if who == 'itself' else 'another request'}"
            if who == "itself":
                bodies.order(name, f"kind={kind}&chunks=10&stop_at=4", stopped, 5000)
            else:
                with server.connect() as client:
                    client.sendall(bodies.request(bodies.expect(name, f"kind={kind}&chunks=100&pause_ms=20", stopped, None)))
                    bodies.begin(client)
                    server.get("/stop")
                    bodies.read(client)
            bodies.judge()
            report.check(f"{name}: it ends", server.wait())


def check_throw(report, program):
    """A provider that throws ends the bare server's process; its Reading comes first."""
    for name, query, after, outcome, size in [
            ("a provider that throws", "", None, "producer_error", 3000),
            ("a provider that throws because its client has left", HUGE, 100_000, "aborted", None)]:
        server = Server(program)
        bodies = Bodies(report, server)
        if after is None:
            bodies.order(name, "kind=chunked&then=throw", outcome, size)
        else:
            bodies.hang_up(name, f"kind=chunked{query}&then=throw", after, True)
        bodies.judge()
        if after and not old(server):
            continue  # newer versions ask themselves whether the client is there, and may not call the provider again
        status = server.process.wait(PATIENCE)
        report.check(f"{name}: the exception goes on to the server", "" if status == ABORT_SIGNAL else f"status {status}")


def check_others(report, program):
    """Curl, and nginx in front."""
    server = Server(program)
    bodies = Bodies(report, server)
    bodies.by_curl([
        ("to the end", "kind=chunked", [], 0, "complete", 3000),
        ("a range", "kind=sized", ["-r", "10-29"], 0, "complete", 20),
        ("HEAD", "kind=sized", ["-I"], 0, "no_body", 0),
        ("gives up", f"kind=chunked{ENDLESS}", ["--max-time", "0.3"], CURL_TIMED_OUT, "aborted", None),
    ])
    bodies.by_nginx([(f"kind={kind}", 3000) for kind in ("chunked", "sized", "text")], f"kind=chunked{ENDLESS}")
    report.check("it ends well", server.stop())


def cpu_ns(process):
    """What the kernel says that all threads of a server have run."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{process.pid}/task").glob("*/schedstat"))


def measure(program):
    """Bare and adapted in turn, so that other load falls on both; CPU time a request is the steadier figure."""
    for kind, size, chunks in [("chunked", 1000, 3), ("chunked", 100, 100), ("sized", 60000, 1)]:
        rates, costs = {"bare": [], "adapted": []}, {"bare": [], "adapted": []}
        servers = {"bare": Server(program, "--bare"), "adapted": Server(program)}
        for _ in range(15):
            for who, server in servers.items():
                url = f"http://127.0.0.1:{server.port}/body?kind={kind}&size={size}&chunks={chunks}"
                before = cpu_ns(server.process)
                output = run(["wrk", "-t1", "-c4", "-d1s", url])[1]
                rates[who].append(float(output.split("Requests/sec:")[1].split()[0]))
                costs[who].append((cpu_ns(server.process) - before) / int(output.split(" requests in")[0].split()[-1]))
        Server.kill_all()
        print(f"{kind}, {chunks} x {size} bytes:")
        for what, figures in [("requests/s", rates), ("CPU ns a request", costs)]:
            ratios = [adapted / bare for bare, adapted in zip(figures["bare"], figures["adapted"])]
            low, middle, high = statistics.quantiles(ratios)
            print(f"    {what}: bare {statistics.median(figures['bare']):.0f}, adapted "
                  f"{statistics.median(figures['adapted']):.0f}; ratio {middle:.3f}, quartiles {low:.3f} to {high:.3f}")


def main():
    if sys.argv[1] == "--wrk":
        return measure(Path(sys.argv[2]).resolve())
    program = Path(sys.argv[1]).resolve()
    report = Report()
    start = time.monotonic()
    try:
        for check in (check_ends, check_stop, check_throw, check_others):
            check(report, program)
    except (OSError, subprocess.TimeoutExpired) as error:
        report.check("the server", f"is gone, or doesn't go: {error!r}")
    finally:
        Server.kill_all()
    print(f"in {time.monotonic() - start:.1f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
