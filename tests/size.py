#!/usr/bin/env python3
"""tests/size.py: prints the size of the Rust sources in src/ and migration/.

    tests/size.py [DIRECTORY]     the repository; default: the one that this file is in

Lines are all lines of the *.rs files. A function's length is the number of lines from `fn` to its closing brace.
Functions in modules and files under `#[cfg(test)]` are left out.
"""

import pathlib
import re
import statistics
import sys

# Comments, strings, and characters, in which a brace or the word `fn` means nothing.
NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|"(?:\\.|[^"\\])*"|'(?:\\(?:u\{\w+\}|x\w\w|.)|[^'\\])'""", re.DOTALL
)
# A semicolon in brackets belongs to the type of an array; any other ends a declaration without a body.
FUNCTION = re.compile(r"\bfn\s+(\w+)(?:[^;{\[]|\[[^\]]*\])*\{")
TEST_MODULE = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub\S*\s+)?mod\s+\w+\s*\{")
# A module of tests in a file of its own.
TEST_FILE = re.compile(r"(^|/)tests?(\.rs$|/)")


def main() -> None:
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    functions, files, total = [], [], 0
    for directory in ("src", "migration"):
        lines = 0
        for path in sorted((root / directory).rglob("*.rs")):
            name, text = str(path.relative_to(root)), path.read_text()
            count = text.count("\n")
            lines += count
            files.append((count, name))
            if not TEST_FILE.search(name):
                functions += [(length, f"{function} in {name}") for function, length in functions_of(text)]
        print(f"{directory + '/':<28}{lines:>7} lines")
        total += lines
    lengths = [length for length, _ in functions]
    print(f"{'together':<28}{total:>7} lines in {len(files)} files")
    print(f"{'functions':<28}{len(functions):>7}")
    print(f"{'median function':<28}{statistics.median(lengths):>7g} lines")
    print(f"{'90th percentile':<28}{statistics.quantiles(lengths, n=10)[-1]:>7g} lines")
    print(f"{'longest function':<28}{max(functions)[0]:>7} lines: {max(functions)[1]}")
    print(f"{'biggest file':<28}{max(files)[0]:>7} lines: {max(files)[1]}")


def functions_of(text: str) -> list[tuple[str, int]]:
    code = without_tests(NO_CODE.sub(blank, text))
    found = []
    for function in FUNCTION.finditer(code):
        end = closing_brace(code, function.end())
        found.append((function[1], code.count("\n", function.start(), end) + 1))
    return found


def without_tests(code: str) -> str:
    while module := TEST_MODULE.search(code):
        code = code[: module.start()] + code[closing_brace(code, module.end()) :]
    return code


def blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def closing_brace(code: str, begin: int) -> int:
    """The position after the brace that closes the one before `begin`."""
    depth = 1
    for brace in re.finditer(r"[{}]", code[begin:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return begin + brace.end()
    return len(code)


if __name__ == "__main__":
    main()
