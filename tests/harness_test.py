#!/usr/bin/env python3
"""The drivers themselves: each finds what it is there to find, shown on small libraries made for it."""
import argparse
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compile_cost
from harness import Report

TESTS = Path(__file__).resolve().parent
HEAD = "// What it is.\n// What goes wrong without it.\n// What it costs.\n#pragma once\n"
own_compiler = ""


class DriverTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)

    def write(self, path, text):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def header(self, name, text="", head=HEAD):
        self.write(f"include/lastbyte/{name}", head + text)

    def run_driver(self, script, *arguments):
        done = subprocess.run([sys.executable, TESTS / script, *map(str, arguments)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def passes(self, script, *arguments):
        status, output = self.run_driver(script, *arguments)
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"\n?[1-9]\d* passed, 0 failed, \d+ skipped\n$")

    def fails(self, saying, script, *arguments):
        status, output = self.run_driver(script, *arguments)
        self.assertEqual(status, 1, output)
        self.assertRegex(output, saying)


class Rejects(DriverTest):
    MISTAKE = "// {0}\n#ifdef LASTBYTE_REJECT\n{1}\n#else\n{2}\n#endif\nint main() {{}}\n"

    def options(self):
        return "rejects/run.py", "--cases", self.root, "--include", self.root, "--compiler", own_compiler

    def reject(self, comment, mistake, twin="int right;"):
        self.write("r00.cpp", self.MISTAKE.format(comment, mistake, twin))

    def test_a_mistake_with_the_expected_error_passes(self):
        self.reject("expect: too early", 'static_assert(sizeof(int) == 0, "too early");')
        self.passes(*self.options())

    def test_a_mistake_that_fails_for_another_reason_fails(self):
        self.reject("expect: too early", '#include "missing.hpp"\nstatic_assert(sizeof(int) == 0, "too early");')
        self.fails("first error line has no match for: too early", *self.options())

    def test_a_mistake_with_the_expected_error_second_fails(self):
        self.reject("expect: too early", 'int x = unknown;\nstatic_assert(sizeof(int) == 0, "too early");')
        self.fails("first error line has no match for: too early", *self.options())

    def test_a_mistake_that_compiles_fails(self):
        self.reject("expect: too early", "int wrong;")
        self.fails("the mistake is accepted", *self.options())

    def test_a_twin_that_does_not_compile_fails(self):
        self.reject("expect: too early", 'static_assert(sizeof(int) == 0, "too early");', "int x = unknown;")
        self.fails("its twin does not compile", *self.options())

    def test_a_twin_that_compiles_with_a_warning_fails(self):
        self.reject("expect: too early", 'static_assert(sizeof(int) == 0, "too early");', "static int unused;")
        self.fails("its twin does not compile", *self.options())

    def test_a_mistake_in_a_template_is_found_when_it_is_instantiated(self):
        self.reject("expect: too early", "template <class T> void read(T) { static_assert(sizeof(T) == 0, "
                    '"too early"); }\nvoid use() { read(1); }')
        self.passes(*self.options())

    def test_flags_reach_the_compiler(self):
        self.reject("expect: nodiscard\n// flags: -Werror=unused-result", "[[nodiscard]] int f();\nvoid g() { f(); }")
        self.passes(*self.options())

    def test_several_mistakes_have_an_expectation_each(self):
        text = ("// expect-1: first\n// expect-2-g++: second\n// expect-2-clang: second\n#if LASTBYTE_REJECT == 1\n"
                'static_assert(sizeof(int) == 0, "first");\n#elif LASTBYTE_REJECT == 2\n'
                'static_assert(sizeof(int) == 0, "{}");\n#endif\n')
        self.write("r00.cpp", text.format("second"))
        self.passes(*self.options())
        self.write("r00.cpp", text.format("third"))
        self.fails("mistake 2, .*no match for: second", *self.options())

    def test_a_mistake_without_an_expectation_fails(self):
        self.write("r00.cpp", "// expect-1: x\n#if LASTBYTE_REJECT == 1\n#elif LASTBYTE_REJECT == 2\n#endif\n")
        self.fails("expectations in the comments", *self.options())

    def test_an_expectation_that_every_line_meets_fails(self):
        self.reject("expect: (too early)?", 'static_assert(sizeof(int) == 0, "too early");')
        self.fails("an expectation that every line meets", *self.options())

    def test_two_expectations_for_one_mistake_fail(self):
        self.reject("expect: too late\n// expect-1: too early", 'static_assert(sizeof(int) == 0, "too early");')
        self.fails("mistake 1 has two expectations", *self.options())

    def test_a_file_without_expectations_fails(self):
        self.write("r00.cpp", "int main() {}\n")
        self.fails("expectations in the comments", *self.options())

    def test_two_files_that_must_not_link(self):
        self.reject("expect: undefined reference to .*layout<2>\n// link: r00_partner.cpp",
                    "template <int> void layout(); template <> void layout<2>();\nvoid use() { layout<2>(); }")
        self.write("r00_partner.cpp", "template <int> void layout(); template <> void layout<1>() {}\n")
        self.passes(*self.options())
        self.reject("expect: undefined reference to .*layout<2>\n// link: r00_partner.cpp", "")
        self.fails("the mistake is accepted", *self.options())

    def test_no_rejects_fail(self):
        self.fails("0 passed", *self.options())


class Alone(DriverTest):
    def options(self):
        (self.root / "programs").mkdir(exist_ok=True)
        if not list(self.root.glob("programs/*.cpp")):
            self.write("programs/main.cpp", "#include <lastbyte/a.hpp>\nint main() {}\n")
        return ("alone/run.py", "--include", self.root / "include", "--programs", self.root / "programs",
                "--compiler", own_compiler)

    def fails_on(self, text, saying, head="#pragma once\n"):
        self.header("a.hpp", text, head)
        self.fails(saying, *self.options())

    def test_a_clean_header_passes(self):
        self.header("a.hpp", "#include <algorithm>\n#define LOCAL 1\n#undef LOCAL\n"
                    "inline int larger(int a) { return (std::max)(a, 1); }\ninline constinit int zero = 0;\n")
        self.passes(*self.options())

    def test_a_missing_include_is_found(self):
        self.fails_on("inline std::size_t f() { return 0; }", "does not compile alone")

    def test_a_missing_pragma_once_is_found(self):
        self.fails_on("inline int f() { return 0; }", "does not compile alone", head="")

    def test_a_warning_is_found(self):
        self.fails_on("inline int f(long x) { return (int)x; }", "does not compile alone")

    def test_a_hostile_macro_is_found(self):
        self.fails_on("#include <limits>\ninline int f() { return std::numeric_limits<int>::max(); }",
                      "does not survive a macro")

    def test_a_throw_is_found(self):
        self.fails_on("inline void f() { throw 1; }", "does not compile without exceptions")

    def test_a_typeid_is_found(self):
        self.fails_on("#include <typeinfo>\ninline char const* f() { return typeid(int).name(); }",
                      "does not compile without exceptions and RTTI")

    def test_a_macro_is_found(self):
        self.fails_on("#define LASTBYTE_SPAN 1\n", "macros are left behind\n.*LASTBYTE_SPAN")

    def test_a_global_constructor_is_found(self):
        self.fails_on("struct S { S(); int i; };\ninline S::S() : i(1) {}\ninline S s;", "something runs before main")

    def test_a_program_that_fails_is_found(self):
        self.write("programs/main.cpp", "int main() { return 3; }\n")
        self.fails_on("", "ended with status 3")


class Layers(DriverTest):
    def setUp(self):
        super().setUp()
        self.header("core/label.hpp", "#include <cstddef>\n")
        self.header("body/pull.hpp", "#include <lastbyte/core/label.hpp>\n")

    def fails_on(self, saying):
        self.fails(saying, "layers.py", "--root", self.root)

    def test_arrows_that_are_allowed_pass(self):
        self.header("body/streambuf.hpp", "#include <streambuf>\n#include \"pull.hpp\"\n")
        self.header("lastbyte.hpp", "#include <lastbyte/body/pull.hpp>\n")
        self.header("encode/ndjson.hpp", "#include <lastbyte/encode/json.hpp>\n")
        self.header("encode/json.hpp")
        self.write("meson.build", "")
        self.write(".gitignore", "/build\n")
        self.write("build/x", "")
        self.passes("layers.py", "--root", self.root)

    def test_arrows_against_the_direction_are_found(self):
        for who, whom in [("core/a.hpp", "body/pull.hpp"), ("transport/a.hpp", "core/label.hpp"),
                          ("encode/a.hpp", "body/pull.hpp"), ("context/a.hpp", "body/pull.hpp"),
                          ("body/a.hpp", "lastbyte.hpp"), ("adapt/a.hpp", "adapt/b.hpp"), ("core/a.hpp", "adapt/b.hpp"),
                          ("encode/a.hpp", "encode/b.hpp"), ("lastbyte.hpp", "telemetry/a.hpp")]:
            with self.subTest(who=who, whom=whom):
                self.header(whom)
                self.header(who, f"#include <lastbyte/{whom}>\n")
                self.fails_on(f"{who}: may not see {whom}")
                (self.root / "include/lastbyte" / who).unlink()

    def test_a_relative_include_is_an_arrow_too(self):
        self.header("core/a.hpp", '#include "../body/pull.hpp"\n')
        self.fails_on("may not see body/pull.hpp")

    def test_a_heavy_include_is_found(self):
        self.header("body/a.hpp", "#  include <string>\n")
        self.fails_on("includes <string>")

    def test_a_circle_is_found(self):
        self.header("core/a.hpp", "#include <lastbyte/core/b.hpp>\n")
        self.header("core/b.hpp", "#include <lastbyte/core/a.hpp>\n")
        self.fails_on("include each other")

    def test_a_long_header_is_found(self):
        self.header("core/a.hpp", "\n" * 400)
        self.fails_on("has 404 lines")

    def test_a_header_that_does_not_say_what_it_is_is_found(self):
        self.header("core/a.hpp", head="// A.\n#pragma once\n")
        self.fails_on("begins with 1 comment lines")

    def test_words_that_do_not_belong_are_found(self):
        for word in ("@brief", "TODO"):
            self.header("core/a.hpp", f"// {word} it\n")
            self.fails_on(f"says {word} in line 5")

    def test_a_stranger_in_the_top_folder_is_found(self):
        self.write("docs/x", "")
        self.fails_on("the top folder: docs")


class CompileCost(DriverTest):
    def options(self):
        return "compile_cost.py", "--include", self.root / "include", "--rounds", "2", "--compiler", own_compiler

    def setUp(self):
        super().setUp()
        for name in compile_cost.BUDGETS:
            self.header(name.removeprefix("lastbyte/").replace("*", "json"))

    def test_light_headers_pass(self):
        self.passes(*self.options())

    def test_a_heavy_header_is_found(self):
        self.header("core/label.hpp", "#include <string>\n#include <regex>\n")
        self.fails("core/label.hpp: costs .* times <string>; its budget is 0.8", *self.options())

    def test_a_budget_without_a_header_is_found(self):
        (self.root / "include/lastbyte/core/label.hpp").unlink()
        self.fails("has a budget, and does not exist", *self.options())


class Count(DriverTest):
    DOCTEST = "[doctest] test cases:  {} |  {} passed | {} failed | {} skipped\n[doctest] assertions: 9 | 9 passed | 0 failed |\n"

    def count(self, *tests):
        lines = [json.dumps({"name": "t", "result": result, "stdout": stdout}) for result, stdout in tests]
        self.write("meson-logs/testlog.json", "".join(line + "\n" for line in lines))
        status, output = self.run_driver("count.py", self.root)
        return status, output.splitlines()[-1]

    def test_both_spellings_are_summed_and_silence_counts_as_one(self):
        doctest = self.DOCTEST.format(3, 3, 0, 0)
        self.assertEqual(self.count(("OK", doctest), ("OK", "x\n4 passed, 0 failed, 1 skipped\n"), ("OK", "")),
                         (0, "8 passed, 0 failed, 1 skipped"))

    def test_a_failure_is_counted_even_if_the_output_hides_it(self):
        doctest = self.DOCTEST.format(3, 3, 0, 0)
        self.assertEqual(self.count(("FAIL", doctest), ("TIMEOUT", "")), (1, "3 passed, 2 failed, 0 skipped"))

    def test_counted_failures_are_not_counted_twice(self):
        self.assertEqual(self.count(("FAIL", self.DOCTEST.format(3, 1, 2, 0))), (1, "1 passed, 2 failed, 0 skipped"))

    def test_a_skipped_test_is_counted(self):
        self.assertEqual(self.count(("OK", ""), ("SKIP", "")), (0, "1 passed, 0 failed, 1 skipped"))

    def test_a_test_that_ran_nothing_fails(self):
        self.assertEqual(self.count(("OK", self.DOCTEST.format(0, 0, 0, 0)), ("OK", "")),
                         (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_build_without_a_test_run_fails(self):
        self.assertEqual(self.run_driver("count.py", self.root)[0], 1)

    def test_no_builds_fail(self):
        self.assertEqual(self.count(), (1, "0 passed, 0 failed, 0 skipped"))


def main():
    global own_compiler
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--compiler", default="")
    options, rest = arguments.parse_known_args()
    own_compiler = options.compiler or "c++"
    outcome = unittest.main(argv=[sys.argv[0], *rest], exit=False).result
    report = Report()
    report.failed = len(outcome.failures) + len(outcome.errors)
    report.skipped = len(outcome.skipped)
    report.passed = outcome.testsRun - report.failed - report.skipped
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
