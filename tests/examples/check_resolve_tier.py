#!/usr/bin/env python3
"""resolve_tier gives the answers of the seed's rule, keeps its two formats, and says where its input is wrong.

    check_resolve_tier.py PROGRAM SOURCE_ROOT
"""
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report

# The seed's table, row by row: spans as `label/source` or `label/source|detail` (a label may have slashes), and the tier.
SEED = [
    ([], "none"),
    (["index/memory"], "memory"),
    (["index-build/build"], "build"),
    (["action:version/", "sha:klappy.dev/memory"], "none"),
    (["file:canon/foo.md/memory"], "memory"),
    (["file:canon/bar.md/r2"], "r2"),
    (["file:canon/baz.md/build|zip-extract"], "build"),
    (["index/cache", "file:a/r2", "file:b/build"], "cache"),
    (["file-r2:canon/foo.md/miss"], "none"),
    (["file-r2:canon/foo.md/miss", "file:canon/foo.md/build"], "build"),
    (["index/", "file:a/r2"], "r2"),
    (["index-r2/miss", "index-build/build", "file:a/memory"], "build"),
]
# What its words say and its table leaves out: a miss of a label that the rule knows never wins.
MISSES = [(["index/miss"], "none"), (["index/miss", "index-build/build", "file:a/r2"], "build")]
HITS = {"memory", "cache", "r2", "kv"}
EMPTY = {"cache_tier": "none", "cache_hits": 0, "cache_lookups": 0, "header": "total=0ms",
         "trace": {"spans": [], "total_ms": 0, "index_source": "none"}}


def line_of(span):
    rest, _, detail = span.partition("|")
    label, _, source = rest.rpartition("/")
    return f"{label}\t1\t{source}\t{detail}\n", source


def resolve(program, text):
    """(exit status, parsed lines, stderr) for an input of text or bytes."""
    done = subprocess.run([program], input=text if isinstance(text, bytes) else text.encode(), capture_output=True)
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


def differences(is_value, should):
    return "" if is_value == should else f"{is_value!r} instead of {should!r}"


def check_seed(report, program):
    whole = ""
    for spans, tier in SEED + MISSES:
        lines = [line_of(span) for span in spans]
        sources = [source for _, source in lines if source]
        text = "".join(line for line, _ in lines) + "\n"
        whole += text
        status, traces, errors = resolve(program, text)
        report.check(f"{', '.join(spans) or 'nothing'} resolves to {tier}",
                     differences((status, [trace["cache_tier"] for trace in traces]), (0, [tier])), errors)
        report.check(f"{', '.join(spans) or 'nothing'} is tallied",
                     differences((traces[0]["cache_hits"], traces[0]["cache_lookups"]),
                                 (sum(source in HITS for source in sources), len(sources))) if traces else "no output")
    _, traces, _ = resolve(program, whole)
    report.check("traces that follow each other don't touch",
                 differences([trace["cache_tier"] for trace in traces], [tier for _, tier in SEED + MISSES]))


def check_formats(report, program):
    text = "index\t33\tcache\nfile:a\t2\tr2\tzip-extract\naction:get\t0.25\n"
    status, traces, errors = resolve(program, text)
    report.check("a line is the tier, the tally and both formats, to the letter", differences(traces, [{
        "cache_tier": "cache", "cache_hits": 2, "cache_lookups": 2,
        "header": "index=33ms(cache), file:a=2ms(r2)[zip-extract], action:get=0.25ms, total=35.25ms",
        "trace": {"spans": [{"label": "index", "duration_ms": 33, "source": "cache"},
                            {"label": "file:a", "duration_ms": 2, "source": "r2", "detail": "zip-extract"},
                            {"label": "action:get", "duration_ms": 0.25}],
                  "total_ms": 35.25, "index_source": "cache"}}]) or differences(status, 0), errors)
    report.check("CR LF is a line end too", differences(resolve(program, text.replace("\n", "\r\n")), (0, traces, "")))
    report.check("the last line needs no line end", differences(resolve(program, text[:-1]), (0, traces, "")))
    report.check("no input is no trace", differences(resolve(program, ""), (0, [], "")))
    report.check("an empty line alone is an empty trace", differences(resolve(program, "\n"), (0, [EMPTY], "")))
    report.check("an empty line after a trace ends it and begins none",
                 differences(resolve(program, text + "\n"), (0, traces, "")))
    report.check("every source is known", differences(
        [trace["trace"]["spans"][0]["source"] for trace in resolve(
            program, "".join(f"index\t1\t{source}\n\n" for source in "memory cache r2 kv github build miss".split()))[1]],
        "memory cache r2 kv github build miss".split()))
    odd = "a\x01\x1b[31m\x7f\"\\, b=c\u00e9\U0001f600"
    status, traces, errors = resolve(program, f"{odd}\t1\tcache\t{odd}\n")
    span = traces[0]["trace"]["spans"][0] if traces else {}
    report.check("control characters, quotes and letters of any alphabet stay in the JSON",
                 differences((status, span.get("label"), span.get("detail")), (0, odd, odd)), errors)
    report.check("the header line has no control characters",
                 differences([c for c in (traces[0]["header"] if traces else "\n") if ord(c) < 32], []))
    status, traces, _ = resolve(program, b"file:\xff\xfe\t1\tr2\n")
    report.check("what is no UTF-8 becomes U+FFFD, and the tier is right", differences(
        (status, traces[0]["cache_tier"], traces[0]["trace"]["spans"][0]["label"]), (0, "r2", "file:\ufffd\ufffd")))


