"""The configuration keys of a charge point (OCPP 1.6, 9), as data.

A family's ``ocpp_keys.csv`` completes and overrides the standard's table (``keys.csv`` beside this module). Columns:

``key,type,min,max,values,default,unit,access,reboot,from_fw,source``

``type`` is boolean, integer (``min`` to ``max``), text (at most ``max`` characters), enum (one of ``values``, separated
by ``|``), list (comma-separated, out of ``values`` where there are any), measurands (the same, an entry may fix its
phase: ``Voltage.L1``), rotation (``0.RST,1.RTS``) or hex (``min`` to ``max`` digits). ``access`` is R, RW, W (never
shown) or ``-``: this family has no such key. ``reboot`` yes: a change acts after a reboot. ``from_fw``: the first
firmware that has the key.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emulators.kit.ocpp.wire.rpc import Payload

STANDARD: Final = Path(__file__).parent / "keys.csv"
TYPES: Final = ("boolean", "integer", "text", "enum", "list", "measurands", "rotation", "hex")
#: ``Phase`` (7.32).
PHASES: Final = ("L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1")
LONGEST_VALUE: Final = 500  #: Characters of a value (7.22).
_LINES: Final = PHASES[:3]
#: Phases that an entry may fix.
PHASES_OF: Final = {
    "Current.Import": _LINES,
    "Power.Active.Import": _LINES,
    "Power.Factor": _LINES,
    "Power.Reactive.Import": _LINES,
    "Voltage": (*_LINES, *PHASES[4:]),
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,10}")
_HEX: Final = re.compile(r"[0-9A-Fa-f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One row of a table of keys (columns as in the module docstring)."""

    name: str
    type: str
    minimum: int | None
    maximum: int | None
    values: tuple[str, ...]
    default: str
    unit: str
    access: str
    reboot: bool
    from_fw: str
    source: str

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Key:
        """Read a row.

        Raises:
            ValueError: It is wrong; the message names the key.
        """
        name = row["key"]
        if row["type"] not in TYPES:
            raise ValueError(f"{name}: type {row['type']!r}. Allowed: {', '.join(TYPES)}.")
        if row["access"] not in ("R", "RW", "W", "-"):
            raise ValueError(f"{name}: access {row['access']!r}. Allowed: R, RW, W, -.")
        return cls(
            name=name,
            type=row["type"],
            minimum=int(row["min"]) if row["min"] else None,
            maximum=int(row["max"]) if row["max"] else None,
            values=tuple(row["values"].split("|")) if row["values"] else (),
            default=row["default"],
            unit=row["unit"],
            access=row["access"],
            reboot=row["reboot"] == "yes",
            from_fw=row["from_fw"],
            source=row["source"],
        )

    def takes(self, value: str, connectors: int, longest: int | None) -> str | None:
        """Return a value as it is kept, None where it is not possible.

        Args:
            value: What somebody wants to write.
            connectors: How many connectors the charge point has.
            longest: How many entries a list may have; None: any number.
        """
        text = value.strip()
        if len(text) > LONGEST_VALUE:
            return None
        match self.type:
            case "boolean":
                return text.lower() if text.lower() in ("true", "false") else None
            case "integer":
                return str(int(text)) if _INTEGER.fullmatch(text) and self._in_range(int(text)) else None
            case "text":
                return text if self._in_range(len(text)) else None
            case "enum":
                return text if text in self.values else None
            case "hex":
                return text if _HEX.fullmatch(text) and self._in_range(len(text)) else None
        entries = entries_of(text)
        if longest is not None and len(entries) > longest:
            return None
        return ",".join(entries) if all(self._is_entry(entry, connectors) for entry in entries) else None

    def _in_range(self, number: int) -> bool:
        return (self.minimum is None or number >= self.minimum) and (self.maximum is None or number <= self.maximum)

    def _is_entry(self, entry: str, connectors: int) -> bool:
        if self.type == "measurands":
            measurand, phase = measurand_of(entry)
            return measurand in self.values and (phase is None or phase in PHASES_OF.get(measurand, ()))
        if self.type == "rotation":
            number, _, rotation = entry.partition(".")
            known = number.isascii() and number.isdigit() and int(number) <= connectors
            return known and rotation in self.values
        return not self.values or entry in self.values


