#!/usr/bin/env python3
"""A page of metrics, read back by other people's parsers and by a real Prometheus, and held against the rows it is of.

    prometheus.py PROGRAM      the program of prometheus.cpp

The strict parsers are those of python3-prometheus-client; `prometheus` and `promtool` are Debian's. What this machine lacks
is skipped with its reason. Prometheus scrapes a server on loopback and is asked by PromQL, for 60 seconds at most.
"""
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report, free_port

FORMATS = {"prometheus": "text/plain; version=0.0.4; charset=utf-8",
           "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8"}
DURATION, SIZE = "http_server_request_duration_seconds", "http_server_response_body_size_bytes"
MAX_SERIES = 24
NO_ERRORS = ("complete", "no_body")
TOOLS = ["search", "orient", "", 'a "quoted" name', "back\\slash", "new\nline", "\\n", "tab\tand\rreturn", "é🙂\u2028",
         '{a="b"}', "x" * 64, "# EOF", " ", "\x7f\x01"]
OTHER = (("otel_metric_overflow", "true"),)
SECONDS = 60


class Row:
    def __init__(self, number, chance):
        self.number = number
        self.tool, self.tier = chance.choice(TOOLS), chance.choice(["memory", "cache", "r2", ""])
        self.outcome = chance.choice(["complete"] * 8 + ["no_body", "aborted", "truncated"])
        # Also exactly on a bound, and beyond all of them.
        self.ms = chance.choice([chance.lognormvariate(1, 2)] * 20 + [2**20 / 1e6, 2**20 / 1e6 + 1e-6, 0, 1e-5, 1e8])
        self.bytes = chance.randrange(1_000_000)
        self.ns = math.floor(self.ms * 1e6 + 0.5)

    def line(self):
        texts = [text.encode().hex() or "-" for text in (self.tool, self.tier)]
        return " ".join([*texts, self.outcome, repr(self.ms), str(self.bytes), str(self.number)])

    def labels(self):
        error = "" if self.outcome in NO_ERRORS else self.outcome
        named = {"tool_name": self.tool, "cache_tier": self.tier, "error_type": error}
        return tuple(sorted((name, value) for name, value in named.items() if value))


def by_series(rows):
    """Labels -> rows; what comes after the first 24 combinations is the other series."""
    series = defaultdict(list)
    for row in rows:
        key = row.labels()
        series[key if key in series or len(series) - (OTHER in series) < MAX_SERIES else OTHER].append(row)
    return series


def without(labels, *names):
    return tuple(sorted((name, value) for name, value in labels.items() if name not in names))


def close(a, b):
    return abs(a - b) <= 1e-12 * max(abs(a), abs(b))


class Page:
    """Samples by name and labels, whichever parser they come from."""

    def __init__(self, families):
        self.families = {family.name: family for family in families}
        self.values = defaultdict(dict)
        self.buckets = defaultdict(lambda: defaultdict(list))
        for family in self.families.values():
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    bound = float(sample.labels["le"])
                    self.buckets[family.name][without(sample.labels, "le")].append((bound, sample.value, sample.exemplar))
                else:
                    self.values[sample.name][without(sample.labels)] = sample.value


