#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""rules.py LIST: compares the rules of Documentation/behaviour.rst with the numbers that cite them.

LIST is the output of `aloop-test --list ""`. Each number that the name of a test begins with, or that
conformance/differences, conformance/uncovered, regressions.list, a source or another document cites, must
be a rule; so must each that the rules refer to. Each rule must be cited by a test, or by regressions.list,
which names one; or conformance/uncovered must say why it is not. Says what is wrong, and where; exit
status 0 if nothing is.

Other programs read rules and the names of tests by the functions here.
"""

import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parent
TOP = TESTS.parent
BEHAVIOUR = TOP / "Documentation" / "behaviour.rst"

# How a reason begins that a rule is in the file `uncovered` for, and has tests all the same.
OURS_ALONE = "ours alone: "


class Bad(Exception):
    """An input that cannot be used."""


def read_rules(text, name):
    """The rules in a text: {number: line}. Each is a term of a definition list, "8.9 Timestamps"."""
    rules = {}
    lines = text.splitlines()
    for line, (term, following) in enumerate(zip(lines, lines[1:]), 1):
        found = re.match(r"(\d+(?:\.\d+)?) ", term)
        if not found or not following.startswith("  "):
            continue
        if found.group(1) in rules:
            raise Bad(f"{name}:{line}: {found.group(1)} is a rule already")
        rules[found.group(1)] = line
    if not rules:
        raise Bad(f"{name}: no rules")
    return rules


def references(text):
    """The rules that others refer to: (number, line). "(4.5)", "(6.2 to 6.5)", "Here: 9.9, 9.10"."""
    several = r"\d+\.\d+(?:(?:,\s+|\s+to\s+|\s+and\s+)\d+\.\d+)*"
    for found in re.finditer(rf"\({several}[),;:]|\bHere:\s+{several}", text):
        line = text.count("\n", 0, found.start()) + 1
        for number in re.findall(r"\d+\.\d+", found.group()):
            yield number, line


def read_uncovered(text, name):
    """The rows of the file `uncovered`: {rule: reason}."""
    reasons = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        row = [part.strip() for part in line.split(" | ")]
        if len(row) != 2 or not all(row) or row[0] in reasons:
            raise Bad(f"{name}:{number}: not RULE | REASON, or twice: {line}")
        reasons[row[0]] = row[1]
    return reasons


def rules_of(test):
    """The rules that a test checks: the numbers that its name begins with."""
    found = re.match(r"(\d+(?:\.\d+)?(?: \d+\.\d+)*) ", test)
    return found.group(1).split() if found else []


def tests_of_script(text):
    """The tests of a shell script: a table of "FUNCTION NAME" or "FUNCTION:NAME"."""
    functions = set(re.findall(r"^(?:t|test)_(\w+)\(\)", text, re.MULTILINE))
    rows = re.findall(r'^(?:TESTS=")?(\w+)[ :](.*[^"\\\n])"?$', text, re.MULTILINE)
    return {name for function, name in rows if function in functions}


def known_tests(listed):
    """All tests that run in a guest, {group or script: names}."""
    tests = {}
    for line in listed.splitlines():
        group, name = line.split("\t")
        tests.setdefault(group, set()).add(name)
    for script in sorted((TESTS / "guest").glob("*.sh")):
        tests[script.name] = tests_of_script(script.read_text())
    return tests


def rows(text):
    """The rows of a file with columns: (line, columns)."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, [part.strip() for part in line.split(" | ")]


def mentions(text):
    """The rules that a source or a document cites: (number, line). c_defect("4.5"), "rule 6.5"."""
    for line, content in enumerate(text.splitlines(), 1):
        for number in re.findall(r"(?:\bc_defect\(\"|\brule )(\d+(?:\.\d+)?)", content):
            yield number, line


def sources():
    """What may mention a rule: {path: text}."""
    places = [TESTS.glob("guest/src/**/*.rs"), TESTS.glob("support/src/**/*.rs"), TOP.glob("rust/**/*.rs")]
    files = [file for place in [*places, BEHAVIOUR.parent.glob("*.rst")] for file in place]
    return {str(file.relative_to(TOP)): file.read_text() for file in sorted(files)}


