#!/usr/bin/env python3
"""Each header on its own, and all of them together in a hostile program.

Every header must compile as the only include, twice, with a long list of warnings; and all of them after the macros of
hostile.hpp, and without exceptions and RTTI. No header may leave a macro behind or bring a global constructor. The program
in two_policies/ links translation units with different policies and runs, also when two compilers have made them.

An adapter includes somebody else's library, which need not survive all that: it must compile alone where that library is.
"""
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import WARNINGS, Report, driver_arguments, find_compilers, in_parallel, run

HERE = Path(__file__).resolve().parent
LONG_LIST = {
    "both": [*WARNINGS, "-Wsign-conversion", "-Wold-style-cast", "-Wnon-virtual-dtor", "-Woverloaded-virtual",
             "-Wnull-dereference", "-Wdouble-promotion", "-Wformat=2", "-Wcast-align", "-Wcast-qual", "-Wundef",
             "-Wextra-semi", "-Wunused", "-Wimplicit-fallthrough", "-Wmissing-declarations", "-Wredundant-decls"],
    "g++": ["-Wduplicated-cond", "-Wduplicated-branches", "-Wlogical-op", "-Wcomma-subscript", "-Wvolatile"],
    "clang": ["-Wheader-hygiene", "-Wcomma", "-Wrange-loop-analysis", "-Wnewline-eof", "-Wshadow-all",
              "-Wunreachable-code", "-Wmissing-variable-declarations", "-Wundefined-reinterpret-cast"],
}
BARE = ["-fno-exceptions", "-fno-rtti"]
SYSTEM_INCLUDE = re.compile(r"^ *# *include <(?!lastbyte/)([^>]+)>", re.MULTILINE)
LINE_MARKER = re.compile(r'^# \d+ "(.*?)"')
MACRO = re.compile(r"^#(define|undef) (\w+)")


def include_lines(headers):
    return "".join(f"#include <{header}>\n" for header in headers)


class Headers:
    """All headers under one include directory."""

    def __init__(self, include):
        self.include = include
        every = sorted(include.glob("lastbyte/**/*.hpp"))
        paths = [path for path in every if path.parent.name != "adapt"]
        self.adapters = [path.relative_to(include).as_posix() for path in every if path.parent.name == "adapt"]
        self.names = [path.relative_to(include).as_posix() for path in paths]
        system = sorted({name for path in paths for name in SYSTEM_INCLUDE.findall(path.read_text())})
        self.system = "".join(f"#if __has_include(<{name}>)\n#include <{name}>\n#endif\n" for name in system)

    def can_have(self, compiler, name):
        """Whether this machine has what a header includes besides ours."""
        others = SYSTEM_INCLUDE.findall((self.include / name).read_text())
        return self.compile(compiler, include_lines(others), "-fsyntax-only")[0] == 0

    def compile(self, compiler, text, *flags):
        return compiler.run("-I", self.include, *flags, "-x", "c++", "-", stdin=text)


def alone(compiler, headers, name):
    status, output = headers.compile(compiler, include_lines([name, name]), "-O2", "-c", "-o", "/dev/null",
                                     *LONG_LIST["both"], *LONG_LIST[compiler.kind])
    return "does not compile alone, without warnings" if status else "", output


def among_hostile_macros(compiler, headers):
    text = headers.system + f'#include "{HERE / "hostile.hpp"}"\n' + include_lines(headers.names)
    status, output = headers.compile(compiler, text, "-fsyntax-only")
    return "one does not survive a macro of hostile.hpp" if status else "", output


def bare(compiler, headers):
    status, output = headers.compile(compiler, include_lines(headers.names), "-fsyntax-only", *BARE)
    return "one does not compile without exceptions and RTTI" if status else "", output


def no_macros(compiler, headers):
    status, output = headers.compile(compiler, include_lines(headers.names), "-E", "-dD")
    if status:
        return "the preprocessor failed", output
    left, ours = {}, False
    for line in output.splitlines():
        if marker := LINE_MARKER.match(line):
            ours = Path(marker.group(1)).is_relative_to(headers.include)
        elif ours and (macro := MACRO.match(line)):
            if macro.group(1) == "define":
                left[macro.group(2)] = line
            else:
                left.pop(macro.group(2), None)
    return "macros are left behind" if left else "", "\n".join(left.values())


def global_constructors(objects):
    """What in these object files runs before main."""
    status, output = run(["objdump", "-h", *objects])
    if status:
        return "objdump failed", output
    found = [line for line in output.splitlines() if re.search(r"\.(init_array|ctors)\b", line)]
    return "something runs before main" if found else "", "\n".join(found)


def no_global_constructors(compiler, headers):
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch, "everything.o")
        status, output = headers.compile(compiler, include_lines(headers.names), "-O0", "-c", "-o", made)
        return ("does not compile", output) if status else global_constructors([made])


def program(compiler, headers, folder, flags, other=None):
    """The translation units of a folder, linked and run; with another compiler, it makes every second one of them."""
    with tempfile.TemporaryDirectory() as scratch:
        objects = []
        for number, source in enumerate(sorted(folder.glob("*.cpp"))):
            objects.append(Path(scratch, source.stem + ".o"))
            maker = other if other and number % 2 else compiler
            status, output = maker.run("-I", headers.include, *LONG_LIST["both"], *flags, "-c", source, "-o",
                                          objects[-1])
            if status:
                return f"{source.name} does not compile", output
        binary = Path(scratch, "program")
        status, output = compiler.run(*flags, *objects, "-o", binary)
        if status:
            return "does not link", output
        status, output = run([binary])
        return (f"ended with status {status}", output) if status else global_constructors(objects)


def main():
    arguments = driver_arguments(__doc__)
    arguments.add_argument("--programs", type=Path, default=HERE / "two_policies")
    options = arguments.parse_args()

    report = Report()
    compilers, missing = find_compilers(options.compiler)
    headers = Headers(options.include.resolve())
    checks = []
    for compiler in compilers:
        checks += [(f"{name}, {compiler.kind}", alone, (compiler, headers, name)) for name in headers.names]
        for name in headers.adapters:
            if headers.can_have(compiler, name):
                checks.append((f"{name}, {compiler.kind}", alone, (compiler, headers, name)))
            else:
                report.skip(f"{name}, {compiler.kind}", "its library is not on this machine")
        for check in (among_hostile_macros, bare, no_macros, no_global_constructors):
            checks.append((f"all headers, {compiler.kind}", check, (compiler, headers)))
        for flags in ([], BARE):
            checks.append((" ".join([options.programs.name + ",", compiler.kind, *flags]), program,
                           (compiler, headers, options.programs, flags)))
    if len(compilers) == 2:
        checks.append((f"{options.programs.name}, objects of both compilers", program,
                       (compilers[0], headers, options.programs, [], compilers[1])))
    print("with", ", ".join(compiler.version for compiler in compilers))
    for check, outcome in zip(checks, in_parallel(lambda check: check[1](*check[2]), checks)):
        report.check(check[0], *outcome)
    report.missing_compilers(missing, options.require_all, len(checks) // len(compilers))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
