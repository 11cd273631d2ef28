"""The folder of one run: made once, never written over, and what is known about the run beside its results."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from hil.clock.wall import utc_now
from hil.errors import ScenarioError

#: The packages whose version can change a verdict.
PACKAGES: Final = ("hilfarm", "pymodbus", "pyserial", "pydantic", "aiohttp", "robotframework", "ruamel.yaml")


@dataclass(frozen=True, slots=True)
class Record:
    """One line of ``trace/index.jsonl``, written by the keyword library when a test ends.

    Attributes:
        test: The test's stable name.
        sha256: Hash of its trace.
        file: Its trace, relative to the folder ``trace``.
        farm_ns: Farm time that passed in the test [ns].
        site: Name of the site.
        site_sha256: Hash of the site as it was loaded.
    """

    test: str
    sha256: str
    file: str = ""
    farm_ns: int = 0
    site: str = ""
    site_sha256: str = ""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run puts everything.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, output: Path | None = None) -> RunFolder:
        """Make a new folder: ``results/<UTC time>`` with ``results/latest`` pointing to it, or ``output``.

        Raises:
            ScenarioError: ``output`` holds something already, or the folder cannot be made.
        """
        try:
            return cls(cls._given(output) if output is not None else cls._next(Path("results")))
        except OSError as error:
            raise ScenarioError(f"the run folder cannot be made: {error}") from error

    @staticmethod
    def _given(output: Path) -> Path:
        require_unused(output)
        output.mkdir(parents=True, exist_ok=True)
        return output.resolve()

    @staticmethod
    def _next(results: Path) -> Path:
        results.mkdir(exist_ok=True)
        stamp = utc_now().strftime("%Y-%m-%dT%H%M%S")
        name, again = stamp, 2
        while True:
            try:
                (results / name).mkdir()  # the file system decides between two runs of the same second
                break
            except FileExistsError:
                name, again = f"{stamp}-{again}", again + 1
        fresh = results / f".latest-{name}"
        fresh.symlink_to(name)
        fresh.replace(results / "latest")
        return (results / name).resolve()

    @property
    def traces(self) -> Path:
        """Return the folder of the traces."""
        return self.path / "trace"

    @property
    def index(self) -> Path:
        """Return the file in which the keyword library notes each test's trace."""
        return self.traces / "index.jsonl"

    def records(self) -> Iterator[Record]:
        """Yield what the keyword library noted so far, without a line that is just being written."""
        if not self.index.exists():
            return
        for line in self.index.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n") and line.strip():
                row = json.loads(line)
                yield Record(**{name: row[name] for name in Record.__dataclass_fields__ if name in row})

    def write_run_json(self, facts: Mapping[str, object]) -> None:
        """Write ``run.json``: everything that may differ between two equal runs."""
        fresh = self.path / ".run.json"
        fresh.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        fresh.replace(self.path / "run.json")


def require_unused(output: Path) -> None:
    """Refuse a run folder that holds something.

    Raises:
        ScenarioError: It does.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ScenarioError(f"output folder {output} is not empty. A run never writes over another: name a new one.")


def surroundings() -> dict[str, object]:
    """Return what a run ran on: versions, git state if there is one, Python, platform."""
    return {
        "versions": {name: _version(name) for name in PACKAGES},
        "git": git_state(Path.cwd()),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "cwd": str(Path.cwd()),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_state(folder: Path) -> dict[str, object] | None:
    """Return commit and whether something is changed, None where there is no git or no commit."""
    git = shutil.which("git")
    if git is None:
        return None

    def ask(*words: str) -> str:
        command = [git, "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": ask("rev-parse", "HEAD"), "dirty": bool(ask("status", "--porcelain"))}
    except (subprocess.SubprocessError, OSError):
        return None
