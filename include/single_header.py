#!/usr/bin/env python3
"""Writes lastbyte, or what you name of it, as one header that needs no include path, or as a C++20 module.

    python3 include/single_header.py > lastbyte.hpp                          # lastbyte/lastbyte.hpp: core and body
    python3 include/single_header.py lastbyte/encode/otlp.hpp -o otlp.hpp    # these headers, and what they include
    python3 include/single_header.py --all -o lastbyte_all.hpp               # everything but the adapters
    python3 include/single_header.py --all --module -o lastbyte.cppm         # for `import lastbyte;`

The same headers give the same bytes, on any machine and at any time. A program includes one such file in place of the
folder, or imports it: two in one translation unit define everything twice. In another translation unit of the same program
the folder may be included, for a module's names are those of the headers.
"""
import argparse
import re
import sys
from pathlib import Path

INCLUDE_DIR = Path(__file__).resolve().parent
OWN = re.compile(r"^ *# *include *[<\"](lastbyte/[^>\"]+)[>\"]")
FOREIGN = re.compile(r"^ *# *include *(<[^>]+>)")
GUARDED = re.compile(r"^ *# *include *(<[^>]+>)\n", re.MULTILINE)  # what split() leaves: under a condition
OPENS, CLOSES = re.compile(r"^ *# *if"), re.compile(r"^ *# *endif")


def closure(roots):
    """Each header that the roots need, once, and none before what it includes."""
    order, entered = [], set()

    def visit(name, asked_by):
        if name in entered:
            return
        entered.add(name)
        path = INCLUDE_DIR / name
        if not path.is_file():
            raise SystemExit(f"{asked_by} names {name}, and there is no such header in {INCLUDE_DIR}")
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := OWN.match(line):
                visit(found.group(1), name)
        order.append(name)

    for root in roots:
        visit(root, "the command line")
    return order


def split(name):
    """The includes of others' headers that stand under no condition, and all the other lines."""
    foreign, kept, depth = [], [], 0
    for number, line in enumerate((INCLUDE_DIR / name).read_text(encoding="utf-8").splitlines(), 1):
        depth += bool(OPENS.match(line)) - bool(CLOSES.match(line))
        if OWN.match(line):
            if depth:
                raise SystemExit(f"{name}:{number}: a header of lastbyte included under a condition can't be inlined once")
        elif depth == 0 and (found := FOREIGN.match(line)):
            foreign.append(found.group(1))
        elif line.strip() != "#pragma once":
            kept.append(line)
    return foreign, re.sub(r"\n{3,}", "\n\n", "\n".join(kept).strip("\n")) + "\n"


def as_module(includes, text):
    """What precedes a module's name, and what stands in it: an include within would put a foreign header's names into it."""
    guarded = sorted(set(GUARDED.findall(text)) - includes)
    before = includes_of(includes) + "".join(f"#if __has_include({each})\n#include {each}\n#endif\n" for each in guarded)
    return f"module;\n\n{before}\nexport module lastbyte;\n\nexport extern \"C++\" {{\n\n{GUARDED.sub('', text)}\n}}\n"


def includes_of(names):
    return "".join(f"#include {each}\n" for each in sorted(names))


def single_file(roots, title, module):
    version = re.search(r"^ *version: '([^']+)'", beside_include("meson.build"), re.MULTILINE).group(1)
    head = [f"// lastbyte {version} as one {'module' if module else 'header'}: {title}.",
            "// Made by include/single_header.py; change the headers that it is made of.", "//"]
    head += [f"// {line}".rstrip() for line in beside_include("LICENSE").splitlines()]
    foreign, parts = set(), []
    for name in closure(roots):
        includes, text = split(name)
        foreign.update(includes)
        parts.append(f"// {name} {'-' * (116 - len(name))}\n{text}")
    text = "\n".join(parts)
    body = as_module(foreign, text) if module else f"#pragma once\n\n{includes_of(foreign)}\n{text}"
    return "\n".join(head) + f"\n\n{body}"


def beside_include(name):
    path = INCLUDE_DIR.parent / name
    if not path.is_file():
        raise SystemExit(f"{path} is missing: run this from a whole copy of the repository, not from include/ alone")
    return path.read_text(encoding="utf-8")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("headers", nargs="*", default=["lastbyte/lastbyte.hpp"], metavar="lastbyte/….hpp")
    arguments.add_argument("--all", action="store_true", help="every header but the adapters, which need foreign libraries")
    arguments.add_argument("--module", action="store_true", help="the module `lastbyte`: clang 19 takes it")
    arguments.add_argument("-o", "--output", type=Path, help="the file to write, instead of the standard output")
    options = arguments.parse_args()
    headers, title = options.headers, ", ".join(options.headers)
    if options.all:
        names = sorted(path.relative_to(INCLUDE_DIR).as_posix() for path in INCLUDE_DIR.glob("lastbyte/**/*.hpp"))
        headers, title = [name for name in names if not name.startswith("lastbyte/adapt/")], "everything but the adapters"
    text = single_file(headers, title, options.module).encode()
    if options.output:
        options.output.write_bytes(text)
    else:
        sys.stdout.buffer.write(text)


if __name__ == "__main__":
    main()
