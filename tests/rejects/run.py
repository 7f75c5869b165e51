#!/usr/bin/env python3
"""Programs that must not compile, and what the compiler must say first.

A reject is one file: the mistake under `#ifdef LASTBYTE_REJECT`, its twin, which compiles, in the `#else`. Several
mistakes share a file as `#if LASTBYTE_REJECT == 1`, `#elif LASTBYTE_REJECT == 2`. Lines in its head comment say what
is expected:

    // expect: <regex>          found in the first error line of both compilers
    // expect-g++: <regex>      … of one compiler, when they differ (or expect-clang)
    // expect-2: <regex>        … for LASTBYTE_REJECT == 2 (also expect-2-clang)
    // flags: -Werror=unused-result
    // link: other.cpp          both files compile; linking them fails, and the regex is for the linker's first error

A reject that fails for another reason fails, and so do a mistake that compiles and a twin that doesn't.

policy.hpp, which most rejects include, is precompiled for the mistakes. The twins are compiled without it.
"""
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import WARNINGS, Report, driver_arguments, find_compilers, in_parallel, run

EXPECT = re.compile(r"^// expect(?:-(\d+))?(?:-(g\+\+|clang))?: *(\S.*)$", re.MULTILINE)
FLAGS = re.compile(r"^// flags: *(.+)$", re.MULTILINE)
LINK = re.compile(r"^// link: *(\S+)$", re.MULTILINE)
BRANCH = re.compile(r"^ *#(?:if|elif).*\bLASTBYTE_REJECT *== *(\d+)", re.MULTILINE)
ANY_BRANCH = re.compile(r"^ *#(?:ifdef +|if +defined *\(?)LASTBYTE_REJECT", re.MULTILINE)
SHARED = "policy.hpp"
INCLUDES_SHARED = re.compile(r'^#include "(?:policy|point)\.hpp"$', re.MULTILINE)
LINK_ERROR = re.compile(r"error:|undefined reference|undefined symbol|multiple definition|duplicate symbol")
COMPILE_ERROR = re.compile(r"error:")


@dataclass
class Reject:
    source: Path
    expected: dict  # mistake -> {"g++", "clang" or "" for both: regex}
    flags: list
    partner: Path | None

    def pattern(self, mistake, kind):
        return self.expected[mistake].get(kind) or self.expected[mistake].get("")


def read_reject(source):
    text = source.read_text()
    expected = {}
    for number, kind, pattern in EXPECT.findall(text):
        of_mistake = expected.setdefault(int(number or 1), {})
        if kind in of_mistake:
            raise ValueError(f"mistake {int(number or 1)} has two expectations for {kind or 'both compilers'}")
        if re.search(pattern, ""):
            raise ValueError(f"an expectation that every line meets: {pattern}")
        of_mistake[kind] = pattern
    branches = {int(number) for number in BRANCH.findall(text)} or ({1} if ANY_BRANCH.search(text) else set())
    if not expected or branches != set(expected):
        raise ValueError(f"mistakes in the code {sorted(branches)}, expectations in the comments {sorted(expected)}")
    for mistake, patterns in expected.items():
        if "" not in patterns and len(patterns) < 2:
            raise ValueError(f"mistake {mistake} has no expectation for one of the compilers")
        for pattern in patterns.values():
            re.compile(pattern)
    flags = FLAGS.search(text)
    link = LINK.search(text)
    return Reject(source, expected, flags.group(1).split() if flags else [],
                  source.with_name(link.group(1)) if link else None)


