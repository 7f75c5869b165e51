#!/usr/bin/env python3
"""What Off leaves in the machine code: nothing. And what a span that is on may not have there.

functions.cpp is compiled with -O2 and disassembled with objdump. Each NAME_off must have the instructions of NAME_plain,
which was written without lastbyte, addresses aside; each NAME_on must differ, or the comparison would be blind. The hot_
functions are followed into what they call, cold parts left out: two reads of the counter, one atomic operation, no division,
and no call into another library, so that no allocation, lock or thread-local look-up hides there.
"""
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness import WARNINGS, Report, driver_arguments, find_compilers, run

HERE = Path(__file__).resolve().parent
SECTION = re.compile(r"^Disassembly of section (\S+):$")
SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^ *[0-9a-f]+:\t(.*)$")
COMMENT = re.compile(r"\s(?:#|//) [0-9a-f]+ <.*$")
RELOCATION = re.compile(r"^\s+[0-9a-f]+: (R_\S+)\s+(\S+)$")
TARGET = re.compile(r"\b[0-9a-f]+ <([^>+]+)(\+0x[0-9a-f]+)?>")
PADDING = re.compile(r"^(?:data16 )*(?:cs )?nop|^xchg +%ax,%ax$|^int3$")
OFFSET = re.compile(r"[-+]0x[0-9a-f]+$")
NUMBER = re.compile(r"0x[0-9a-f]+")
# Callee-saved registers, each under its names of falling width.
SAVED_FAMILIES = {
    "bx": ["%rbx", "%ebx", "%bx", "%bl"],
    "bp": ["%rbp", "%ebp", "%bp", "%bpl"],
    **{f"r{i}": [f"%r{i}", f"%r{i}d", f"%r{i}w", f"%r{i}b"] for i in range(12, 16)},
    **{f"x{i}": [f"x{i}", f"w{i}"] for i in range(19, 29)},
}
ZEROED = re.compile(r"xor +(%\w+),\1\b")
SAVED = re.compile("|".join(rf"(?<!\w){name}\b" for names in SAVED_FAMILIES.values() for name in names))
COLD = re.compile(r"^\.text\.(?:unlikely|cold|split)")


@dataclass
class Function:
    section: str
    code: list = field(default_factory=list)  # (instruction, symbol that its relocation names or "")


def read(listing):
    """The functions of `objdump -d -r`, by symbol."""
    functions, section, current = {}, "", None
    for line in listing.splitlines():
        if found := SECTION.match(line):
            section = found.group(1)
        elif found := SYMBOL.match(line):
            current = functions.setdefault(found.group(1), Function(section))
        elif (found := RELOCATION.match(line)) and current and current.code:
            instruction, _ = current.code[-1]
            current.code[-1] = instruction, OFFSET.sub("", found.group(2))
        elif (found := INSTRUCTION.match(line)) and current:
            current.code.append((" ".join(COMMENT.sub("", found.group(1)).split()), ""))
    for function in functions.values():
        while function.code and PADDING.match(function.code[-1][0]):
            function.code.pop()
    return functions


def numbered(register, numbers):
    """A callee-saved register by the order of its first use, with its width."""
    for family, widths in SAVED_FAMILIES.items():
        if register in widths:
            return f"SAVED{numbers.setdefault(family, len(numbers))}.{widths.index(register)}"
    raise ValueError(register)


def normal(functions, name, part=""):
    """The instructions of a function, or of its `.cold` part, without what depends on where it lies and how it is called.

    Which callee-saved register holds a value is left open: clang decides that by marks that any local object leaves. They
    are numbered as they are first used; saving and zeroing one is no use yet.
    """
    function = functions.get(name + part)
    lines, numbers = [], {}
    for instruction, symbol in function.code if function else ():
        # A call or jump to an own part is named by it; the place of one in another section says nothing.
        own = TARGET.search(instruction)
        if own and symbol:
            instruction = TARGET.sub("", instruction).strip()
        elif own:
            instruction = TARGET.sub(lambda found: f"<{found.group(1)}{found.group(2) or ''}>", instruction)
        line = f"{instruction} {symbol}".strip().replace(name, "SELF")
        if line.startswith(("push", "pop")) or ZEROED.match(line):
            lines.append(SAVED.sub("SAVED", line))
        else:
            lines.append(SAVED.sub(lambda found: numbered(found.group(), numbers), line))
    return lines


