"""The dashboard's questions: as SQL, out of the README, and their answers, computed from the rows without any SQL.

A block of SQL is marked `<!-- sql: NAME -->`. Its statements end with a semicolon; one that begins with a comment answers
the question which that comment names, and the others prepare.
"""
import json
import math
import re
from collections import defaultdict
from pathlib import Path

NS_PER_HOUR = 3600 * 10**9


def statements(readme, name):
    """The statements that prepare, and {question: statement}; a README without any says so by two empty ones."""
    blocks = re.findall(rf"^<!-- *sql: {name} *-->\n```sql\n(.*?)^```$", Path(readme).read_text(), re.MULTILINE | re.DOTALL)
    prepare, questions = [], {}
    for statement in filter(None, (part.strip() for block in blocks for part in block.split(";"))):
        if statement.startswith("-- "):
            title, _, query = statement[3:].partition("\n")
            questions[title] = query
        else:
            prepare.append(statement)
    return prepare, questions


def read_rows(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]


def check_rows(report, path):
    """The rows of a file, of which each has a stamp that no other has."""
    rows = read_rows(path)
    stamps = {(row["written_at_ns"], row["row_id"]) for row in rows}
    report.check("every row has a time and an identity", "" if len(stamps) == len(rows) else f"{len(stamps)} of {len(rows)}")
    return rows


def grouped(rows, key):
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return sorted(groups.items())


def total(rows, field="count"):
    return math.fsum(row[field] for row in rows)


def share(rows, tier):
    return total([row for row in rows if row["cache_tier"] == tier]) / total(rows)


def answers(rows, quantile):
    """What the questions' answers are; `quantile(sorted values, level)` is the engine's definition of one."""
    tool, tier = (lambda row: row["tool_name"]), (lambda row: row["cache_tier"])
    hour_and_tool = grouped(rows, lambda row: (row["written_at_ns"] // NS_PER_HOUR * 3600, tool(row)))
    return {
        "the share of each tier, by tool and hour": [
            [hour, name, total(of), *(share(of, each) for each in ("memory", "cache", "r2", "build"))]
            for (hour, name), of in hour_and_tool],
        "latency by tier: p50, p95 and p99 in milliseconds": [
            [name, total(of), [quantile(sorted(row["duration_ms"] for row in of), level) for level in (0.5, 0.95, 0.99)]]
            for name, of in grouped(rows, tier)],
        "hit rate by tool": [
            [name, total(of, "cache_hits"), total(of, "cache_lookups"), total(of, "cache_hits") / total(of, "cache_lookups")]
            for name, of in grouped(rows, tool) if total(of, "cache_lookups")],
        "what an early read would have said": [
            [early, late, total(of)] for (early, late), of in grouped(rows, lambda row: (row["early_tier"], tier(row)))],
        "outcomes": [[name, total(of), total(of, "bytes_out")] for name, of in grouped(rows, lambda row: row["outcome"])],
    }


def same(got, wanted):
    """Equal, but for the last bits of a number that was added up in another order."""
    if isinstance(wanted, (list, tuple)):
        return isinstance(got, list) and len(got) == len(wanted) and all(map(same, got, wanted))
    if isinstance(wanted, str):
        return got == wanted
    return isinstance(got, (int, float)) and math.isclose(got, wanted, rel_tol=1e-12, abs_tol=1e-12)


def compare(report, engine, questions, wanted, ask, every):
    """Asks each question of the README; `every`: all that have an answer must be there."""
    missing = sorted(set(wanted) - set(questions)) if every else []
    report.check(f"the README's questions to {engine}", f"there is none called {missing or 'anything'}"
                 if missing or not questions else "")
    for title, query in questions.items():
        if title not in wanted:
            report.check(f"{engine}: {title}", "nobody knows the answer")
            continue
        try:
            got = ask(query)
        except Exception as error:  # what an engine says of SQL that it doesn't take
            report.check(f"{engine}: {title}", f"{str(error)[:300]}")
            continue
        wrong = [f"{a} instead of {b}" for a, b in zip(got, wanted[title]) if not same(a, b)]
        if len(got) != len(wanted[title]):
            wrong.append(f"{len(got)} rows instead of {len(wanted[title])}")
        report.check(f"{engine}: {title}", f"{len(wrong)} rows differ" if wrong else "", "\n".join(wrong))
