#!/usr/bin/env python3
"""OTLP over HTTP, sent to real servers that answer, refuse, ask for time, lie, stall and hang up.

    otlp_http.py PROGRAM      the program of otlp_http.cpp

The servers are Python's http.server and Node's, on loopback. Each has the list of what to do with every request of every
record; what the program counted has to be what was done to it, and no record may come again after its final answer.
"""
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report

PROTOBUF, JSON = "application/x-protobuf", "application/json"
PARTIAL = b"\x0a\x0b\x08\x03\x12\x07no room"  # partial_success {rejected: 3, error_message: "no room"}
WARNING = b"\x0a\x06\x12\x04soon"
PARTIAL_JSON = b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"old"}}'

NODE = """
const server = require('http').createServer((request, response) => {
  let size = 0;
  request.on('data', (piece) => { size += piece.length; });
  request.on('end', () => {
    console.log('request', request.socket.remotePort, request.headers['content-length'] == size, request.url);
    response.setHeader('Content-Type', 'application/x-protobuf');
    response.write(Buffer.from([0x0a, 0x02]));  // without a Content-Length: chunked
    response.end(Buffer.from([0x08, 0x01]));
  });
});
server.keepAliveTimeout = Number(process.argv[2]);
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
process.stdin.on('data', () => {}).on('end', () => process.exit(0));
"""


class Answer:
    """What is done with one request. `again`: the client has to send it again."""

    def __init__(self, status=200, body=b"", type=PROTOBUF, again=False, how="answer", counted="", **headers):
        self.status, self.body, self.type, self.again, self.how = status, body, type, again, how
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.counted = counted or {200: "accepted"}.get(status, "busy" if again else "refused")


def nasty(how, counted):
    return Answer(how=how, again=True, counted=counted)


def in_a_second():
    return lambda: formatdate(time.time() + 1, usegmt=True)


# For each record what its requests meet. A connection that rested and is gone is made anew within the same attempt.
RECORDS = [
    [Answer()],
    [Answer(body=PARTIAL)],
    [Answer(429, again=True, Retry_After="1"), Answer()],
    [Answer(503, again=True, Retry_After=in_a_second()), Answer()],
    [Answer(502, again=True), Answer(503, again=True), Answer(504, again=True), Answer()],
    [Answer(400, b"\x08\x03\x12\x03bad")],
    [Answer(500)],
    [Answer(404)],
    [Answer(301, Location="/elsewhere")],
    [Answer()],
    [nasty("close", "resent"), Answer()],
    [nasty("reset", "resent"), Answer()],
    [nasty("stall", "answer_timed_out"), Answer()],
    [nasty("trickle", "answer_timed_out"), Answer()],
    [nasty("half a head", "closed"), Answer()],
    [nasty("half a body", "closed"), Answer()],
    [nasty("no HTTP", "bad_answer"), Answer()],
    [Answer(how="chunks", type=JSON, body=PARTIAL_JSON)],
    [Answer(how="interim", body=WARNING)],
    [Answer(body=b"<html>", type="text/html")],
    [Answer(body=b"x" * 100_000)],
    [Answer(Connection="close")],
    [Answer(how="until the end", body=PARTIAL)],
    [Answer()],
]
RETRY_AFTER = {2, 3}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = re.search(rb"record (\d+);", body)
        number = int(found.group(1)) if found else -1
        seen = server.seen.setdefault(number, [])
        seen.append((time.monotonic(), body, self.path, dict(self.headers)))
        server.order.append(number)
        answers = server.records[number] if 0 <= number < len(server.records) else []
        if len(seen) > len(answers) and not server.repeat:
            server.problems.append(f"record {number} came once too often")
        self.play(answers[min(len(seen), len(answers)) - 1] if answers else Answer())

    def play(self, answer):
        write = self.connection.sendall
        if answer.how == "answer":
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value() if callable(value) else value)
            self.end_headers()
            self.wfile.write(answer.body)
            return
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {answer.type}\r\n".encode()
        if answer.how == "chunks":
            write(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(answer.body), 7):
                piece = answer.body[at:at + 7]
                write(f"{len(piece):x};n={at}\r\n".encode() + piece + b"\r\n")
                time.sleep(0.002)
            write(b"0\r\nX-Trailer: yes\r\n\r\n")
            return
        if answer.how == "interim":
            write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + head +
                  f"Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body)
            return
        self.close_connection = True
        try:
            if answer.how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            elif answer.how == "stall":
                self.connection.recv(1)  # until the client has given up
            elif answer.how == "trickle":
                for byte in head * 100:
                    write(bytes([byte]))
                    time.sleep(0.02)
            elif answer.how == "half a head":
                write(head[:20])
            elif answer.how == "half a body":
                write(head + b"Content-Length: 100\r\n\r\nhalf")
            elif answer.how == "no HTTP":
                write(b"SSH-2.0-OpenSSH_9.2\r\n")
            elif answer.how == "until the end":
                write(head + b"\r\n" + answer.body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, records, repeat=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.records, self.repeat = records, repeat
        self.seen, self.order, self.problems = {}, [], []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_):
        pass  # a connection that was reset on purpose

    def url(self, path=""):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


def run(program, *words):
    done = subprocess.run([program, *map(str, words)], stdout=subprocess.PIPE, timeout=60)
    said = dict(line.split(" ", 1) for line in done.stdout.decode().splitlines())
    return done.returncode, {name: int(value) if value.isdigit() else value for name, value in said.items()}