def judge_page(page, rows, exemplars):
    """What is wrong with the numbers of a page, as a list."""
    wrong = []

    def expect(what, found, wanted, same=lambda a, b: a == b):
        if not (found is not None and same(found, wanted)):
            wrong.append(f"{what} is {found}, not {wanted}")

    series = by_series(rows)
    expect("the set of series", set(page.buckets[DURATION]), set(series))
    for labels, of in series.items():
        expect(f"count of {labels}", page.values[DURATION + "_count"].get(labels), len(of))
        expect(f"sum of {labels}", page.values[DURATION + "_sum"].get(labels), sum(row.ns for row in of) / 1e9, close)
        expect(f"bytes of {labels}", page.values[SIZE + "_total"].get(labels), sum(row.bytes for row in of))
        before = 0.0
        for bound, count, exemplar in page.buckets[DURATION][labels]:
            expect(f"{labels} up to {bound}", count, sum(row.ns / 1e9 <= bound for row in of))
            inside = [row for row in of if before < row.ns / 1e9 <= bound or (before == 0 and row.ns == 0)]
            before = bound
            if not exemplars:
                continue
            if inside and not exemplar:
                wrong.append(f"{labels} up to {bound} has no exemplar")
            elif exemplar:
                slowest = max(row.ns for row in inside)
                expect(f"exemplar of {labels} up to {bound}", exemplar.value, slowest / 1e9, close)
                wanted = {f"{7:016x}{row.number:016x}" for row in inside if row.ns == slowest}
                if exemplar.labels["trace_id"] not in wanted:
                    wrong.append(f"exemplar of {labels} up to {bound} is of the trace {exemplar.labels}")
        expect(f"the last bound of {labels}", before, math.inf)
    for bound, count, _ in page.buckets["sizes_bytes_out"][()]:
        expect(f"sizes up to {bound}", count, sum(row.bytes <= bound for row in rows))
    expect("bounds of sizes", [bound for bound, *_ in page.buckets["sizes_bytes_out"][()]],
           [4.0**i for i in range(3, 16)] + [math.inf])
    expect("sum of sizes", page.values["sizes_bytes_out_sum"].get(()), sum(row.bytes for row in rows))
    expect("seconds", page.values["sizes_duration_seconds_total"].get(()), math.fsum(row.ms for row in rows) / 1e3,
           lambda a, b: abs(a - b) < 1e-9 * b)
    expect("series", page.values["tool_calls_rollup_series"].get(()), MAX_SERIES)
    expect("series limit", page.values["tool_calls_rollup_series_limit"].get(()), MAX_SERIES)
    expect("rows in other", page.values["tool_calls_rollup_overflow_rows_total"].get(()), len(series[OTHER]))
    expect("started", page.values["lastbyte_traces_started_total"].get(()), 5)
    expect("finished", page.values["lastbyte_traces_finished_total"].get(()), 3)
    expect("unbound", page.values["lastbyte_traces_lost_total"].get((("cause", "unbound"),)), 2)
    expect("spans", page.values["lastbyte_spans_recorded_total"].get(()), 5)
    expect("live", page.values["lastbyte_traces_live"].get(()), 0)
    for name, wanted in {"offered_total": (4, 1), "delivered_total": (2, 0)}.items():
        for pipeline, number in zip(("rows", "traces"), wanted):
            expect(f"records {name} of {pipeline}", page.values["lastbyte_pipeline_records_" + name].get(
                (("pipeline", pipeline),)), number)
    lost = {dict(labels)["cause"]: number for labels, number in page.values["lastbyte_pipeline_records_lost_total"].items()
            if dict(labels)["pipeline"] == "rows" and number}
    expect("records lost of rows", lost, {"too_large": 1, "refused": 1})
    expect("records waiting", page.values["lastbyte_pipeline_records_pending"].get(
        (("pipeline", "traces"), ("place", "memory"))), 1)
    expect("own counter", page.values["points_lost_total"].get(()), 3)
    return wrong


def judge_families(page):
    wrong = []
    for name, wanted in {DURATION: ("histogram", "seconds"), SIZE: ("counter", "bytes"), "points_lost": ("counter", ""),
                         "lastbyte_traces_live": ("gauge", ""), "sizes_bytes_out": ("histogram", "")}.items():
        family = page.families.get(name)
        if not family or (family.type, family.unit) != wanted or not family.documentation:
            wrong.append(f"{name} should be of {wanted} and have a help: {family}")
    if page.families["points_lost"].documentation != 'Lines that "points\\ndjson"\nrefused.':
        wrong.append(f"a help came back as {page.families['points_lost'].documentation!r}")
    return wrong


def check_parsers(report, pages, rows):
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
        from prometheus_client.parser import text_string_to_metric_families as classic
    except ImportError:
        report.skip("strict parsers", "there is no python3-prometheus-client for this Python", 3)
        return
    for format, parse in {"openmetrics": strict, "prometheus": classic}.items():
        try:
            page = Page(parse(pages[format]))
            report.check(f"numbers of {format}", "; ".join(judge_page(page, rows, format == "openmetrics")[:5]))
            if format == "openmetrics":
                report.check("types, units and help", "; ".join(judge_families(page)))
        except ValueError as error:
            report.check(f"numbers of {format}", f"the parser refuses it: {error}")


def check_promtool(report, page):
    promtool = shutil.which("promtool")
    if not promtool:
        report.skip("promtool", "there is no promtool (Debian: prometheus)")
        return
    done = subprocess.run([promtool, "check", "metrics"], input=page.encode(), capture_output=True, timeout=SECONDS)
    report.check("promtool check metrics", "has complaints" if done.returncode else "", (done.stdout + done.stderr).decode())


