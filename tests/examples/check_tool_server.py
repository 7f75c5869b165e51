#!/usr/bin/env python3
"""tool_server serves its tools over HTTP and MCP, ends well however a client or a signal ends it, and its books balance.

    check_tool_server.py PROGRAM SOURCE_ROOT

Everything happens on loopback, on ports that the system picks, in a directory that is removed afterwards.
"""
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, not_equal
from served import Collector, Server, lines_of, number, replies_in, table_of

TOOLS = {"search": "q=telemetry", "orient": "", "catalog": "", "get": "uri=file:a.md", "version": "", "time": ""}
OUTCOMES = {"complete", "no_body", "aborted", "cancelled", "producer_error", "truncated", "overrun", "timed_out",
            "shutdown", "abandoned"}
HUGE_LINES = 60_000
SECRET = "nobody must read this"


def make_documents(folder):
    """Documents as they are met in practice: odd names, odd bytes, links in circles and out, a pipe, a large file."""
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder.parent / "outside.md").write_text(SECRET)
    (folder / ".hidden" / "x.md").write_text(SECRET)
    (folder / "a.md").write_text("# Alpha\nthe body of a stream: telemetry, \u00fcn\u00efcode\n")
    (folder / "sub" / "b c+d%.md").write_text("# Beta\na name with blanks\n")
    (folder / "latin.txt").write_bytes(b"caf\xe9 telemetry\n")
    (folder / "binary").write_bytes(b"\0\1\2")
    (folder / "empty.md").write_text("")
    (folder / "huge.txt").write_text("".join(f"line {i} of a large telemetry file\n" for i in range(HUGE_LINES)))
    with open(folder / "vast.txt", "wb") as file:
        file.truncate(64 << 20)  # more than the kernel takes in for a client that has left
        file.write(b"x\n" * 4096)
    for i in range(60):
        (folder / "sub" / f"page {i}.md").write_text(f"# Page {i}\n" + f"the index of the body is in a test {i}\n" * i)
    (folder / "loop").symlink_to("..")
    (folder / "self").symlink_to("self")
    (folder / "out.md").symlink_to("../outside.md")
    (folder / "in.md").symlink_to("a.md")
    os.mkfifo(folder / "pipe")
    with open(os.fsencode(folder) + b"/bad\xff\xfe\nname.md", "wb") as file:
        file.write(b"a telemetry name that is no UTF-8\n")


# ------------------------------------------------------------------------------------------------------------ options

