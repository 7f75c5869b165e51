#!/usr/bin/env python3
"""The README says what is so: its code blocks compile and run, its program prints what it shows, its commands are the
ones that are tested.

A comment before a block says what it is:

    <!-- program: PATH -->     a whole program, which is that file but for its head comment; the next text block is what
                               it prints
    <!-- refusal -->           what the compiler says first when the program's commented-out line is let in
    <!-- declarations -->      compiled at namespace scope, before all statements
    <!-- statements -->        compiled as the body of a function of its own, and run
    <!-- library: NAME -->     compiled behind its own includes, each in a namespace; skipped where NAME's headers are not
    <!-- command: NAME -->     a shell line: `tests` must be what .ci/run calls, `main job` must compile as it stands
    <!-- consumer: NAME -->    a way into another project, which tests/consumers runs
    <!-- sql: NAME -->         a dashboard, which tests/interop asks of that engine

Every C++, shell and SQL block needs one. Lines may be longer than the compiler likes, but nothing else is forgiven.
"""
import argparse
import re
import shlex
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import ROOT, WARNINGS, Report, find_compilers, run

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(r"^(?:<!-- *(\w[\w ]*?)(?:: *([^\n]+?))? *-->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FORGIVEN = ["-Wno-shadow", "-Wno-unused-variable", "-Wno-unused-but-set-variable"]
FIXTURE = """lastbyte::Tracer<Telemetry> tracer, head_tracer, stop_tracer, copy_tracer;
std::stop_token stop_token;
auto const on_done = [](lastbyte::Reading<Telemetry> const&) {};
"""
INCLUDE = re.compile(r"^#include <(.*?)>\n", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK_OR_ANCHOR = re.compile(r"\]\(([^)\s]+)\)")


def blocks_of(text):
    """(kind, argument, language, code, line) of each fenced block."""
    return [(*found.groups(), text.count("\n", 0, found.start(4)) + 1) for found in BLOCK.finditer(text)]


def without_head(text):
    """A source without the comment that it opens with."""
    lines = text.splitlines(keepends=True)
    return "".join(lines[next(i for i, line in enumerate(lines) if not line.startswith("//")):]).lstrip("\n")


def one_program(blocks):
    """All declarations, and a function for each block of statements, as one translation unit."""
    parts = [f'#include "{HERE / "fixture.hpp"}"\n']
    calls = []
    for kind, _, _, code, line in blocks:
        if kind == "declarations":
            parts.append(f'#line {line} "README.md"\n{code}')
    for kind, _, _, code, line in blocks:
        if kind == "statements":
            parts.append(f'void line{line}() {{\n{FIXTURE}{{\n#line {line} "README.md"\n{code}}}\n}}\n')
            calls.append(f"line{line}();")
    return "".join(parts) + f"int main() {{ {' '.join(calls)} }}\n"


def compile_and_run(compiler, source, include, scratch, flags):
    program = Path(scratch, "program")
    status, output = compiler.run("-I", include, *flags, "-pthread", source, "-o", program)
    if status:
        return "does not compile", output
    status, output = run(["sh", "-c", f"cd {shlex.quote(str(scratch))} && exec ./program"])
    return (f"ended with status {status}" if status else ""), output


def check_programs(report, compiler, root, blocks, include, scratch):
    for index, (kind, path, _, code, line) in enumerate(blocks):
        if kind != "program":
            continue
        name = f"the program in line {line}"
        source = root / path
        report.check(f"{name} is {path}", "" if source.is_file() and without_head(source.read_text()) == code else "they differ")
        shown = next((block for block in blocks[index + 1:] if block[2] == "text"), None)
        problem, output = compile_and_run(compiler, source, include, scratch, WARNINGS)
        if not problem and (shown is None or shown[3] != output):
            problem = "it prints something else than the README shows"
        report.check(f"{name}, {compiler.kind}", problem, output)


def check_refusal(report, compiler, blocks, include, scratch):
    """The program above the message, with its line `// tracer.….;  // …` let in."""
    for index, (kind, _, _, said, line) in enumerate(blocks):
        if kind != "refusal":
            continue
        program = next(block[3] for block in reversed(blocks[:index]) if block[0] == "program")
        source = Path(scratch, "refused.cpp")
        source.write_text(re.sub(r"^( *)// (tracer\..*?;)", r"\1\2", program, flags=re.MULTILINE))
        status, output = compiler.run("-I", include, "-fsyntax-only", source)
        first = next((each for each in output.splitlines() if "error:" in each), "").replace('\\"', '"')
        report.check(f"the refusal in line {line}, {compiler.kind}",
                     "" if status and " ".join(said.split()) in first else "the compiler says something else", output)


def is_there(compiler, include, headers):
    """Whether this machine has these headers, and what those of ours include."""
    ours = [include / header for header in headers if (include / header).is_file()]
    needs = {*headers, *(each for path in ours for each in INCLUDE.findall(path.read_text()))}
    probe = "".join(f"#if !__has_include(<{each}>)\n#error\n#endif\n" for each in needs)
    return compiler.run("-I", include, "-E", "-x", "c++", "-", stdin=probe)[0] == 0


def check_libraries(report, compiler, blocks, include, scratch):
    """As one translation unit: the compiler reads what they share once."""
    top, parts = [f'#include "{HERE / "fixture.hpp"}"\n'], []
    for kind, library, _, code, line in blocks:
        if kind != "library":
            continue
        headers = INCLUDE.findall(code)
        if not is_there(compiler, include, headers):
            report.skip(f"the block in line {line}, {compiler.kind}", f"there is no {library} on this machine")
            continue
        rest = INCLUDE.sub("\n", code)
        top += [f"#include <{header}>\n" for header in headers]
        parts.append(f'namespace line{line} {{\n#line {line} "README.md"\n{rest}}}\n')
    if not parts:
        return
    source = Path(scratch, "libraries.cpp")
    source.write_text("".join(top + parts))
    status, output = compiler.run("-I", include, *WARNINGS, *FORGIVEN, "-fsyntax-only", source)
    report.check(f"{len(parts)} blocks for libraries, {compiler.kind}", "do not compile" if status else "", output)


def check_commands(report, compiler, root, blocks, scratch):
    commands = {argument: code.strip() for kind, argument, _, code, _ in blocks if kind == "command"}
    report.check("the commands", "" if set(commands) == {"main job", "tests"} else f"they are {sorted(commands)}")
    tests = commands.get("tests", "").partition(" && ")[2]
    problem = "" if tests and f"test_command='{tests}'" in (root / ".ci" / "run").read_text() else \
        ".ci/run calls another line"
    report.check("the command for the tests", problem)
    packages = commands.get("tests", "").partition(" && ")[0].removeprefix("apt-get install -y ").split()
    installed = re.search(r"^packages=\((.*?)\)", (root / ".ci" / "run").read_text(), re.MULTILINE | re.DOTALL)
    lacking = set(packages) - set(installed.group(1).split() if installed else [])
    report.check("the packages for the tests", f".ci/run does not install {sorted(lacking)}" if lacking or not packages else "")
    line = [part for part in commands.get("main job", "").split(" && ") if part.startswith("c++ ")]
    if len(line) != 1:
        return report.check("the command for the main job", "there is no one c++ line in it")
    words = shlex.split(line[0])
    words[0:1] = compiler.command
    words[words.index("-o") + 1] = str(Path(scratch, "main_job"))
    status, output = run(["env", "-C", root, *words])
    report.check("the command for the main job", "does not compile" if status else "", output)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--compiler", default="", help="the build's compiler, which is always among them")
    arguments.add_argument("--root", type=Path, default=ROOT)
    options = arguments.parse_args()
    root = options.root.resolve()

    report = Report()
    text = (root / "README.md").read_text()
    blocks = blocks_of(text)
    for kind, _, language, _, line in blocks:
        if language in ("cpp", "sh", "sql"):
            report.check(f"the block in line {line}", "" if kind else "nothing says what it is")
    for target in LINK_OR_ANCHOR.findall(CODE.sub("", text)):
        if "://" not in target and not target.startswith("#"):
            report.check(f"the link to {target}", "" if (root / target).exists() else "leads nowhere")
    compilers, _ = find_compilers(options.compiler)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "readme.cpp")
        source.write_text(one_program(blocks))
        for compiler in compilers:
            check_programs(report, compiler, root, blocks, root / "include", scratch)
            check_refusal(report, compiler, blocks, root / "include", scratch)
            check_libraries(report, compiler, blocks, root / "include", scratch)
            problem, output = compile_and_run(compiler, source, root / "include", scratch, [*WARNINGS, *FORGIVEN])
            report.check(f"declarations and statements, {compiler.kind}", problem, output)
        check_commands(report, compilers[0], root, blocks, scratch)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