class Scraped(BaseHTTPRequestHandler):
    """Serves the OpenMetrics page to whoever asks for that, and the other one at /text."""

    def do_GET(self):
        openmetrics = self.path == "/metrics" and "application/openmetrics-text" in self.headers.get("Accept", "")
        format = "openmetrics" if openmetrics else "prometheus"
        body = self.server.pages[format].encode()
        self.server.scraped.add((self.path, format))
        self.send_response(200)
        self.send_header("Content-Type", FORMATS[format])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Prometheus:
    def __init__(self, binary, scratch, target):
        config = Path(scratch, "prometheus.yml")
        config.write_text("global: {scrape_interval: 1s}\nscrape_configs:\n" + "".join(
            f"- {{job_name: {job}, metrics_path: {path}, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}\n"
            for job, path in [("openmetrics", "/metrics"), ("text", "/text")]))
        self.address = f"127.0.0.1:{free_port()}"
        self.log = open(Path(scratch, "log"), "w+")
        self.process = subprocess.Popen(
            [binary, f"--config.file={config}", f"--storage.tsdb.path={scratch}/data",
             f"--web.listen-address={self.address}", "--enable-feature=exemplar-storage", "--log.level=warn"],
            stdout=self.log, stderr=subprocess.STDOUT)
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def ask(self, what, **arguments):
        with self.open(f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(arguments)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, promql):
        """Labels, without those of the scrape, -> value."""
        return {without(one["metric"], "__name__", "instance", "job"): float(one["value"][1])
                for one in self.ask("query", query=promql)["result"]}

    def wait(self):
        """Until both pages have been scraped; what went wrong, if they weren't."""
        end = time.monotonic() + SECONDS
        up = "nothing"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return f"prometheus ended with status {self.process.returncode}"
            try:
                up = self.query("sum by (from) (label_replace(up, 'from', '$1', 'job', '(.*)'))")
                if sorted(up.values()) == [1, 1] and self.query("count by (job) (lastbyte_traces_live)"):
                    return ""
            except OSError:
                pass
            time.sleep(0.2)
        return f"after {SECONDS} seconds the targets are {up}"


def judge_queries(prometheus, job, rows):
    wrong = []
    series = by_series(rows)
    at = f'{{job="{job}"}}'

    def expect(promql, wanted, same=close):
        found = prometheus.query(promql)
        if set(found) != set(wanted) or not all(same(found[key], wanted[key]) for key in wanted):
            wrong.append(f"{promql} gives {found}, not {wanted}")

    expect(f"{DURATION}_count{at}", {labels: len(of) for labels, of in series.items()})
    expect(f"{DURATION}_sum{at}", {labels: sum(row.ns for row in of) / 1e9 for labels, of in series.items()})
    expect(f"{SIZE}_total{at}", {labels: sum(row.bytes for row in of) for labels, of in series.items()})
    failed = sum(len(of) for labels, of in series.items() if dict(labels).get("error_type"))
    expect(f'sum({DURATION}_count{{job="{job}",error_type!=""}})', {(): failed})
    expect(f"sum({DURATION}_bucket{{job='{job}',le='0.001048576'}})", {(): sum(row.ns <= 2**20 for row in rows)})
    by_tier = defaultdict(int)
    for labels, of in series.items():
        by_tier[tuple(pair for pair in labels if pair[0] == "cache_tier")] += len(of)
    expect(f"sum by (cache_tier) ({DURATION}_count{at})", by_tier)
    expect(f"tool_calls_rollup_overflow_rows_total{at}", {(): len(series[OTHER])})
    # A classic histogram knows a percentile to within its bucket, here a factor of two.
    p95 = sorted(row.ns for row in rows)[math.ceil(0.95 * len(rows)) - 1] / 1e9
    expect(f"histogram_quantile(0.95, sum by (le) ({DURATION}_bucket{at}))", {(): p95}, lambda a, b: b / 2 <= a <= 2 * b)
    return wrong


def check_scrape(report, pages, rows):
    binary = shutil.which("prometheus")
    if not binary:
        report.skip("scrape", "there is no prometheus (Debian: prometheus)", 4)
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scraped)
    server.pages, server.scraped = pages, set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            prometheus = Prometheus(binary, scratch, server.server_address[1])
            try:
                problem = prometheus.wait()
                report.check("a real Prometheus scrapes both formats", problem, prometheus.output())
                if problem:
                    return
                for job in ("openmetrics", "text"):
                    report.check(f"PromQL over {job}", "; ".join(judge_queries(prometheus, job, rows)[:3]))
                traces = {one["labels"]["trace_id"] for series in prometheus.ask(
                    "query_exemplars", query=f"{DURATION}_bucket", start=time.time() - 600, end=time.time() + 600)
                    for one in series["exemplars"]}
                known = {f"{7:016x}{row.number:016x}" for row in rows}
                report.check("Prometheus keeps exemplars", "" if traces and traces <= known else f"it has {traces}")
                if server.scraped != {("/metrics", "openmetrics"), ("/text", "prometheus")}:
                    report.check("negotiation", f"it scraped {server.scraped}")
            finally:
                prometheus.stop()
    finally:
        server.shutdown()
        server.server_close()


def main(program):
    chance = random.Random(20261125)
    rows = [Row(number, chance) for number in range(1, 4001)]
    given = "\n".join(row.line() for row in rows) + "\n"
    pages = {format: subprocess.run([program, format], input=given.encode(), stdout=subprocess.PIPE, check=True,
                                    timeout=SECONDS).stdout.decode() for format in FORMATS}
    report = Report()
    ends = pages["openmetrics"].endswith("\n# EOF\n"), "\n# EOF" in pages["prometheus"]
    report.check("only OpenMetrics ends with # EOF", "" if ends == (True, False) else f"{ends}")
    check_parsers(report, pages, rows)
    check_promtool(report, pages["prometheus"])
    check_scrape(report, pages, rows)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
