#!/usr/bin/env python3
"""The official MCP client lists and calls the tools of tool_server, follows their progress and takes a call back.

    mcp.py PROGRAM      the program of examples/tool_server.cpp

What the client got is held against the data points that the server wrote: every message has one, with the tier that
really served it, although no handler could know it.
"""
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))
import npm
from harness import Report, not_equal
from served import Server

SDK = "@modelcontextprotocol/sdk@1.32.2"
LARGE_LINES = 40_000


def make_documents(folder):
    folder.mkdir()
    (folder / "alpha.md").write_text("# Alpha\ntelemetry of streams, \u00fcn\u00efcode\n")
    (folder / "beta.md").write_text("# Beta\nmore about telemetry\n")
    (folder / "large.txt").write_text("".join(f"line {i} of a large file\n" for i in range(LARGE_LINES)))


def check_client(report, said, documents):
    report.check("the server is known by its name", not_equal(
        (said["server"]["name"], said["capabilities"]), ("lastbyte-example", ["tools"])))
    report.check("the client takes the list of tools and their schemas", not_equal(
        {tool["name"]: tool["inputSchema"]["type"] for tool in said["tools"]},
        dict.fromkeys(["search", "orient", "catalog", "get", "version", "time"], "object")))
    report.check("each call is answered, and the document that isn't there is an error", not_equal(
        [(call["name"], call["error"]) for call in said["called"]],
        [("search", False), ("search", False), ("orient", False), ("catalog", False), ("get", False), ("get", False),
         ("get", True), ("version", False), ("time", False)]))
    report.check("each answer has its text and a trace that says it is provisional", "" if all(
        call["text"] and call["provisional"] is True for call in said["called"]) else str(said["called"]))
    alpha = (documents / "alpha.md").read_text()
    report.check("a document comes as it is on disk", not_equal({call["text"] for call in said["called"][4:6]}, {alpha}))
    report.check("a large document comes whole", not_equal(said["large"], (documents / "large.txt").stat().st_size))
    report.check("twenty calls at once get their own answers", not_equal(said["together"], [alpha] * 20))

    told = said["progress"]["progress"]
    report.check("progress is told in order, as often as there are pieces",
                 not_equal([one["progress"] for one in told], list(range(1, len(told) + 1))) if len(told) >= 4 else str(told))
    spread = told[-1]["at"] - told[0]["at"] if told else 0
    report.check("progress is told while the work goes on, not at its end",
                 "" if spread >= 120 else f"all of it within {spread} ms of the {said['progress']['took']} ms")
    report.check("after the progress comes the answer", not_equal(len(said["progress"]["text"].splitlines()) >= 4, True))

    report.check("a call that is taken back is over for the client", "" if "enough" in said["cancelled"] else said["cancelled"])
    report.check("and it was taken back in the middle", "" if 3 <= said["ticks"] < 900 else f"after {said['ticks']} pieces")
    for what in ("refused", "missing"):
        report.check(f"a call with bad parameters is an error of the protocol ({what})",
                     not_equal(said[what]["code"] if isinstance(said[what], dict) else said[what], -32602))


def check_points(report, said, points):
    calls = [point for point in points if point["event_type"] == "tool_call"]
    first = [(point["tool_name"], point["cache_tier"], point["outcome"]) for point in calls[:9]]
    report.check("every call has a point with the tier that served it", not_equal(first, [
        ("search", "build", "complete"), ("search", "memory", "complete"), ("orient", "memory", "complete"),
        ("catalog", "memory", "complete"), ("get", "memory", "complete"), ("get", "memory", "complete"),
        ("get", "none", "complete"), ("version", "none", "complete"), ("time", "none", "complete")]))
    report.check("so have the large document, the twenty at once and those with progress", not_equal(
        Counter((point["tool_name"], point["cache_tier"], point["outcome"]) for point in calls[9:]),
        Counter({("get", "memory", "complete"): 20, ("get", "r2", "complete"): 1, ("time", "none", "complete"): 1,
                 ("time", "unresolved", "cancelled"): 1})))
    report.check("the call that was taken back says so, once", not_equal(
        [point["count"] for point in points if point["outcome"] == "cancelled"], [1]))
    named = {point["consumer_label"] for point in calls}
    report.check("each point names the client", not_equal(named, {"sdk-client"}))
    large = max(point["bytes_out"] for point in calls)
    report.check("bytes are those of the whole body", "" if large > said["large"] else f"{large} at most")


def run(report, program, scratch):
    sdk = scratch / "npm"
    sdk.mkdir()
    if problem := npm.install(SDK, sdk):
        report.skip("the official MCP client", problem)
        return
    documents = scratch / "documents"
    make_documents(documents)
    server = Server(program, documents, scratch / "out")
    try:
        done = subprocess.run(["node", Path(__file__).with_name("mcp.mjs"), sdk / "node_modules/@modelcontextprotocol/sdk",
                               str(server.port)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    finally:
        status, output = server.stop(2)  # SIGINT
    report.check("the client comes to its end", done.stderr if done.returncode else "", output)
    report.check("the server ends well, and its books balance", not_equal(status, 0), output)
    if done.returncode:
        return
    said = json.loads(done.stdout)
    check_client(report, said, documents)
    check_points(report, said, server.points())


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as scratch:
        run(report, sys.argv[1], Path(scratch))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