def check_options(report, program, scratch, documents):
    def run(*options):
        done = subprocess.run([program, *map(str, options)], capture_output=True, text=True, cwd=scratch, timeout=20,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    status, output, errors = run("--help")
    report.check("--help goes to the output, and the status is 0", not_equal((status, errors), (0, "")))
    report.check("--help names every option", ", ".join(
        option for option in ("--docs", "--out", "--requests", "--listen", "--chrome", "--otlp", "--clickhouse", "--help")
        if option not in output))
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    file = scratch / "file"
    file.write_text("")
    for what, options, said in [
        ("an unknown option", ["--nonsense"], "--nonsense"), ("a stray word", ["docs"], "docs"),
        ("an option without its value", ["--docs"], "--docs"), ("an empty value", ["--out="], "--out"),
        ("no requests at all", ["--requests", "0"], "--requests"), ("a number that is none", ["--requests=4x"], "4x"),
        ("a negative number", ["--requests", "-4"], "-4"), ("a port too high", ["--listen", "65536"], "65536"),
        ("a count for a server that others ask", ["--listen", "0", "--requests", "3"], "--requests"),
        ("a directory that is not there", ["--docs", "nowhere"], "nowhere"),
        ("a file as the directory", ["--docs", file], "file"),
        ("a file as the output", ["--docs", documents, "--out", file], "file"),
        ("a port in use", ["--docs", documents, "--out", "o", "--listen", port], str(port)),
        ("a URL that is none", ["--docs", documents, "--otlp", "collector"], "not an HTTP URL"),
        ("a URL with TLS", ["--docs", documents, "--clickhouse", "https://127.0.0.1/"], "TLS"),
        ("a port that is none", ["--docs", documents, "--otlp", "http://127.0.0.1:x/"], "from 1 to 65535"),
        ("a trace file that can't be", ["--docs", documents, "--chrome", "nowhere/trace.json"], "nowhere/trace.json"),
    ]:
        status, output, errors = run(*options)
        report.check(f"{what} gets one clear line on stderr and status 2", not_equal(
            (status, output, errors.count("\n"), errors.startswith("tool_server: "), said in errors),
            (2, "", 1, True, True)), errors)
    taken.close()
    if os.geteuid() == 0:
        unreadable = scratch / "unreadable"
        unreadable.mkdir(mode=0)
        os.chmod(scratch, 0o755)
        copy = shutil.copy(program, scratch)  # which another user may run, wherever the program itself is
        done = subprocess.run([copy, "--docs", unreadable], capture_output=True, text=True, cwd=scratch, user=65534,
                              group=65534)
        report.check("a directory that can't be read gets status 2", not_equal(
            (done.returncode, "unreadable: Permission denied" in done.stderr), (2, True)), done.stderr)
    else:
        report.skip("a directory that can't be read gets status 2", "only root can become another user")


# -------------------------------------------------------------------------------------------------------------- drive

def check_drive(report, program, scratch, documents):
    out = scratch / "drive"
    command = [program, "--docs", documents, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True)
    report.check("a drive exits with 0", not_equal(done.returncode, 0), done.stdout[-1500:] + done.stderr)
    report.check("nothing but progress goes to stderr, and that only on a terminal", not_equal(done.stderr, ""))
    rows = table_of(done.stdout)
    points, traces = lines_of(out / "points.ndjson"), lines_of(out / "traces.ndjson")
    report.check("400 requests are 400 points, 400 traces, and the sum of the table", not_equal(
        (len(points), len(traces), sum(number(row["calls"]) for row in rows)), (400, 400, 400)), done.stdout)
    report.check("a read at the end of the handler says `none`, in every row",
                 not_equal({row["at handler's end"] for row in rows}, {"none"}))
    report.check("the table is what the points say", not_equal(
        sorted((row["tool"], row["tier"], number(row["calls"]), number(row["bytes"])) for row in rows),
        sorted((*key, len(group), sum(point["bytes_out"] for point in group)) for key, group in grouped(points).items())))
    report.check("the outcomes of a row are those of its points", not_equal(
        {(row["tool"], row["tier"]): {outcome.split()[0]: number(outcome.split()[1])
                                      for outcome in row["outcomes"].split(", ")} for row in rows},
        {key: dict(Counter(point["outcome"] for point in group)) for key, group in grouped(points).items()}))
    report.check("shares add up to 100 % for each tool", ", ".join(
        tool for tool in TOOLS
        if abs(sum(float(row["share"].split()[0]) for row in rows if row["tool"] == tool) - 100) > 0.5))
    report.check("percentiles and the first byte are in order", ", ".join(
        f"{row['tool']} {row['tier']}" for row in rows if float(row["p50"]) > float(row["p95"])))
    for tool in ("search", "orient", "catalog", "get"):
        tiers = {row["tier"] for row in rows if row["tool"] == tool}
        report.check(f"{tool} was served from memory, from the disk cache and from scratch",
                     ", ".join({"memory", "cache", "build"} - tiers))
    report.check("`get` has its fast path", "" if ("get", "r2") in grouped(points) else "no call of `get` was from r2")
    report.check("clients hung up, cancelled, asked for the head alone, and a producer failed", ", ".join(
        {"complete", "no_body", "aborted", "cancelled", "producer_error"} - {point["outcome"] for point in points}))
    report.check("a tier is unresolved only where the body didn't come to its end", not_equal(
        {point["outcome"] for point in points if point["cache_tier"] == "unresolved"} & {"complete", "no_body"}, set()))
    check_records(report, points, traces)
    said = re.search(r"balanced. ([\d,]+) requests = \1 points = \1 traces; ([\d,]+) bytes in ([\d,]+) whole", done.stdout)
    report.check("the books are shown", "" if said else "no such line", done.stdout)
    if said:
        # A client that meant to hang up may have got a whole body all the same.
        whole = [point["bytes_out"] for point in points if point["outcome"] in ("complete", "no_body", "cancelled")]
        report.check("the bytes of whole bodies are those that the client counted", not_equal(
            (number(said[1]), len(whole) >= number(said[3]) > 300, sum(whole) >= number(said[2]) > 0), (400, True, True)))
    report.check("it says where its files are", not_equal(
        [str(out / name) in done.stdout for name in ("points.ndjson", "traces.ndjson", "report.html")], [True] * 3))
    page = (out / "report.html").read_text(encoding="utf-8")
    report.check("the report has every call", "" if "<dt>Calls</dt><dd>400</dd>" in page else page[-2000:])

    for count in (1, 2, 13, 29, 1500):
        done = subprocess.run([*command, "--requests", str(count)], capture_output=True, text=True)
        calls = sum(number(row["calls"]) for row in table_of(done.stdout))
        report.check(f"{count} requests are {count} points in new files", not_equal(
            (done.returncode, len(lines_of(out / "points.ndjson")), calls), (0, count, count)), done.stdout[-1500:])


# ----------------------------------------------------------------------------------------------------------- backends

def check_backends(report, program, scratch, documents):
    out = scratch / "backends"
    collector = Collector()

    def drive(count, *options, problem=""):
        done = subprocess.run([program, "--docs", documents, "--out", out, "--requests", str(count), *map(str, options)],
                              capture_output=True, text=True)
        report.check(f"{problem or 'a drive with backends'}: the books balance and the status is 0", not_equal(
            (done.returncode, "books: balanced" in done.stdout, done.stderr), (0, True, "")),
            done.stdout[-1500:] + done.stderr)
        return done.stdout

    urls = {"--otlp": collector.url("/v1/traces"), "--clickhouse": collector.url("/")}
    said = drive(300, "--chrome", out / "trace.json", *(word for option in urls.items() for word in option))
    traces, points = lines_of(out / "traces.ndjson"), lines_of(out / "points.ndjson")
    report.check("it says that all of it was delivered", ", ".join(line for line in (
        f"otlp: 300 of 300 traces delivered to {urls['--otlp']}\n",
        f"clickhouse: 300 of 300 rows delivered to {urls['--clickhouse']}\n",
        f"chrome: 301 of 301 lines delivered to {out}/trace.json\n") if line not in said), said[-800:])
    report.check("the collector has each trace once, under the name of its tool", not_equal(
        Counter(root for root, *_ in collector.traces), Counter(point["tool_name"] for point in points)))
    report.check("and each of its spans", not_equal(
        sorted(sorted(spans) for _, *spans in collector.traces) ==
        sorted(sorted(span["label"] for span in trace["spans"]) for trace in traces), True))
    rows = [{key: value for key, value in row.items() if key not in ("written_at_ns", "row_id")} for row in collector.rows]
    report.check("ClickHouse has each row once, with an identity of its own, and their table", not_equal(
        (sorted(map(str, rows)) == sorted(map(str, points)), len({row["row_id"] for row in collector.rows}),
         len(collector.tables), collector.odd), (True, 300, 1, [])))
    events = json.loads((out / "trace.json").read_text())
    report.check("the trace file is JSON, and has each request and each span", not_equal(
        Counter(event["cat"] for event in events if event["ph"] == "X"),
        Counter({"request": 300, "span": sum(len(trace["spans"]) for trace in traces)})))

    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))  # and doesn't listen: connections are refused
    dead = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    collector.traces, collector.rows = [], []
    said = drive(60, "--otlp", dead, "--clickhouse", dead, problem="dead backends")
    report.check("dead backends are told, with why, and what waits for them", ", ".join(part for part in (
        f"otlp: 0 of 60 traces delivered to {dead}; 60 wait in {out}/otlp.spool for the next run",
        f"clickhouse: 0 of 60 rows delivered to {dead}; 60 wait in {out}/clickhouse.spool for the next run",
        "Connection refused. Does the server run there?") if part not in said), said[-800:])
    nobody.close()
    said = drive(20, *(word for option in urls.items() for word in option), problem="backends that are back")
    report.check("backends that are back get what waited for them, and nothing twice", not_equal(
        (len(collector.traces), len({row["row_id"] for row in collector.rows}), len(collector.rows),
         "otlp: 80 of 80 traces" in said, "(60 of them are of an earlier run)" in said), (80, 80, 80, True, True)),
        said[-800:])
    collector.status = 400
    said = drive(20, *(word for option in urls.items() for word in option), problem="backends that refuse")
    report.check("what a backend refuses is told as lost, by its cause", not_equal(
        (said.count("20 lost: refused by the backend"), said.count("answered 400"), "wait in" in said), (2, 2, False)),
        said[-800:])
    collector.close()


