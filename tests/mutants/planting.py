"""Copies of the source with one fault each, and the tests that are run on them."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mutant import Mutant
from robot.api import ExecutionResult

from hil.requirements.catalogue import ID
from hil.requirements.proofs import short_name

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("hil", "emulators", "robot", "tests", "docs", "pyproject.toml")
TIMEOUT_REAL_S = 120
ALL_TIMEOUT_REAL_S = 600
FAILED = 1


class Broken(Exception):
    """A check did not say passed or failed."""


def clean_copy(to: Path) -> Path:
    """Return a fresh copy of the source, compiled: a farm starts in half the time."""
    to.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, to)
    for part in ("hil", "emulators"):
        compileall.compile_dir(to / part, quiet=2, workers=1)
    return to


@contextmanager
def planted(mutant: Mutant, clean: Path) -> Iterator[Path]:
    """Give a tree with one fault; all other files are those of the clean copy.

    Raises:
        Broken: The text stands there never, or more than once.
    """
    tree = Path(tempfile.mkdtemp(dir=clean.parent, prefix="planted-"))
    try:
        shutil.copytree(clean, tree, copy_function=os.link, dirs_exist_ok=True)
        path = tree / mutant.file
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.old) != 1 or mutant.old == mutant.new:
            raise Broken(
                f"{mutant.file}: the text stands there {text.count(mutant.old)} times, not once: {mutant.old!r}"
            )
        path.unlink()  # a link: the clean copy has the same file
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        yield tree
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def run(words: Sequence[str], tree: Path, what: str, timeout_s: float = TIMEOUT_REAL_S) -> int:
    """Run a command of the tree's own source; return 0 or 1.

    Raises:
        Broken: It ended otherwise, or not at all.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
    environment = {**kept, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"{what} took more than {timeout_s} s") from None
    if done.returncode not in (0, FAILED):
        raise Broken(f"{what} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.returncode


def killer(path: str, tests: Sequence[str], tree: Path) -> str | None:
    """Return the first of a file's tests that fails, None when all pass.

    Raises:
        Broken: It could not be run.
    """
    out = Path(tempfile.mkdtemp(dir=tree))
    if path.endswith(".robot"):
        report, words = out / "junit.xml", ["-m", "hil", "run", "--jobs", "1", "--output", str(out), path]
        words += [word for test in tests for word in ("--test", test)]
    else:
        report = out / "pytest.xml"
        words = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--junitxml={report}", path]
        words += ["-k", " or ".join(tests)]
    what = f"{path} ({', '.join(tests)})"
    if run(words, tree, what) == 0:
        return None
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is not None:
            return f"{Path(path).name}: {case.get('name')}"
    raise Broken(f"{what} failed, but its report names no failed test")


def failed_tests(ids: Sequence[str], suites: Sequence[str], tree: Path) -> dict[str, list[str]]:
    """Run every Robot test that carries one of some ids; return by id which of them failed, as ``Suite / Test``.

    Raises:
        Broken: They could not be run.
    """
    out = Path(tempfile.mkdtemp(dir=tree))
    words = ["-m", "hil", "run", "--jobs", "1", "--output", str(out)]
    words += [word for entry_id in ids for word in ("--include", entry_id)]
    failed: dict[str, list[str]] = {entry_id: [] for entry_id in ids}
    if run([*words, *suites], tree, ", ".join(ids)) == 0:
        return failed
    for test in ExecutionResult(out / "output.xml", include_keywords=False).suite.all_tests:
        for tag in map(str, test.tags):
            if test.failed and ID.fullmatch(tag) and tag in failed:
                failed[tag].append(short_name(test.source, test.name))
    return failed


def failures(tree: Path) -> list[str]:
    """Run all Robot suites; return the tests that fail, as ``Suite / Test``.

    Raises:
        Broken: They could not be run.
    """
    out = Path(tempfile.mkdtemp(dir=tree))
    if run(["-m", "hil", "run", "--jobs", "1", "--output", str(out)], tree, "all suites", ALL_TIMEOUT_REAL_S) == 0:
        return []
    result = ExecutionResult(out / "output.xml", include_keywords=False)
    return [short_name(test.source, test.name) for test in result.suite.all_tests if test.failed]
