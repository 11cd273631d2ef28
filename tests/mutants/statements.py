"""Which Robot test carries which id, and what a verdict about a fault rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from mutant import Mutant
from planting import ROOT
from robot.api import TestSuite

from hil.requirements.catalogue import ID
from hil.requirements.proofs import short_name

SUITES = ROOT / "robot" / "suites"


@cache
def carriers() -> dict[str, dict[str, list[str]]]:
    """Return the tests that carry an id: id, path of the suite, names as ``Suite / Test``."""
    found: dict[str, dict[str, list[str]]] = {}
    for test in TestSuite.from_file_system(SUITES).all_tests:
        path = Path(test.source).relative_to(ROOT).as_posix()
        for tag in map(str, test.tags):
            if ID.fullmatch(tag):
                found.setdefault(tag, {}).setdefault(path, []).append(short_name(path, test.name))
    return found


def key(mutant: Mutant) -> str:
    """Return a hash of a fault, the file that it changes, and the tests that have to notice it.

    A change elsewhere can turn a verdict too; the part that CI repeats by turns finds that.
    """
    texts = hashlib.sha256()
    for text in (mutant.file, mutant.old, mutant.new, (ROOT / mutant.file).read_text(encoding="utf-8")):
        texts.update(hashlib.sha256(text.encode()).digest())
    for path in sorted(set(_tests(mutant))):
        texts.update((ROOT / path).read_bytes())
    return texts.hexdigest()[:12]


def _tests(mutant: Mutant) -> Iterator[str]:
    yield from (check.path for check in mutant.checks)
    for entry_id in mutant.ids:
        for path in carriers().get(entry_id, {}):
            yield path
            yield from (resource.relative_to(ROOT).as_posix() for resource in (ROOT / path).parent.glob("*.resource"))
