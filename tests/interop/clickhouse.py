#!/usr/bin/env python3
"""Rows in ClickHouse: the table, the inserts and the README's questions, on a real server, which is also killed.

    clickhouse.py PROGRAM [--current] [--readme FILE] [--points N]

PROGRAM is clickhouse.cpp. The server is Debian's of 2018; with --current it is today's engine, out of the npm registry,
behind an HTTP interface of our own (clickhouse_current.mjs). Four processes write N points together while the server is
killed and started again; every one must be there once.
"""
import argparse
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import dashboard
import npm
from harness import ROOT, Report, free_port

SECONDS = 60
ROWS = 20_000
WRITERS = 4
HOSTILE_TABLE = "`drop \\`table\\` \"x\\\\`"
CONFIG = """<yandex>
<logger><level>error</level><console>1</console></logger>
<http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><user_files_path>{folder}/files/</user_files_path>
<users_config>users.xml</users_config><default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size><timezone>UTC</timezone>
</yandex>
"""
USERS = """<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default>
<password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
</default></users></yandex>
"""


class Server:
    """An engine behind a port; it can be killed and started again over the same data."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.log = open(folder / "log", "w+")
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def start(self):
        self.process = subprocess.Popen(self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode}")
            try:
                if self.ask("SELECT 1") == [[1]]:
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the server doesn't answer")

    def kill(self, how=signal.SIGKILL):
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def close(self):
        self.kill(signal.SIGTERM)
        self.log.close()

    def answer(self, statement):
        try:
            with self.open(f"http://127.0.0.1:{self.port}/", data=statement.encode(), timeout=SECONDS) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode()) from None

    def ask(self, query):
        """The rows of an answer, 64-bit numbers as such, which some versions quote."""
        answer = json.loads(self.answer(query.replace("FROM tool_calls", self.from_table) + " FORMAT JSONCompact"))
        types = [column["type"] for column in answer["meta"]]
        return [[self.value(field, type) for field, type in zip(row, types)] for row in answer["data"]]

    @staticmethod
    def value(field, type):
        if type.startswith("DateTime"):
            return datetime.fromisoformat(field[:19]).replace(tzinfo=timezone.utc).timestamp()
        return int(field) if isinstance(field, str) and re.match(r"U?Int", type) else field


class Of2018(Server):
    dialect = "2018"
    dialects = [dialect]
    from_table = "FROM tool_calls FINAL"

    def __init__(self, folder, binary):
        super().__init__(folder)
        self.binary = binary
        (folder / "config.xml").write_text(CONFIG.format(http=self.port, tcp=free_port(), folder=folder))
        (folder / "users.xml").write_text(USERS)

    def command(self):
        return [self.binary, "--config-file=config.xml"]


class Current(Server):
    dialect = "current"
    dialects = [dialect, "async"]
    from_table = "FROM tool_calls"
    package = "chdb@3.4.0"

    def command(self):
        return ["node", Path(__file__).with_suffix("").parent / "clickhouse_current.mjs", self.folder / "node_modules",
                self.folder / "data", str(self.port)]

    def ask(self, query):
        answer = self.answer(query.replace("FROM tool_calls", self.from_table))
        parsed = json.loads(answer)
        columns = [(column["name"], column["type"]) for column in parsed["meta"]]
        return [[self.value(row[name], type) for name, type in columns] for row in parsed["data"]]


class Program:
    def __init__(self, path, folder):
        self.path, self.folder, self.server = path, folder, None

    def run(self, *arguments):
        done = subprocess.run([self.path, *map(str, arguments)], stdout=subprocess.PIPE, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"{arguments} ended with status {done.returncode}")
        return done.stdout

    def ddl(self, schema="calls", table=""):
        return self.run("ddl", schema, self.server.dialect, table)

    def points(self, schema, count):
        path = self.folder / f"{schema}.ndjson"
        self.run("points", schema, path, count)
        return path

    def load(self, path, schema="calls", port=None, table="", dialect=None):
        url = f"http://127.0.0.1:{port or self.server.port}/"
        return json.loads(self.run("load", schema, dialect or self.server.dialect, url, path, table))

    def writer(self, number, count):
        return subprocess.Popen(
            [self.path, "write", self.server.dialect, f"http://127.0.0.1:{self.server.port}/",
             self.folder / f"spool-{number}", str(count), f"writer {number}"], stdout=subprocess.PIPE, text=True)


class LosesAnswers:
    """Between a writer and the server: of three answers the first two are never given, though the rows are stored.

    Two, because the transport itself sends once more what went into a connection that the server has closed.
    """

    def __init__(self, port):
        outer = self
        self.lost = self.given = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
                server.request("POST", self.path, body)
                answer = server.getresponse()
                text = answer.read()
                server.close()
                self.close_connection = (outer.lost + outer.given) % 3 != 2
                if self.close_connection:
                    outer.lost += 1
                    return
                outer.given += 1
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def quantile(values, level):
    """ClickHouse's quantileExact."""
    return values[min(int(level * len(values)), len(values) - 1)]


