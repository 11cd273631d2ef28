"""One word, one meaning: no class name stands for two things."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[3]

#: Names that stand twice, and why that is no riddle.
TWICE = {
    "Binding": "each charger family names its own limits",
    "Registers": "each charger family binds its own table",
    "Meter": "each meter family has its own model",
    "Farm": "the Robot library is called as the users' resource file says; it speaks of a farm",
}
#: A topic is called as what its words are about (hil/keywords/topics/__init__.py).
TOPICS = "hil/keywords/topics"


def names(files: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the files of each public class of some files' texts."""
    found: dict[str, list[str]] = defaultdict(list)
    for file, text in files:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(file)
    return found


def sources() -> list[tuple[str, str]]:
    paths = [path for folder in ("hil", "emulators") for path in sorted((ROOT / folder).rglob("*.py"))]
    relative = [path.relative_to(ROOT).as_posix() for path in paths]
    return [(name, (ROOT / name).read_text(encoding="utf-8")) for name in relative if not name.startswith(TOPICS)]


def doubles(files: list[tuple[str, str]]) -> dict[str, list[str]]:
    return {name: where for name, where in names(files).items() if len(where) > 1 and name not in TWICE}


def test_no_class_name_stands_for_two_things() -> None:
    assert doubles(sources()) == {}


def test_a_second_meaning_is_found() -> None:
    planted = [*sources(), ("hil/probes/planted.py", "class Outlet:\n    pass\n")]
    assert doubles(planted) == {"Outlet": ["hil/site/seats.py", "hil/probes/planted.py"]}


def test_every_exception_is_one() -> None:
    assert {name for name, where in names(sources()).items() if len(where) > 1} == set(TWICE)
