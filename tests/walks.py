"""Follows the walks of docs/extending.md literally, in a copy of the source.

In the text a line that is nothing but a file's name in backticks says where the block below it belongs: a whole file,
or (``diff``) a change of one that is there. In a ``console`` block each ``$`` line is a command, and each line below it
is to be found in what it prints.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TEXT: Final = ROOT / "docs" / "extending.md"
PARTS: Final = ("hil", "emulators", "robot", "tests/unit", "tests/protocol", "tests/conftest.py", "pyproject.toml")
_BLOCK: Final = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`\n\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Written:
    """A file that the text has whole, or (``diff``) how it changes one."""

    file: str
    body: str
    is_change: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the text, and what it has to print."""

    line: str
    prints: tuple[str, ...]


Step = Written | Command


def steps(text: str) -> list[Step]:
    """Return what the text tells to do, in its order.

    Raises:
        ValueError: A block says neither its file nor a command.
    """
    found: list[Step] = []
    for block in _BLOCK.finditer(text):
        file, kind, body = block["file"], block["kind"], block["body"]
        if kind == "console":
            for command in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                line, *prints = command.splitlines()
                found.append(Command(line, tuple(filter(None, prints))))
        elif file is None:
            raise ValueError(f"this block says not where it belongs: {body[:80]!r}")
        else:
            found.append(Written(file, body, kind == "diff"))
    return found


def section(text: str, title: str) -> str:
    """Return a section of the text, by its heading; headings inside of blocks are none."""
    outside = _BLOCK.sub(lambda block: " " * len(block[0]), text)
    begin = outside.index(f"\n## {title}\n")
    end = outside.find("\n## ", begin + 1)
    return text[begin : end if end >= 0 else None]


class Tree:
    """A copy of the source, in which the walks are followed.

    Args:
        folder: Where it becomes.
        more: Further parts of the source that it needs.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        for part in (*PARTS, *more):
            source, to = ROOT / part, folder / part
            to.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, to)

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the environment in which this copy is what is imported."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        return {**kept, "PATH": path, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}

    def write(self, step: Written) -> None:
        """Write a file, or change it.

        Raises:
            ValueError: The text of a change does not stand there once, or a new file is there already.
        """
        path = self.folder / step.file
        if not step.is_change:
            if path.exists():
                raise ValueError(f"{step.file} is there already")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.body, encoding="utf-8")
            return
        lines = step.body.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{step.file} has this {text.count(old)} times, not once:\n{old}")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def write_all(self, text: str) -> None:
        """Write every file that a text names."""
        for step in steps(text):
            if isinstance(step, Written):
                self.write(step)

    def run(self, line: str) -> tuple[int, str]:
        """Run a command in the copy; return its exit code and what it printed."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def contradicts(self, command: Command) -> str:
        """Run a command of the text; return nothing, or what went otherwise than the text says."""
        code, said = self.run(command.line)
        flat = " ".join(said.split())
        missing = [line for line in command.prints if " ".join(line.split()) not in flat]
        return f"$ {command.line}\nexit code {code}, without {missing}:\n{said}" if code or missing else ""

    def follow(self, text: str) -> list[str]:
        """Do all that a text says, and return what went otherwise than it says."""
        wrong: list[str] = []
        for step in steps(text):
            if isinstance(step, Written):
                self.write(step)
            else:
                wrong += filter(None, [self.contradicts(step)])
        return wrong
