#!/usr/bin/env python3
"""Stamped NDJSON, read by DuckDB as it is: the README's questions, and every field of every row.

    duckdb.py PROGRAM [README]      the program of clickhouse.cpp
"""
import json
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import dashboard
import npm
from harness import ROOT, Report

PACKAGE = "@duckdb/node-api@1.5.6-r.1"
ROWS = 20_000

ASK = """
import {createRequire} from 'node:module';
import {readFileSync} from 'node:fs';
const {DuckDBInstance} = createRequire(process.cwd() + '/')('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:')).connect();
await connection.run("SET TimeZone = 'UTC'");
for (const statement of JSON.parse(readFileSync(0))) {
    try {
        const result = await connection.runAndReadAll(statement);
        console.log(JSON.stringify({names: result.columnNames(), rows: result.getRowsJson()}));
    } catch (error) {
        console.log(JSON.stringify({error: error.message}));
    }
}
"""


def quantile(values, level):
    """DuckDB's quantile_disc: the first value at or above which so much of all lies."""
    return values[max(0, -int(-(len(values) * level) // 1) - 1)]


def value_of(field):
    """DuckDB's binding gives 64-bit numbers and sums as text."""
    if isinstance(field, list):
        return [value_of(each) for each in field]
    try:
        return float(field)
    except (TypeError, ValueError):
        return field


def hour_of(field):
    """A field of an answer; an hour as seconds since 1970."""
    if isinstance(field, str) and len(field) >= 19 and field[4] == field[7] == "-" and field[13] == ":":
        return datetime.fromisoformat(field[:19]).replace(tzinfo=timezone.utc).timestamp()
    return value_of(field)


def read_back(answer, path):
    """What is wrong with the rows that DuckDB has read."""
    wanted = dashboard.read_rows(path)
    wrong = []
    for got, row in zip(answer["rows"], wanted):
        for name, found in zip(answer["names"], got):
            expected = row[name]
            if (found != expected) if isinstance(expected, str) else (
                    int(found) != expected if isinstance(expected, int) else float(found) != expected):
                wrong.append(f"{name}: {str(found)[:100]!r} instead of {str(expected)[:100]!r}")
    if len(answer["rows"]) != len(wanted) or set(answer["names"]) != set(wanted[0]):
        wrong.append(f"{len(answer['rows'])} rows of {answer['names']}")
    return wrong


def main(program, readme):
    report = Report()
    prepare, questions = dashboard.statements(readme, "duckdb")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for schema, count in {"calls": ROWS, "hostile": 0}.items():
            subprocess.run([program, "points", schema, folder / f"{schema}.ndjson", str(count)], check=True)
        rows = dashboard.check_rows(report, folder / "calls.ndjson")
        if problem := npm.install(PACKAGE, folder):
            report.skip("DuckDB", problem, 8)
            return report.finish()
        (folder / "ask.mjs").write_text(ASK)
        hostile = "SELECT * FROM read_json('hostile.ndjson', format = 'newline_delimited', sample_size = -1)"
        everything = "SELECT * EXCLUDE (written_at) FROM tool_calls"
        done = subprocess.run(["node", "ask.mjs"], cwd=folder, text=True, capture_output=True, timeout=120,
                              input=json.dumps([*prepare, *questions.values(), everything, hostile]))
        answers = [json.loads(line) for line in done.stdout.split("\n") if line]
        report.check("DuckDB answers", "" if len(answers) == len(prepare) + len(questions) + 2 else "not all", done.stderr)
        if report.failed:
            return report.finish()
        for statement, answer in zip(prepare, answers):
            report.check(statement.split("\n")[0], answer.get("error", ""))
        by_query = dict(zip(questions.values(), answers[len(prepare):]))

        def ask(query):
            if "error" in by_query[query]:
                raise ValueError(by_query[query]["error"])
            return [[hour_of(field) for field in row] for row in by_query[query]["rows"]]

        wanted = dashboard.answers(rows, quantile)
        dashboard.compare(report, "DuckDB", questions, wanted, ask, every=False)
        for schema, answer in zip(("calls", "hostile"), answers[-2:]):
            wrong = [answer["error"]] if "error" in answer else read_back(answer, folder / f"{schema}.ndjson")
            report.check(f"DuckDB reads every field of {schema}", f"{len(wrong)} differ" if wrong else "", "\n".join(wrong))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ROOT / "README.md"))
