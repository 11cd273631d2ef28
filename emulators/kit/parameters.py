"""Device parameters as the manuals name them: a table of names, types, ranges, defaults, and the store that keeps them.

The table is a CSV file of the family with these columns:

``name,type,allowed,minimum,maximum,default,unit,needs_restart,available_to,menu,source,note``

``type`` is one of enum (``allowed`` lists the texts, separated by ``|``), integer, decimal, per_phase (three integers
written ``a/b/c``), switch (On/Off), text, address (IPv4 or empty), table. ``available_to`` restricts a parameter to
devices where another parameter has one of some values:
``DLM Master/Slave=DLM Master (With internal DLM-Slave)|DLM Master (Standalone)``.
"""

from __future__ import annotations

import csv
import difflib
import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from emulators.kit.phases import PerPhase

Value = str | int | float | bool | PerPhase | tuple[tuple[int, PerPhase], ...]
N = TypeVar("N", int, float)
_NUMBER: Final = re.compile(r"\s*[+-]?[0-9]+\s*")
_DECIMAL: Final = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]+)?\s*")
DECIMALS: Final = 6  #: Of a decimal value.
TYPES = ("enum", "integer", "decimal", "per_phase", "switch", "text", "address", "table")


class ParameterError(ValueError):
    """A parameter's name or value is wrong.

    Attributes:
        parameter: The name as it was given.
        message: What is wrong, with the value.
        allowed: What would be right.
    """

    def __init__(self, parameter: str, message: str, allowed: str) -> None:
        self.parameter, self.message, self.allowed = parameter, message, allowed
        super().__init__(f"{parameter}: {message} {allowed}".rstrip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row of a family's parameter table (columns as in the module docstring)."""

    name: str
    type: str
    allowed: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    default: str
    unit: str
    needs_restart: bool
    available_to: str
    menu: str
    source: str
    note: str

    @property
    def allowed_text(self) -> str:
        """Return what may be written here, as a sentence for an error message."""
        if self.type == "enum":
            return f"Allowed: {', '.join(self.allowed)}."
        span = f"{self.minimum} to {self.maximum}" + (f" {self.unit}" if self.unit else "")
        return {
            "integer": f"Allowed: a whole number from {span}.",
            "decimal": f"Allowed: a number from {span}, with a point if it has decimals.",
            "per_phase": f"Allowed: three whole numbers a/b/c for L1/L2/L3, each {span}.",
            "switch": "Allowed: On, Off.",
            "text": "Allowed: text.",
            "address": "Allowed: an IPv4 address such as 192.168.0.2, or nothing.",
            "table": f"Allowed: rows 'hour L1/L2/L3' separated by ';', hour 0 to 23, each current {span}.",
        }[self.type]

    def parse(self, raw: object) -> Value:
        """Return the typed value of what a site file or a keyword says.

        Raises:
            ParameterError: It is not one of the allowed values.
        """
        text = ("On" if raw else "Off") if isinstance(raw, bool) else str(raw).strip()
        try:
            return self._parse(text)
        except ValueError:
            raise ParameterError(self.name, f"{text!r} is not possible.", self.allowed_text) from None

    def text_of(self, raw: object) -> str:
        """Return a value as the form shows it.

        Raises:
            ParameterError: It is not allowed.
        """
        return as_text(self.parse(raw))

    def anything_but(self, text: str) -> str | None:
        """Return an allowed value that is not this one, the factory's if it may be; None when the table names none."""
        ends = [str(end) for end in (self.minimum, self.maximum) if end is not None]
        if self.type == "per_phase":
            ends = ["/".join([end] * 3) for end in ends]
        named = {"enum": list(self.allowed), "switch": ["On", "Off"], "table": []}.get(self.type, ends)
        texts = (self.text_of(one) for one in (self.default, *named))
        return next((one for one in texts if one != text), None)

    def _parse(self, text: str) -> Value:
        match self.type:
            case "enum":
                if text not in self.allowed:
                    raise ValueError
                return text
            case "integer":
                return self._in_range(text)
            case "decimal":
                return self._checked(round(float(text), DECIMALS)) if _DECIMAL.fullmatch(text) else self._no()
            case "per_phase":
                parts = text.split("/")
                if len(parts) != 3:
                    raise ValueError
                return PerPhase(*(self._in_range(part) for part in parts))
            case "switch":
                return {"on": True, "off": False}[text.lower()] if text.lower() in ("on", "off") else self._no()
            case "address":
                return str(ipaddress.IPv4Address(text)) if text else ""
            case "table":
                return tuple(self._row(row) for row in text.split(";") if row.strip())
        return text

    @staticmethod
    def _no() -> bool:
        raise ValueError

    def _row(self, text: str) -> tuple[int, PerPhase]:
        hour, currents = text.split()
        if not _NUMBER.fullmatch(hour) or not 0 <= int(hour) <= 23:
            raise ValueError
        values = [self._in_range(part) for part in currents.split("/")]
        if len(values) != 3:
            raise ValueError
        return int(hour), PerPhase(*values)

    def _in_range(self, text: str) -> int:
        if not _NUMBER.fullmatch(text):  # int() takes '1_6' and digits of other scripts too
            raise ValueError
        return self._checked(int(text))

    def _checked(self, number: N) -> N:
        if (self.minimum is not None and number < self.minimum) or (self.maximum is not None and number > self.maximum):
            raise ValueError
        return number


def _bound(text: str) -> float | None:
    if not text:
        return None
    return float(text) if "." in text else int(text)


def as_text(value: Value) -> str:
    """Return a value as the web interface prints it."""
    if isinstance(value, bool):
        return "On" if value else "Off"
    if isinstance(value, float):
        text = f"{value:.{DECIMALS}f}".rstrip("0")
        return text + "0" if text.endswith(".") else text
    if isinstance(value, tuple):
        return "; ".join(f"{hour} {currents}" for hour, currents in value)
    return str(value)


class ParameterTable(Mapping[str, Parameter]):
    """The documented parameters of a family, by name."""

    def __init__(self, rows: Iterable[Parameter]) -> None:
        self._rows = {row.name: row for row in rows}

    @classmethod
    @cache
    def load(cls, path: Path) -> ParameterTable:
        """Return the table of a family's ``parameters.csv``, which is read once.

        Raises:
            ValueError: A row has an unknown type or a default that its own range forbids.
        """
        with path.open(encoding="utf-8", newline="") as file:
            rows = [cls._row(path, number, row) for number, row in enumerate(csv.DictReader(file), start=2)]
        return cls(rows)

    @staticmethod
    def _row(path: Path, line: int, row: Mapping[str, str]) -> Parameter:
        if row["type"] not in TYPES:
            raise ValueError(f"{path.name}:{line}: type {row['type']!r} is none of {', '.join(TYPES)}")
        parameter = Parameter(
            name=row["name"],
            type=row["type"],
            allowed=tuple(filter(None, row["allowed"].split("|"))),
            minimum=_bound(row["minimum"]),
            maximum=_bound(row["maximum"]),
            default=row["default"],
            unit=row["unit"],
            needs_restart=row["needs_restart"] == "yes",
            available_to=row["available_to"],
            menu=row["menu"],
            source=row["source"],
            note=row["note"],
        )
        parameter.parse(parameter.default)
        return parameter

    def __getitem__(self, name: str) -> Parameter:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def named(self, name: str) -> Parameter:
        """Return a parameter.

        Raises:
            ParameterError: There is none of that name; the nearest is named.
        """
        if name in self._rows:
            return self._rows[name]
        near = difflib.get_close_matches(name, self._rows, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(self._rows)}."
        raise ParameterError(name, "there is no parameter of that name.", hint)


class ParameterStore:
    """A device's parameters: edited, saved, and in force.

    Three layers, as in the web interface: what the form shows (:meth:`set`), what *Save* keeps over a restart
    (:meth:`save`), and what the device works with (:meth:`__getitem__`, and by their type :meth:`text` to
    :meth:`rows`). A saved parameter that needs no restart is in force at once, the others after :meth:`restart`. An
    unsaved edit is lost on restart.

    Args:
        table: The family's parameters.
        values: What is saved at first, where it is not the default.

    Attributes:
        lacks: Parameters of the family that this device's model does not have; they keep what they have.
        refuse: Returns why this device takes no such value of a parameter in its form, nothing when it takes it.
        keep: Told after each change of what is saved, for whoever keeps it in a file; the store itself writes none.
        acts: Told when other values may be in force.
    """

    lacks: Collection[str] = frozenset()
    refuse: Callable[[str, Value], str] | None = None
    keep: Callable[[], None] | None = None
    acts: Callable[[], None] | None = None

    def __init__(self, table: ParameterTable, values: Mapping[str, Value]) -> None:
        self._table = table
        self._given = frozenset(values)
        self._saved = self._defaults() | dict(values)
        self._edited: dict[str, Value] = {}
        self._active = dict(self._saved)

    def __getitem__(self, name: str) -> Value:
        return self._active[name]

    def text(self, name: str) -> str:
        """Return a text in force: of an enum, an address, a text.

        Raises:
            TypeError: Its type in the table is another one, as with all that follow.
        """
        value = self[name]
        if isinstance(value, str):
            return value
        raise self._not(name, "a text")

    def whole(self, name: str) -> int:
        """Return a whole number in force, in the unit of its row."""
        value = self[name]
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._not(name, "a whole number")

    def number(self, name: str) -> float:
        """Return a number in force, in the unit of its row."""
        value = self[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self._not(name, "a number")

    def flag(self, name: str) -> bool:
        """Return whether a switch in force is on."""
        value = self[name]
        if isinstance(value, bool):
            return value
        raise self._not(name, "a switch")

    def per_phase(self, name: str) -> PerPhase:
        """Return three values in force, in the unit of their row."""
        value = self[name]
        if isinstance(value, PerPhase):
            return value
        raise self._not(name, "three values")

    def rows(self, name: str) -> tuple[tuple[int, PerPhase], ...]:
        """Return a table in force: hours (UTC), each with three values from then on, in the unit of its row."""
        value = self[name]
        if isinstance(value, tuple):
            return value
        raise self._not(name, "a table")

    def shown(self, name: str) -> str:
        """Return what the form shows for a parameter.

        Raises:
            ParameterError: Unknown here, or not available with this device's settings.
        """
        self._check(name)
        return as_text(self._edited.get(name, self._saved[name]))

    def available(self) -> list[str]:
        """Return the names that the device's form has now."""
        return [name for name, row in self._table.items() if self._is_available(row)]

    def set(self, name: str, raw: object) -> None:
        """Edit a parameter in the form; nothing happens until :meth:`save`.

        Raises:
            ParameterError: Unknown, not available here, or not an allowed value.
        """
        row = self._check(name)
        value = row.parse(raw)
        if self.refuse is not None and (why := self.refuse(name, value)):
            raise ParameterError(name, f"{as_text(value)!r} is not possible here.", why)
        self._edited[name] = value

    def save(self) -> list[str]:
        """Keep the edits; return the names that wait for a restart."""
        waiting = []
        for name, value in self._edited.items():
            self._saved[name] = value
            if self._table[name].needs_restart:
                if self._active[name] != value:
                    waiting.append(name)
            else:
                self._active[name] = value
        self._edited.clear()
        self._tell(self.keep)
        self._tell(self.acts)
        return waiting

    def saved(self) -> dict[str, Value]:
        """Return what makes an equal store: saved values that were given or are not the default."""
        defaults = self._defaults()
        return {name: one for name, one in self._saved.items() if name in self._given or one != defaults[name]}

    def reset(self) -> None:
        """Save the defaults of every parameter: the device has lost its settings; they act after :meth:`restart`."""
        self._saved = self._defaults()
        self._tell(self.keep)

    def restart(self) -> None:
        """Drop unsaved edits and work with what was saved."""
        self._edited.clear()
        self._active = dict(self._saved)
        self._tell(self.acts)

    @staticmethod
    def _tell(somebody: Callable[[], None] | None) -> None:
        if somebody is not None:
            somebody()

    def _not(self, name: str, expected: str) -> TypeError:
        return TypeError(f"{name}: expected {expected}, but it is {self._table[name].type} {self[name]!r}")

    def _defaults(self) -> dict[str, Value]:
        return {name: row.parse(row.default) for name, row in self._table.items()}

    def _check(self, name: str) -> Parameter:
        row = self._table.named(name)
        if not self._is_available(row):
            needs = "Its model does not have it." if name in self.lacks else f"It needs {row.available_to}."
            raise ParameterError(name, "is not available on this device.", needs)
        return row

    def _is_available(self, row: Parameter) -> bool:
        if row.name in self.lacks:
            return False
        if not row.available_to:
            return True
        for condition in row.available_to.split("&"):
            other, _, values = condition.partition("=")
            if as_text(self._edited.get(other, self._saved[other])) not in values.split("|"):
                return False
        return True
