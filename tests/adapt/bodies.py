"""Bodies that are ordered from a server under test, and what is expected of their Readings."""
import shutil

from harness import not_equal, run
from server import nginx_before, reset_on_close


def problem_with(readings, outcome, size):
    """With the (outcome, bytes, tier) of one body. One outcome is right, or several are, or there is to be no Reading; a
    size of None is left to chance."""
    if len(readings) != (outcome is not None):
        return f"it has {len(readings)} Readings: {readings}"
    if outcome is None:
        return ""
    how, bytes_moved, tier = readings[0]
    if how not in (outcome if isinstance(outcome, tuple) else (outcome,)):
        return f"it is {how}, not {outcome}"
    if size is not None and int(bytes_moved) != size:
        return f"it has {bytes_moved} bytes, not {size}"
    if tier != "cache":
        return f"its tier is {tier}: it was read before the stream was gone"
    return ""


class Bodies:
    """Orders bodies, and holds the Readings against what was expected of each."""

    def __init__(self, report, server, path="/body?id={id}&{query}"):
        self.report, self.server, self.path = report, server, path
        self.expected = {}
        self.number = 0

    def order(self, name, query, outcome, size, port=None, **request):
        """One request, read to its end."""
        path = self.expect(name, query, outcome, size)
        with self.server.connect(port) as client:
            client.sendall(self.request(path, **request))
            return self.read(client)

    def expect(self, name, query, outcome, size):
        """The path of a request that is made elsewhere."""
        self.number += 1
        self.expected[str(self.number)] = (name, outcome, size)
        return self.path.format(id=self.number, query=query)

    @staticmethod
    def request(path, method="GET", headers=(), last=True):
        lines = [f"{method} {path} HTTP/1.1", "Host: a", *headers, *(["Connection: close"] if last else [])]
        return "\r\n".join([*lines, "", ""]).encode()

    @staticmethod
    def read(client):
        answer = b""
        while True:
            try:
                piece = client.recv(1 << 20)
            except ConnectionResetError:
                return answer
            if not piece:
                return answer
            answer += piece

    @staticmethod
    def count(answer):
        """The bytes that are the providers' own, of which each is an x."""
        return answer.partition(b"\r\n\r\n")[2].count(b"x")

    @staticmethod
    def begin(client):
        """Until a byte of the body has come: its provider has been called."""
        seen = b""
        while not Bodies.count(seen):
            piece = client.recv(1000)
            if not piece:
                raise ConnectionError(f"no body came: {seen}")
            seen += piece

    def hang_up(self, name, query, after, reset, outcome="aborted", size=None):
        """Reads so many bytes, and leaves with a FIN or a reset."""
        client = self.server.connect()
        client.sendall(self.request(self.expect(name, query, outcome, size), last=False))
        while after > 0:
            after -= len(client.recv(min(after, 65536)))
        if reset:
            reset_on_close(client)
        client.close()

    def by_curl(self, orders):
        """Each is (name, query, curl's options, its exit status, outcome, size)."""
        if not shutil.which("curl"):
            return self.report.skip("curl", "there is no curl (Debian: curl)", 2 * len(orders))
        for name, query, options, status, outcome, size in orders:
            path = self.expect(f"curl: {name}", query, outcome, size)
            url = f"http://127.0.0.1:{self.server.port}{path}"
            found, output = run(["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", *options, url])
            self.report.check(f"curl: {name}: its own word", not_equal(found, status), output)

    def by_nginx(self, whole, endless):
        """Through nginx: the bodies of some queries to their ends, with their sizes, and one whose client leaves."""
        with nginx_before(self.server.port) as port:
            if port is None:
                return self.report.skip("nginx", "there is no nginx (Debian: nginx-light)", len(whole) + 1)
            for query, size in whole:
                answer = self.order(f"nginx: {query}", query, "complete", size, port)
                self.report.check(f"nginx: {query}: all of it arrives", not_equal(self.count(answer), size))
            with self.server.connect(port) as client:
                client.sendall(self.request(self.expect("nginx: its client leaves in mid-body", endless, "aborted", None)))
                self.begin(client)
            self.judge()

    def wanted(self):
        return sum(outcome is not None for _, outcome, _ in self.expected.values())

    def judge(self):
        """Exactly one line for each body."""
        readings = self.server.readings(self.wanted())
        for number, (name, outcome, size) in self.expected.items():
            self.report.check(name, problem_with(readings.pop(number, []), outcome, size))
        self.report.check("no other body has a Reading", str(readings) if readings else "")