def entries_of(text: str) -> list[str]:
    """Return the entries of a comma-separated list."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def measurand_of(entry: str) -> tuple[str, str | None]:
    """Return measurand and phase of an entry: ``Voltage.L1`` fixes the phase, ``Voltage`` means every phase."""
    name, _, last = entry.rpartition(".")
    return (name, last) if name and last in PHASES else (entry, None)


class KeyTable(Mapping[str, Key]):
    """The keys of a device family, by name, in the table's order."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.name: key for key in keys if key.access != "-"}
        self._any_case = {name.casefold(): key for name, key in self._keys.items()}

    @classmethod
    def load(cls, path: Path | None = None, firmware: str = "") -> KeyTable:
        """Return the standard's keys, completed and overridden by a family's table.

        Args:
            path: The family's table; None: the standard's alone.
            firmware: The device's; keys of later firmwares are left out. Empty: all.

        Raises:
            ValueError: A row of a table is wrong.
        """
        keys = {key.name: key for key in _rows(STANDARD)}
        for key in _rows(path) if path is not None else ():
            if not firmware or not key.from_fw or _version(firmware) >= _version(key.from_fw):
                keys[key.name] = key
        return cls(keys.values())

    def find(self, name: str) -> Key | None:
        """Return a key by its name in any case (CiString50)."""
        return self._any_case.get(name.casefold())

    def __getitem__(self, name: str) -> Key:
        return self._keys[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _rows(path: Path) -> Iterator[Key]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                yield Key.from_row(row)
            except ValueError as error:
                raise ValueError(f"{path.parent.name}/{path.name}: {error}") from None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", text))


class Keys:
    """The values of a charge point's keys: what is kept, and what acts.

    Args:
        table: Its keys.
        connectors: How many connectors it has.
        values: Kept and given values; a name that the table does not know is left out.

    Attributes:
        revision: Rises with each change of what is kept.
    """

    def __init__(self, table: KeyTable, connectors: int, values: Mapping[str, str]) -> None:
        self._table, self._connectors = table, connectors
        self._kept = {name: key.default for name, key in table.items()}
        self._kept |= {name: value for name, value in values.items() if name in table}
        self._active = dict(self._kept)
        self.revision = 0

    def text(self, name: str) -> str:
        """Return the value in force; empty where this device has no such key."""
        return self._active.get(name, "")

    def integer(self, name: str) -> int:
        """Return a number in force; 0 where this device has no such key."""
        return int(self.text(name) or 0)

    def flag(self, name: str) -> bool:
        """Return a boolean in force; False where this device has no such key."""
        return self.text(name) == "true"

    def items(self, name: str) -> list[str]:
        """Return the entries of a list in force."""
        return entries_of(self.text(name))

    def name_of(self, name: str) -> str:
        """Return a key's name as the table spells it."""
        key = self._table.find(name)
        return name if key is None else key.name

    def measurands(self, name: str, value: str) -> list[str]:
        """Return the entries of a value that somebody wants to give a list of measurands; none for another key."""
        key = self._table.find(name)
        return entries_of(value) if key is not None and key.type == "measurands" else []

    def kept(self, name: str) -> str:
        """Return the value that is kept; one that waits for a reboot is not in force yet."""
        return self._kept[self.name_of(name)]

    def get(self, names: list[str]) -> Payload:
        """Return the answer to ``GetConfiguration`` (5.8); no names: every key."""
        found = [(name, self._table.find(name)) for name in names or self._table]
        known = [self._shown(key) for _, key in found if key is not None and key.access != "W"]
        unknown = [name for name, key in found if key is None or (key.access == "W" and names)]
        answer: Payload = {"configurationKey": known}
        return answer | {"unknownKey": unknown} if unknown else answer

    def change(self, name: str, value: str) -> str:
        """Take a value of the central system; return the ``ConfigurationStatus`` (5.3)."""
        key = self._table.find(name)
        if key is None:
            return "NotSupported"
        if key.access == "R":
            return "Rejected"
        if key.name == "SecurityProfile" and value.strip().isdigit() and int(value) < self.integer(name):
            return "Rejected"  # never lowered over OCPP (security white paper, 2.2)
        return self._take(key, value)

    def give(self, name: str, value: str) -> None:
        """Take a value that the device's own parameters give; it acts at once.

        Raises:
            ValueError: This device has no such key, or the value is not possible.
        """
        if name not in self._table or self._take(self._table[name], value) == "Rejected":
            raise ValueError(f"OCPP key {name}: {value!r} is not possible.")
        self._active[name] = self._kept[name]

    def fix(self, name: str, value: str) -> None:
        """Set what the device has by its make, whatever its table says."""
        if name in self._table:
            self._kept[name] = self._active[name] = value
            self.revision += 1

    def as_json(self) -> dict[str, str]:
        """Return the kept values that are not the default."""
        return {name: value for name, value in self._kept.items() if value != self._table[name].default}

    def _take(self, key: Key, value: str) -> str:
        limit = f"{key.name}MaxLength"
        taken = key.takes(value, self._connectors, self.integer(limit) if limit in self._table else None)
        if taken is None:
            return "Rejected"
        if taken != self._kept[key.name]:
            self._kept[key.name] = taken
            self.revision += 1
        if key.reboot:
            return "RebootRequired" if taken != self._active[key.name] else "Accepted"
        self._active[key.name] = taken
        return "Accepted"

    def _shown(self, key: Key) -> Payload:
        return {"key": key.name, "readonly": key.access == "R", "value": self._kept[key.name]}