class Precompiled:
    """The flags that give a compiler the shared header without reading it again."""

    def __init__(self, scratch, compilers, cases, include):
        self.flags = {}
        if not (cases / SHARED).exists():
            return
        for compiler in compilers:
            header = Path(scratch, compiler.kind + ".hpp")
            header.write_text(f'#include "{cases.resolve() / SHARED}"\n')
            made = header.with_suffix(".hpp.gch")
            if compiler.run("-I", include, "-x", "c++-header", header, "-o", made)[0] == 0:
                self.flags[compiler.kind] = ["-include-pch", made] if compiler.kind == "clang" else ["-include", header]

    def flags_for(self, compiler, reject):
        usable = not reject.flags and INCLUDES_SHARED.search(reject.source.read_text())
        return self.flags.get(compiler.kind, []) if usable else []


def compile_only(compiler, reject, include, flags):
    return compiler.run("-fsyntax-only", "-I", include, *flags, *reject.flags, reject.source)


def link(compiler, reject, include, flags):
    """The status and output of compiling both files, and then of linking (and, when that works, running) them."""
    with tempfile.TemporaryDirectory() as scratch:
        objects = []
        for source in (reject.source, reject.partner):
            objects.append(Path(scratch, source.stem + ".o"))
            status, output = compiler.run("-c", "-I", include, *flags, *reject.flags, source, "-o", objects[-1])
            if status:
                return status, output, None, ""
        program = Path(scratch, "program")
        status, output = compiler.run(*reject.flags, *objects, "-o", program, "-pthread")
        if status == 0:
            return 0, "", *run([program])
        return 0, "", status, output


def judge_twin(compiler, reject, include):
    if not reject.partner:
        status, output = compile_only(compiler, reject, include, WARNINGS)
        return "its twin does not compile" if status else "", output
    status, output, linked, link_output = link(compiler, reject, include, WARNINGS)
    if status:
        return "its twin does not compile", output
    return "its twin does not link and run" if linked else "", link_output


def judge_mistake(compiler, reject, include, mistake, precompiled):
    define = [f"-DLASTBYTE_REJECT={mistake}"]
    error = COMPILE_ERROR
    if reject.partner:
        status, output, linked, link_output = link(compiler, reject, include, define)
        if status:
            return "it does not compile, but should fail only when linked", output
        status, output, error = linked, link_output, LINK_ERROR
    else:
        flags = [*precompiled.flags_for(compiler, reject), *define]
        status, output = compile_only(compiler, reject, include, flags)
    if status == 0:
        return "the mistake is accepted", ""
    first = next(filter(error.search, output.splitlines()), "")
    pattern = reject.pattern(mistake, compiler.kind)
    if re.search(pattern, first):
        return "", ""
    return f"the first error line has no match for: {pattern}", f"{first.strip()}\n{output}"


def main():
    arguments = driver_arguments(__doc__)
    arguments.add_argument("--cases", type=Path, default=Path(__file__).resolve().parent)
    arguments.add_argument("--only", default="", help="only files with this in their name")
    options = arguments.parse_args()

    report = Report()
    rejects = []
    sources = sorted(options.cases.glob("*.cpp"))
    partners = {source.with_name(name) for source in sources for name in LINK.findall(source.read_text())}
    for source in sources:
        if source in partners or options.only not in source.name:
            continue
        try:
            rejects.append(read_reject(source))
        except (ValueError, re.error) as problem:
            report.check(source.name, str(problem))

    compilers, missing = find_compilers(options.compiler)
    with tempfile.TemporaryDirectory() as scratch:
        precompiled = Precompiled(scratch, compilers, options.cases, options.include)
        checks = []
        for compiler in compilers:
            for reject in rejects:
                checks.append((f"{reject.source.name}, {compiler.kind}", judge_twin, (compiler, reject, options.include)))
                checks += [(f"{reject.source.name}, mistake {mistake}, {compiler.kind}", judge_mistake,
                            (compiler, reject, options.include, mistake, precompiled)) for mistake in reject.expected]
        print("with", ", ".join(compiler.version for compiler in compilers))
        for check, outcome in zip(checks, in_parallel(lambda check: check[1](*check[2]), checks)):
            report.check(check[0], *outcome)
    report.missing_compilers(missing, options.require_all, len(checks) // len(compilers))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
