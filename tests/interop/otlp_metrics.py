#!/usr/bin/env python3
"""An OTLP request of metrics, decoded by protoc and by OpenTelemetry's own code, and held against the rows it is of.

    otlp_metrics.py PROGRAM      the program of otlp_metrics.cpp

Whatever the request says is reckoned once more from the rows, the slow way: the bucket of each number by whole numbers of
any size. protoc decodes with field numbers that are written down here, as opentelemetry-proto publishes them.
OpenTelemetry's JavaScript transformer decodes the same bytes and has to encode them to the same bytes again, and our JSON
to them too.
"""
import math
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import otlp
from harness import Report
from prometheus import MAX_SERIES, OTHER, Row, by_series

PROTO = otlp.PROTO + """
message MetricsRequest { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message Metric {
  string name = 1; string description = 2; string unit = 3;
  oneof data { Gauge gauge = 5; Sum sum = 7; ExponentialHistogram exponential_histogram = 10; }
}
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum { repeated NumberDataPoint data_points = 1; Temporality aggregation_temporality = 2; bool is_monotonic = 3; }
message ExponentialHistogram {
  repeated ExponentialHistogramDataPoint data_points = 1; Temporality aggregation_temporality = 2;
}
enum Temporality { UNSPECIFIED = 0; DELTA = 1; CUMULATIVE = 2; }
message NumberDataPoint {
  repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; } repeated Exemplar exemplars = 5; uint32 flags = 8;
}
message ExponentialHistogramDataPoint {
  repeated KeyValue attributes = 1; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3; fixed64 count = 4;
  optional double sum = 5; sint32 scale = 6; fixed64 zero_count = 7; Buckets positive = 8; Buckets negative = 9;
  uint32 flags = 10; repeated Exemplar exemplars = 11; optional double min = 12; optional double max = 13;
  double zero_threshold = 14;
  message Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
}
message Exemplar {
  repeated KeyValue filtered_attributes = 7; fixed64 time_unix_nano = 2;
  oneof value { double as_double = 3; sfixed64 as_int = 6; } bytes span_id = 4; bytes trace_id = 5;
}
"""

START, NOW = 1_700_006_400_000_000_000, 1_700_006_410_000_000_000
SCALE, SHIFT = 6, 1913  # 64 log2(10^9) is 1913.43
RESOURCE = {"service.name": "oddkit", "service.version": "1.4.0", "telemetry.sdk.name": "lastbyte",
            "telemetry.sdk.language": "cpp"}


def attributes(labels):
    """Prometheus's labels as OpenTelemetry's attributes."""
    if labels == OTHER:
        return {"otel.metric.overflow": True}
    names = {"tool_name": "tool.name", "error_type": "error.type", "cache_tier": "cache_tier"}
    return {names[name]: value for name, value in labels}


def index(number):
    """The bucket of a whole number from 1: the largest i with 2^(i/64) below it."""
    return (number**64 - 1).bit_length() - 1


def histogram(numbers, least, most, seconds):
    """What an exponential histogram of these numbers has to say."""
    unit = 1e9 if seconds else 1
    has_zero_range = least > 1  # from 1 up, 1 has a bucket of its own
    zero = sum(number <= least if has_zero_range else number == 0 for number in numbers)
    above = index(most) + 1
    found = Counter(min(index(number), above) for number in numbers if number > (least if has_zero_range else 0))
    return dict(count=len(numbers), sum=sum(numbers) / unit, min=min(numbers) / unit, max=max(numbers) / unit, zero=zero,
                threshold=least / unit if has_zero_range else 0.0,
                buckets={i - (SHIFT if seconds else 0): found[i] for i in sorted(found)})


def exemplars(rows):
    """The slowest of each power of two of nanoseconds: value to the numbers of its possible traces."""
    slots = {}
    for row in rows:
        slot = min(max((row.ns - 1).bit_length(), 9), 43) if row.ns else 9
        slots.setdefault(slot, []).append(row)
    slowest = {max(row.ns for row in of): of for of in slots.values()}
    return {ns / 1e9: {row.number for row in of if row.ns == ns} for ns, of in slowest.items()}


def read_histogram(point):
    one = {name: values[0] for name, values in point.items() if name not in ("attributes", "exemplars")}
    positive = one.pop("positive", {})
    offset = positive.get("offset", [0])[0]
    counts = positive.get("bucket_counts", [])
    read = dict(count=one.pop("count"), sum=float(one.pop("sum")), min=float(one.pop("min")), max=float(one.pop("max")),
                zero=one.pop("zero_count", 0), threshold=float(one.pop("zero_threshold", 0.0)),
                buckets={offset + i: count for i, count in enumerate(counts) if count})
    if counts and not (counts[0] and counts[-1]):
        read["ends"] = "empty buckets at an end"
    if (one.pop("start_time_unix_nano"), one.pop("time_unix_nano"), one.pop("scale")) != (START, NOW, SCALE):
        read["times"] = point
    return {**read, **one}


