#!/usr/bin/env python3
"""Mutation testing: changes the code in one small place at a time, and runs the tests that reach it. One must fail.

    tests/mutants/run.py DIRECTORY [NUMBER ...]
        DIRECTORY   for a copy of the sources, the build and the results
        NUMBER      mutants to run again; default: those without a result that explained.txt does not name

All mutants (source.py) are compiled into the copy once; an environment variable activates one (switch.rs). Those
that the compiler refuses are left out. All tests run once, to see which mutants each reaches. Then each mutant runs its
tests until one fails. DIRECTORY/results.json has the outcome. After a change of src/ or tests/, delete the JSON files
there: they go by the number of the mutant and the name of the test.

Prints each mutant that no test noticed. Fails if explained.txt does not say why.

Needs the Python packages of requirements.txt. Takes an hour on two cores.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from source import Source

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
FILES = [
    "src/token/rotation.rs",
    "src/client_authentication.rs",
    "src/grant/*.rs",
    "src/authorization/*.rs",
    "src/sign_in/*.rs",
    "src/store/session/*.rs",
]
# Unit tests of these files, and integration tests except those of the sources and those that start servers.
UNIT_TESTS = [re.sub(r"\*?\.rs$", "", pattern.removeprefix("src/")).replace("/", "::") for pattern in FILES]
SKIPPED = ["layout::", "process::", "attack::process::", "document::"]
WORKERS = 2
# The seconds after which a run of tests has no end.
LONGEST = 900


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    os.environ.setdefault("CARGO_TARGET_DIR", str(directory / "target"))
    os.environ["INSTA_UPDATE"] = "no"
    sources = find_mutants()
    mutants = {mutant["number"]: mutant for source in sources for mutant in source.mutants}
    copy_sources(directory / "tree")
    refused = set(load(directory / "refused.json", []))
    programs = build(directory, sources, set(mutants), refused)
    reached = load(directory / "reached.json") or record(directory, programs)
    results = run_all(directory, mutants, refused, reached)
    sys.exit(report(results))


def find_mutants():
    sources, number = [], 1
    for path in [path for pattern in FILES for path in sorted(ROOT.glob(pattern))]:
        sources.append(Source(str(path.relative_to(ROOT)), path.read_text(), number))
        number = sources[-1].next
    return sources


def copy_sources(tree):
    """Copies what git has, or may get, without the mutated files, and removes what a former run has copied beyond that.
    A file that is the same keeps its time."""
    names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True).splitlines()
    for path in [path for path in tree.rglob("*") if path.is_file()]:
        name = str(path.relative_to(tree))
        if name != "src/mutant.rs" and not (name in names and (ROOT / name).is_file()):
            path.unlink()
    mutated = {str(path.relative_to(ROOT)) for pattern in FILES for path in ROOT.glob(pattern)}
    for name in set(names) - mutated - {"src/lib.rs"}:
        source, target = ROOT / name, tree / name
        if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    write(tree / "src/lib.rs", (ROOT / "src/lib.rs").read_text() + "\npub mod mutant;\n")
    write(tree / "src/mutant.rs", (HERE / "switch.rs").read_text())


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def load(path, default=None):
    return json.loads(path.read_text()) if path.is_file() else default


def build(directory, sources, numbers, refused):
    """Compiles the tests, and adds to `refused` the mutants that the compiler refuses. Returns the test programs."""
    tree = directory / "tree"
    command = ["cargo", "test", "--workspace", "--lib", "--test", "jeton", "--no-run", "--message-format=json"]
    while True:
        for source in sources:
            write(tree / source.path, source.render(numbers - refused))
        built = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, text=True)
        messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
        if built.returncode == 0:
            return find_programs(tree, messages)
        for message in (message["message"] for message in messages if message["reason"] == "compiler-message"):
            if message["level"] == "error" and message["spans"]:
                refused |= refused_by(tree, message)
        write(directory / "refused.json", json.dumps(sorted(refused)))
        print(f"the compiler refuses {len(refused)} mutants", flush=True)


def find_programs(tree, messages):
    """The test programs, each with the arguments that select its tests."""
    filters = {
        f"{tree}/src/lib.rs": UNIT_TESTS,
        f"{tree}/tests/main.rs": [argument for name in SKIPPED for argument in ("--skip", name)],
    }
    artifacts = [message for message in messages if message["reason"] == "compiler-artifact" and message["executable"]]
    return {
        artifact["executable"]: filters[artifact["target"]["src_path"]]
        for artifact in artifacts
        if artifact["profile"]["test"] and artifact["target"]["src_path"] in filters
    }


def refused_by(tree, message):
    """The mutants to which an error of the compiler belongs: those whose text it marks."""
    for span in sorted(message["spans"], key=lambda span: not span["is_primary"]):
        text = (tree / span["file_name"]).read_bytes()
        marks = [(mark.start(), int(mark[1])) for mark in re.finditer(rb"/\*<(\d+)\*/", text)]
        ends = [(start, text.index(b"/*%d>*/" % number, start), number) for start, number in marks]
        found = {number for start, end, number in ends if start <= span["byte_end"] and span["byte_start"] <= end}
        if found:
            return found
    sys.exit(f"an error that belongs to no mutant:\n{message['rendered']}")


def record(directory, programs):
    """Runs all tests, those with several threads alone. Returns (seconds, program, test) for each mutant they reach."""
    reached = collections.defaultdict(list)
    passed = 0
    for program, filters in programs.items():
        listing = subprocess.check_output([program, *filters, "--list", "--format", "terse"], text=True)
        names = [line.removesuffix(": test") for line in listing.splitlines() if line.endswith(": test")]
        alone = [name for name in names if name.split("::")[-1] in tests_with_threads()]
        for command in [[program, *filters], *([program, "--exact", name] for name in alone)]:
            with tempfile.NamedTemporaryFile("r") as log:
                seconds = times([*command, "--test-threads", "1"], directory, {"MUTANTS_REACHED": log.name})
                for thread, number in {tuple(line.rsplit(maxsplit=1)) for line in log}:
                    name = command[2] if command[1] == "--exact" else thread
                    if name in seconds:
                        reached[number].append((seconds[name], program, name))
            passed += len(seconds)
    print(f"{passed} tests pass without a mutant", flush=True)
    write(directory / "reached.json", json.dumps(reached))
    return reached


def times(command, directory, variables):
    """Runs tests one after the other. Returns the seconds of each that passes."""
    seconds, begun = {}, time.monotonic()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=directory / "tree", env=os.environ | variables, **pipes) as running:
        for line in running.stdout:
            passed = re.fullmatch(r"test (\S+) \.\.\. ok\n", line)
            if passed:
                seconds[passed[1]] = round(time.monotonic() - begun, 1)
            begun = time.monotonic()
    return seconds


def tests_with_threads():
    """The names of the tests whose runtime has several threads."""
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.rs"))
    return set(re.findall(r"multi_thread.*?\bfn (\w+)", sources, re.DOTALL))


def run_all(directory, mutants, refused, reached):
    results = load(directory / "results.json", {})
    results |= {str(number): mutants[number] | {"result": "refused by the compiler"} for number in refused}
    todo = [str(mutant["number"]) for mutant in mutants.values() if name(mutant) not in explained()]
    numbers = sys.argv[2:] or [number for number in todo if number not in results]
    breadth = collections.Counter(name for tests in reached.values() for _, _, name in tests)
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        runs = {}
        for number in numbers:
            tests = in_order(reached.get(number, []), mutants[int(number)], breadth)
            runs[pool.submit(run_one, directory, number, tests)] = number
        for run in concurrent.futures.as_completed(runs):
            number = runs[run]
            results[number] = mutants[int(number)] | {"result": run.result()}
            write(directory / "results.json", json.dumps(results, indent=1))
    return results


def in_order(tests, mutant, breadth):
    """The tests that reach a mutant: first those of its module, then those that reach few mutants, and slow ones last."""
    module = list(pathlib.Path(mutant["place"].split(":")[0]).with_suffix("").parts[1:])

    def order(test):
        seconds, _, name = test
        return seconds > 2, -len(os.path.commonprefix([name.split("::"), module])), breadth[name]

    return sorted(tests, key=order)


def run_one(directory, number, tests):
    """Runs tests with a mutant, more and more at once, until one fails."""
    first, size = 0, 8
    while first < len(tests):
        batch = tests[first : first + size]
        for program in sorted({program for _, program, _ in batch}):
            names = [name for _, of, name in batch if of == program]
            result = run_tests(directory, program, names, number)
            if result != "survived":
                return result
        first, size = first + size, size * 4
    return "survived" if tests else "not reached"


def run_tests(directory, program, names, number):
    """Runs tests with a mutant until one fails."""
    command = [program, "--exact", "--test-threads", "1", *names]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    environment = os.environ | {"MUTANT": number}
    with subprocess.Popen(command, cwd=directory / "tree", env=environment, **pipes) as running:
        timer = threading.Timer(LONGEST, running.kill)
        timer.start()
        for line in running.stdout:
            if line.rstrip().endswith("FAILED"):
                timer.cancel()
                running.kill()
                return "killed"
        is_late = not timer.is_alive()
        timer.cancel()
    if is_late:
        return "no end"
    return "survived" if running.returncode == 0 else "killed"


def report(results):
    """Prints the numbers, and the mutants that no test noticed and nothing explains."""
    counts = collections.Counter(result["result"] for result in results.values())
    unexplained = []
    for result in results.values():
        if result["result"] in ("survived", "not reached") and name(result) not in explained():
            unexplained.append(result)
            print(result["number"], result["place"], name(result), result["result"], sep="\t")
    print(dict(counts), f"not explained: {len(unexplained)}")
    return 1 if unexplained else 0


def name(mutant):
    """The name of a mutant in explained.txt, which stays the same when its line moves."""
    return f"{mutant['place'].split(':')[0]}, {mutant['function']}: {mutant['change']}"


def explained():
    return set((HERE / "explained.txt").read_text().splitlines())


main()
