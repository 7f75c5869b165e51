#!/usr/bin/env python3
"""Other processors, C and C++ libraries, language versions and ways to link, as far as Debian packages go.

smoke.cpp, which checks itself, is compiled with warnings as errors and run: natively, in an emulator, or under wine. Where a
platform says so, all headers must compile too. The libraries in border/ have statics of their own and hand tracers to each
other. `--everywhere` adds what is big to install. A lacking package is a printed skip.
"""
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from glob import glob
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
from harness import WARNINGS, Report, driver_arguments, find_compilers, identify, in_parallel, run

HERE = TESTS / "platforms"
ALL = ("",)
PORTABLE = ("lastbyte.hpp", "core/", "body/", "context/", "telemetry/", "encode/")  # the others need POSIX
COUNTS = re.compile(r"^([1-9]\d*) passed, 0 failed, 0 skipped$", re.MULTILINE)
# gcc's 32-bit libraries come without the kernel's headers for both sizes, which lie here.
HALF_SIZE = ("-m32", "-idirafter", "/usr/include/x86_64-linux-gnu")
HALF_SIZE_NEEDS = ("/usr/lib/gcc/x86_64-linux-gnu/*/32/libstdc++.a", "/usr/include/gnu/stubs-32.h")
HALF_SIZE_PACKAGES = "lib32stdc++-12-dev libc6-dev-i386"
WINE = ("sh", "-c", 'wine "$0"; status=$?; wineserver -w; exit $status')
MUSL_HEADERS = ["-nostdinc", "-D__GLIBC_PREREQ(major,minor)=0"]


@dataclass(frozen=True)
class Platform:
    name: str
    compiler: str  # "g++" or "clang" is the one at hand, anything else a command
    flags: tuple
    needs: tuple = ()  # commands and files that must be there
    packages: str = ""
    runner: tuple = ()  # what runs its programs
    headers: tuple = ()  # which headers must all compile together there; ALL: and a user of the encoders
    everywhere: bool = False


