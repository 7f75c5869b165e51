"""What check_tool_server.py needs to talk to a server: the process, raw requests, what it left behind, and a collector."""
import json
import re
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def table_of(output):
    """The printed table, as one dictionary a row."""
    lines = output.splitlines()
    start = next((i for i, line in enumerate(lines) if re.match(r"tool +tier +at handler's end", line)), None)
    if start is None:
        return []
    names = re.split(r"  +", lines[start])
    rows = []
    for line in lines[start + 1:]:
        if not line:
            break
        rows.append(dict(zip(names, re.split(r"  +", line))))
    return rows


def number(text):
    return int(text.replace(",", ""))


class Server:
    """A server that listens, and what it wrote."""
    started = []

    def __init__(self, program, documents, out, *options, **more):
        self.out = out
        self.process = subprocess.Popen([program, "--docs", documents, "--out", out, "--listen", "0", *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        Server.started.append(self)
        first = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", first)[1])

    def stop(self, *signals):
        """Sends the signals; the exit status and everything it printed."""
        for one in signals:
            self.process.send_signal(one)
            time.sleep(0.1)
        try:
            output = self.process.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            output = self.process.communicate()[0] + "\nit had to be killed"
        return self.process.returncode, output

    def points(self):
        path = self.out / "points.ndjson"
        return lines_of(path) if path.exists() else []

    def wait_for_points(self, count, seconds=10):
        """All points, once there are `count`; a body ends a little after its client has seen the end."""
        deadline = time.monotonic() + seconds
        while len(self.points()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.points()

    def connect(self, receive_buffer=0):
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(20)
        client.connect(("127.0.0.1", self.port))
        return client

    def talk(self, *pieces):
        """Sends bytes as they are, and returns all that comes until the server closes."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(0.002)
            client.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while piece := client.recv(65536):
                    received += piece
            except ConnectionResetError:
                pass
            return received

    def ask(self, method, target, body=b"", **headers):
        """One request on a connection of its own, as (status, headers, body)."""
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        for name, value in headers.items():
            head += f"{name.replace('_', '-')}: {value}\r\n"
        if body or method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        replies = replies_in(self.talk(head.encode() + b"\r\n" + body), [method])
        return replies[0] if replies else (0, {}, b"")

    def post(self, message, **headers):
        """A JSON-RPC message, as (status, headers, the answer's JSON)."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        headers = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
        status, fields, text = self.ask("POST", "/mcp", body, **{name: value for name, value in headers.items() if value})
        if fields.get("content-type") == "text/event-stream":
            event = re.fullmatch(rb"event: message\ndata: ([^\n]+)\n\n", text)
            return status, fields, json.loads(event[1]) if event else None
        return status, fields, json.loads(text) if text else None

    @staticmethod
    def call_of(tool, arguments=None, id_=1):
        params = {"name": tool} if arguments is None else {"name": tool, "arguments": arguments}
        return {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": params}

    def call(self, tool, arguments=None, **headers):
        return self.post(self.call_of(tool, arguments), **headers)


def replies_in(data, methods):
    """The responses in a stream of bytes, as (status, headers, body); an incomplete one ends the list with body None."""
    replies = []
    for method in methods:
        head, found, data = data.partition(b"\r\n\r\n")
        if not found:
            break
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif fields.get("transfer-encoding") == "chunked":
            body, data = unchunked(data)
        elif "content-length" in fields:
            length = int(fields["content-length"])
            body, data = (data[:length], data[length:]) if len(data) >= length else (None, b"")
        else:
            body, data = data, b""
        replies.append((status, fields, body))
    return replies


def unchunked(data):
    body = b""
    while True:
        size, found, rest = data.partition(b"\r\n")
        if not found:
            return None, b""
        length = int(size, 16)
        if len(rest) < length + 2 or rest[length:length + 2] != b"\r\n":
            return None, b""
        body, data = body + rest[:length], rest[length + 2:]
        if length == 0:
            return body, data


class Collector(ThreadingHTTPServer):
    """Takes traces as OTLP and rows as ClickHouse does, or answers everything by one status."""
    daemon_threads = True

    def __init__(self, status=200):
        super().__init__(("127.0.0.1", 0), Collecting)
        self.status, self.traces, self.rows, self.tables, self.odd = status, [], [], [], []
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def close(self):
        self.shutdown()
        self.server_close()


class Collecting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        url, server = urlsplit(self.path), self.server
        query = parse_qs(url.query).get("query", [""])[0]
        with server.lock:
            if server.status != 200:
                pass
            elif url.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf":
                server.traces += spans_in(body)
            elif query.startswith("INSERT INTO `tool_calls`") and query.endswith("FORMAT JSONEachRow"):
                server.rows += [json.loads(line) for line in body.splitlines()]
            elif body.startswith(b"CREATE TABLE IF NOT EXISTS"):
                server.tables.append(body.decode())
            else:
                server.odd.append((self.path, body[:100]))
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def fields(message):
    """The length-delimited fields of a protobuf message, as (number, bytes)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        key = varint()
        if key & 7 == 2:
            size = varint()
            yield key >> 3, message[at:at + size]
            at += size
        elif key & 7 == 0:
            varint()
        else:
            at += {1: 8, 5: 4}[key & 7]
    assert at == len(message)


def spans_in(request):
    """The names of the spans of each trace in an ExportTraceServiceRequest: one ResourceSpans is one trace here."""
    return [[dict(fields(span))[5].decode() for number, scope in fields(trace) if number == 2
             for inner, span in fields(scope) if inner == 2] for _, trace in fields(request)]
