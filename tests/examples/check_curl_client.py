#!/usr/bin/env python3
"""curl_client moves a body down and up, and says how it ended and where it came from.

    check_curl_client.py PROGRAM SOURCE_ROOT
"""
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report

PARTIAL, REFUSED, NO_FILE = 18, 7, 37
SECONDS = 30


class Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taken = {}

    def answer(self, status, body, *headers, length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/short":
            self.close_connection = True
            return self.answer(200, b"only this", length=100)
        self.answer(200, b"hello\n", ("X-Cache", self.path.strip("/")))

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/moved":
            return self.answer(307, b"", ("Location", "/taken"))
        Origin.taken[self.path] = body
        self.answer(200, b"", ("X-Cache", "MISS"))

    def log_message(self, *_):
        pass


def main():
    program = Path(sys.argv[1]).resolve()
    report = Report()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def check(name, path, wanted, *files, port=server.server_port):
        """`wanted` is the status, the output and the first line of the errors."""
        done = subprocess.run([program, f"http://127.0.0.1:{port}{path}", *files], capture_output=True, text=True,
                              timeout=SECONDS)
        found = (done.returncode, done.stdout, (done.stderr.splitlines() or [""])[0])
        report.check(name, "" if found == wanted else f"{found} instead of {wanted}", done.stderr)

    check("a hit", "/HIT", (0, "hello\n", "cache, 6 bytes, complete"))
    check("a miss", "/MISS", (0, "hello\n", "origin, 6 bytes, complete"))
    check("a body that is cut short", "/short", (PARTIAL, "only this", "none, 9 bytes, truncated"))
    check("nobody there", "/", (REFUSED, "", "unresolved, 0 bytes, producer_error"), port=1)
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x" * 100_000)
        file.flush()
        for path in ("/direct", "/moved"):
            check(f"an upload to {path}", path, (0, "", "none, 100000 bytes, complete"), file.name)
    report.check("the server has both", "" if {*map(len, Origin.taken.values())} == {100_000} and len(Origin.taken) == 2 else
                 f"it has {[*Origin.taken]}")
    check("a file that is not there", "/direct", (NO_FILE, "", f"curl_client: http://127.0.0.1:{server.server_port}/direct: "
                                                               "Couldn't read a file:// file"), "/nowhere/at/all")
    status = subprocess.run([program], capture_output=True, timeout=SECONDS).returncode
    report.check("without an argument it tells how to use it", "" if status == 2 else f"status {status}")
    server.shutdown()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