def read_number(point, has_start):
    one = {name: values[0] for name, values in point.items() if name != "attributes"}
    times = one.pop("start_time_unix_nano", None), one.pop("time_unix_nano")
    value = float(one.pop("as_double")) if "as_double" in one else one.pop("as_int")
    return value if times == (START if has_start else None, NOW) and not one else f"{value!r} with {times} and {one}"


class Judge:
    def __init__(self, report, metrics):
        self.report = report
        self.metrics = {metric["name"][0].decode(): metric for metric in metrics}
        self.left = set(self.metrics)
        report.check("each metric is there once", "" if len(metrics) == len(self.metrics) else "one is there twice")

    def points(self, name, kind, unit):
        """The points of a metric by their attributes, once its head is right."""
        self.left.discard(name)
        metric = self.metrics.get(name)
        if metric is None:
            self.report.check(name, "it is missing")
            return {}
        data = metric.get(kind, [{}])[0]
        head = (metric.get("unit", [b""])[0].decode(), bool(metric["description"][0]),
                data.get("aggregation_temporality", [None])[0], data.get("is_monotonic", [None])[0])
        wanted = (unit, True, None if kind == "gauge" else "CUMULATIVE", True if kind == "sum" else None)
        self.report.check(f"the unit and the kind of {name}", "" if head == wanted else f"{head}")
        return {tuple(sorted(otlp.attributes_of(point).items())): point for point in data.get("data_points", [])}

    def numbers(self, name, wanted, kind="sum", unit=""):
        found = {key: read_number(point, kind == "sum") for key, point in self.points(name, kind, unit).items()}
        wanted = {tuple(sorted(key.items())): value for key, value in wanted}
        same = found.keys() == wanted.keys() and all(
            type(found[key]) is type(wanted[key]) and abs(found[key] - wanted[key]) <= 1e-12 * wanted[key] for key in wanted)
        self.report.check(f"the numbers of {name}", "" if same else f"{found} instead of {wanted}")

    def histograms(self, name, wanted, unit, with_exemplars=None):
        points = self.points(name, "exponential_histogram", unit)
        self.report.check(f"the series of {name}", "" if points.keys() == {
            tuple(sorted(key.items())) for key, _ in wanted} else f"{list(points)}")
        for key, numbers in wanted:
            point = points.get(tuple(sorted(key.items())))
            if point is None:
                continue
            found = read_histogram(point)
            self.report.check(f"{name} of {key}",
                              "" if found == numbers else f"\n    {found}\n    instead of\n    {numbers}")
            if with_exemplars is not None:
                self.exemplars(name, key, point.get("exemplars", []), with_exemplars[tuple(sorted(key.items()))])

    def exemplars(self, name, key, found, wanted):
        values = {}
        for one in found:
            high, low = one["trace_id"][0][:8], one["trace_id"][0][8:]
            trace = int.from_bytes(low, "big") if int.from_bytes(high, "big") == 7 else None
            good = one["time_unix_nano"] == [NOW] and len(one) == 3
            values[float(one["as_double"][0])] = trace if good else f"{one}"
        same = values.keys() == wanted.keys() and all(values[value] in wanted[value] for value in values)
        self.report.check(f"the exemplars of {name} of {key}", "" if same else f"{values} instead of {wanted}")


