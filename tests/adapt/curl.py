#!/usr/bin/env python3
"""Each end of a libcurl transfer gives one Reading, with the right outcome and bytes.

    curl.py PROGRAM      the program of curl.cpp

The other side is a server on loopback that breaks HTTP in the way that its path says.
"""
import gzip
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bodies import problem_with
from harness import Report, not_equal
from server import nginx_before, reset_on_close

SECONDS = 60
BODY = b"x" * 3000
OK, CONNECT, PARTIAL, WRITE, READ, TIMEOUT, CALLBACK, EMPTY, SEND, RECEIVE, ENCODING, REWIND = \
    "0", "7", "18", "23", "26", "28", "42", "52", "55", "56", "61", "65"


def answer(status="200 OK", body=b"", *headers, length=None):
    length = len(body) if length is None else length
    head = [f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {length}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def chunks(*texts):
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + \
        b"".join(b"%x\r\n%s\r\n" % (len(text), text) for text in texts)


ANSWERS = {  # to whatever is asked, before the connection is closed
    "sized": answer(body=BODY),
    "empty": answer(),
    "head": answer(length=3000),
    "chunked": chunks(BODY, b""),
    "unended": chunks(BODY),
    "closed": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY,
    "nothing": b"",
    "short": answer(body=BODY, length=5000),
    "gone": answer("204 No Content"),
    "unmodified": answer("304 Not Modified", length=3000),
    "missing": answer("404 Not Found", b"no such thing"),
    "zipped": answer("200 OK", gzip.compress(BODY), "Content-Encoding: gzip"),
    "overzipped": answer("200 OK", gzip.compress(BODY) + b"!" * 3000, "Content-Encoding: gzip"),
    "badly_zipped": answer("200 OK", BODY, "Content-Encoding: gzip"),
    "redirect": answer("302 Found", b"a body that nobody reads", "Location: /sized"),
    "expects": answer("417 Expectation Failed"),
}


class Peer:
    """One connection a thread; a request's path is the name of an answer, or of a method."""

    def __init__(self, receive_buffer=None):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.port = self.listener.getsockname()[1]
        self.taken = {}
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        """What a client that leaves does to a server is not of interest here."""
        with connection:
            try:
                stream = connection.makefile("rb")
                _, path, _ = stream.readline().decode().split()
                headers = {}
                while line := stream.readline().strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                name = path.strip("/").partition("?")[0]
                if name in ANSWERS:
                    return connection.sendall(ANSWERS[name])
                getattr(self, name)(connection, stream, headers, path)
            except (OSError, ValueError):
                pass

    def resets(self, connection, *_):
        connection.sendall(answer(body=BODY, length=50000))
        time.sleep(0.1)
        reset_on_close(connection)

    def stalls(self, connection, stream, *_):
        connection.sendall(answer(body=BODY, length=5000))
        stream.read(1)

    def endless(self, connection, *_):
        connection.sendall(answer(length=1 << 40))
        while True:
            connection.sendall(BODY * 10)
            time.sleep(0.001)

    def take(self, connection, stream, headers, path):
        size = 0
        if "chunked" in headers.get("transfer-encoding", ""):
            while count := int(stream.readline(), 16):
                size += len(stream.read(count))
                stream.readline()
            stream.readline()
        else:
            size = len(stream.read(int(headers["content-length"])))
        self.taken[path] = self.taken.get(path, 0) + size
        connection.sendall(answer(body=b"taken"))

    def moved(self, connection, stream, headers, path):
        stream.read(int(headers["content-length"]))
        connection.sendall(answer("307 Temporary Redirect", b"", "Location: /take" + path.removeprefix("/moved")))

    def early(self, connection, stream, *_):
        """Answers while the client still writes, and takes no more."""
        stream.read(1)
        connection.sendall(answer("413 Payload Too Large", b"too much"))
        time.sleep(0.3)

    def hangs_up(self, connection, stream, *_):
        stream.read(100_000)
        reset_on_close(connection)

    def never_reads(self, connection, *_):
        time.sleep(5)


class Orders:
    """Transfers for one run of the program, and what is expected of each."""

    def __init__(self, report, program, peer):
        self.report, self.program, self.peer = report, program, peer
        self.lines, self.expected = [], []

    def add(self, name, path, options, outcome, size, code, kind="down", at=None):
        """`size` is the bytes of the Reading, or None where they are left to chance; `code` is libcurl's, or several that
        will do, or "-" where there is none, or "- threw" where an exception came out."""
        url = f"http://127.0.0.1:{at or self.peer.port}/{path}"
        self.lines.append(f"{len(self.lines)} {kind} {url} {options}")
        self.expected.append((name, outcome, size, code if isinstance(code, tuple) else (code,)))

    def run(self):
        """The lines of each transfer, without their ids."""
        done = subprocess.run([self.program], input="\n".join(self.lines) + "\n", capture_output=True, text=True,
                              timeout=SECONDS)
        found = [[] for _ in self.lines]
        for line in done.stdout.splitlines():
            number, *rest = line.split()
            found[int(number)].append(rest)
        for lines, (name, outcome, size, codes) in zip(found, self.expected):
            ends = [" ".join(line) for line in lines if len(line) != 3 and line[0] != "again"]
            problem = problem_with([line for line in lines if len(line) == 3], outcome, size)
            if not problem and (len(ends) != 1 or ends[0] not in codes):
                problem = f"its end is {ends}, not {codes}"
            self.report.check(name, problem)
        self.report.check("it ends well", f"status {done.returncode}" if done.returncode else "", done.stderr)
        return found


DOWNLOADS = [
    ("read to the end", "sized", "", "complete", 3000, OK),
    ("chunked", "chunked", "", "complete", 3000, OK),
    ("until the connection ends", "closed", "", "complete", 3000, OK),
    ("empty", "empty", "", "complete", 0, OK),
    ("HEAD", "head", "head=1", "no_body", 0, OK),
    ("204", "gone", "", "no_body", 0, OK),
    ("304", "unmodified", "", "no_body", 0, OK),
    ("404 is an answer with a body", "missing", "", "complete", 13, OK),
    ("fewer bytes than announced", "short", "", "truncated", 3000, PARTIAL),
    ("chunks without a last one", "unended", "", "truncated", 3000, PARTIAL),
    ("reset in the middle", "resets", "", "producer_error", 3000, RECEIVE),
    ("no answer", "nothing", "", "producer_error", 0, EMPTY),
    ("a time-out in the middle", "stalls", "timeout_ms=200", "timed_out", 3000, TIMEOUT),
    ("a writer that refuses", "endless", "refuse_at=100000", "aborted", None, WRITE),
    ("a writer that says why it refuses", "endless", "cancel_at=100000", "cancelled", None, WRITE),
    ("a writer that throws", "endless", "throw_at=100000", "aborted", None, "- threw"),
    ("a progress callback that says no", "endless", "stop_at=100000", "cancelled", None, CALLBACK),
    ("a pause, after which the bytes come again", "sized", "pause_at=0", "complete", 3000, OK),
]
UPLOADS = [  # of 300,000 bytes
    ("all of it", "", "complete", 300_000, OK),
    ("empty", "size=0", "complete", 0, OK),
    ("a reader that aborts", "abort_at=50000", "producer_error", None, CALLBACK),
    ("a reader that throws", "throw_at=50000", "producer_error", None, "- threw"),
    ("a pause", "pause_at=50000", "complete", 300_000, OK),
    ("a reader that says why it aborts", "cancel_at=50000", "cancelled", None, CALLBACK),
]
LONG_UPLOADS = [
    ("an answer before the last byte", "early", "", "aborted", None, (OK, SEND, RECEIVE)),
    ("a server that hangs up", "hangs_up", "", "aborted", None, (SEND, RECEIVE)),
    ("a time-out", "never_reads", "timeout_ms=200", "timed_out", None, TIMEOUT),
    ("a progress callback that says no", "never_reads", "stop_at=100000", "cancelled", None, CALLBACK),
]


def order_downloads(orders):
    add = orders.add
    for how in ("easy", "multi"):
        for name, path, options, *expected in DOWNLOADS:
            add(f"{how}: {name}", path, f"how={how} {options}", *expected)
    add("a redirect's own body is not counted", "redirect", "", "complete", 3000, OK)
    add("decompressed bytes are counted", "zipped", "gzip=1", "complete", 3000, OK)
    add("a body that can't be decompressed", "badly_zipped", "gzip=1", "producer_error", 0, ENCODING)
    add("more than can be decompressed", "overzipped", "gzip=1 pause_at=0", "producer_error", 3000, WRITE)
    add("a port where nobody listens", "", "", "producer_error", 0, CONNECT, at=1)
    for how in ("remove", "cleanup"):
        add(f"{how} in mid-transfer", "endless", f"how={how}", "aborted", None, "-")
    again = f"then=http://127.0.0.1:{orders.peer.port}/sized"
    add("reset in mid-transfer, and used again", "endless", f"how=reset {again}", "aborted", None, "-")
    add("dropped before it began", "sized", "how=drop", "abandoned", 0, "-")
    add("off: it is downloaded", "sized", "off=1", None, None, OK)


def order_uploads(orders):
    """The paths at which the server must have 300,000 bytes in the end."""
    def add(name, *rest, **more):
        return orders.add(f"up: {name}", *rest, kind="up", **more)

    paths = ["/take?moved", "/take?off"]
    for how in ("easy", "multi"):
        for kind in ("sized", "unsized"):
            paths.append(f"/take?{how}_{kind}")
            for name, options, *expected in UPLOADS:
                path = f"take?{how}_{kind}" if name == "all of it" else "take?"
                add(f"{how}: {kind}: {name}", path, f"how={how} size=300000 {kind}=1 {options}", *expected)
        for name, path, options, *expected in LONG_UPLOADS:
            add(f"{how}: {name}", path, f"how={how} size=300000000 {options}", *expected)
    add("an answer while the rest is in libcurl's buffer", "early", "size=50000 chunk=50000 narrow=1", "aborted", 50_000,
        (OK, SEND, RECEIVE), at=Peer(receive_buffer=2048).port)
    add("a redirect: rewound, sent twice, counted once", "moved?moved", "size=300000 seek=1", "complete", 300_000, OK)
    add("a redirect without a seek", "moved?", "size=300000", "producer_error", 300_000, REWIND)
    add("a redirect whose seek is refused", "moved?", "size=300000 seek=refused", "producer_error", 300_000, REWIND)
    add("a redirect whose seek throws", "moved?", "size=300000 seek=thrown", "producer_error", 300_000, "- threw")
    add("resumed: what lies before is not counted", "take?resumed", "size=300000 resume=100 seek=1", "complete", 299_900, OK)
    add("resumed, unsized", "take?", "size=300000 unsized=1 resume=100 seek=1", "complete", 299_900, OK)
    add("resumed, and the seek is refused", "take?", "size=300000 resume=100 seek=refused", "producer_error", 0, READ)
    add("a refusal before the first byte", "expects", "size=300000 expect=1", "abandoned", 0, OK)
    add("a reader that ends before the length", "take?", "size=1000 announced=3000 timeout_ms=300", "truncated", 1000,
        (PARTIAL, TIMEOUT))
    add("a reader that goes beyond the length", "take?", "size=5000 announced=3000", "overrun", 5000, OK)
    add("remove in mid-transfer", "never_reads", "how=remove size=300000000", "aborted", None, "-")
    add("dropped before it began", "take?", "how=drop size=10", "abandoned", 0, "-")
    add("off: it is uploaded", "take?off", "off=1 size=300000", None, None, OK)
    return paths


def order_through_nginx(orders, port):
    """It passes on what it has when the server leaves, and answers itself before an upload that is too long is over."""
    add = orders.add
    add("nginx: read to the end", "sized", "", "complete", 3000, OK, at=port)
    add("nginx: chunked", "chunked", "how=multi", "complete", 3000, OK, at=port)
    add("nginx: the server behind it leaves", "short", "", "truncated", 3000, PARTIAL, at=port)
    add("nginx: its 502 is an answer with a body", "nothing", "", "complete", None, OK, at=port)
    add("nginx: an upload", "take?nginx", "size=300000", "complete", 300_000, OK, kind="up", at=port)
    add("nginx: an upload that it refuses", "take?", "size=300000000", ("aborted", "abandoned"), None, (OK, SEND, RECEIVE),
        kind="up", at=port)


def main():
    report = Report()
    peer = Peer()
    orders = Orders(report, Path(sys.argv[1]).resolve(), peer)
    start = time.monotonic()
    order_downloads(orders)
    paths = order_uploads(orders)
    with nginx_before(peer.port) as port:
        if port is None:
            report.skip("nginx", "there is no nginx (Debian: nginx-light)", 6)
        else:
            order_through_nginx(orders, port)
            paths.append("/take?nginx")
        found = orders.run()
    again = [line for lines in found for line in lines if line[0] == "again"]
    report.check("a handle that was reset transfers again", not_equal(again, [["again", OK]]))
    for path in paths:
        report.check(f"the server has all of {path}", not_equal(peer.taken.get(path), 300_000))
    print(f"in {time.monotonic() - start:.1f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