PLATFORMS = [
    Platform("C++23, short enums", "g++", ("-std=c++23", "-fshort-enums"), headers=ALL),
    Platform("link-time optimisation", "g++", ("-O2", "-flto", "-Wodr", "-Wlto-type-mismatch")),
    Platform("C++23, libc++", "clang", ("-std=c++2b", "-stdlib=libc++"), ("/usr/include/c++/v1/cxxabi.h",),
             "libc++-dev libc++abi-dev", headers=ALL),
    Platform("i386", "g++", HALF_SIZE, HALF_SIZE_NEEDS, HALF_SIZE_PACKAGES, headers=ALL),
    Platform("i386, 64 bits of time", "clang", (*HALF_SIZE, "-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"), HALF_SIZE_NEEDS,
             HALF_SIZE_PACKAGES, headers=ALL),
    Platform("aarch64", "aarch64-linux-gnu-g++", (), ("aarch64-linux-gnu-g++", "qemu-aarch64"),
             "g++-aarch64-linux-gnu qemu-user", ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"), ALL),
    Platform("C++23", "clang++-15", ("-std=c++2b",), ("clang++-15",), "clang-15", headers=ALL, everywhere=True),
    Platform("C++23", "clang++-16", ("-std=c++2b",), ("clang++-16",), "clang-16", headers=ALL, everywhere=True),
    Platform("C++23", "clang++-19", ("-std=c++23",), ("clang++-19",), "clang-19", headers=ALL, everywhere=True),
    Platform("Windows", "x86_64-w64-mingw32-g++-posix", ("-static",), ("x86_64-w64-mingw32-g++-posix", "wine"),
             "g++-mingw-w64-x86-64-posix wine wine64", WINE, PORTABLE, everywhere=True),
]


def lacking(platform):
    return [need for need in platform.needs if not (glob(need) if need[0] == "/" else shutil.which(need))]


def counted(status, output):
    """A program that checks itself has said that it checked something, and that all of it was right."""
    return "" if status == 0 and COUNTS.search(output) else f"ended with status {status}"


def smoke(platform, compiler, include, scratch):
    name = re.sub(r"\W+", "_", f"{platform.name} {platform.compiler}")
    program = Path(scratch, f"{name}.exe")
    status, output = compiler.run("-I", include, "-O1", *WARNINGS, *platform.flags, HERE / "smoke.cpp", "-o", program)
    if status:
        return "smoke.cpp does not compile", output
    status, output = run(["env", f"WINEPREFIX={scratch}/{name}", "WINEDEBUG=-all", *platform.runner, program])
    return counted(status, output), output


def all_headers(platform, compiler, include):
    names = sorted(path.relative_to(include / "lastbyte").as_posix() for path in include.glob("lastbyte/**/*.hpp"))
    text = "".join(f"#include <lastbyte/{name}>\n" for name in names
                   if name.startswith(platform.headers) and not name.startswith("adapt/"))
    if platform.headers == ALL:
        text += f'#include "{TESTS}/interop/traces.cpp"\n'
    status, output = compiler.run("-I", include, *WARNINGS, *platform.flags, "-fsyntax-only", "-x", "c++", "-", stdin=text)
    return "the headers do not compile" if status else "", output


def musl(compiler, include, scratch):
    """Debian's musl has no C++ library: g++'s headers are compiled over musl's, and runtime.cpp is all that is linked."""
    library = Path(compiler.run("-print-file-name=libstdc++.a")[1].strip()).resolve()
    version, target = library.parent.name, library.parent.parent.name
    processor = target.split("-")[0]
    system = [f"/usr/include/c++/{version}", f"/usr/include/{target}/c++/{version}", f"/usr/include/{processor}-linux-musl",
              library.parent / "include"]
    objects = []
    for source in ("smoke.cpp", "runtime.cpp"):
        objects.append(Path(scratch, f"musl-{source}.o"))
        status, output = compiler.run("-I", include, "-O1", *WARNINGS, "-fno-exceptions", "-fno-rtti", *MUSL_HEADERS,
                                      *(f"-isystem{each}" for each in system), "-c", HERE / source, "-o", objects[-1])
        if status:
            return f"{source} does not compile", output
    program = Path(scratch, "musl")
    status, output = run(["musl-gcc", "-static", *objects, "-o", program])
    if status:
        return "it needs more of a C++ runtime than runtime.cpp has", output
    status, output = run([program])
    return counted(status, output), output


def border(compiler, include, scratch):
    """tool.cpp and server.cpp as shared libraries with hidden visibility, and a program between them."""
    folder = Path(scratch, f"border-{compiler.kind}")
    folder.mkdir()
    common = ["-I", include, "-O1", *WARNINGS, "-fvisibility=hidden", "-L", folder, "-Wl,-rpath,$ORIGIN"]
    for source, product, *flags in (("tool.cpp", "libtool.so", "-shared", "-fPIC"),
                                    ("server.cpp", "libserver.so", "-shared", "-fPIC", "-ltool"),
                                    ("main.cpp", "border", "-lserver", "-ltool")):
        status, output = compiler.run(*common, HERE / "border" / source, "-o", folder / product, *flags)
        if status:
            return f"{product} can't be made", output
    status, output = run([folder / "border"])
    return counted(status, output), output


def unity(compiler, include, scratch):
    """The same three files as one translation unit."""
    program = Path(scratch, f"unity-{compiler.kind}")
    text = "".join(f'#include "{source}"\n' for source in sorted((HERE / "border").glob("*.cpp")))
    status, output = compiler.run("-I", include, "-O1", *WARNINGS, "-x", "c++", "-", "-o", program, stdin=text)
    if status:
        return "does not compile", output
    status, output = run([program])
    return counted(status, output), output


def module(compiler, include, scratch):
    """smoke.cpp, and border/ with a main.cpp that meets the other two files' headers, where `import lastbyte;` is all."""
    interface, compiled = Path(scratch, "lastbyte.cppm"), Path(scratch, "lastbyte.pcm")
    status, output = run([sys.executable, include / "single_header.py", "--all", "--module", "-o", interface])
    if status == 0:
        status, output = compiler.run("-O1", *WARNINGS, "--precompile", interface, "-o", compiled)
    if status:
        return "there is no module", output
    border_parts = ("border/server.cpp", "border/tool.cpp"), "border/border.hpp", "border/main.cpp"
    for others, *parts in (((), "smoke.cpp"), border_parts):
        text = "".join((HERE / part).read_text() for part in parts)
        source, program = Path(scratch, "imports.cpp"), Path(scratch, "imports")
        source.write_text("import lastbyte;\n"
                          + re.sub(r'^#(include (<lastbyte/|"border).*|pragma once)$', "", text, flags=re.MULTILINE))
        objects = [compiled]
        for other in others:
            objects.append(Path(scratch, f"{Path(other).stem}.o"))
            status, output = compiler.run("-I", include, "-O1", *WARNINGS, "-c", HERE / other, "-o", objects[-1])
            if status:
                return f"{other} does not compile", output
        status, output = compiler.run("-O1", *WARNINGS, f"-fmodule-file=lastbyte={compiled}", source, *objects,
                                      "-o", program)
        if status:
            return f"{parts[-1]} does not compile or link", output
        status, output = run([program])
        if problem := counted(status, output):
            return f"{parts[-1]} {problem}", output
    return "", ""


def main():
    arguments = driver_arguments(__doc__)
    arguments.add_argument("--everywhere", action="store_true", help="also what takes hundreds of megabytes to install")
    options = arguments.parse_args()

    report = Report()
    compilers, missing = find_compilers(options.compiler)
    include = options.include.resolve()
    of_kind = {compiler.kind: compiler for compiler in compilers}
    checks = []
    with tempfile.TemporaryDirectory() as scratch:
        for platform in PLATFORMS:
            if platform.everywhere and not options.everywhere or platform.compiler in missing:
                continue
            name = f"{platform.name}, {platform.compiler}"
            if needs := lacking(platform):
                report.skip(name, f"there is no {' and no '.join(needs)} (apt-get install {platform.packages})",
                            1 + bool(platform.headers))
                continue
            compiler = of_kind.get(platform.compiler) or identify([platform.compiler])
            checks.append((name, smoke, (platform, compiler, include, scratch)))
            if platform.headers:
                checks.append((f"all headers: {name}", all_headers, (platform, compiler, include)))
        if "g++" in of_kind:
            if shutil.which("musl-gcc"):
                checks.append(("musl, without exceptions and RTTI, g++", musl, (of_kind["g++"], include, scratch)))
            else:
                report.skip("musl", "there is no musl-gcc (apt-get install musl-tools)")
            checks.append(("one translation unit, g++", unity, (of_kind["g++"], include, scratch)))
        if options.everywhere:
            if shutil.which("clang++-19"):
                checks.append(("a module, clang++-19", module, (identify(["clang++-19"]), include, scratch)))
            else:
                report.skip("a module", "there is no clang++-19 (apt-get install clang-19)")
        for compiler in compilers:
            checks.append((f"across shared libraries, {compiler.kind}", border, (compiler, include, scratch)))
        print("with", ", ".join(compiler.version for compiler in compilers))
        for check, outcome in zip(checks, in_parallel(lambda check: check[1](*check[2]), checks)):
            report.check(check[0], *outcome)
    report.missing_compilers(missing, options.require_all, 4)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