def judge(report, rows, metrics):
    judge = Judge(report, metrics)
    series = [(attributes(labels), of) for labels, of in by_series(rows).items()]
    key = lambda one: tuple(sorted(one.items()))
    judge.histograms("http.server.request.duration",
                     [(one, histogram([row.ns for row in of], 2**9, 2**42, True)) for one, of in series], "s",
                     {key(one): exemplars(of) for one, of in series})
    judge.histograms("sizes.bytes_out", [({}, histogram([row.bytes for row in rows], 1, 2**36, False))], "")
    judge.numbers("http.server.response.body.size", [(one, float(sum(row.bytes for row in of))) for one, of in series],
                  unit="By")
    judge.numbers("times.duration", [({}, math.fsum(row.ms for row in rows) / 1e3)], unit="s")
    judge.numbers("times.rows", [({}, len(rows))])
    in_other = sum(len(of) for one, of in series if "otel.metric.overflow" in one)
    for rollup, count, limit, other in (("tool_calls", MAX_SERIES, MAX_SERIES, in_other), ("sizes", 1, 64, 0),
                                        ("times", 1, 64, 0)):
        judge.numbers(f"{rollup}.rollup_series", [({}, count)], "gauge")
        judge.numbers(f"{rollup}.rollup_series_limit", [({}, limit)], "gauge")
        judge.numbers(f"{rollup}.rollup_overflow_rows", [({}, other)])
        judge.numbers(f"{rollup}.rollup_values_cut", [({}, 0)])
        judge.numbers(f"{rollup}.rollup_negatives", [({}, 0)])
    for name, number in {"traces_started": 5, "traces_finished": 3, "spans_recorded": 5, "attributes_lost": 0,
                         "links_lost": 0, "events_lost": 0, "sources_unknown": 0, "callbacks_threw": 0, "seals_refused": 0,
                         "bodies_refused": 0}.items():
        judge.numbers("lastbyte." + name, [({}, number)])
    judge.numbers("lastbyte.traces_live", [({}, 0)], "gauge")
    judge.numbers("lastbyte.traces_lost", [({"cause": "unbound"}, 2), ({"cause": "unstored"}, 0)])
    judge.numbers("lastbyte.spans_lost",
                  [({"cause": cause}, 0) for cause in ("over_bound", "unsampled", "late", "unstored")])
    judge.numbers("lastbyte.texts_lost", [({"cause": cause}, 0) for cause in ("cut", "dropped")])
    judge.numbers("lastbyte.pipeline.records_offered", [({}, 1)])
    judge.numbers("lastbyte.pipeline.records_lost", [({"cause": cause}, 0) for cause in (
        "full", "evicted", "too_large", "no_memory", "refused", "spool_lost")])
    judge.numbers("lastbyte.pipeline.records_pending", [({"place": "memory"}, 1), ({"place": "spool"}, 0)], "gauge")
    for name in "records_recovered", "records_delivered", "attempts_failed", "spool_failures":
        judge.numbers("lastbyte.pipeline." + name, [({}, 0)])
    judge.numbers("points_lost", [({}, 3)])
    report.check("nothing else is in the request", ", ".join(sorted(judge.left)))


def check_bounds(report):
    """How far the buckets of seconds are from those of nanoseconds that they stand for."""
    ratio = 2 ** ((64 * math.log2(1e9) - SHIFT) / 64)
    report.check("a bucket of seconds is less than half a bucket above its nanoseconds",
                 "" if 1 < ratio < 2 ** (1 / 128) and round((ratio - 1) * 1e4) == 47 else f"{ratio}")


def check_protoc(report, rows, request, folder):
    if not shutil.which("protoc"):
        report.skip("protoc", "there is no protoc on this machine (apt-get install protobuf-compiler)", 100)
        return
    (folder / "metrics.proto").write_text(PROTO)
    done = subprocess.run(["protoc", "--decode=MetricsRequest", "metrics.proto"], cwd=folder, input=request,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    report.check("protoc decodes the request", done.stderr.decode() if done.returncode or done.stderr else "")
    decoded = otlp.text_message(iter(done.stdout.decode().splitlines()))
    resources = decoded.get("resource_metrics", [])
    scopes = resources[0].get("scope_metrics", []) if len(resources) == 1 else []
    report.check("there is one resource and one scope", "" if len(scopes) == 1 else f"{len(resources)}, {len(scopes)}")
    if len(scopes) != 1:
        return
    resource = otlp.attributes_of(resources[0]["resource"][0])
    report.check("the resource", "" if otlp.same(resource, RESOURCE) else f"{resource}")
    scope = {name: values[0].decode() for name, values in scopes[0]["scope"][0].items()}
    report.check("the scope", "" if scope == otlp.SCOPE else f"{scope}")
    judge(report, rows, scopes[0]["metrics"])


def main():
    program = str(Path(sys.argv[1]).resolve())
    report = Report()
    chance = random.Random(11)
    rows = [Row(number, chance) for number in range(1, 4001)]
    written = "\n".join(row.line() for row in rows).encode()
    made = {}
    for what in "otlp", "otlp_json":
        done = subprocess.run([program, what], input=written, stdout=subprocess.PIPE)
        report.check(f"the program writes {what}", f"status {done.returncode}" if done.returncode else "")
        made[what] = done.stdout
    check_bounds(report)
    with tempfile.TemporaryDirectory() as folder:
        check_protoc(report, rows, made["otlp"], Path(folder))
        otlp.check_transformer(report, {"metrics": (made["otlp"], made["otlp_json"])}, Path(folder))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
