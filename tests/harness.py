"""What the drivers share: the compilers they run, and the line of counts that each ends with."""
import argparse
import os
import shlex
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
CANDIDATES = {"g++": ["g++"], "clang": ["clang++-14", "clang++"]}


def run(command, stdin=None):
    """The exit status and all output of a command, in English whatever the locale."""
    done = subprocess.run([str(part) for part in command], input=stdin, text=True, errors="replace",
                          stdin=None if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "LC_ALL": "C"})
    return done.returncode, done.stdout


@dataclass(frozen=True)
class Compiler:
    kind: str  # "g++" or "clang"
    command: tuple
    version: str

    def run(self, *arguments, stdin=None):
        return run([*self.command, "-std=c++20", *arguments], stdin)


def identify(command):
    version = run([*command, "--version"])[1].splitlines()[0]
    return Compiler("clang" if "clang" in version.lower() else "g++", tuple(command), version)


def find_compilers(own):
    """One compiler of each kind, the build's own first, and the kinds that this machine lacks."""
    found = [identify(shlex.split(own))] if own else []
    missing = []
    for kind, names in CANDIDATES.items():
        if any(compiler.kind == kind for compiler in found):
            continue
        path = next(filter(None, map(shutil.which, names)), None)
        if path:
            found.append(identify([path]))
        else:
            missing.append(kind)
    return found, missing


def driver_arguments(description):
    """What every driver that runs the compilers can be told; it adds what only it knows."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--compiler", default="", help="the build's compiler, which is always among them")
    arguments.add_argument("--include", type=Path, default=ROOT / "include")
    arguments.add_argument("--require-all", action="store_true", help="a missing compiler is a failure")
    return arguments


def not_equal(is_value, should):
    """A problem for Report.check(), empty when the two are equal."""
    return "" if is_value == should else f"{is_value!r} instead of {should!r}"


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def in_parallel(function, items):
    """Results in the order of the items, two at a time: a compiler takes much memory."""
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(function, items)


class Report:
    """Counts checks; prints the failures as they come and the counts at the end."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, problem, output=""):
        """`problem` is empty when the check passed."""
        if not problem:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAIL {name}: {problem}")
        for line in output.splitlines()[:12]:
            print(f"    {line}")

    def skip(self, name, reason, count=1):
        self.skipped += count
        print(f"skip {name}: {reason}")

    def missing_compilers(self, kinds, required, checks_each):
        for kind in kinds:
            reason = f"there is no {kind} on this machine"
            if required:
                self.check(kind, reason)
            else:
                self.skip(kind, reason, checks_each)

    def finish(self):
        """The exit status: a run that checked nothing has failed."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed or not self.passed else 0