def unlike(got, **wanted):
    """What a report of the program says that it shouldn't."""
    return ", ".join(f"{name} is {got[name]}, not {value}" for name, value in wanted.items() if got[name] != value)


def check_table(report, server, program):
    for attempt in ("the table is taken", "and again, for it says IF NOT EXISTS"):
        server.answer(program.ddl())
        report.check(attempt, "")
    text = "LowCardinality(String)" if server.dialect == "current" else "String"
    wanted = dict.fromkeys(["tool_name", "consumer_label", "early_tier", "cache_tier", "outcome"], text)
    wanted |= dict.fromkeys(["count", "duration_ms", "cache_hits", "cache_lookups"], "Float64")
    wanted |= {"document_uri": "String", "bytes_out": "Int64", "row_id": "UInt64",
               "written_at": "DateTime64(9, 'UTC')" if server.dialect == "current" else "DateTime('UTC')"}
    found = dict(server.ask("SELECT name, type FROM system.columns "
                            "WHERE table = 'tool_calls' AND database = currentDatabase()"))
    found.pop("written_at_ns", None)
    report.check("each field is a column of its type", "" if found == wanted else f"{found}")


def check_hostile(report, server, program):
    path = program.points("hostile", 0)
    server.answer(program.ddl("hostile"))
    told = program.load(path, "hostile")
    wanted = sorted(dashboard.read_rows(path), key=lambda row: row["row_id"])
    report.check("hostile rows are stored", unlike(told, stored=len(wanted), refused=0, pending=0))
    names = [name for name in wanted[0] if name not in ("written_at_ns", "row_id")]
    quoted = ", ".join("`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`" for name in names)
    got = server.ask(f"SELECT row_id, {quoted} FROM {HOSTILE_TABLE} ORDER BY row_id")
    # A server of 2018 reads some decimals as a neighbouring double.
    like = dashboard.same if server.dialect == "2018" else list.__eq__
    wrong = [f"{a} instead of {b}".replace("x" * 5000, "")
             for a, b in zip(got, ([row["row_id"], *(row[name] for name in names)] for row in wanted)) if not like(a, b)]
    report.check("hostile names and texts come back as they were", f"{len(wrong)} of {len(wanted)} differ"
                 if wrong or len(got) != len(wanted) else "", "\n".join(wrong))