def wrong(behaviour, tests, differences, regressions, uncovered, others):
    """What is wrong, a sentence each. `tests` and `others` are by suite and by path, the rest are texts."""
    rules = read_rules(behaviour, "Documentation/behaviour.rst")
    reasons = read_uncovered(uncovered, "tests/conformance/uncovered")
    cited = [
        (rule, f"tests: {suite}: {name!r}")
        for suite, names in tests.items()
        for name in sorted(names)
        for rule in rules_of(name)
    ]
    cited += [
        (row[0], f"tests/regressions.list:{line}")
        for line, row in rows(regressions)
        if re.fullmatch(r"\d+\.\d+", row[0])
    ]
    tested = {rule for rule, _ in cited}
    cited += [
        (rule, f"tests/conformance/differences:{line}")
        for line, row in rows(differences)
        for rule in dict.fromkeys(row[:1] + rules_of(row[1]))
    ]
    cited += [(row[0], f"tests/conformance/uncovered:{line}") for line, row in rows(uncovered)]
    cited += [(rule, f"Documentation/behaviour.rst:{line}") for rule, line in references(behaviour)]
    cited += [
        (rule, f"{path}:{line}") for path, text in others.items() for rule, line in mentions(text)
    ]
    for rule, where in cited:
        if rule not in rules:
            yield f"{where}: Documentation/behaviour.rst has no rule {rule}"
    for rule, line in rules.items():
        reason = reasons.get(rule)
        if rule in tested:
            if reason and not reason.startswith(OURS_ALONE):
                yield f"tests/conformance/uncovered: {rule} has a test, and a reason why it has none"
        elif not reason:
            yield (
                f"Documentation/behaviour.rst:{line}: {rule} has no test, and no reason for that in "
                "tests/conformance/uncovered"
            )
        elif reason.startswith(OURS_ALONE):
            yield f"tests/conformance/uncovered: {rule} has no test, of ours neither"
        found = re.fullmatch(r"covered by (\S+?)(?:: .+)?", reason or "")
        if found and found.group(1) not in tested:
            yield f"tests/conformance/uncovered: {rule} is covered by {found.group(1)}, which has no test"


def self_test():
    """What is right, and each flaw on its own."""
    right = {
        "behaviour": "1 A\n===\n\n1.1 B\n  It is (1.2, 1.1), not\n  (2 s).\n\n1.2 C\n  Here: 1.1.\n\n16 D\n  E\n",
        "tests": {"group": {"1.1 2 Hz", "none 1.9", "16 x"}, "script.sh": {"1.1 1.2 y"}},
        "differences": "# z\n1.1 | 1.2 y* | fails | why\n16 | * | fails | why\n",
        "regressions": "1.2 | a | group: b\n0a1b2c | a | group: b\n",
        "uncovered": "# z\n",
        "others": {"a.rs": '.c_defect("1.2")\n', "b.rst": "as rule 1.1 says, 2.7\n"},
    }
    more = right["behaviour"] + "\n1.3 F\n  G\n"
    for change, flaws in (
        ({}, 0),
        ({"tests": {"group": {"1.1 x", "16 x"}}}, 0),
        ({"tests": {"group": {"1.1 x", "1.4 x", "16 x"}}}, 1),
        ({"tests": {"group": {"1.1 1.4 16.1 x", "16 x"}}}, 2),
        ({"tests": {"group": {"1.1 x"}}}, 1),
        ({"differences": "1.3 | * | fails | why\n"}, 1),
        ({"differences": "1.1 | 1.3 y* | fails | why\n"}, 1),
        ({"regressions": "1.3 | a | group: b\n"}, 1),
        ({"uncovered": "1.3 | why\n"}, 1),
        ({"uncovered": "1.1 | why\n"}, 1),
        ({"uncovered": "1.1 | ours alone: why\n"}, 0),
        ({"others": {"a.rs": '\n.c_defect("1.3")\n'}}, 1),
        ({"others": {"b.rst": "\nas rule 1.3 says\n"}}, 1),
        ({"behaviour": more}, 1),
        ({"behaviour": more, "uncovered": "1.3 | why\n"}, 0),
        ({"behaviour": more, "uncovered": "1.3 | ours alone: why\n"}, 1),
        ({"behaviour": more, "uncovered": "1.3 | covered by 1.1\n"}, 0),
        ({"behaviour": more, "uncovered": "1.3 | covered by 1.1: why\n"}, 0),
        ({"behaviour": more, "uncovered": "1.3 | covered by 1.4: why\n"}, 1),
        ({"behaviour": right["behaviour"].replace("(1.2,", "(1.5\n  to 1.2,")}, 1),
        ({"behaviour": right["behaviour"].replace("Here: 1.1", "Here: 1.5, 1.1")}, 1),
    ):
        got = list(wrong(**{**right, **change}))
        assert len(got) == flaws, (change, got)
    for text in ("1.1 A\n  B\n1.1 A\n  B\n", "1.1 A\n"):
        try:
            read_rules(text, "")
            assert False, text
        except Bad:
            pass
    script = 't_a() {\n}\ntest_b() { c; }\nTESTS="\\\nb:1.2 x\nd:1.3 x\n"\na 1.1 x y\nc 1.4 z\n'
    assert tests_of_script(script) == {"1.1 x y", "1.2 x"}, tests_of_script(script)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    self_test()
    try:
        flaws = list(
            wrong(
                BEHAVIOUR.read_text(),
                known_tests(pathlib.Path(sys.argv[1]).read_text()),
                (TESTS / "conformance" / "differences").read_text(),
                (TESTS / "regressions.list").read_text(),
                (TESTS / "conformance" / "uncovered").read_text(),
                sources(),
            )
        )
    except (Bad, OSError) as why:
        flaws = [why]
    for flaw in flaws:
        print(flaw)
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
