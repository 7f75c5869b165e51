#!/usr/bin/env python3
"""OTLP requests, decoded by protoc and by OpenTelemetry's own code, and held against what was recorded.

    otlp.py PROGRAM      the program of traces.cpp

protoc decodes with field numbers that are written down here, as opentelemetry-proto publishes them. OpenTelemetry's
JavaScript transformer decodes the same bytes, encodes them again and has to end with the same bytes; what it makes of our
JSON has to be the same bytes too; and its view of them as JSON has to be our JSON, member for member and in order.
"""
import ast
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import npm
from harness import Report

TRANSFORMER = "@opentelemetry/otlp-transformer@0.203.0"

PROTO = """
syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Scope {
  string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4;
}
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16;
  string name = 5; Kind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10; repeated Event events = 11;
  uint32 dropped_events_count = 12; repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15;
  enum Kind { UNSPECIFIED = 0; INTERNAL = 1; SERVER = 2; CLIENT = 3; PRODUCER = 4; CONSUMER = 5; }
  message Event {
    fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4;
  }
  message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; fixed32 flags = 6; }
}
message LogsRequest { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; }
message LogRecord {
  fixed64 time_unix_nano = 1; fixed64 observed_time_unix_nano = 11; int32 severity_number = 2; string severity_text = 3;
  AnyValue body = 5; repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8;
  bytes trace_id = 9; bytes span_id = 10; string event_name = 12;
}
message Status { string message = 2; Code code = 3; enum Code { UNSET = 0; OK = 1; ERROR = 2; } }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; bytes bytes_value = 7;
  }
}
"""

RE_ENCODE = """
const {readFileSync, writeFileSync} = require('fs');
const [folder, signal] = process.argv.slice(2);
const {opentelemetry} = require(folder + '/node_modules/@opentelemetry/otlp-transformer/build/src/generated/root');
const {trace, logs, metrics} = opentelemetry.proto.collector;
const Request = {traces: trace.v1.ExportTraceServiceRequest, logs: logs.v1.ExportLogsServiceRequest,
                 metrics: metrics.v1.ExportMetricsServiceRequest}[signal];
const ids = new Set(['traceId', 'spanId', 'parentSpanId']);
const save = (name, request) => writeFileSync(name, Request.encode(request).finish());
const request = Request.decode(readFileSync('request.bin'));
save('again.bin', request);
const object = Request.toObject(request, {longs: String, bytes: Buffer, enums: Number});
// What is a Buffer in the object comes here as its toJSON().
console.log(JSON.stringify(object, (key, value) => (ids.has(key) ? Buffer.from(value.data).toString('hex') : value)));
const read = JSON.parse(readFileSync('request.json'), (key, value) => (ids.has(key) ? Buffer.from(value, 'hex') : value));
save('from_json.bin', Request.fromObject(read));
"""

EPOCH = 1_700_006_400_000_000_000
HOSTILE = 'a "quote", a \\, a\nnewline, \x01, \ufffd no UTF-8, \U0001f600'


def span_id(number):
    return number.to_bytes(8, "big")


def span(trace, number, parent, name, start, end, attributes, error=None, kind="INTERNAL", events=(), links=(), **more):
    """`events` as (name, time, attributes), `links` as (trace, span, flags)."""
    return dict(trace=trace, id=number, parent=parent, name=name, start=EPOCH + start, end=EPOCH + end, kind=kind,
                attributes=attributes, error=error, events=[(what, EPOCH + at, facts) for what, at, facts in events],
                links=list(links), **more)


def root(trace, number, name, start, end, attributes, error=None, **more):
    return span(trace, number, 0, name, start, end, attributes, error, "SERVER", **more)


