"""A reader finds every attribute of an emulator's class in its ``__init__`` (or, of a dataclass, in its body)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import emulators

FOLDER = Path(emulators.__path__[0])
LATE = """
class Device:
    name: str = ""
    def __init__(self):
        self.begun = self.ended = None
    async def start(self):
        self.begun, self.name = 1, "x"
        self.late = 2
"""


def late_attributes(source: str) -> Iterator[str]:
    """Yield ``Class.attribute`` for each attribute that appears only after ``__init__``."""
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.ClassDef):
            methods = [part for part in one.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
            begun = {name for method in methods if method.name == "__init__" for name in stored(method)}
            begun |= {ast.unparse(part.target) for part in one.body if isinstance(part, ast.AnnAssign)}
            late = dict.fromkeys(name for method in methods for name in stored(method) if name not in begun)
            yield from (f"{one.name}.{name}" for name in late)


def stored(method: ast.AST) -> Iterator[str]:
    """Yield the attributes of ``self`` that a method sets."""
    attributes = (part for part in ast.walk(method) if isinstance(part, ast.Attribute))
    yield from (one.attr for one in attributes if isinstance(one.ctx, ast.Store) and ast.unparse(one.value) == "self")


def test_an_attribute_that_comes_late_is_found() -> None:
    assert list(late_attributes(LATE)) == ["Device.late"]


def test_no_attribute_comes_late() -> None:
    late = {str(path.relative_to(FOLDER)): list(late_attributes(path.read_text())) for path in FOLDER.rglob("*.py")}
    assert len(late) > 80
    assert {path: names for path, names in late.items() if names} == {}
