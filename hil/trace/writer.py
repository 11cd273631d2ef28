"""The trace of one test: JSON Lines in the order of farm time, hashed while it is written.

The hashed file holds nothing that differs between two equal runs: no wall time, path, pid, mapped address or source
port. What differs stands in ``run.json``. The format is described in ``docs/trace.md``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Final, Literal

from hil.errors import ScenarioError

FORMAT_VERSION: Final = 1
SIGNIFICANT_DIGITS: Final = 9  #: Far finer than any meter, far coarser than the last bit of a sum in another order.

Level = Literal["state", "frames"]

_HEAD: Final = ("t_ns", "kind", "who", "event")
_NAME_LENGTH: Final = 80  #: Leaves room for the suffixes within the 255 bytes of a file name.


class TraceWriter:
    """Writes the trace of one test.

    Invariants:
        * time never goes backwards in the file;
        * a line is complete on disk before the call that wrote it returns, so a crash leaves a readable trace;
        * the same calls give the same bytes, on every machine.

    Args:
        path: The file to create; it must not exist.
        test: The test's stable name (see :func:`stable_name`).
        site: The site's name.
        seed: Seed of the test.
        level: ``state`` keeps decoded frames in a ring for :meth:`dump_frames`, ``frames`` writes them here too.
        ring: How many frames the ring keeps.
    """

    def __init__(
        self, path: Path, *, test: str, site: str = "", seed: int = 0, level: Level = "state", ring: int = 2000
    ) -> None:
        if level not in ("state", "frames"):
            raise ScenarioError(f"trace level {level!r} is unknown. Allowed: state, frames.")
        self.path = path
        self._level = level
        self._header = {"trace": "hilfarm", "version": FORMAT_VERSION, "test": test, "site": site, "seed": seed}
        self._ring: deque[tuple[int, str, str, str, str]] = deque(maxlen=ring)
        self._frames_seen = 0
        self._hash = hashlib.sha256()
        self._last_ns = 0
        self._lines = 0
        self._lock = threading.Lock()  # a farm that died is given its verdict by Robot's thread
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb", buffering=0)
        self._append(_encode(self._header))

    @property
    def line_number(self) -> int:
        """Return the number of the last line written, counted from 1."""
        return self._lines

    @property
    def frames_path(self) -> Path:
        """Return where :meth:`dump_frames` writes."""
        return self.path.with_name(f"{self.path.stem}.frames.jsonl")

    def state(self, t_ns: int, who: str, event: str, /, **fields: object) -> None:
        """Write a state change of a device, vehicle, node or link."""
        self._write(t_ns, "state", who, event, fields)

    def verdict(self, t_ns: int, who: str, event: str, /, **fields: object) -> None:
        """Write what a check, a tripwire or the test itself found."""
        self._write(t_ns, "verdict", who, event, fields)

    def note(self, t_ns: int, who: str, event: str, /, **fields: object) -> None:
        """Write something that helps a reader: a keyword, a stimulus, a change of speed."""
        self._write(t_ns, "note", who, event, fields)

    def frame(self, t_ns: int, who: str, direction: str, protocol: str, text: str) -> None:
        """Keep one decoded protocol frame; only level ``frames`` writes it into the trace."""
        frame = (t_ns, who, direction, protocol, text)  # most are never looked at: a line is made for those that are
        with self._lock:
            self._frames_seen += 1
            self._ring.append(frame)
            if self._level == "frames":
                self._append_in_order(t_ns, _frame_line(*frame))

    def dump_frames(self) -> Path:
        """Write the frames of the ring beside the trace, outside its hash, and return the file.

        The file is written anew by each call, so the last failure of a test has the frames up to that moment.
        """
        with self._lock:
            header = {**self._header, "frames_kept": len(self._ring), "frames_seen": self._frames_seen}
            lines = [_encode(header), *(_frame_line(*frame) for frame in self._ring)]
        self.frames_path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self.frames_path

    def close(self) -> str:
        """Close the file and return its SHA-256; a second call returns it again."""
        with self._lock:
            self._file.close()
            return self._hash.hexdigest()

    def _write(self, t_ns: int, kind: str, who: str, event: str, fields: Mapping[str, object]) -> None:
        line = _line(t_ns, kind, who, event, fields)
        with self._lock:
            self._append_in_order(t_ns, line)

    def _append_in_order(self, t_ns: int, line: str) -> None:
        if t_ns < self._last_ns:
            raise ValueError(f"trace time goes back from {self._last_ns} ns to {t_ns} ns: {line}")
        self._last_ns = t_ns
        self._append(line)

    def _append(self, line: str) -> None:
        data = f"{line}\n".encode()
        self._file.write(data)
        self._hash.update(data)
        self._lines += 1


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace as read back.

    Attributes:
        header: First line of the file.
        events: The other lines, in order.
        complete: False when the last line is cut off, as after a crash.
    """

    header: Mapping[str, object]
    events: tuple[Mapping[str, object], ...]
    complete: bool