EXPECTED = [
    root(2, 2, "GET /build", 1, 528, {
        "http.request.method": "GET", "http.response.status_code": 503, "error.type": "aborted",
        "http.response.body.size": 3, "lastbyte.chunks": 1, "lastbyte.outcome": "aborted",
        "lastbyte.time_to_first_byte_ns": 527, "lastbyte.tier.cache_tier": "build", "lastbyte.hits": 7,
        "lastbyte.lookups": 9, "lastbyte.spans_over_bound": 2}, error="", dropped_links_count=1),
    span(2, 3, 2, "index", 11, 521, {"lastbyte.source": "miss"}),
    span(2, 5, 2, "compile", 521, 528, {"error.type": "_OTHER"}, error=HOSTILE, events=[("tried", 521, {})],
         links=[(1, 14, 0)]),
    span(2, 4, 2, "index", 21, 528, {"lastbyte.source": "build"}),
    *(span(2, number, 2, "over", 523, 528, {"lastbyte.source": "memory"}) for number in range(6, 11)),
    root(1, 1, "POST /mcp", 1, 2_031_529, {
        "http.request.method": "POST", "http.route": "/mcp", "http.response.status_code": 200,
        "http.response.body.size": 10, "lastbyte.chunks": 1, "lastbyte.outcome": "complete",
        "lastbyte.time_to_first_byte_ns": 2_031_528, "lastbyte.tier.cache_tier": "r2", "lastbyte.hits": 0,
        "lastbyte.lookups": 1}, dropped_events_count=1),
    span(1, 14, 13, "decode", 2_001_529, 2_031_529, {}, events=[
        ("retry", 2_001_529, {"attempt": -2, "why": HOSTILE, "ratio": 0.1, "again": True, "hash": "18446744073709551615"}),
        ("done", 2_031_529, {})]),
    span(1, 13, 1, "file:" + HOSTILE, 1_529, 2_031_529, {
        "lastbyte.source": "r2", "lastbyte.detail": "zip-extract", "rows": -12, "ratio": 0.1, "fresh": True,
        "hash": "18446744073709551615", "text": HOSTILE}, events=[("retry", 2_001_529, {})],
        links=[(0x0102_0304_0506_0708 << 64 | 9, 2**64 - 2, 1), (3, 15, 0)]),
    root(3, 15, "HEAD /docs", 3_031_529, 3_031_529, {
        "http.response.body.size": 0, "lastbyte.chunks": 0, "lastbyte.outcome": "no_body",
        "lastbyte.tier.cache_tier": "none", "lastbyte.hits": 0, "lastbyte.lookups": 0}),
]
EVENTS = [
    dict(time=EPOCH + end, trace=trace, span=span, attributes={"tool_name": name, "cache_tier": tier, "count": 1.0,
                                                              "bytes_out": size})
    for trace, span, name, tier, size, end in [
        (2, 2, "GET /build", "build", 3.0, 528), (1, 1, "POST /mcp", "r2", 10.0, 2_031_529),
        (3, 15, "HEAD /docs", "none", 0.0, 3_031_529)]]
RESOURCE = {"service.name": "oddkit", "service.version": "1.4.0", "process.pid": 4711, "telemetry.sdk.name": "lastbyte",
            "telemetry.sdk.language": "cpp"}
SCOPE = {"name": 'tool "server"', "version": "0.1"}


def same(got, wanted):
    """Equal, types included: Python takes 1, 1.0 and True for the same."""
    return json.dumps(got, sort_keys=True, default=repr) == json.dumps(wanted, sort_keys=True)


def text_message(lines):
    """A message of protobuf's text format, as {field: [values]}, from an iterator of lines; up to its closing brace."""
    fields = {}
    for line in lines:
        line = line.strip()
        if line == "}":
            break
        if line.endswith(" {"):
            fields.setdefault(line[:-2], []).append(text_message(lines))
        else:
            name, value = line.split(": ", 1)
            fields.setdefault(name, []).append(text_value(value))
    return fields


def text_value(value):
    if value.startswith('"'):
        return ast.literal_eval("b" + value)
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(value, value)


def attributes_of(fields):
    """Key to value; a type that isn't Python's for it, and a key that is there twice, stay visible."""
    types = {"string_value": bytes, "int_value": int, "bool_value": bool, "double_value": float}
    found = {}
    for pair in fields.get("attributes", []):
        (kind, (value,)), = pair["value"][0].items()
        key = pair["key"][0].decode()
        if kind == "double_value" and type(value) is int:  # protoc writes 1.0 as 1
            value = float(value)
        if key in found or type(value) is not types[kind]:
            found[key] = f"{kind} {value!r}, twice or of another type"
        else:
            found[key] = value.decode() if kind == "string_value" else value
    return found


def read_span(fields):
    """A decoded span in the form of EXPECTED; whatever is there that isn't expected stays visible."""
    one = {name: values[0] for name, values in fields.items() if name not in ("attributes", "events", "links", "status")}
    error = None
    if "status" in fields:
        status = fields["status"][0]
        error = status.get("message", [b""])[0].decode()
        if status["code"] != ["ERROR"]:
            error = repr(status)
    events = [(event["name"][0].decode(), event["time_unix_nano"][0], attributes_of(event))
              for event in fields.get("events", [])]
    if error and (not events or events.pop() != ("exception", one["end_time_unix_nano"], {"exception.message": error})):
        error += " (without an event at the end)"
    links = [(int.from_bytes(link.pop("trace_id")[0], "big"), int.from_bytes(link.pop("span_id")[0], "big"),
              link.pop("flags", [0])[0], *link) for link in fields.get("links", [])]
    return dict(trace=int.from_bytes(one.pop("trace_id"), "big"), id=int.from_bytes(one.pop("span_id"), "big"),
                parent=int.from_bytes(one.pop("parent_span_id", b""), "big"), name=one.pop("name").decode(),
                start=one.pop("start_time_unix_nano"), end=one.pop("end_time_unix_nano"), kind=one.pop("kind"),
                attributes=attributes_of(fields), error=error, events=events, links=links, **one)


