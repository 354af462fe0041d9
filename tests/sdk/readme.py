"""The code of openapi/README.md is that of the checks: what stands there between `README` and `end`.

readme.py          fails when they differ
readme.py --write  puts the checks' code into the README
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
README = HERE.parent.parent / "openapi" / "README.md"
# A comment names the check; the block of code that follows is taken from it.
BLOCK = re.compile(r"(<!-- from tests/sdk/(\S+) -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)


def main() -> int:
    written = README.read_text()
    wanted, blocks = BLOCK.subn(lambda block: block[1] + excerpt(block[2]) + block[4], written)
    checks = {path for path in HERE.rglob("*") if path.is_file() and marked(path)}
    told = {HERE / path for _, path, _, _ in BLOCK.findall(written)}
    if checks != told:
        print(f"openapi/README.md leaves out or adds: {sorted(map(str, checks ^ told))}", file=sys.stderr)
        return 1
    if "--write" in sys.argv[1:]:
        README.write_text(wanted)
    elif wanted != written:
        print("openapi/README.md differs from the checks; run: python3 tests/sdk/readme.py --write", file=sys.stderr)
        return 1
    print(f"ok {blocks} blocks of code in openapi/README.md are those of the checks")
    return 0


def marked(path: pathlib.Path) -> bool:
    return path.suffix in {".go", ".java", ".py", ".rs", ".ts"} and path != pathlib.Path(__file__) and bool(parts(path))


def excerpt(name: str) -> str:
    return "".join(parts(HERE / name))


# Each with its own indentation taken off. What begins by closing a block belongs to the part that opened it.
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
