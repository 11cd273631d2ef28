"""The P1 telegram of a DSMR meter: written from a table of OBIS lines, and read by a station.

Grammar and CRC: DSMR v5.0.2 P1 Companion Standard (26-02-2016) chapter 6; v4.2.2 (14-03-2014) chapter 5. The CRC is
CRC-16/ARC (x16 + x15 + x2 + 1, reflected, from 0) over all from ``/`` to ``!``, both included (5.0.2 section 6.2).
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from fastcrc import crc16

from emulators.kit.phases import PerPhase

MAX_TELEGRAM: Final = (
    8192  #: Longest telegram that is read: four times the longest text (2048 digits, table 6-3) [bytes].
)
_QUIET: Final = b"\r\n\x00"  # between telegrams no noise: line ends, and the NUL that some meters send after the CRC
_SHORT: Final = 64  #: Lines up to here are remembered; longer ones are rare, or rubbish [bytes].

# --- writing

_FIXED: Final = re.compile(r"F(\d+)\(\d+,(\d+)\)")
_WHOLE: Final = re.compile(r"I(\d+)")
_OCTETS: Final = re.compile(r"S(\d+)")
_LONGEST: Final = re.compile(r"n=0\.\.(\d+)")
_TIME: Final = re.compile(r"\d{12}[SW]")
_STEPS: Final = tuple(Decimal(1).scaleb(-decimals) for decimals in range(10))


@dataclass(frozen=True, slots=True)
class ObisRow:
    """One line of a telegram, as the table has it.

    Attributes:
        code: OBIS reference (``1-0:31.7.0``).
        versions: Versions of the standard that send it (``4.2``, ``5.0``).
        format: Format of the value in the standard's notation, maybe with examples after it.
        unit: Unit of the value, empty without one.
        name: The name that models use.
        meaning: For people.
        source: Where the row comes from.
    """

    code: str
    versions: tuple[str, ...]
    format: str
    unit: str
    name: str
    meaning: str
    source: str

    def line(self, value: float | Decimal | str) -> str:
        """Return the telegram line with a value, without its line end.

        ``Fn(x,y)`` takes a number in the unit of the row, ``In`` a whole number, ``Sn`` a text (which goes out as hex
        pairs where the format says so), ``TST`` a time stamp, a composed format its values with their brackets.

        Raises:
            ValueError: The value does not fit the format.
        """
        if self.format.startswith("("):
            return f"{self.code}{value}"
        unit = f"*{self.unit}" if self.unit else ""
        return f"{self.code}({self._text(value)}{unit})"

    def _text(self, value: float | Decimal | str) -> str:
        if fixed := _FIXED.match(self.format):
            digits, decimals = int(fixed[1]), int(fixed[2])
            width = digits + (decimals > 0)  # the point is not counted
            exact = value if isinstance(value, int) else Decimal(str(value)).quantize(_STEPS[decimals], ROUND_HALF_UP)
            text = f"{exact:0{width}.{decimals}f}"
            return self._fitting(text, len(text) == width and text[0] != "-")
        text = str(value)
        if whole := _WHOLE.match(self.format):
            text = text.zfill(int(whole[1]))
            return self._fitting(text, text.isdigit() and len(text) == int(whole[1]))
        if "hex pairs" in self.format:
            longest = _LONGEST.search(self.format)
            text = text.encode("ascii").hex().upper()
            return self._fitting(text, longest is None or len(text) <= int(longest[1]))
        if octets := _OCTETS.match(self.format):
            return self._fitting(text, len(text) == int(octets[1]))
        if self.format.startswith("TST "):
            return self._fitting(text, _TIME.fullmatch(text) is not None)
        raise ValueError(f"{self.code}: the format {self.format!r} cannot be written")

    def _fitting(self, text: str, fits: bool) -> str:
        if not fits:
            raise ValueError(f"{self.code} ({self.name}): {text!r} does not fit {self.format!r}")
        return text


class ObisTable:
    """The lines that telegrams are made of.

    The file has the columns ``obis,versions,format,unit,name,meaning,source``; versions are separated by ``;``.
    """

    def __init__(self, rows: Iterable[ObisRow]) -> None:
        self.rows = tuple(rows)

    @classmethod
    def load(cls, file: Path) -> ObisTable:
        """Return the table of a CSV file."""
        with file.open(encoding="utf-8", newline="") as source:
            return cls(
                ObisRow(
                    row["obis"],
                    tuple(version.strip() for version in row["versions"].split(";")),
                    *(row[column] for column in ("format", "unit", "name", "meaning", "source")),
                )
                for row in csv.DictReader(source)
            )

    def of_version(self, *versions: str) -> Mapping[str, ObisRow]:
        """Return the rows of a version by name, in the order of the table; the first row of a name counts."""
        found: dict[str, ObisRow] = {}
        for row in self.rows:
            if not set(versions).isdisjoint(row.versions):
                found.setdefault(row.name, row)
        return found


def telegram(header: str, lines: Iterable[str], *, has_crc: bool = True) -> bytes:
    """Return a whole telegram.

    Args:
        header: Identification without the leading ``/``, such as ``XMX5LGBBFG1009``.
        lines: Object lines without line ends.
        has_crc: From DSMR 4.0 on.
    """
    body = "\r\n".join([f"/{header}", "", *lines, "!"]).encode("ascii")
    return body + (f"{crc16.arc(body):04X}" if has_crc else "").encode("ascii") + b"\r\n"


# --- reading

_OBJECT: Final = re.compile(rb"(\d+-\d+:\d+\.\d+\.\d+)((?:\([^()]*\))+)\s*")
_NUMBER: Final = re.compile(rb"\((\d{1,12}(?:\.\d{1,9})?)(?:\*(\w+))?\)")
_HEADER: Final = re.compile(rb"/[A-Za-z0-9]{3}[ -~]+")
_CRC_DIGITS: Final = re.compile(rb"[0-9A-Fa-f]{0,4}")
_FACTORS: Final = {b"kW": 1000, b"W": 1, b"V": 1, b"A": 1, b"": 1}
_CURRENT: Final = (b"1-0:31.7.0", b"1-0:51.7.0", b"1-0:71.7.0")
_VOLTAGE: Final = (b"1-0:32.7.0", b"1-0:52.7.0", b"1-0:72.7.0")
_IMPORT: Final = (b"1-0:21.7.0", b"1-0:41.7.0", b"1-0:61.7.0")
_EXPORT: Final = (b"1-0:22.7.0", b"1-0:42.7.0", b"1-0:62.7.0")
_TOTAL_IMPORT: Final = b"1-0:1.7.0"
_TOTAL_EXPORT: Final = b"1-0:2.7.0"
_EQUIPMENT: Final = b"0-0:96.1.1"
_VERSIONS: Final = (b"1-3:0.2.8", b"0-0:96.1.4")


@dataclass(frozen=True, slots=True, kw_only=True)
class P1Reading:
    """What one telegram says. A phase that is not in it reads 0.

    Attributes:
        header: Identification after ``/``.
        version: P1 version as it was sent: ``42``, ``50``, ``50217``; None before 4.0.
        timestamp: Local time ``YYMMDDhhmmss`` and ``S`` or ``W``; None before 4.0.
        equipment: Meter identification, decoded.
        phases: How many phases have a current: 1 or 3 on whole telegrams, 0 without any.
        currents_a: RMS currents as sent: never negative. None without any, as before DSMR 4.0 [A].
        voltages_v: Voltages, None without any, as in 4.x [V].
        power_import_w: Power taken from the grid [W].
        power_export_w: Power fed in [W].
        unreadable: The first current that is there and no number (``((ER11))``, nothing, another unit), else empty.
            No phase has a current then: 0 A would be a promise that nobody made.
    """

    header: str
    version: str | None
    timestamp: str | None
    equipment: str | None
    phases: int
    currents_a: PerPhase | None
    voltages_v: PerPhase | None
    power_import_w: PerPhase
    power_export_w: PerPhase
    unreadable: str

    def signed_currents_a(self) -> PerPhase | None:
        """Return the currents with the direction that the power of each phase gives: feeding in is negative [A]."""
        if self.currents_a is None:
            return None
        return self.currents_a.combine(self.power_export_w, lambda current, out_w: -current if out_w > 0 else current)


class TelegramReader:
    """Finds telegrams in the bytes of a serial line.

    What is not a telegram is left out and counted; the next whole one is always found. A telegram begins at the last
    ``/`` before its ``!``: by the grammar neither stands anywhere else in it.

    Args:
        require_crc: Refuse a telegram without a CRC, as a station for DSMR 4.0 and later does. A CRC that is there
            must always be right.

    Attributes:
        rejected: How often something was left out, by kind: ``crc``, ``no_crc``, ``half`` (no end before the next
            beginning), ``noise`` (bytes outside telegrams), ``oversize``, ``malformed``; and ``unreadable``, of which
            everything but the currents is kept.
        last_reason: The last reason of each kind, as a sentence.
    """

    def __init__(self, *, require_crc: bool = True) -> None:
        self.rejected: Counter[str] = Counter()
        self.last_reason: dict[str, str] = {}
        self._require_crc = require_crc
        self._buffer = bytearray()

    @property
    def pending_bytes(self) -> int:
        """Return how many bytes wait for the end of their telegram; at most :data:`MAX_TELEGRAM` and the line's CRC."""
        return len(self._buffer)

    def clear(self) -> None:
        """Forget what has come of an unfinished telegram: the port was opened again."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[P1Reading]:
        """Return the telegrams that these bytes complete."""
        self._buffer += data
        found: list[P1Reading] = []
        while (bang := self._buffer.find(b"!")) >= 0:
            start = self._buffer.rfind(b"/", 0, bang)
            if start != 0:
                self._drop(start if start > 0 else bang + 1)
                continue
            digits = _CRC_DIGITS.match(self._buffer, bang + 1)
            end = digits.end() if digits else bang + 1
            if end == len(self._buffer) and end < bang + 5 and bang < MAX_TELEGRAM:
                return found  # the CRC is still on its way
            has_line_end = end < len(self._buffer) and self._buffer[end] in _QUIET
            found += self._read(bytes(self._buffer[: bang + 1]), bytes(self._buffer[bang + 1 : end]), has_line_end)
            del self._buffer[:end]
        start = self._buffer.rfind(b"/")
        self._drop(start if start >= 0 else len(self._buffer))
        if len(self._buffer) > MAX_TELEGRAM:
            self._reject("oversize", f"more than {MAX_TELEGRAM} bytes without an end")
            self._buffer.clear()
        return found

    def _drop(self, count: int) -> None:
        """Leave out the first bytes, which are no telegram."""
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        if b"/" in data:
            self._reject("half", f"a telegram of {len(data) - data.index(b'/')} bytes ended without '!'")
        elif data.strip(_QUIET):
            self._reject("noise", f"{len(data.strip(_QUIET))} bytes outside a telegram")

    def _read(self, whole: bytes, digits: bytes, has_line_end: bool) -> list[P1Reading]:
        if len(whole) > MAX_TELEGRAM:
            self._reject("oversize", f"a telegram of more than {MAX_TELEGRAM} bytes")
            return []
        if digits and (len(digits) == 4 or has_line_end):  # some meters leave leading zeros out
            if (crc := crc16.arc(whole)) != int(digits, 16):
                self._reject("crc", f"CRC {digits.decode()} should be {crc:04X}")
                return []
        elif digits or not has_line_end:
            self._reject("crc", "the CRC is not four hexadecimal digits")
            return []
        elif self._require_crc:
            self._reject("no_crc", "a telegram without CRC, as before DSMR 4.0")
            return []
        reading = _parse(whole)
        if reading is None:
            self._reject("malformed", "a telegram without identification or without any object")
            return []
        if reading.unreadable:
            self._reject("unreadable", f"{reading.unreadable} cannot be read")
        return [reading]

    def _reject(self, kind: str, reason: str) -> None:
        self.rejected[kind] += 1
        self.last_reason[kind] = reason


def _parse(whole: bytes) -> P1Reading | None:
    first, *rest = whole[:-1].split(b"\n")
    objects: dict[bytes, bytes] = {}
    for line in rest:
        if found := _object(line):
            objects.setdefault(*found)
    if not _HEADER.fullmatch(first.rstrip()) or not objects:
        return None
    currents = [_number(objects, code) for code in _CURRENT]
    voltages = [_number(objects, code) for code in _VOLTAGE]
    imports, exports = ([_number(objects, code) for code in codes] for codes in (_IMPORT, _EXPORT))
    phases = sum(current is not None for current in currents)
    if imports[0] is None and exports[0] is None and phases <= 1:
        # Without powers of the phases (Belgian 50213) the totals are those of the only phase.
        imports[0], exports[0] = _number(objects, _TOTAL_IMPORT), _number(objects, _TOTAL_EXPORT)
    unreadable = next(
        (
            code.decode()
            for code, current in zip(_CURRENT, currents, strict=True)
            if current is None and any(line.startswith(code + b"(") for line in rest)
        ),
        "",
    )
    version = next((text for code in _VERSIONS if (text := _text(objects, code))), None)
    return P1Reading(
        header=first.rstrip()[1:].decode("ascii"),
        version=version,
        timestamp=_text(objects, b"0-0:1.0.0"),
        equipment=_decoded(_text(objects, _EQUIPMENT)),
        phases=phases,
        currents_a=_per_phase(currents) if phases and not unreadable else None,
        voltages_v=_per_phase(voltages) if any(value is not None for value in voltages) else None,
        power_import_w=_per_phase(imports),
        power_export_w=_per_phase(exports),
        unreadable=unreadable,
    )


def _object(line: bytes) -> tuple[bytes, bytes] | None:
    """Return code and value of a line; most lines are those of the telegram before."""
    return _object_known(line) if len(line) <= _SHORT else _object_of(line)


def _object_of(line: bytes) -> tuple[bytes, bytes] | None:
    found = _OBJECT.fullmatch(line)
    return None if found is None else (found[1], found[2])


_object_known: Final = lru_cache(4096)(_object_of)


def _number(objects: Mapping[bytes, bytes], code: bytes) -> float | None:
    value = objects.get(code)
    return None if value is None else _number_of(value)


@lru_cache(4096)
def _number_of(value: bytes) -> float | None:
    found = _NUMBER.fullmatch(value)
    if found is None or (factor := _FACTORS.get(found[2] or b"")) is None:
        return None
    return float(Decimal(found[1].decode()) * factor)


def _per_phase(values: Iterable[float | None]) -> PerPhase:
    return PerPhase(*(value or 0.0 for value in values))


def _text(objects: Mapping[bytes, bytes], code: bytes) -> str | None:
    value = objects.get(code)
    return None if value is None else value.decode("ascii", "replace")[1:-1]


def _decoded(hex_pairs: str | None) -> str | None:
    try:
        return None if hex_pairs is None else bytes.fromhex(hex_pairs).decode("ascii")
    except ValueError:
        return hex_pairs  # some meters send it plain