def check_dashboard(report, server, program, readme, path, rows):
    told = program.load(path)
    report.check("rows are stored", unlike(told, stored=ROWS, refused=0, pending=0, balanced=1))
    _, questions = dashboard.statements(readme, "clickhouse")
    dashboard.compare(report, "ClickHouse", questions, dashboard.answers(rows, quantile), server.ask, every=True)
    seconds = server.ask("SELECT sum(toInt64(toUnixTimestamp(toDateTime(written_at)))) FROM tool_calls")[0][0]
    wanted = sum(row["written_at_ns"] // 10**9 for row in rows)
    report.check("each row has its own time", "" if seconds == wanted else f"{seconds} instead of {wanted}, added up")


def check_errors(report, server, program, path):
    lines = path.read_text().splitlines(keepends=True)[:1000]
    bad = program.folder / "bad.ndjson"
    bad.write_text("".join(re.sub(r'"bytes_out":(\d+)', r'"bytes_out":\1.5', line) if number in (0, 500, 501, 999) else line
                           for number, line in enumerate(lines)))
    server.answer(program.ddl(table="with_bad"))
    told = program.load(bad, table="with_bad")
    report.check("rows that their column doesn't take are taken out",
                 unlike(told, stored=996, refused=4, refused_row=4, last_code=27, pending=0))
    stored = server.ask("SELECT count(), uniqExact(row_id), sum(bytes_out) FROM with_bad")
    wanted = [[996, 996, sum(range(1000)) - 0 - 500 - 501 - 999]]
    report.check("and the others are there once", "" if stored == wanted else f"{stored}, not {wanted}")

    bad.write_text("".join(lines[:100]))
    for name, prepare, code in [
            ("a table that isn't there", "", 60),
            ("a table that lacks a column", re.sub(r",\n *`outcome`[^,]*", "", program.ddl(table="lacking")), 16)]:
        if prepare:
            server.answer(prepare)
        told = program.load(bad, table="lacking" if prepare else "nowhere")
        report.check(f"{name} refuses, and isn't tried again",
                     unlike(told, refused=100, refused_schema=100, stored=0, last_code=code, pending=0, later_busy=0))
    bad.write_text("".join(re.sub('^{"written_at_ns":[0-9]*,', "{", line) for line in lines[:100]))
    told = program.load(bad, table="with_bad")
    report.check("rows without a stamp are refused", unlike(told, refused_unstamped=100, stored=0))


def check_lost_answers(report, server, program, path, dialect):
    table = f"answers_lost_{dialect}"
    server.answer(program.ddl(table=table))
    proxy = LosesAnswers(server.port)
    try:
        told = program.load(path, port=proxy.port, table=table, dialect=dialect)
    finally:
        proxy.close()
    report.check(f"{dialect}: the writer has seen lost answers", "" if proxy.lost > 20 else f"{proxy.lost} of {proxy.given}")
    report.check(f"{dialect}: all is stored in spite of them", unlike(told, stored=ROWS, refused=0, pending=0, balanced=1))
    final = " FINAL" if dialect == "2018" else ""
    got = server.ask(f"SELECT count(), uniqExact(row_id), sum(bytes_out) FROM {table}{final}")
    wanted = [[ROWS, ROWS, ROWS * (ROWS - 1) // 2]]
    report.check(f"{dialect}: what was stored before its answer got lost is there once",
                 "" if got == wanted else f"{got}, not {wanted}")


def check_many_processes(report, server, program, points):
    each = points // WRITERS
    server.answer("DROP TABLE tool_calls")
    server.answer(program.ddl())
    begin = time.monotonic()
    writers = [program.writer(number, each) for number in range(WRITERS)]
    try:
        while server.ask("SELECT count() FROM system.parts WHERE table = 'tool_calls' AND active")[0][0] == 0 or \
                server.ask("SELECT sum(rows) FROM system.parts WHERE table = 'tool_calls' AND active")[0][0] < points // 10:
            time.sleep(0.02)
            if time.monotonic() > begin + SECONDS:
                break
        server.kill()
        time.sleep(1)
        server.start()
        told = [json.loads(writer.communicate(timeout=100)[0]) for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    print(f"{points} points by {WRITERS} processes, the server killed once: {time.monotonic() - begin:.1f} s, "
          f"{sum(one['inserts'] for one in told)} inserts, {sum(one['failures'] for one in told)} attempts failed")
    report.check("processes were there when the server was not", "" if any(one["failures"] for one in told) else f"{told}")
    all_stored = dict(offered=each, delivered=each, stored=each, lost=0, pending=0, refused=0, balanced=1)
    wrong = (unlike(one, **all_stored) for one in told)
    report.check("every process has delivered all", "; ".join(filter(None, wrong)))
    got = server.ask("SELECT consumer_label, count(), uniqExact(row_id), uniqExact(bytes_out), sum(bytes_out), sum(count), "
                     "min(bytes_out), max(bytes_out) FROM tool_calls GROUP BY consumer_label ORDER BY consumer_label")
    wanted = [[f"writer {number}", each, each, each, each * (each - 1) // 2, each, 0, each - 1] for number in range(WRITERS)]
    report.check(f"{points} points: none lost, none twice", "" if got == wanted else "they differ",
                 "\n".join(f"{a} instead of {b}" for a, b in zip(got, wanted) if a != b) or f"{got}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("--current", action="store_true")
    arguments.add_argument("--readme", type=Path, default=ROOT / "README.md")
    arguments.add_argument("--points", type=int, default=1_000_000)
    options = arguments.parse_args()
    report = Report()
    binary = shutil.which("clickhouse-server", path=os.environ.get("PATH", "") + ":/usr/sbin")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        program = Program(options.program, folder)
        path = program.points("calls", ROWS)
        rows = dashboard.check_rows(report, path)
        problem = "" if options.current or binary else "there is no clickhouse-server (apt-get install clickhouse-server)"
        if options.current:
            problem = npm.install(Current.package, folder)
        if problem:
            report.skip("ClickHouse", problem, 23)
            return report.finish()
        program.server = server = Current(folder) if options.current else Of2018(folder, binary)
        try:
            server.start()
            print(f"ClickHouse {server.ask('SELECT version()')[0][0]}")
            check_table(report, server, program)
            check_hostile(report, server, program)
            check_dashboard(report, server, program, options.readme, path, rows)
            check_errors(report, server, program, path)
            for dialect in server.dialects:
                check_lost_answers(report, server, program, path, dialect)
            check_many_processes(report, server, program, options.points)
        except (RuntimeError, ValueError, OSError, subprocess.TimeoutExpired) as error:
            server.log.flush()
            report.check("the run", f"{type(error).__name__}: {error}", (folder / "log").read_text(errors="replace")[-2000:])
        finally:
            server.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