def grouped(points):
    """The points of each row of the table."""
    groups = {}
    for point in points:
        groups.setdefault((point["tool_name"], point["cache_tier"]), []).append(point)
    return groups


def check_records(report, points, traces):
    report.check("every point has the seed's fields, and two more", not_equal({frozenset(point) for point in points}, {
        frozenset("event_type method tool_name consumer_label consumer_source knowledge_base_url document_uri "
                  "worker_version cache_tier count duration_ms bytes_in bytes_out tokens_in tokens_out cache_hits "
                  "cache_lookups outcome time_to_first_byte_ms".split())}))
    report.check("every outcome is one of the ten", not_equal({point["outcome"] for point in points} - OUTCOMES, set()))
    report.check("traces are final, none is provisional",
                 not_equal({(trace["final"], "provisional" in trace) for trace in traces}, {(True, False)}))
    report.check("a trace and its point tell the same", not_equal(
        sorted((trace["tiers"]["cache_tier"], *(trace[key] for key in ("outcome", "bytes", "hits", "lookups")))
               for trace in traces),
        sorted(tuple(point[key] for key in ("cache_tier", "outcome", "bytes_out", "cache_hits", "cache_lookups"))
               for point in points)))
    report.check("no span came late", not_equal({trace["late"] for trace in traces}, {0}))
    wrong = [trace for trace in traces if trace["over_bound"] == 0 and tier_of(trace) != trace["tiers"]["cache_tier"]]
    report.check("each tier is what the seed's rule gives for the spans of its trace", str(wrong[0])[:300] if wrong else "")


def tier_of(trace):
    """The seed's rule, written a second time."""
    for span in trace["spans"]:
        if re.fullmatch("index|index-build|file:.*", span["label"], re.DOTALL) and span.get("source", "miss") != "miss":
            return span["source"]
    return "none" if trace["outcome"] in ("complete", "no_body") else "unresolved"