def read_trace(path: Path) -> Trace:
    """Read a trace, also one of a run that crashed in the middle of a line.

    Raises:
        ScenarioError: The file is not a trace of this format and version.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    complete = text.endswith("\n")
    lines = text.splitlines() if complete else text.splitlines()[:-1]
    try:
        rows = [json.loads(line) for line in lines]
    except json.JSONDecodeError as error:
        raise ScenarioError(f"{path} is not a trace: {error}") from error
    if not rows or rows[0].get("trace") != "hilfarm" or rows[0].get("version") != FORMAT_VERSION:
        raise ScenarioError(f"{path} is not a trace of format hilfarm version {FORMAT_VERSION}.")
    return Trace(header=rows[0], events=tuple(rows[1:]), complete=complete)


def run_hash(hashes: Iterable[str]) -> str:
    """Return the hash of a run: of its tests' hashes, sorted, so that order and workers do not matter."""
    return hashlib.sha256("".join(f"{one}\n" for one in sorted(hashes)).encode()).hexdigest()


def stable_name(suite: Path | str, test: str) -> str:
    """Return a test's name that does not depend on how the run was started.

    Robot's long name does: ``robot robot/suites`` prefixes it with ``Suites.``, running one file does not. The stable
    name is the suite's path below the nearest folder named ``suites`` (else its file name) and the test's name. Seed
    and trace are made of it, so a test is the same alone, shuffled and in parallel.

    >>> stable_name("/somewhere/robot/suites/mennekes/car_park.robot", "A Fourth Vehicle")
    'mennekes/car_park/A Fourth Vehicle'
    """
    parts = Path(suite).with_suffix("").parts
    below = parts[len(parts) - parts[::-1].index("suites") :] if "suites" in parts[:-1] else parts[-1:]
    return "/".join((*below, test))


def trace_path(folder: Path, test: str) -> Path:
    """Return a file name for a test's trace that is safe on every file system and not taken yet.

    A short hash of the name keeps two names apart that read the same once unsafe characters are gone.
    """
    stem = _stem(test)
    path, again = folder / f"{stem}.jsonl", 2
    while path.exists():
        path, again = folder / f"{stem}-{again}.jsonl", again + 1
    return path


def begun_trace(folder: Path, test: str) -> Path | None:
    """Return the trace that a test has begun, None where it has not come that far."""
    path = folder / f"{_stem(test)}.jsonl"
    return path if path.exists() else None


def _stem(test: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", test).strip("-")[:_NAME_LENGTH].rstrip("-")
    return f"{readable}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"


def _frame_line(t_ns: int, who: str, direction: str, protocol: str, text: str) -> str:
    return _line(t_ns, "frame", who, protocol, {"direction": direction, "text": text})


def _line(t_ns: int, kind: str, who: str, event: str, fields: Mapping[str, object]) -> str:
    clash = [name for name in fields if name in _HEAD]
    if clash:
        raise ValueError(f"trace field {clash[0]!r} is one of the line's own: {', '.join(_HEAD)}")
    row: dict[str, object] = {"t_ns": t_ns, "kind": kind, "who": who, "event": event}
    row.update((name, _plain(fields[name])) for name in sorted(fields))
    return _encode(row)


def _encode(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: object) -> object:
    """Return a value as JSON has it, the same on every machine."""
    match value:
        case type():
            pass
        case None | bool() | str():
            return value
        case Enum():
            return _plain(value.value)
        case int():
            return value
        case float():
            return _rounded(value)
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): _plain(value[key]) for key in sorted(value, key=str)}
        case set() | frozenset():
            return sorted((_plain(one) for one in value), key=str)
        case _ if isinstance(value, Iterable):
            return [_plain(one) for one in value]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    # A repr could hold a memory address: it would change the hash without a change in the farm.
    raise TypeError(f"a trace cannot hold a {type(value).__name__}: {value!r}")


def _rounded(value: float) -> float | str:
    if not math.isfinite(value):
        return str(value)  # JSON knows no NaN and no infinity
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0  # + 0.0: there is no minus zero in a trace
