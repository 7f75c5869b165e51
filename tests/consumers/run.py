#!/usr/bin/env python3
"""Every way into a consumer's project, from a project made in a temporary folder; and the single header.

The recipes are the README's own: `<!-- consumer: NAME -->` before a shell block, and `<!-- consumer: NAME/PATH -->` before a
file that the project NAME has. Each runs where `lastbyte` is this repository and `app.cpp` the README's program, and must
print what the README says that it prints. The single header must be deterministic and whole, and give the compiler the same
program as the folder.
"""
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
from harness import ROOT, WARNINGS, Report, driver_arguments, find_compilers, in_parallel, run

WAYS = {"copy", "single header", "meson subproject", "pkg-config", "find_package", "FetchContent"}
TOOLS = {"meson": "meson", "cmake": "cmake", "pkg-config": "pkg-config", "git": "git"}  # what is run: its package
BLOCK = re.compile(r"^<!-- *consumer: *([^/\n]+?)(?:/(\S+))? *-->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"^<!-- *program: *(\S+) *-->\n```cpp\n.*?^```\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = "(where you cloned lastbyte from)"
NEEDED = ("include", "meson.build", "meson_options.txt", "LICENSE")  # what a consumer's build reads of this repository


def shell(folder, script, **environment):
    return run(["env", "-C", folder, *(f"{name}={value}" for name, value in environment.items()), "sh", "-ec", script])


def lacking(script):
    """The package of a tool that the script runs and this machine doesn't have, or nothing."""
    return next((package for tool, package in TOOLS.items()
                 if re.search(rf"(?:^|[\s(]){tool} ", script) and not shutil.which(tool)), "")


class Readme:
    """The recipes, and the program that they build."""

    def __init__(self, path):
        text = path.read_text()
        self.scripts, self.files = {}, {}
        for name, file, body in BLOCK.findall(text):
            if file:
                self.files.setdefault(name, {})[file] = body
            else:
                self.scripts[name] = body
        program, self.printed = SHOWN.search(text).groups()
        self.program = ROOT / program


class Project:
    """A consumer's project: its folder has app.cpp, lastbyte, and the files of a recipe."""

    def __init__(self, scratch, name, readme, root):
        self.folder = Path(scratch, name.replace(" ", "_"))
        self.folder.mkdir()
        (self.folder / "lastbyte").symlink_to(root)
        shutil.copy(readme.program, self.folder / "app.cpp")
        for path, text in readme.files.get(name, {}).items():
            (self.folder / path).parent.mkdir(exist_ok=True)
            (self.folder / path).write_text(text)


def compiler_environment(scratch, compiler):
    """`c++` is the build's compiler, in a shell line as in meson and CMake."""
    folder = Path(scratch, "bin")
    folder.mkdir()
    stand_in = folder / "c++"
    program, *options = compiler.command
    found = shutil.which(program) or program  # by its place, for its name may be that of the stand-in
    stand_in.write_text(f'#!/bin/sh\nexec {shlex.join([found, *options])} "$@"\n')
    stand_in.chmod(0o755)
    return {"CXX": stand_in, "PATH": f"{folder}:{os.environ['PATH']}"}


def copy_of(root, folder):
    folder.mkdir()
    for name in NEEDED:
        (shutil.copytree if (root / name).is_dir() else shutil.copyfile)(root / name, folder / name)
    return folder


def git_repository(scratch, root):
    """A clone's origin: what is in this tree, committed."""
    folder = copy_of(root, Path(scratch, "origin"))
    script = "git init -q && git add -A && git -c user.name=test -c user.email=test@localhost commit -q -m everything"
    status, output = shell(folder, script, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
    return folder, output if status else ""


def recipe(scratch, name, readme, root, environment):
    if name not in readme.scripts:
        return "the README has no such recipe", ""
    project = Project(scratch, name, readme, root)
    wrap = project.folder / "subprojects" / "lastbyte.wrap"
    if wrap.exists():
        origin, problem = git_repository(scratch, root)
        if problem or ELSEWHERE not in wrap.read_text():
            return "no repository to clone could be made", problem
        wrap.write_text(wrap.read_text().replace(ELSEWHERE, str(origin)))
    status, output = shell(project.folder, readme.scripts[name], **environment)
    if status:
        return f"ended with status {status}", output[-4000:]
    return "" if output.endswith(readme.printed) else "prints something else than the README shows", output[-1000:]


def same_prefix(scratch, readme, environment):
    """What meson installed serves find_package too, also after the prefix has been moved, and only for its own version."""
    made, moved = Path(scratch, "pkg-config", "prefix"), Path(scratch, "moved")
    if not made.is_dir():
        return "there is nothing that the recipe pkg-config installed", ""
    made.rename(moved)
    consumer = Path(scratch, "of_meson")
    consumer.mkdir()
    shutil.copy(readme.program, consumer / "app.cpp")
    lists = readme.files["find_package"]["CMakeLists.txt"]
    (consumer / "CMakeLists.txt").write_text(lists)
    build = f"cmake -B build -DCMAKE_PREFIX_PATH={moved} && cmake --build build && build/app"
    status, output = shell(consumer, build, **environment)
    if status or not output.endswith(readme.printed):
        return "find_package does not take what meson installed", output
    for prefix in (moved, Path(scratch, "find_package", "prefix")):
        for asked, right in (("", True), ("0.1", True), ("0.1.0 EXACT", True), ("0.1.7", False), ("0.0", False),
                             ("0.2", False), ("1", False)):
            (consumer / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.21)\nproject(asks LANGUAGES NONE)\n"
                                                     f"find_package(lastbyte {asked} REQUIRED)\n")
            status, output = shell(consumer, f"cmake -B asks -DCMAKE_PREFIX_PATH={prefix} -Dlastbyte_DIR=", **environment)
            if (status == 0) != right:
                return f"find_package(lastbyte {asked}) is {'refused' if right else 'accepted'} from {prefix}", output
    return "", ""


def add_subdirectory(scratch, readme, root, environment):
    """The other way of the README's sentence; and an exporting library, which needs LASTBYTE_INSTALL."""
    project = Project(scratch, "add_subdirectory", readme, root)
    (project.folder / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.21)
project(app CXX)
set(LASTBYTE_INSTALL ON)
add_subdirectory(lastbyte/include)
add_executable(app app.cpp)
target_link_libraries(app PRIVATE lastbyte::lastbyte)
add_library(user INTERFACE)
target_link_libraries(user INTERFACE lastbyte)
install(TARGETS user EXPORT user)
install(EXPORT user FILE userConfig.cmake DESTINATION share/cmake/user)
""")
    status, output = shell(project.folder, "cmake -B build && cmake --build build && build/app", **environment)
    return "" if status == 0 and output.endswith(readme.printed) else "does not build or prints something else", output


def one_version(root):
    meson = re.search(r"^ *version: '([^']+)'", (root / "meson.build").read_text(), re.MULTILINE).group(1)
    cmake = re.search(r"project\(lastbyte VERSION (\S+)", (root / "include" / "CMakeLists.txt").read_text()).group(1)
    return "" if meson == cmake else f"meson.build says {meson} and include/CMakeLists.txt {cmake}", ""


class SingleHeader:
    """What include/single_header.py writes, in a folder that stands for include/: each of lastbyte's headers leads to it."""

    def __init__(self, scratch, root, *options):
        self.root, self.options = root, options
        self.include = Path(scratch, "-".join(["single", *options]).strip("-"))
        self.file = self.include / "single.hpp"
        for header in sorted((root / "include").glob("lastbyte/**/*.hpp")):
            stand_in = self.include / header.relative_to(root / "include")
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.write_text(f'#include "{self.file}"\n')
        self.status, self.output = self.write(root, self.file)

    def write(self, root, file, **environment):
        return shell(file.parent, shlex.join([sys.executable, str(root / "include" / "single_header.py"), *self.options,
                                              "-o", str(file)]), **environment)

    def deterministic(self, copy):
        """The same bytes from a copy that is elsewhere and younger, under another hash seed and time zone."""
        again = self.include / "again.hpp"
        status, output = self.write(copy, again, PYTHONHASHSEED="7", TZ="Asia/Tokyo")
        same = status == 0 and self.file.read_bytes() == again.read_bytes()
        return ("" if same else "other bytes the second time"), output

    def whole(self):
        """Each header that is reached from lastbyte.hpp, or each there is: its code once, and no include of it left."""
        if self.status:
            return "it was not written", self.output
        text = self.file.read_text()
        include = self.root / "include"
        names = [path.relative_to(include).as_posix() for path in include.glob("lastbyte/**/*.hpp")]
        if "--all" not in self.options:
            names = [name for name in names if name.split("/")[1] in ("core", "body", "lastbyte.hpp")
                     and name != "lastbyte/body/streambuf.hpp"]
        names = [name for name in names if not name.startswith("lastbyte/adapt/")]
        odd = [name for name in names if len(re.findall(rf"^// {re.escape(name)} -+$", text, re.MULTILINE)) != 1]
        left = re.findall(r"^ *# *include *[<\"]lastbyte.*$", text, re.MULTILINE)
        licensed = "Permission is hereby granted" in text
        return ("" if licensed and not odd and not left else "something is missing, left or twice"), "\n".join(odd + left)

    def same_program(self, compiler, source, scratch):
        """The object files are the same, bit for bit."""
        made = []
        for include in (self.root / "include", self.include):
            made.append(Path(scratch, f"{include.name}-{compiler.kind}.o"))
            status, output = compiler.run("-I", include, "-O1", *WARNINGS, "-c", source, "-o", made[-1])
            if status:
                return f"does not compile with {include}", output
        return ("" if made[0].read_bytes() == made[1].read_bytes() else "the compiler made something else of it"), ""

    def linked(self, compiler, sources, scratch, *flags):
        """Several translation units that include it are one program, which runs."""
        program = Path(scratch, f"{sources[0].stem}-{compiler.kind}-{self.include.name}")
        status, output = compiler.run("-I", self.include, *WARNINGS, *flags, "-pthread", *sources, "-o", program)
        if status:
            return "does not compile or link", output
        status, output = run([program])
        return (f"ended with status {status}" if status else ""), output

    def module(self, compiler, source, scratch):
        """The module's text, without its three lines, is a header that gives the same program; and it includes nothing."""
        folder = Path(scratch, "module")
        folder.mkdir()
        status, text = run([sys.executable, self.root / "include" / "single_header.py", "--module"])
        if status or text.count('\nexport extern "C++" {\n') != 1:
            return "it was not written", text[-500:]
        before, interface = text.split("\nexport module lastbyte;\n")
        if included := re.findall(r"^ *# *include.*$", interface, re.MULTILINE):
            return "an include in the module puts foreign names into it", "\n".join(included)
        (folder / "lastbyte").mkdir()
        (folder / "lastbyte" / "lastbyte.hpp").write_text("#pragma once\n" + before.replace("\nmodule;\n", "\n")
                                                          + interface.replace("\nexport extern", "\nextern"))
        self.include = folder
        return self.same_program(compiler, source, scratch)

    def named(self):
        """A header that is asked for by its name stands for itself; a wrong name is refused."""
        status, text = run([sys.executable, self.root / "include" / "single_header.py", "lastbyte/telemetry/histogram.hpp"])
        if status or "\n// lastbyte/telemetry/histogram.hpp -" not in text or "\n// lastbyte/body/" in text:
            return "not what histogram.hpp needs, and no more", text[:500]
        status, text = run([sys.executable, self.root / "include" / "single_header.py", "lastbyte/historgam.hpp"])
        return ("" if status and "lastbyte/historgam.hpp" in text else "a wrong name is not refused with that name"), text


def main():
    arguments = driver_arguments(__doc__)
    arguments.add_argument("--readme", type=Path, default=ROOT / "README.md")
    arguments.add_argument("--root", type=Path, default=ROOT, help="the tree whose files the consumers use")
    options = arguments.parse_args()
    root = options.root.resolve()

    report = Report()
    compilers, missing = find_compilers(options.compiler)
    readme = Readme(options.readme)
    extra = sorted(set(readme.scripts) - WAYS)
    report.check("the README's recipes", f"this test does not know {', '.join(extra)}" if extra else "")
    report.check("one version", *one_version(root))
    with tempfile.TemporaryDirectory() as scratch:
        environment = compiler_environment(scratch, compilers[0])
        checks = []
        for name in sorted(WAYS):
            needs = readme.scripts.get(name, "") + ("git clone" if name == "meson subproject" else "")
            if package := lacking(needs):
                report.skip(name, f"there is no {package} on this machine (apt-get install {package})")
            else:
                checks.append((name, recipe, (scratch, name, readme, root, environment)))
        if package := lacking("cmake meson "):
            report.skip("CMake beyond the recipes", f"there is no {package} on this machine (apt-get install {package})", 2)
        else:
            checks.append(("add_subdirectory", add_subdirectory, (scratch, readme, root, environment)))
        core, everything = SingleHeader(scratch, root), SingleHeader(scratch, root, "--all")
        copy = copy_of(root, Path(scratch, "another_place"))
        for single, what in ((core, "lastbyte.hpp"), (everything, "lastbyte_all.hpp")):
            checks.append((f"{what} is the same each time", single.deterministic, (copy,)))
            checks.append((f"{what} is whole", single.whole, ()))
        checks.append(("a single header of named ones", core.named, ()))
        module = SingleHeader(scratch, root, "--module").module
        checks.append(("the module", module, (compilers[0], readme.program, scratch)))
        for compiler in compilers:
            checks.append((f"lastbyte.hpp gives {compiler.kind} the same program", core.same_program,
                           (compiler, readme.program, scratch)))
            checks.append((f"lastbyte_all.hpp in several translation units, {compiler.kind}", everything.linked,
                           (compiler, sorted((TESTS / "alone" / "two_policies").glob("*.cpp")), scratch)))
        if compilers[0].run("-E", "-x", "c++", "-", stdin="#include <doctest/doctest.h>\n")[0] == 0:
            unit = [TESTS / "unit" / name for name in ("ndjson.cpp", "main.cpp")]
            checks.append(("a unit test with lastbyte_all.hpp", everything.linked, (compilers[0], unit, scratch)))
        else:
            report.skip("a unit test with lastbyte_all.hpp", "there is no doctest (apt-get install doctest-dev)")
        print("with", ", ".join(compiler.version for compiler in compilers))
        for check, outcome in zip(checks, in_parallel(lambda check: check[1](*check[2]), checks)):
            report.check(check[0], *outcome)
        if not lacking("cmake meson "):
            report.check("what meson installed, moved, for find_package", *same_prefix(scratch, readme, environment))
    report.missing_compilers(missing, options.require_all, 2)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