def check_terminal(report, program, scratch, documents):
    """Both streams on a terminal: progress, and then the table."""
    master, slave = pty.openpty()
    process = subprocess.Popen([program, "--docs", documents, "--out", scratch / "terminal"], stdout=slave, stderr=slave,
                               stdin=subprocess.DEVNULL)
    os.close(slave)
    output = b""
    try:
        while piece := os.read(master, 65536):
            output += piece
    except OSError:
        pass  # how Linux says that nobody has the other end open any more
    os.close(master)
    report.check("a drive on a terminal exits with 0", not_equal(process.wait(), 0))
    report.check("and shows how far it is", "" if b"\r  200 of 400 requests, warm" in output else "it does not",
                 output.decode()[-600:])

    empty = scratch / "empty"
    empty.mkdir()
    done = subprocess.run([program], cwd=empty, capture_output=True, text=True)
    report.check("without options and in an empty directory the books balance too", not_equal(
        (done.returncode, sum(number(row["calls"]) for row in table_of(done.stdout)), os.listdir(empty)),
        (0, 400, ["lastbyte-out"])), done.stdout)

    process = subprocess.Popen([program, "--docs", documents, "--out", scratch / "interrupted", "--requests", "1000000"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    made = sum(number(row["calls"]) for row in table_of(output))
    report.check("an interrupted drive balances what it has done, and says so by its status", not_equal(
        (process.returncode, len(lines_of(scratch / "interrupted" / "points.ndjson"))), (130, made)),
        output[-1500:] + errors)


# -------------------------------------------------------------------------------------------------------------- serve

@contextmanager
def serving(report, name, program, documents, out, options=()):
    """A server that must exit with 0 and with balanced books when it is interrupted."""
    server = Server(program, documents, out, *options)
    try:
        yield server
    finally:
        status, output = server.stop(signal.SIGINT)
        report.check(f"{name}: Ctrl-C ends it with 0 and balanced books",
                     not_equal((status, "books:" in output), (0, False)), output[-1500:])


def check_tools(report, server):
    for tool, query in TOOLS.items():
        status, fields, body = server.ask("GET", f"/tools/{tool}?{query}")
        report.check(f"GET /tools/{tool} answers with a chunked text", not_equal(
            (status, fields.get("transfer-encoding"), bool(body)), (200, "chunked", True)), str(body))
    def get(uri):
        return server.ask("GET", f"/tools/get?uri={uri}")[2] or b""

    report.check("a document comes byte for byte", not_equal(get("file:latin.txt"), b"caf\xe9 telemetry\n"))
    report.check("a large one too", not_equal(
        get("file:huge.txt"), "".join(f"line {i} of a large telemetry file\n" for i in range(HUGE_LINES)).encode()))
    report.check("an empty one too", not_equal(get("file:empty.md"), b""))
    report.check("percent-encoding is undone, and a plus is a blank", not_equal(
        {get("file%3Asub%2Fb%20c%2bd%25.md"), get("file:sub/b+c%2Bd%25.md")}, {b"# Beta\na name with blanks\n"}))
    report.check("a document is found by its title, its file name, and its name without the extension",
                 not_equal({get("alpha"), get("a.md"), get("A")}, {get("file:a.md")}))
    report.check("a link inside leads to its document", not_equal(get("file:in.md"), get("file:a.md")))
    for path in ("../outside.md", "sub/../../outside.md", "%2e%2e/outside.md", "..%2foutside.md", "/etc/passwd",
                 "//etc/passwd", "out.md", ".hidden/x.md", "sub/./page%201.md", "sub/../a.md", "loop/outside.md", "self",
                 "a.md%00.txt", "sub", "pipe", "binary", "nowhere.md", ""):
        body = get(f"file:{path}")
        report.check(f"get of {path or 'nothing'} is refused",
                     "" if body.startswith(b"error: ") and SECRET.encode() not in body else repr(body))
    status, fields, page = server.ask("GET", "/report")
    report.check("/report is a page, and has the calls so far", not_equal(
        (status, fields.get("content-type"), b"<bdi>get</bdi>" in page, page.endswith(b"</html>\n")),
        (200, "text/html; charset=utf-8", True, True)))
    check_metrics(report, server)
    listed = server.ask("GET", "/tools/catalog")[2]
    report.check("what is hidden, outside, binary or no file is not in the catalog", ", ".join(
        name for name in ("hidden", "outside", "out.md", "binary", "pipe", "loop", "self") if name.encode() in listed))
    status, _, body = server.ask("GET", "/tools/search?q=telemetry&limit=2")
    report.check("a search has no more hits than it was asked for", "" if body.startswith(b"2 of ") else str(body))
    _, _, body = server.ask("GET", "/tools/search?q=telemetry&trace=1")
    trace = json.loads(body.splitlines()[-1])
    report.check("trace=1 ends the body with its own trace, which is sealed",
                 not_equal((trace["index_source"], "provisional" in trace), ("memory", False)), str(trace))


def check_metrics(report, server):
    known = len(server.points())
    status, headers, page = server.ask("GET", "/metrics")
    calls = re.findall(rb'^http_server_request_duration_seconds_count{tool_name="([^"]*)".*} (\d+)$', page, re.MULTILINE)
    report.check("/metrics counts every call by its tool", not_equal(
        (status, headers.get("content-type"), known <= sum(int(count) for _, count in calls) <= known + 1,
         {name.decode() for name, _ in calls} >= set(TOOLS)), (200, "text/plain; version=0.0.4; charset=utf-8", True, True)))
    report.check("and has what was lost of traces and of records, by cause", ", ".join(name for name in (
        'lastbyte_traces_lost_total{cause="unbound"} 0', 'lastbyte_spans_lost_total{cause="late"} 0',
        'lastbyte_pipeline_records_lost_total{pipeline="otlp",cause="full"} 0',
        'lastbyte_pipeline_records_lost_total{pipeline="otlp",cause="refused"} 0') if f"\n{name}\n".encode() not in page))
    offered = re.search(rb'^lastbyte_pipeline_records_offered_total{pipeline="otlp"} (\d+)$', page, re.MULTILINE)
    report.check("each trace was offered to the collector that is away", not_equal(
        bool(offered) and known <= int(offered[1]) <= known + 1, True), str(offered))
    _, headers, open_page = server.ask("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    report.check("who accepts OpenMetrics gets it, with exemplars", not_equal(
        (headers.get("content-type"), open_page.endswith(b"\n# EOF\n"), b" # {trace_id=" in open_page),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", True, True)))
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        families = list(text_string_to_metric_families(open_page.decode()))
        report.check("the strict parser takes the page", "" if families else "it is empty")
    except ImportError:
        report.skip("the strict parser takes the page", "there is no python3-prometheus-client for this Python")
    except ValueError as error:
        report.check("the strict parser takes the page", str(error), open_page.decode())
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, timeout=60)
        report.check("promtool finds nothing", "it does" if done.returncode else "", (done.stdout + done.stderr).decode())
    else:
        report.skip("promtool finds nothing", "there is no promtool (Debian: prometheus)")


def check_http(report, server):
    for method, target, status, said in [
        ("GET", "/tools/nonsense", 404, b"no such tool"), ("GET", "/elsewhere", 404, b"nothing here"),
        ("GET", "/tools/search", 400, b"`q` is missing"), ("GET", "/tools/search?q=a&limit=many", 400, b"many"),
        ("POST", "/tools/search?q=a", 405, b"GET"), ("DELETE", "/", 404, b""), ("GET", "/mcp", 405, b"POST"),
    ]:
        reply = server.ask(method, target)
        report.check(f"{method} {target} is {status}", "" if reply[0] == status and said in reply[2] else str(reply))
    report.check("405 names what is allowed", not_equal(
        (server.ask("POST", "/tools/orient")[1].get("allow"), server.ask("GET", "/mcp")[1].get("allow")),
        ("GET, HEAD", "POST, DELETE")))
    report.check("a page of another site is refused, one of this machine is not", not_equal(
        [server.ask("GET", "/tools/time", Origin=origin)[0] for origin in
         ("http://evil.example", "http://localhost.evil.example", "null", "http://localhost:3000", "http://127.0.0.1")],
        [403, 403, 403, 200, 200]))

    asked = [("GET", "/tools/version"), ("HEAD", "/tools/catalog"), ("GET", "/tools/time"), ("GET", "/tools/x"),
             ("GET", "/")]
    stream = [f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for method, target in asked]
    replies = replies_in(server.talk(b"".join(stream)), [method for method, _ in asked])
    report.check("pipelined requests are answered in order on one connection, HEAD without a body", not_equal(
        [(status, bool(body)) for status, _, body in replies],
        [(200, True), (200, False), (200, True), (404, True), (200, True)]))
    report.check("a connection is kept alive",
                 not_equal({fields.get("connection") for _, fields, _ in replies}, {"keep-alive"}))
    replies = replies_in(server.talk(*(bytes([byte]) for byte in stream[0])), ["GET"])
    report.check("a request that comes byte by byte is answered", not_equal([reply[0] for reply in replies], [200]))
    old = server.talk(b"GET /tools/version HTTP/1.0\r\n\r\n")
    report.check("HTTP/1.0 gets a body that ends with the connection", "" if b"chunked" not in old and
                 b"Connection: close" in old and old.endswith(b"\n") else str(old))
    with server.connect() as client:
        client.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
                       b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        go_on = client.recv(100)
        client.sendall(b'7\r\n{"jsonr\r\n27;x=y\r\npc":"2.0","id":"\xc3\xa9","method":"ping"   }\r\n0\r\nTrailer: x\r\n\r\n')
        rest = b""
        while piece := client.recv(65536):
            rest += piece
    report.check("a client that waits for 100 gets it, and its chunks are read", not_equal(
        (go_on, '"id":"é","result":{}'.encode() in rest), (b"HTTP/1.1 100 Continue\r\n\r\n", True)), str(rest))

    x = b"Host: x\r\n\r\n"
    chunked = b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + x
    big = b"x" * 40_000
    for what, request, status in [
        ("no request", b"nonsense\r\n\r\n", 400), ("no version", b"GET /\r\n" + x, 400),
        ("no target", b"GET HTTP/1.1\r\n" + x, 400), ("HTTP/2.0", b"GET / HTTP/2.0\r\n" + x, 505),
        ("a method with a bracket", b"GE(T / HTTP/1.1\r\n" + x, 400), ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
        ("two Hosts", b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        ("a header without a colon", b"GET / HTTP/1.1\r\nHost x\r\n\r\n", 400),
        ("a folded header", b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", 400),
        ("a blank before the colon", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        ("a NUL in a header", b"GET / HTTP/1.1\r\nHost: x\0\r\n\r\n", 400),
        ("a raw blank in the target", b"GET /a b HTTP/1.1\r\n" + x, 400), ("no path", b"GET a HTTP/1.1\r\n" + x, 400),
        ("a raw byte above 127 in the target", b"GET /\xff HTTP/1.1\r\n" + x, 400),
        ("a bad percent in the path", b"GET /%zz HTTP/1.1\r\n" + x, 400),
        ("a bad percent in the query", b"GET /?a=%4 HTTP/1.1\r\n" + x, 400),
        ("two lengths", b"POST /mcp HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" + x, 400),
        ("a length and chunks", b"POST /mcp HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" + x, 400),
        ("a length that is none", b"POST /mcp HTTP/1.1\r\nContent-Length: -1\r\n" + x, 400),
        ("an unknown coding", b"POST /mcp HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" + x, 501),
        ("a chunk without a size", chunked + b"zz\r\n", 400),
        ("a chunk longer than its size", chunked + b"1\r\nabc\r\n", 400), ("chunks of 2 MB", chunked + b"200000\r\n", 413),
        ("a body of 2 MB", b"POST /mcp HTTP/1.1\r\nContent-Length: 2000000\r\n" + x, 413),
        ("a head of 40 KB", b"GET / HTTP/1.1\r\nA: " + big + b"\r\n" + x, 431), ("a head that never ends", big, 431),
        ("101 headers", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100 + x, 431),
    ]:
        replies = replies_in(server.talk(request), ["GET"])
        report.check(f"{what} is {status}, with the reason in the body", "" if replies and replies[0][0] == status and
                     replies[0][2] and replies[0][1].get("connection") == "close" else str(replies))
    report.check("half a request is no request", not_equal(server.talk(b"GET / HTTP/1.1\r\nHost:"), b""))


def check_mcp(report, server):
    hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize",
             "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                        "clientInfo": {"name": "check", "version": "1"}}}
    status, fields, answer = server.post(hello)
    session = fields.get("mcp-session-id", "")
    report.check("initialize is answered by one event, with a session and the version", not_equal(
        (status, fields.get("content-type"), answer["id"], answer["result"]["protocolVersion"],
         list(answer["result"]["capabilities"]), bool(re.fullmatch("[!-~]+", session))),
        (200, "text/event-stream", 0, "2025-06-18", ["tools"], True)))
    own = {"Mcp_Session_Id": session, "MCP_Protocol_Version": "2025-06-18"}
    report.check("another version is answered with the one spoken here", not_equal(
        server.post({**hello, "params": {"protocolVersion": "1999-01-01"}})[2]["result"]["protocolVersion"], "2025-06-18"))
    status, fields, answer = server.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, **own)
    report.check("a notification gets 202 and nothing",
                 not_equal((status, answer, fields.get("content-length")), (202, None, "0")))
    report.check("so does a response", not_equal(server.post({"jsonrpc": "2.0", "id": 5, "result": {}}, **own)[0], 202))
    listed = server.post({"jsonrpc": "2.0", "id": "é", "method": "tools/list"}, **own)[2]
    report.check("tools/list has the six tools with their schemas, under the id it came with", not_equal(
        (listed["id"], {tool["name"]: tool["inputSchema"]["type"] for tool in listed["result"]["tools"]}),
        ("é", dict.fromkeys(TOOLS, "object"))))
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    report.check("ping is answered", not_equal(server.post(ping, **own)[2]["result"], {}))
    for tool, query in TOOLS.items():
        arguments = dict(pair.split("=") for pair in query.split("&") if pair)
        status, fields, answer = server.call(tool, arguments, **own)
        result = (answer or {}).get("result", {})
        report.check(f"tools/call of {tool} streams one event, its text and a trace that says it is provisional", not_equal(
            (status, fields.get("content-type"), fields.get("transfer-encoding"),
             bool(result.get("content", [{}])[0].get("text")), result.get("isError"),
             result.get("_meta", {}).get("trace", {}).get("provisional")),
            (200, "text/event-stream", "chunked", True, False, True)), str(answer))
    status, fields, answer = server.call("get", {"uri": "file:latin.txt"}, Accept="application/json")
    report.check("who takes only JSON gets JSON, and what is no UTF-8 in it is U+FFFD", not_equal(
        (fields.get("content-type"), answer["result"]["content"][0]["text"]), ("application/json", "caf\ufffd telemetry\n")))
    report.check("without a session it works too", not_equal(server.call("version")[2]["result"]["isError"], False))
    answer = server.call("get", {"uri": "file:nowhere.md"}, **own)[2]
    report.check("a tool that fails says so in its result", not_equal(answer["result"]["isError"], True), str(answer))
    large = server.call("get", {"uri": "file:huge.txt"}, **own)[2]["result"]["content"][0]["text"]
    report.check("a large document comes whole", not_equal(len(large.splitlines()), HUGE_LINES))
    for id_ in ("12345678901234567890", "1.50", '"a\\u0000b"'):
        body = b'{"jsonrpc":"2.0","id":' + id_.encode() + b',"method":"ping"}'
        raw = server.ask("POST", "/mcp", body, Content_Type="application/json")[2]
        report.check(f"the id {id_} comes back as it was", "" if b'"id":' + id_.encode() + b"," in raw else str(raw))

    for what, message, status, code in [
        ("no JSON", b'{"jsonrpc":', 400, -32700), ("nothing", b"", 400, -32700), ("two documents", b"{} {}", 400, -32700),
        ("bytes that are no UTF-8", b'{"jsonrpc":"\xff"}', 400, -32700), ("JSON nested 5000 deep", b"[" * 5000, 400, -32700),
        ("a batch", b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 400, -32600), ("an empty batch", b"[]", 400, -32600),
        ("a number", b"1", 400, -32600), ("no version", b'{"id":1,"method":"ping"}', 400, -32600),
        ("version 1.0", b'{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600),
        ("no method", b'{"jsonrpc":"2.0","id":1}', 400, -32600),
        ("an id that is null", b'{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600),
        ("a method that is a number", b'{"jsonrpc":"2.0","id":1,"method":7}', 400, -32600),
        ("an unknown method", b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', 200, -32601),
        ("params that are a list", b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', 400, -32602),
        ("a call without a name", {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}, 200, -32602),
        ("an unknown tool", server.call_of("nonsense"), 200, -32602),
        ("a missing argument", server.call_of("search", {}), 200, -32602),
        ("a word for an integer", server.call_of("search", {"q": "a", "limit": "many"}), 200, -32602),
        ("arguments that are a list", server.call_of("orient", []), 200, -32602),
    ]:
        is_status, _, answer = server.post(message, **own)
        report.check(f"{what} is error {code}", not_equal(
            (is_status, (answer or {}).get("error", {}).get("code"), bool((answer or {}).get("error", {}).get("message"))),
            (status, code, True)), str(answer))
    for what, headers, status in [
        ("another content type", {"Content_Type": "text/plain"}, 415), ("no content type", {"Content_Type": ""}, 415),
        ("a content type with its charset", {"Content_Type": "application/json; charset=utf-8"}, 200),
        ("a client that takes only HTML", {"Accept": "text/html"}, 406),
        ("a client that takes anything", {"Accept": "*/*"}, 200),
        ("another protocol version", {"MCP_Protocol_Version": "1999-01-01"}, 400),
        ("an unknown session", {"Mcp_Session_Id": "x"}, 404),
    ]:
        report.check(f"{what} is {status}", not_equal(server.post(ping, **headers)[0], status))

    before = len(server.points())
    with server.connect() as client:
        body = json.dumps(server.call_of("time", {"ticks": 1000, "every_ms": 20}, 77)).encode()
        client.sendall(f"POST /mcp HTTP/1.1\r\nHost: x\r\nMcp-Session-Id: {session}\r\nContent-Type: application/json\r\n"
                       f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        client.recv(10)
        start = time.monotonic()
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 77}}
        server.post(cancel)
        server.post({**cancel, "params": {"requestId": 78}}, **own)
        time.sleep(0.3)
        early = [point["outcome"] for point in server.points()[before:]]
        server.post(cancel, **own)
        while client.recv(65536):
            pass
    points = server.wait_for_points(before + 4)[before:]
    report.check("a call can't be taken back from outside its session, nor by another id",
                 not_equal(early, ["no_body"] * 2))
    report.check("a call that is taken back ends at once, with the outcome cancelled", not_equal(
        ([point["outcome"] for point in points if point["method"] == "tools/call"], time.monotonic() - start < 10),
        (["cancelled"], True)))
    report.check("a session that was ended is unknown", not_equal(
        (server.ask("DELETE", "/mcp", Mcp_Session_Id=session)[0], server.post(ping, **own)[0]), (204, 404)))
    report.check("a point says who asked", not_equal(
        {point["consumer_label"] for point in server.points() if point["consumer_source"] == "client_info"},
        {"check", "unnamed"}))


def check_hang_ups(report, server):
    before = len(server.points())
    for by_reset in (True, False):
        for target in ("/tools/time?ticks=500&every_ms=5", "/tools/get?uri=file:vast.txt"):
            with server.connect(4096) as client:
                client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                received = client.recv(200)
                while received.endswith(b"\r\n\r\n"):  # the head alone
                    received += client.recv(200)
                if by_reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    points = server.wait_for_points(before + 4)[before:]
    report.check("clients that reset or close in mid-body are four bodies aborted",
                 not_equal([point["outcome"] for point in points], ["aborted"] * 4))
    report.check("a large document that a client left is from r2, a clock is unresolved",
                 not_equal(sorted(point["cache_tier"] for point in points), ["r2", "r2", "unresolved", "unresolved"]))


def check_many(report, server):
    def descriptors():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    before = descriptors()
    clients = [server.connect() for _ in range(40)]
    for _ in range(3):
        for client in clients:
            client.sendall(b"GET /tools/search?q=telemetry HTTP/1.1\r\nHost: x\r\n\r\n")
        for client in clients:
            received = b""
            while not received.endswith(b"0\r\n\r\n"):
                piece = client.recv(65536)
                if not piece:
                    break
                received += piece
            if replies_in(received, ["GET"])[0][0] != 200:
                report.check("40 connections are served at once", str(received))
    for client in clients:
        client.close()
    server.ask("GET", "/tools/time")
    deadline = time.monotonic() + 5
    while descriptors() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    report.check("40 connections are served three times, and leave no descriptor open", not_equal(descriptors(), before))


def tier_of_search(server):
    return json.loads(server.ask("GET", "/tools/search?q=telemetry&trace=1")[2].splitlines()[-1])["index_source"]


def check_listen(report, program, scratch, documents):
    out = scratch / "listen"
    with serving(report, "tools", program, documents, out, options=["--otlp", "http://127.0.0.1:1/"]) as server:
        check_tools(report, server)
        check_many(report, server)
    with serving(report, "HTTP", program, documents, out) as server:
        report.check("a server that is started again finds its index on disk", not_equal(tier_of_search(server), "cache"))
        check_http(report, server)
    for index in out.glob("index-*.bin"):
        data = bytearray(index.read_bytes())
        data[len(data) // 2] ^= 1
        index.write_bytes(data)
    with serving(report, "MCP", program, documents, out) as server:
        report.check("a damaged index is built again", not_equal(tier_of_search(server), "build"))
        check_mcp(report, server)
        check_hang_ups(report, server)
    points, traces = lines_of(out / "points.ndjson"), lines_of(out / "traces.ndjson")
    report.check("three servers have appended to the same files", not_equal(len(points), len(traces)))


def check_shutdown(report, program, scratch, documents):
    for name, signals, most in (("Ctrl-C waits a moment for bodies", [signal.SIGINT], 12),
                                ("a second Ctrl-C does not wait", [signal.SIGINT, signal.SIGINT], 3),
                                ("SIGTERM is as good", [signal.SIGTERM, signal.SIGTERM], 3)):
        server = Server(program, documents, scratch / f"shutdown{len(name)}")
        clients = [server.connect() for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /tools/time?ticks=1000&every_ms=20 HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(10)
        server.connect().close()
        start = time.monotonic()
        status, output = server.stop(*signals)
        took = time.monotonic() - start
        for client in clients:
            client.close()
        points = server.points()
        report.check(f"{name}, and those in flight get the outcome shutdown", not_equal(
            (status, [point["outcome"] for point in points], {point["cache_tier"] for point in points},
             sum(number(row["calls"]) for row in table_of(output)), took < most),
            (0, ["shutdown"] * 3, {"unresolved"}, 3, True)), output)


def check_full_disk(report, program, scratch, documents):
    """The kernel refuses to let files grow, as a full disk does. Answers must not suffer, and the loss must be told."""
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    server = Server(program, documents, scratch / "full", preexec_fn=small_files)
    statuses = {server.ask("GET", "/tools/search?q=telemetry")[0] for _ in range(30)}
    status, output = server.stop(signal.SIGINT)
    report.check("a full disk fails no request, is told at the end, and the status is 1", not_equal(
        (statuses, status, bool(re.search(r"books: 30 requests, but \d+ points written", output))),
        ({200}, 1, True)), output)
    report.check("and leaves whole lines only", not_equal(0 < len(server.points()) < 30, True))


def main():
    program = Path(sys.argv[1]).resolve()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        documents = scratch / "tree" / "documents"
        make_documents(documents)
        for check in (check_options, check_drive, check_backends, check_terminal, check_listen, check_shutdown,
                      check_full_disk):
            try:
                check(report, program, scratch, documents)
            except (OSError, ValueError, LookupError, TypeError, subprocess.TimeoutExpired) as error:
                report.check(check.__name__, f"an answer was not what it must be: {error!r}", traceback.format_exc())
        for server in Server.started:
            server.process.kill()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
