"""Plants one fault at a time into a copy of the source and wants a test to fail: ``make mutants``.

Each test is first run on an unharmed copy: a test that fails there proves nothing. A fault counts as killed when a
test *failed*; a run that could not start, or a farm that broke down, is an error of this check.

Exit code: 0 every fault was killed, 1 one survived, 2 the table or a test is wrong.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mutant import Mutant
from mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("hil", "emulators", "robot", "tests", "docs", "pyproject.toml")
PROCESSES = 2
TIMEOUT_REAL_S = 120
FAILED = 1


class Broken(Exception):
    """A check did not say passed or failed."""


def copy(to: Path) -> Path:
    """Return a fresh copy of the source."""
    to.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to)
    return to


def plant(mutant: Mutant, tree: Path) -> None:
    """Change the source of a copy.

    Raises:
        Broken: The text stands there never, or more than once.
    """
    path = tree / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1 or mutant.old == mutant.new:
        raise Broken(f"{mutant.file}: the text stands there {text.count(mutant.old)} times, not once: {mutant.old!r}")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def killer(path: str, tests: Sequence[str], tree: Path) -> str | None:
    """Return the first of a file's tests that fails, None when all pass.

    Raises:
        Broken: It could not be run.
    """
    out = Path(tempfile.mkdtemp(dir=tree))
    if path.endswith(".robot"):
        report, words = out / "junit.xml", ["-m", "hil", "run", "--output", str(out), path]
        words += [word for test in tests for word in ("--test", test)]
    else:
        report = out / "pytest.xml"
        words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--junitxml={report}", path]
        words += ["-k", " or ".join(tests)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    environment = {**kept, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_REAL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"{path} ({', '.join(tests)}) took more than {TIMEOUT_REAL_S} s") from None
    if done.returncode not in (0, FAILED):
        raise Broken(f"{path} ({', '.join(tests)}) ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    if done.returncode == 0:
        return None
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None:
            return f"{Path(path).name}: {case.get('name')}"
    raise Broken(f"{path} ended with {done.returncode}, but its report names no failed test:\n{done.stdout}")


def unharmed(path: str, tests: Sequence[str], folder: Path) -> str:
    """Return nothing when a file's tests pass on the source as it is, otherwise what is wrong."""
    try:
        failed = killer(path, tests, folder)
    except Broken as error:
        return str(error)
    return f"{failed} fails without any fault planted" if failed else ""


def attack(number: int, mutant: Mutant, folder: Path) -> str | None:
    """Plant one fault; return the first test that kills it, None when it survives.

    Raises:
        Broken: The table or a test is wrong.
    """
    tree = copy(folder / f"mutant{number:02}")
    try:
        plant(mutant, tree)
        return next(filter(None, (killer(check.path, [check.test], tree) for check in mutant.checks)), None)
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def main(wanted: str = "") -> int:
    """Run all, or those whose fault has a text in it; see the module's text."""
    mutants = [mutant for mutant in MUTANTS if wanted.lower() in mutant.fault.lower()]
    if not mutants:
        print(f"no fault has {wanted!r} in it. There are:", *(mutant.fault for mutant in MUTANTS), sep="\n  ")
        return 2
    broken: list[str] = []
    survived: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as name, ThreadPoolExecutor(PROCESSES) as pool:
        folder = Path(name)
        clean = copy(folder / "clean")
        files: dict[str, list[str]] = {}  # one run for all tests of a file: starting costs more than testing
        for check in dict.fromkeys(check for mutant in mutants for check in mutant.checks):
            files.setdefault(check.path, []).append(check.test)
        print(f"{sum(map(len, files.values()))} tests on the source as it is", flush=True)
        broken += filter(None, pool.map(lambda path: unharmed(path, files[path], clean), files))
        if not broken:
            runs = {pool.submit(attack, number, mutant, folder): mutant for number, mutant in enumerate(mutants)}
            for count, run in enumerate(as_completed(runs), start=1):
                fault = runs[run].fault
                try:
                    test = run.result()
                except Broken as error:
                    broken.append(f"{fault}: {error}")
                    verdict = "ERROR"
                else:
                    verdict = f"killed by {test}" if test else "SURVIVED"
                    survived += [] if test else [fault]
                print(f"[{count:2}/{len(mutants)}] {fault:68} {verdict}", flush=True)
    for text in broken:
        print(f"error: {text}", file=sys.stderr)
    print(f"{len(mutants)} faults, {len(survived)} survived, {len(broken)} errors")
    return 2 if broken else FAILED if survived else 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