def difference(functions, one, other):
    """Empty when both functions have the same instructions, otherwise the first that differ."""
    for part in ("", ".cold"):
        left, right = normal(functions, one, part), normal(functions, other, part)
        for a, b in zip(left + [""] * len(right), right + [""] * len(left)):
            if a != b:
                return f"{one}{part}: {a or '(nothing)'}\n{other}{part}: {b or '(nothing)'}"
    return ""


def hot_part(functions, name):
    """All instructions that a call of this function can run, cold parts left out, and the names of what lies elsewhere."""
    code, elsewhere, seen, todo = [], set(), set(), [name]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        for instruction, symbol in functions[one].code:
            code.append(instruction)
            mnemonic = instruction.split()[0]
            if not mnemonic.startswith(("call", "j", "bl", "b.", "b ")):
                continue
            target = symbol or (TARGET.search(instruction) or [None, ""])[1]
            if target in functions:
                if not COLD.match(functions[target].section) and not target.endswith(".cold"):
                    todo.append(target)
            elif target and not COLD.match(target):
                elsewhere.add(target)
            elif not target and mnemonic.startswith("call"):
                elsewhere.add(instruction)
    return code, elsewhere


def judge_hot(functions, name, atomics):
    code, elsewhere = hot_part(functions, name)
    counts = {
        "reads of the counter": (sum(line.startswith("rdtsc") for line in code), 2),
        "atomic operations": (sum(line.startswith("lock") for line in code), atomics),
        "divisions": (sum(bool(re.match(r"i?div", line)) for line in code), 0),
        "calls into other libraries": (len(elsewhere), 0),
    }
    wrong = [f"{found} {what}, not {wanted}" for what, (found, wanted) in counts.items() if found != wanted]
    return "; ".join(wrong), "\n".join(sorted(elsewhere))


def shape(functions, name):
    """The instructions of a hot part without numbers: those are offsets and sets of rules."""
    return [NUMBER.sub("N", TARGET.sub("", line)) for line in hot_part(functions, name)[0]]


def disassemble(compiler, include, scratch):
    made = Path(scratch, "functions.o")
    status, output = compiler.run("-O2", "-c", "-I", include, *WARNINGS, HERE / "functions.cpp", "-o", made)
    if status:
        return "functions.cpp does not compile", output, {}
    status, output = run(["objdump", "-d", "-r", "--no-show-raw-insn", made])
    return ("objdump failed", output, {}) if status else ("", "", read(output))


def check(report, compiler, include):
    with tempfile.TemporaryDirectory() as scratch:
        problem, output, functions = disassemble(compiler, include, scratch)
    if problem:
        report.check(f"functions.cpp, {compiler.kind}", problem, output)
        return
    pairs = sorted(name.removesuffix("_off") for name in functions if name.endswith("_off"))
    report.check(f"pairs, {compiler.kind}", "" if len(pairs) >= 7 else f"only {len(pairs)} functions were found")
    for name in pairs:
        found = difference(functions, f"{name}_plain", f"{name}_off")
        report.check(f"{name}, {compiler.kind}", "Off leaves instructions" if found else "", found)
        found = difference(functions, f"{name}_plain", f"{name}_on")
        report.check(f"{name}, on, {compiler.kind}", "" if found else "a policy that is on looks like no policy")
    for name in ("other_number", "other_order"):
        found = difference(functions, "scope_plain", f"{name}_plain")
        report.check(f"{name}, {compiler.kind}", "" if found else "two different functions look the same")
    if not any(line.startswith("rdtsc") for line, _ in functions["hot_span"].code):
        report.skip(f"hot spans, {compiler.kind}", "these checks read x86-64 only", 4)
        return
    for name in ("hot_span", "hot_child"):
        report.check(f"{name}, {compiler.kind}", *judge_hot(functions, name, atomics=1))
    seen, _ = judge_hot(functions, "not_hot", atomics=1)
    blind = [what for what in ("3 reads", "2 atomic", "1 divisions", "1 calls") if what not in seen]
    report.check(f"not_hot, {compiler.kind}", "not seen: " + ", ".join(blind) if blind else "")
    one, three = (shape(functions, f"hot_span_of_{count}") for count in ("one_rule", "three_rules"))
    report.check(f"hot_span_of_three_rules, {compiler.kind}",
                 "" if one == three else "a label that more rules match costs more")


def main():
    options = driver_arguments(__doc__).parse_args()

    report = Report()
    compilers, missing = find_compilers(options.compiler)
    print("with", ", ".join(compiler.version for compiler in compilers))
    for compiler in compilers:
        check(report, compiler, options.include)
    report.missing_compilers(missing, options.require_all, (report.passed + report.failed) // len(compilers))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
