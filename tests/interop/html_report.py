#!/usr/bin/env python3
"""HTML reports, opened in Chromium at 360 and 1600 pixels, light and dark, by a keyboard and by axe-core.

    html_report.py PROGRAM [FOLDER]      the program of html_report.cpp; the pages and their screenshots stay in FOLDER

The browser is offline: a page asks for nothing but itself, runs no script, is not wider than the window, and axe finds no
violation in it. What its tables say is held against what the program put in, and hostile names are text. Python's own HTML
parser finds each tag closed in its turn. 100,000 calls become a page that stands in the browser in less than two seconds.
"""
import json
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import npm
from harness import Report

PACKAGES = ["axe-core@4.14.1", "playwright-core@1.65.1"]
PAGES = {"usual.html": 2400, "hostile.html": 96, "empty.html": 0, "many.html": 100_000}
VIEWS = [*(f"usual.html,{width},{scheme}" for width in (360, 1600) for scheme in ("light", "dark")),
         "hostile.html,360,dark", "hostile.html,1600,light", "empty.html,360,light", "many.html,1600,dark"]
MOST_MS = 2000  # for 100,000 calls, their page, and the browser's work on it
CHECKS_OF_A_VIEW = 11
MOST_BYTES = 500_000
VOID = {"meta", "link", "br"}
HOSTILE = ["<script>document.title='owned'</script>", '"><img src=x onerror=alert(1)>', "</style><h1>&amp;",
           "nul \ufffd bell \ufffd del \ufffd", "no UTF-8 \ufffd\ufffd(", "\u202egnissim\u202c 'quoted'"]
# 48 names, each called twice: 24 have a place, one is too long, and every other call records 204 spans into a trace of 128.
LEFT_OUT = ["48", "0", "2", "3,648", "0", "72", "0"]


class Nesting(HTMLParser):
    """Tags that are not closed in their turn, and ids that are given twice."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.problems = [], set(), []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        identity = dict(attributes).get("id")
        if identity in self.ids:
            self.problems.append(f"the id {identity} twice")
        if identity:
            self.ids.add(identity)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> in line {self.getpos()[0]}")


def count(text):
    return int(text.replace(",", ""))


def check_file(report, name, text):
    nesting = Nesting()
    nesting.feed(text)
    nesting.close()
    report.check(f"{name}: tags are closed in their turn", "; ".join(nesting.problems[:3] + nesting.open[:3]))
    report.check(f"{name}: its size is bounded", "" if len(text) < MOST_BYTES else f"{len(text)} characters")


def check_page(report, seen):
    name = f"{seen['page']} at {seen['width']}, {seen['colorScheme']}"

    def check(what, passed, got=""):
        report.check(f"{name}: {what}", "" if passed else f"{got}")

    check("axe finds nothing", not seen["violations"], seen["violations"])
    check("it asks for nothing but itself", seen["requests"] == 1, seen["requests"])
    check("there is no script and no error", seen["scripts"] == 0 and not seen["errors"], seen["errors"])
    check("no element came in by a name", seen["strangers"] == 0, seen["strangers"])
    check("it is no wider than the window", seen["overflow"] <= 0, seen["overflow"])
    wanted = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[seen["colorScheme"]]
    check("its ground is that of the scheme", seen["ground"] == wanted, seen["ground"])
    check("a name has room to be read", seen["narrowest"] is None or seen["narrowest"] >= 50, seen["narrowest"])
    reached = [what for what in seen["reached"] if what.startswith("SUMMARY")]
    regions = [what for what in seen["reached"] if what.startswith("DIV")]
    tables = 0 if not PAGES[seen["page"]] else 3
    check("the keyboard gets to every trace and table", len(reached) >= seen["traces"] and len(regions) >= tables
          and (seen["traces"] > 0) == (tables > 0), seen["reached"])
    check("and opens a trace", seen["opened"])

    calls = PAGES[seen["page"]]
    rows = seen["tables"]
    check("no call is lost in the tables", all(total == calls for total in totals(rows)), totals(rows))
    if seen["page"] == "hostile.html":
        check("the title is text", seen["title"].startswith("</title><script>document.title='owned'"), seen["title"])
        names = [row[0] for row in rows["calls"]]
        missing = [hostile for hostile in HOSTILE if hostile not in names]
        check("hostile names are text, as they were", not missing, missing)
        left = seen["left"]
        check("what had no place is counted", [left[key] for key in sorted(left)] == LEFT_OUT, left)
    if seen["page"] == "usual.html":
        orders = {tuple(spans) for spans in seen["spans"]}
        built = ("action:get", "index", "index-build", "read:canon", "read:guides", "read:odd")
        check("a waterfall reads from the parent to its children", built in orders, orders)


def totals(rows):
    """The calls that each section has in all."""
    if "calls" not in rows:
        return [0]
    tools = {"memory", "cache", "r2", "kv", "github", "build", "none", "unresolved"}
    by_tool = sum(count(row[1]) for row in rows["calls"] if row[0] not in tools)
    by_tier = sum(count(row[1]) for row in rows["calls"] if row[0] in tools)
    by_time = sum(count(row[1]) for row in rows["time"])
    by_outcome = sum(count(cell) for cell in rows["outcomes"][-1][1:])
    early = [sum(count(row[2]) for row in rows["early"])] if "early" in rows else []
    return [by_tool, by_tier, by_time, by_outcome, *early]


def main():
    report = Report()
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else Path(scratch)
        done = subprocess.run([program, folder], text=True, stdout=subprocess.PIPE)
        report.check("the program writes its pages", f"status {done.returncode}" if done.returncode else "")
        if done.returncode:
            return report.finish()
        took = int(done.stdout)
        for name in PAGES:
            check_file(report, name, (folder / name).read_text(encoding="utf-8"))

        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        problem = "" if chromium else "there is no Chromium on this machine"
        for package in PACKAGES if chromium else []:
            problem = problem or npm.install(package, Path(scratch))
        if problem:
            report.skip("Chromium", problem, CHECKS_OF_A_VIEW * len(VIEWS))
            return report.finish()
        script = Path(__file__).with_name("html_report.mjs")
        done = subprocess.run(["node", script, Path(scratch) / "node_modules", chromium, folder, *VIEWS], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        if done.returncode:
            report.check("Chromium opens the pages", f"status {done.returncode}", done.stderr)
            return report.finish()
        views = json.loads(done.stdout)
        for seen in views:
            check_page(report, seen)
        opened = min(seen["ms"] for seen in views if seen["page"] == "many.html")
        print(f"100,000 calls and their page took {took} ms, and the browser {opened} ms")
        report.check("and that is less than 2 s", f"{took} + {opened} ms" if took + opened >= MOST_MS else "")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
