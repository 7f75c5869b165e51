"""A server under test: its process, connections to it, the lines that it prints, one for each Reading; nginx in front."""
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from harness import free_port

PATIENCE = 10  # seconds, for what should take none
NGINX = """daemon off; master_process off; pid {0}/pid; error_log {0}/error.log; events {{ }}
http {{ access_log off; client_body_temp_path {0}/a; proxy_temp_path {0}/b; fastcgi_temp_path {0}/c; uwsgi_temp_path {0}/d;
scgi_temp_path {0}/e; server {{ listen 127.0.0.1:{1}; location / {{ proxy_pass http://127.0.0.1:{2}; proxy_http_version 1.1;
proxy_set_header Connection ""; proxy_buffering off; }} }} }}"""


def connect(port):
    client = socket.create_connection(("127.0.0.1", port), PATIENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def reset_on_close(connection):
    """Its close() sends an RST, and drops what is under way."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def wait_for(port):
    """Until somebody listens there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return connect(port).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


@contextmanager
def nginx_before(port):
    """Its port, or None where there is no nginx. It reads to the end, and leaves a server when its client leaves it."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx:
        yield None
        return
    own = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch, "nginx.conf")
        config.write_text(NGINX.format(scratch, own, port))
        proxy = subprocess.Popen([nginx, "-c", config, "-p", scratch], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(own)
            yield own
        finally:
            proxy.terminate()
            proxy.wait(PATIENCE)


class Server:
    """A program that prints `listening PORT`, perhaps more about itself, then `ID OUTCOME BYTES TIER` for each Reading."""
    started = []

    def __init__(self, program, *options):
        self.process = subprocess.Popen([program, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        Server.started.append(self)
        _, port, *about = self.process.stdout.readline().split()
        self.port, self.about = int(port), " ".join(about)
        self.lines = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()

    def collect(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.split())
                self.changed.notify_all()

    def connect(self, port=None):
        return connect(port or self.port)

    def get(self, path):
        with self.connect() as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := client.recv(65536):
                answer += piece
            return answer

    def readings(self, wanted, of=None, each=1):
        """The Readings by id, as (outcome, bytes, tier), once so many ids have one; a little longer, for one too many."""
        def found():
            by_id = {}
            for line in self.lines:
                if len(line) == 4 and line[2].isdigit() and (of is None or line[0] == of):
                    by_id.setdefault(line[0], []).append(tuple(line[1:]))
            return by_id

        with self.changed:
            self.changed.wait_for(lambda: sum(len(lines) >= each for lines in found().values()) >= wanted, PATIENCE)
        time.sleep(0.1)
        with self.changed:
            return found()

    def stop(self):
        """What is wrong with its end."""
        self.get("/stop")
        return self.wait()

    def wait(self):
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it had to be killed"
        self.reader.join(PATIENCE)
        return "" if status == 0 else f"status {status}: {[' '.join(line) for line in self.lines[-30:]]}"

    @classmethod
    def kill_all(cls):
        for server in cls.started:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()