def read_event(fields):
    """A decoded log record in the form of EVENTS."""
    one = {name: values[0] for name, values in fields.items() if name != "attributes"}
    as_events = one.pop("event_name", b""), one.pop("severity_number", 0)
    if as_events != (b"tool_calls", 9):
        one["as"] = as_events
    return dict(time=one.pop("time_unix_nano"), trace=int.from_bytes(one.pop("trace_id"), "big"),
                span=int.from_bytes(one.pop("span_id"), "big"), attributes=attributes_of(fields), **one)


class Protoc:
    def __init__(self, report, folder):
        self.report, self.folder = report, folder
        (folder / "otlp.proto").write_text(PROTO)

    def decode(self, message, request):
        done = subprocess.run(["protoc", f"--decode={message}", "otlp.proto"], cwd=self.folder, input=request,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.report.check(f"protoc decodes the {message}", done.stderr.decode() if done.returncode or done.stderr else "")
        return text_message(iter(done.stdout.decode().splitlines()))

    def check(self, message, signal, request, read, expected):
        """One resource, one scope, and under them what was expected, in order."""
        decoded = self.decode(message, request)
        resources = decoded.get(f"resource_{signal}", [])
        scopes = resources[0][f"scope_{signal}"] if resources else []
        counted = len(resources), len(scopes)
        self.report.check(f"three {signal} are one resource and one scope",
                          "" if counted == (1, 1) else f"they are {counted}")
        if counted != (1, 1):
            return
        resource = attributes_of(resources[0]["resource"][0])
        scope = {name: values[0].decode() for name, values in scopes[0]["scope"][0].items()}
        self.report.check(f"the resource of the {signal}", "" if same(resource, RESOURCE) else f"{resource}")
        self.report.check(f"the scope of the {signal}", "" if scope == SCOPE else f"{scope}")
        found = [read(fields) for fields in scopes[0].get("spans", []) + scopes[0].get("log_records", [])]
        self.report.check(f"the number of {signal}", "" if len(found) == len(expected) else f"{len(found)}")
        for number, (got, wanted) in enumerate(zip(found, expected), 1):
            self.report.check(f"number {number} of the {signal}",
                              "" if same(got, wanted) else f"\n    {got}\n    instead of\n    {wanted}")


def check_protoc(report, made, folder):
    if not shutil.which("protoc"):
        report.skip("protoc", "there is no protoc on this machine (apt-get install protobuf-compiler)",
                    10 + len(EXPECTED) + len(EVENTS))
        return
    protoc = Protoc(report, folder)
    protoc.check("Request", "spans", made["otlp"], read_span, EXPECTED)
    protoc.check("LogsRequest", "logs", made["otlp_logs"], read_event, EVENTS)


def in_order(text):
    """JSON with its members in the order in which they stand, and with those that are there twice."""
    return json.loads(text, object_pairs_hook=lambda pairs: [["{}", *pair] for pair in pairs])


def check_transformer(report, requests, folder):
    """`requests`: for each signal its protobuf and its JSON."""
    if problem := npm.install(TRANSFORMER, folder):
        report.skip("OpenTelemetry's transformer", problem, 3 * len(requests))
        return
    (folder / "re_encode.cjs").write_text(RE_ENCODE)
    for signal, (protobuf, ours) in requests.items():
        (folder / "request.bin").write_bytes(protobuf)
        (folder / "request.json").write_bytes(ours)
        done = subprocess.run(["node", "re_encode.cjs", folder, signal], cwd=folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            report.check(f"OpenTelemetry's transformer decodes {signal}", "it doesn't", done.stdout.decode())
            continue
        for made, what in {"again.bin": "that it decoded", "from_json.bin": "of our JSON"}.items():
            report.check(f"OpenTelemetry's transformer encodes the {signal} {what} to our bytes",
                         "" if (folder / made).read_bytes() == protobuf else "the bytes differ")
        report.check(f"our JSON of {signal} is what OpenTelemetry's transformer makes of our bytes",
                     first_difference(in_order(ours), in_order(done.stdout)))


def first_difference(ours, theirs, where="the request"):
    """Empty when both are the same."""
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return next(filter(None, (first_difference(*pair, f"{where}/{ours[1] if ours[:1] == ['{}'] else i}")
                                  for i, pair in enumerate(zip(ours, theirs)))), "")
    return "" if same(ours, theirs) else f"{where}: ours {str(ours)[:300]}, theirs {str(theirs)[:300]}"


def main():
    program = str(Path(sys.argv[1]).resolve())
    report = Report()
    made = {}
    for what in ("otlp", "otlp_json", "otlp_logs", "otlp_logs_json"):
        done = subprocess.run([program, what], stdout=subprocess.PIPE)
        report.check(f"the program writes {what}", f"status {done.returncode}" if done.returncode else "")
        made[what] = done.stdout
    with tempfile.TemporaryDirectory() as folder:
        check_protoc(report, made, Path(folder))
        check_transformer(report, {"traces": (made["otlp"], made["otlp_json"]),
                                   "logs": (made["otlp_logs"], made["otlp_logs_json"])}, Path(folder))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
