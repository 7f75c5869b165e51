#!/usr/bin/env python3
"""Backends that misbehave, on real sockets: no request waits for one, and every row is delivered, on disk, or counted.

    stalling.py PROGRAM      the program of stalling.cpp

A write that waits, gives up the processor of its own accord, and the kernel counts that for each thread: so the proof needs
no stop-watch, and a busy machine can't spoil it. Where a transport hangs for half a minute, flush and stop come back all the
same. After each bad backend the same spool is given to a second run and a good backend, which must receive every row that
the first one didn't acknowledge, in order. Only what was under way when the worker was stopped may come twice.
"""
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report

REQUESTS = 2000
PAUSES = REQUESTS // 8   # which the program makes itself, so that a kernel that counts nothing is found out
MOST_WAITS = REQUESTS // 100  # a page that the kernel has to find, a lock of the allocator or of a sanitizer
SHORT_MS, LONG_MS = 400, 30_000  # the transport's time-out
MOST_MS = LONG_MS // 2   # for a flush of 200 ms and a stop of 800 ms on a busy machine; one that waits needs LONG_MS
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Backend:
    """A listening socket on loopback. `answer()` gives the pieces with which a request that was read whole is answered,
    on a connection that is then closed; None is no answer, on one that stays open."""

    def __init__(self, answer, read=True, accept=True):
        self.rows, self.acknowledged, self.kept, self.lock = [], [], [], threading.Lock()
        self.answer, self.read = answer, read
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64 if accept else 0)
        self.port = self.socket.getsockname()[1]
        if accept:
            threading.Thread(target=self.accept, daemon=True).start()
        for _ in range(0 if accept else 4):  # takes up the queue: whoever comes now gets no answer at all
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.port))
            self.kept.append(client)

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.handle, args=(connection,), daemon=True).start()

    def handle(self, connection):
        with self.lock:
            self.kept.append(connection)  # a connection that is forgotten is closed, which is an answer
        try:
            body = read_request(connection) if self.read else b""
            numbers = [json.loads(line)["n"] for line in body.splitlines()]
            with self.lock:
                pieces = self.answer()
                self.rows.extend(numbers)
                if pieces == [OK]:
                    self.acknowledged.append(numbers)
            if pieces is None:
                return
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.1 if len(pieces) > 1 else 0)
            connection.close()
        except OSError:
            pass

    def close(self):
        self.socket.close()
        with self.lock:
            for connection in self.kept:
                connection.close()


class Nobody:
    """A port at which nobody listens; nobody else gets it meanwhile."""
    acknowledged, lock = [], threading.Lock()

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += received(connection)
    return body


def received(connection):
    more = connection.recv(65536)
    if not more:
        raise OSError("the client went away")
    return more


def every_other():
    """Answers for a backend that fails every other time."""
    answers = itertools.cycle([[b"HTTP/1.1 503 Busy\r\n\r\n"], [OK]])
    return lambda: next(answers)


def silence():
    return None


def always(*pieces):
    return lambda: list(pieces)


# A byte each 100 ms: no single recv times out, and no answer is ever whole.
DRIBBLE = [bytes([byte]) for byte in b"HTTP/1.1 200 O" + b"K" * 200]
BACKENDS = [
    ("one that takes everything and never answers", lambda: Backend(silence), LONG_MS),
    ("one that never reads", lambda: Backend(silence, read=False), LONG_MS),
    ("one whose accept queue is full", lambda: Backend(silence, accept=False), LONG_MS),
    ("one that answers a byte at a time", lambda: Backend(always(*DRIBBLE)), SHORT_MS),
    ("a good one", lambda: Backend(always(OK)), LONG_MS),
    ("one that takes everything and is given up", lambda: Backend(silence), SHORT_MS),
    ("one that closes without an answer", lambda: Backend(always()), LONG_MS),
    ("one that answers half a line", lambda: Backend(always(b"HTTP/1.1 20")), LONG_MS),
    ("one that answers another protocol", lambda: Backend(always(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")), LONG_MS),
    ("one that is overloaded", lambda: Backend(always(b"HTTP/1.1 503 Busy\r\n\r\n")), LONG_MS),
    ("one that refuses", lambda: Backend(always(b"HTTP/1.1 400 Bad Request\r\n\r\n")), LONG_MS),
    ("one that fails every other time", lambda: Backend(every_other()), LONG_MS),
    ("none at all", Nobody, LONG_MS),
]


def run(program, port, spool, requests, timeout_ms, seconds):
    done = subprocess.run([program, *map(str, (port, spool, requests, timeout_ms, seconds))], stdout=subprocess.PIPE,
                          timeout=120, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {"status": done.returncode}


def judge(program, name, make, timeout_ms):
    """One bad backend, then a good one with the same spool: what was checked, with what was wrong."""
    checks = []

    def check(what, holds, otherwise):
        checks.append((f"{name}: {what}", "" if holds else str(otherwise)))

    with tempfile.TemporaryDirectory() as scratch:
        spool = os.path.join(scratch, "spool")
        backend = make()
        told = run(program, backend.port, spool, REQUESTS, timeout_ms, 20 if name == "a good one" else 0)
        with backend.lock:
            acknowledged = list(backend.acknowledged)
        backend.close()
        check("the program ends", "status" not in told, told)
        if "status" in told:
            return checks
        check("the kernel counts who waits", told["pauses"] >= PAUSES // 2, told)
        check("no request waits", told["waits"] <= MOST_WAITS, f"{told['waits']} of {REQUESTS} writes waited")
        check("no request is turned away", told["accepted"] == told["offered"] == REQUESTS, told)
        check("flush and stop keep their deadlines", told["flush_ms"] + told["stop_ms"] < MOST_MS, told)
        check("the counts balance", told["balanced"], told)
        check("nothing is left in memory", told["stopped"] and not told["in_memory"], told)
        check("nothing is lost but what was refused", told["lost"] == told["refused"], told)
        if name == "a good one":
            check("it gets everything", sum(acknowledged, []) == list(range(told["delivered"])), told)
            check("and nothing is left", told["delivered"] == REQUESTS, told)
        elif name == "one that refuses":
            check("what it refuses is counted", told["refused"] and not told["failures"], told)
        elif name != "one that fails every other time":
            check("nothing is taken for delivered", told["delivered"] == 0 and told["in_spool"] == REQUESTS, told)
        if told["in_spool"] == 0:
            return checks

        second = Backend(always(OK))
        after = run(program, second.port, spool, 1, LONG_MS, 20)
        replayed = second.rows[:told["in_spool"]]
        second.close()
        check("the next process finds what was spooled", after.get("recovered") == told["in_spool"], f"{after}, {told}")
        check("it is replayed in order", replayed == sorted(set(replayed)), replayed[:50])
        if not told["refused"]:
            taken = {n for batch in acknowledged for n in batch}
            missing = set(range(REQUESTS)) - taken - set(replayed)
            check("each row has arrived", not missing, f"{len(missing)} rows are missing")
            under_way = set(acknowledged[-1]) if acknowledged else set()
            twice = taken & set(replayed) - under_way
            check("none comes twice", not twice, f"{len(twice)} rows")
    return checks


def main():
    report = Report()
    with ThreadPoolExecutor(4) as pool:
        for checks in pool.map(lambda backend: judge(sys.argv[1], *backend), BACKENDS):
            for what, problem in checks:
                report.check(what, problem)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
