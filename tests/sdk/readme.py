"""Compares the code blocks of openapi/README.md with the checks, that is, with their lines between `README` and `end`.

readme.py          fails on a difference
readme.py --write  copies the checks' code into the README
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
README = HERE.parent.parent / "openapi" / "README.md"
# A comment names the check, and the code block after it is an excerpt of the check.
BLOCK = re.compile(r"(<!-- from tests/sdk/(\S+) -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)


def main() -> int:
    written = README.read_text()
    wanted, blocks = BLOCK.subn(lambda block: block[1] + excerpt(block[2]) + block[4], written)
    checks = {path for path in HERE.rglob("*") if path.is_file() and marked(path)}
    named = {HERE / path for _, path, _, _ in BLOCK.findall(written)}
    if checks != named:
        print(f"openapi/README.md lacks a block for, or has an unknown block for: {sorted(map(str, checks ^ named))}", file=sys.stderr)
        return 1
    if "--write" in sys.argv[1:]:
        README.write_text(wanted)
    elif wanted != written:
        print("openapi/README.md differs from the checks; run: python3 tests/sdk/readme.py --write", file=sys.stderr)
        return 1
    print(f"ok {blocks} code blocks in openapi/README.md equal the checks")
    return 0


def marked(path: pathlib.Path) -> bool:
    return path.suffix in {".go", ".java", ".py", ".rs", ".ts"} and path != pathlib.Path(__file__) and bool(parts(path))


def excerpt(name: str) -> str:
    return "".join(parts(HERE / name))


# Removes the indentation of each part. A part that begins with a closing brace has the indentation of the part before.
def parts(path: pathlib.Path) -> list[str]:
    mark = r"^([ \t]*)(?://|#) README\n(.*?)^[ \t]*(?://|#) end$\n"
    taken, indent = [], ""
    for own, text in re.findall(mark, path.read_text(), re.DOTALL | re.MULTILINE):
        if not text.lstrip().startswith("}"):
            indent = own
        taken.append("".join(line.removeprefix(indent) for line in text.splitlines(keepends=True)))
    return taken


if __name__ == "__main__":
    sys.exit(main())
