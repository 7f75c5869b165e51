#!/usr/bin/env python3
"""beast_server says of each answer how it ended, also of the one that Ctrl-C cuts off.

    check_beast_server.py PROGRAM SOURCE_ROOT
"""
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report

PATIENCE = 20


def main():
    report = Report()
    process = subprocess.Popen([Path(sys.argv[1]).resolve(), "0"], stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().split()[-1]
        port = int(address.rpartition(":")[2])
        opened = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opened.open(address + "/search", timeout=PATIENCE) as answer:
            report.check("a hundred hits arrive", "" if answer.read() == b"a hit\n" * 100 else "they don't")

        def begin(path):
            client = socket.create_connection(("127.0.0.1", port), PATIENCE)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            client.recv(100)
            return client

        begin("/left").close()
        lines = [process.stdout.readline() for _ in range(2)]
        with begin("/cut"):
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            lines += process.communicate(timeout=PATIENCE)[0].splitlines(keepends=True)
        for name, pattern in [("the whole answer", r"/search: cache, 600 bytes, complete\n"),
                              ("the one that was left", r"/left: cache, \d+ bytes, aborted\n"),
                              ("the one that Ctrl-C cut off", r"/cut: cache, \d+ bytes, shutdown\n")]:
            found = [line for line in lines if re.fullmatch(pattern, line)]
            report.check(f"{name} has one line", "" if len(found) == 1 else f"it has {found}", "".join(lines))
        report.check("there are no others", "" if len(lines) == 3 else f"{lines}")
        report.check("it exits with 0", f"status {process.returncode}" if process.returncode else "")
    finally:
        process.kill()
        process.wait()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