def check_malformed(report, program):
    for what, line, said in [
        ("a negative duration", "index\t-1\tmemory", "duration"), ("a NaN", "index\tnan\tmemory", "duration"),
        ("infinity", "index\tinf\tmemory", "duration"), ("a hexadecimal duration", "index\t0x10\tmemory", "duration"),
        ("an empty duration", "index\t\tmemory", "duration"),
        ("a duration of 1e400 ms", "index\t1e400\tmemory", "duration"),
        ("a duration with a space", "index\t 1\tmemory", "duration"), ("an unknown source", "index\t1\tmoon", "source"),
        ("a source with a capital", "index\t1\tMemory", "source"), ("an empty label", "\t1\tmemory", "label"),
        ("a label alone", "index", "fields"), ("a fifth field", "index\t1\tmemory\tdetail\tmore", "fields"),
        ("a line of blanks", "   ", "fields"),
    ]:
        status, traces, errors = resolve(program, f"file:a\t1\tr2\n{line}\nfile:b\t1\tkv\n\nfile:c\t1\tbuild\n")
        report.check(f"{what} is reported with its line, skipped, and the status is 1", differences(
            (status, [len(trace["trace"]["spans"]) for trace in traces], [trace["cache_tier"] for trace in traces]),
            (1, [2, 1], ["r2", "build"])) or ("" if "line 2:" in errors and said in errors else "no such message"), errors)
    report.check("a trace of malformed lines is an empty trace, so that the lines of the output keep their places",
                 differences(resolve(program, "x\n\nindex\t1\tkv\n")[1][0], EMPTY))
    _, _, errors = resolve(program, f"index\t\x1b[2J{'9' * 5000}\n")
    report.check("a message can't move the cursor or flood the terminal",
                 "" if "\x1b" not in errors and len(errors) < 300 else "it does", errors)
    status, traces, errors = resolve(program, "x\t1e12\n" * 10)
    report.check("a trace of more than 285 years is cut before its clock overflows", differences(
        (status, traces[0]["trace"]["total_ms"]), (1, 9e12)) or ("" if "line 10:" in errors else "no such message"), errors)
    status, traces, errors = resolve(program, ("x\t1e12\n" * 9 + "\n") * 3)
    report.check("each trace has these years of its own", differences(
        (status, [trace["trace"]["total_ms"] for trace in traces]), (0, [9e12] * 3)), errors)


def check_large(report, program):
    many = 100_000
    status, traces, errors = resolve(program, "x\t1\n" * (many - 1) + "index\t1\tcache\n")
    report.check(f"the last of {many} lines resolves the tier, and what the JSON lacks is said",
                 differences((status, traces[0]["cache_tier"], traces[0]["cache_lookups"], traces[0]["trace"]["total_ms"]),
                             (1, "cache", 1, many)) or ("" if f"line {many}" in errors else "no such message"), errors)
    status, traces, errors = resolve(program, "".join(f"file:{i}\t1\tr2\t{i}\n" for i in range(many)) + "\nindex\t1\tkv\n")
    report.check("the tally is right beyond the bound, and the next trace is whole", differences(
        (status, [(trace["cache_tier"], trace["cache_hits"], trace["cache_lookups"]) for trace in traces]),
        (1, [("r2", many, many), ("kv", 1, 1)])), errors)
    status, traces, errors = resolve(program, f"file:{'é' * 50_000}\t1\tr2\t{'d' * 70_000}\n")
    report.check("a text beyond the bound is cut at a character, and that is said", differences(
        (status, traces[0]["cache_tier"], set(traces[0]["trace"]["spans"][0]["label"][5:])), (1, "r2", {"é"})) or
        ("" if "too large" in errors else "no such message"), errors[:300])


def check_options(report, program):
    done = subprocess.run([program, "--help"], capture_output=True, text=True)
    report.check("--help goes to the output, and the status is 0",
                 differences((done.returncode, done.stdout[:6], done.stderr), (0, "usage:", "")))
    done = subprocess.run([program, "traces.txt"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    report.check("an argument gets the usage on stderr and status 2",
                 differences((done.returncode, done.stdout, "usage:" in done.stderr), (2, "", True)))
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full:
            done = subprocess.run([program], input=b"index\t1\tkv\n", stdout=full, stderr=subprocess.PIPE)
        report.check("a full disk is status 2",
                     differences((done.returncode, b"can't be written" in done.stderr), (2, True)))
    else:
        report.skip("a full disk is status 2", "there is no /dev/full")


def main():
    program = Path(sys.argv[1]).resolve()
    report = Report()
    for check in (check_seed, check_formats, check_malformed, check_large, check_options):
        check(report, program)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