def check_worker(report, program):
    server = Server(RECORDS)
    status, said = run(program, "worker", server.url(), len(RECORDS))
    report.check("the worker's program ends", f"status {status}" if status else "")
    report.check("no record comes again after its final answer", "; ".join(server.problems))
    wanted = [number for number, answers in enumerate(RECORDS) for _ in answers]
    report.check("each record comes as often as it has to, and in order",
                 "" if server.order == wanted else f"{server.order}")
    for number, seen in server.seen.items():
        bodies = {body for _, body, *_ in seen}
        report.check(f"the bytes of record {number} are the same each time", "" if len(bodies) == 1 else f"{len(bodies)} kinds")
    for number in RETRY_AFTER:
        times = [when for when, *_ in server.seen.get(number, [])]
        gap = times[1] - times[0] if len(times) > 1 else 0
        # The two dates in an answer may be those of a second and the next.
        report.check(f"record {number} waits as long as it was told", "" if 0.95 <= gap < 2.5 else f"{gap:.2f} s")
    paths = {(path, headers.get("Content-Type"), headers.get("X-Tenant"), headers.get("User-Agent"))
             for seen in server.seen.values() for _, _, path, headers in seen}
    report.check("path and headers", "" if paths == {("/v1/traces", PROTOBUF, "tests", "lastbyte")} else f"{paths}")

    met = [answer for answers in RECORDS for answer in answers]
    expected = {name: sum(answer.counted == name for answer in met) for name in (
        "accepted", "busy", "refused", "closed", "answer_timed_out", "bad_answer", "resent")}
    expected |= {"partial": 3, "rejected": 3 + 2 + 3, "warnings": 1, "not_understood": 2, "pending": 0,
                 "delivered": expected["accepted"], "lost": expected["refused"]}
    expected["failed"] = len(met) - expected["accepted"] - expected["resent"]
    expected["failures"] = expected["failed"] - expected["refused"]
    for name, number in expected.items():
        report.check(f"the count {name}", "" if said.get(name) == number else f"{said.get(name)} instead of {number}")
    server.shutdown()


def check_retry(report, program):
    cases = {
        "a success ends it": ([Answer(503, again=True), Answer(502, again=True), Answer()], 5000,
                              dict(sent=1, attempts=3, gave_up=0, status=200)),
        "a refusal ends it, with the server's words": (
            [Answer(503, again=True), Answer(400, b'{"code":3,"message":"bad"}', JSON)], 5000,
            dict(sent=0, attempts=2, gave_up=0, status=400, message="bad")),
        "it gives up before a pause that is too long": (
            [Answer(503, b"later", "text/plain", again=True, Retry_After="60")], 2000,
            dict(sent=0, attempts=1, gave_up=1, status=503, message="later")),
    }
    for name, (answers, within_ms, wanted) in cases.items():
        server = Server([answers])
        began = time.monotonic()
        _, said = run(program, "retry", server.url("/v1/elsewhere"), within_ms)
        took = time.monotonic() - began
        report.check(f"retry: {name}", "" if wanted.items() <= said.items() and took < 2 and not server.problems else
                     f"{said} after {took:.1f} s, {server.problems}")
        server.shutdown()
    server = Server([[Answer(503, again=True)]], repeat=True)
    began = time.monotonic()
    _, said = run(program, "retry", server.url("/v1/elsewhere"), 400)
    took = time.monotonic() - began
    good = said.get("gave_up") == 1 and said.get("attempts", 0) == len(server.order) >= 5 and 0.2 < took < 1.5
    report.check("retry: it gives up at the deadline", "" if good else f"{said} after {took:.1f} s")
    server.shutdown()


def check_node(report, program, folder):
    if not shutil.which("node"):
        report.skip("Node's server", "there is no node on this machine (apt-get install nodejs)", 3)
        return
    (folder / "server.cjs").write_text(NODE)
    for keep_ms, pause_ms, requests in ((5000, 1, 20), (1, 30, 8), (20, 20, 25)):
        with subprocess.Popen(["node", "server.cjs", str(keep_ms)], cwd=folder, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as node:
            port = node.stdout.readline().split()[1]
            _, said = run(program, "idle", f"http://127.0.0.1:{port}/base/", requests, pause_ms)
            node.stdin.close()
            lines = [line.split() for line in node.stdout]
        wanted = dict(accepted=requests, failed=0, partial=requests, rejected=requests, not_understood=0)
        good = wanted.items() <= said.items() and all(line[2:] == ["true", "/base/v1/traces"] for line in lines)
        connections = len({line[1] for line in lines})
        good = good and (connections == said["connections"] == 1 if keep_ms == 5000 else said["connections"] >= connections)
        # Where the server closes just when a request comes, it may see it twice: at least once, and none is lost.
        good = good and requests <= len(lines) <= requests + said["resent"]
        report.check(f"Node's server, which keeps a connection for {keep_ms} ms, gets everything",
                     "" if good else f"{said} and {len(lines)} requests over {connections} connections")


def main():
    program = str(Path(sys.argv[1]).resolve())
    report = Report()
    check_worker(report, program)
    check_retry(report, program)
    with tempfile.TemporaryDirectory() as folder:
        check_node(report, program, Path(folder))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
