#!/usr/bin/env python3
"""clang-tidy with this repository's .clang-tidy over every header, and what a program that encodes traces makes of them.

`--analyze` also gives the static analyzer all headers as one file, which takes a minute.
"""
import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import ROOT, Report, run

USER = ROOT / "tests" / "interop" / "traces.cpp"
FINDING = re.compile(r"^.*(?:error|warning): .*\[[\w.,-]+\]$", re.MULTILINE)


def findings(command, include, source, checks):
    status, output = run([command, "--quiet", f"--config-file={ROOT}/.clang-tidy", f"--checks={checks}", source, "--",
                          "-std=c++20", f"-I{include}", f"-I{USER.parent}"])
    found = FINDING.findall(output)
    return f"{len(found)} findings" if found or status else "", "\n".join(found) or output


def headers_in_use(command, include, scratch):
    user, source = Path(scratch, "user.hpp"), Path(scratch, "used.cpp")  # a .cpp that is included would be a finding
    user.write_text(USER.read_text())
    names = sorted(path.relative_to(include).as_posix() for path in include.glob("lastbyte/**/*.hpp"))
    source.write_text("".join(f"#include <{name}>\n" for name in names if not name.startswith("lastbyte/adapt/"))
                      + f'#include "{user}"\n')
    return findings(command, include, source, "-clang-analyzer-*")


def analyzed(command, include, scratch):
    """The analyzer only looks at functions of the main file: so that is what all headers make as one."""
    status, text = run([sys.executable, include / "single_header.py", "--all"])
    source = Path(scratch, "analyzed.cpp")
    source.write_text(text.replace("#pragma once", ""))
    checks = "-*,clang-analyzer-*,-clang-analyzer-optin.*"
    return ("there is no single header", text) if status else findings(command, include, source, checks)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--include", type=Path, default=ROOT / "include")
    arguments.add_argument("--analyze", action="store_true")
    options = arguments.parse_args()

    report = Report()
    command = next(filter(None, map(shutil.which, ("clang-tidy-14", "clang-tidy"))), None)
    if command is None:
        report.skip("clang-tidy", "there is no clang-tidy on this machine (apt-get install clang-tidy)")
        report.finish()
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        for look in (headers_in_use, analyzed) if options.analyze else (headers_in_use,):
            report.check(look.__name__, *look(command, options.include.resolve(), scratch))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
