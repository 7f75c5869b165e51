#!/usr/bin/env python3
"""Hostile rows, written by the library, read back by Python's own JSON parser and held against what was set.

    ndjson.py PROGRAM      the program of ndjson.cpp

What a row must hold is computed here, from the bytes that were set: U+FFFD for each byte that is no UTF-8, 16 KB of texts
together (of which 64 bytes stay free for the tier), an index of 96 bytes, no half character, finite numbers only.
"""
import codecs
import json
import math
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import Report

BY_NAME = ["text", 'a "quoted\\ name', "é🙂\u2028", "number", "cache_tier", "bytes_out"]
BY_SLOT = ["blob1", "blob2", "blob3", "double1", "blob4", "double2", "index1"]
TEXT_BYTES, INDEX_BYTES = 16 * 1024 - 64, 96

TEXTS = [b"", b"plain", b'"', b"\\", b'\\"', b"\x00", bytes(range(32)), b"\x7f", b"</script>", b"line\nline\r\n", b"\t",
         "é€🙂".encode(), "\u2028\u2029\ufeff\uffff\U0010ffff".encode(), b"\xff", b"\xc0\x80", b"\xed\xa0\x80\xed\xb0\x80",
         b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xc3", b"ab\x80cd", b'{"a":1}', b"\xef\xbb\xbf", b"x" * 96, b"x" * 97,
         b"x" * 95 + "é".encode(), b"\xff" * 33, b"\x01" * 5000, b"y" * TEXT_BYTES, b"y" * (TEXT_BYTES + 1),
         "🙂".encode() * 4080, "🙂".encode() * 4081, b"\xff" * 16384, b"z" * 100_000]
NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e5, 1e15, 1e16, 1e22, 2.0**53, 2.0**53 + 2, 2.0**63, -2.0**63, 2.0**64,
           5e-324, 2.2250738585072014e-308, sys.float_info.max, -sys.float_info.max, 123456.789, math.nan,
           math.inf, -math.inf]


def replace_each_byte(error):
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error("replace_each_byte", replace_each_byte)


def bits(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def rows():
    """Three texts and a number each: the lists above, then mixtures of them."""
    yield from ((text, b"second", b"", 1.0) for text in TEXTS)
    yield from ((b"text", text, text[:50], 2.0) for text in TEXTS)
    yield from ((b"text", b"", b"third", number) for number in NUMBERS)
    chance = random.Random(20261124)
    for _ in range(2000):
        texts = []
        for _ in range(3):
            text = b"".join(chance.choice(TEXTS)[:200] for _ in range(chance.randrange(5)))
            if chance.random() < 0.5:
                at = chance.randrange(len(text) + 1)
                text = text[:at] + chance.randbytes(chance.randrange(6)) + text[at:]
            texts.append(text * 30 if chance.random() < 0.1 else text)
        yield *texts, struct.unpack("<d", chance.randbytes(8))[0]


def cut(text, most):
    """The beginning of a text that takes at most so many bytes in UTF-8."""
    return text.encode()[:most].decode("utf-8", "ignore")


def expected(row):
    """What the row holds, and what it says that it doesn't: cut, dropped, repaired, index cut, number not finite."""
    *texts, number = row
    kept, drops, room = [], [0] * 5, TEXT_BYTES
    for raw in texts:
        whole = raw.decode("utf-8", "replace_each_byte")
        text = cut(whole, room)
        room -= len(text.encode())
        if text != whole:
            drops[0 if text else 1] += 1
        drops[2] += text != raw[:len(text.encode())].decode("utf-8", "ignore")
        kept.append(text)
    index = cut(kept[0], INDEX_BYTES)
    drops[3] = int(index != kept[0])
    drops[4] = int(not math.isfinite(number))
    return [*kept, bits(number if math.isfinite(number) else 0.0), "cache", bits(5.0)], index, drops


def parsed(line):
    """Keys in their order and values of one line; numbers as the bits of a double. Raises ValueError for what is no row."""
    def no_constant(name):
        raise ValueError(f"{name} is no JSON")

    pairs = json.loads(line.decode("utf-8"), object_pairs_hook=list, parse_constant=no_constant, parse_float=float,
                       parse_int=lambda digits: -0.0 if digits == "-0" else float(digits))
    return [key for key, _ in pairs], [bits(value) if isinstance(value, float) else value for _, value in pairs]


def differences(lines, keys, wanted):
    """What is wrong with each line that is wrong."""
    if len(lines) != len(wanted):
        yield f"{len(lines)} lines for {len(wanted)} rows"
    for number, (line, values) in enumerate(zip(lines, wanted), 1):
        try:
            got = parsed(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number} is no row: {error}: {line[:200]}"
            continue
        if got != (keys, values):
            yield f"line {number}: {str(got)[:300]} instead of {str((keys, values))[:300]}"


def main():
    asked = list(rows())
    request = "".join(f"{' '.join(text.hex() or '-' for text in texts)} {bits(number):x}\n" for *texts, number in asked)
    with tempfile.TemporaryDirectory() as scratch:
        files = [Path(scratch, name) for name in ("by_name.ndjson", "by_slot.ndjson")]
        done = subprocess.run([sys.argv[1], *files], input=request.encode(), stdout=subprocess.PIPE, check=False)
        by_name, by_slot = (path.read_bytes() for path in files)

    wanted = [expected(row) for row in asked]
    report = Report()
    report.check("the program ends with status 0", f"status {done.returncode}" if done.returncode else "")
    for name, text, keys, rows_wanted in [
            ("rows by name", by_name, BY_NAME, [values for values, _, _ in wanted]),
            ("rows by slot", by_slot, BY_SLOT, [[*values, index] for values, index, _ in wanted])]:
        report.check(f"{name} end with a newline", "" if text.endswith(b"\n") else repr(text[-20:]))
        wrong = list(differences(text.split(b"\n")[:-1], keys, rows_wanted))
        report.check(f"{name} read back as what was set", f"{len(wrong)} differ" if wrong else "", "\n".join(wrong))
    told = [[int(count) for count in line.split()] for line in done.stdout.decode().splitlines()]
    wrong = [f"row {number}: {got} instead of {drops}"
             for number, (got, (_, _, drops)) in enumerate(zip(told, wanted), 1) if got != drops]
    if len(told) != len(wanted):
        wrong.append(f"{len(told)} answers for {len(wanted)} rows")
    report.check("what a row doesn't hold is counted by cause", f"{len(wrong)} differ" if wrong else "", "\n".join(wrong))
    print(f"{len(asked)} rows")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
