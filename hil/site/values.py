"""The values a site file is made of (numbers, durations, addresses, current profiles), and how a wrong one is told."""

from __future__ import annotations

import csv
import difflib
import ipaddress
import math
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from emulators.kit.host import NS_PER_S
from emulators.kit.phases import PHASE_ORDERS, SINGLE_PHASE_ORDERS, THREE_PHASE_ORDERS, PerPhase
from hil.site.ranges import SOURCE_CURRENT

Profile = tuple[tuple[int, PerPhase], ...]
"""Currents over time: (farm time [ns], currents from then on [A]), the first at 0."""

CUSTOM: Final = "site"
"""Type of the pydantic errors made here; their context carries the findings."""

_DURATION_S: Final = {
    **dict.fromkeys(("ms",), Fraction(1, 1000)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), Fraction(1)),
    **dict.fromkeys(("min", "minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("h", "hour", "hours"), Fraction(3600)),
    **dict.fromkeys(("d", "day", "days"), Fraction(86400)),
}
_CSV_COLUMNS: Final = ("time_s", "l1_a", "l2_a", "l3_a")
_CURRENT_ALLOWED: Final = (
    "Allowed: a current such as 16, three such as 10/20/30, or steps such as"
    " [{at: 0 s, current_a: 0}, {at: 10 min, current_a: 16}]."
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a value.

    Attributes:
        message: What is wrong, with the value.
        allowed: What would be right, or empty.
        at: Path below the value that is checked.
    """

    message: str
    allowed: str = ""
    at: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What a site names, so that references are checked together with everything else (None = not checked)."""

    feeders: frozenset[str] | None = None
    networks: frozenset[str] | None = None
    endpoints: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, info: ValidationInfo) -> Names:
        """Return the names of the site that is being checked."""
        return info.context if isinstance(info.context, cls) else cls()


def wrong(*findings: Flaw) -> PydanticCustomError:
    """Return the error that says one or several things about a value."""
    text = " ".join(finding.message for finding in findings)
    return PydanticCustomError(CUSTOM, "{text}", {"text": text, "findings": findings})


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a misspelt one probably means."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[near[0]] if near else None


def is_one_of(raw: object, known: Container[str]) -> bool:
    """Return whether what was written is one of the known names (a list or a mapping never is)."""
    return isinstance(raw, str) and raw in known


def unknown(what: str, name: object, known: Iterable[str]) -> Flaw:
    """Return the finding that a name is not known, with the nearest one or all that are.

    >>> unknown("feeder", "F33", ["F3"]).message
    "there is no feeder 'F33'. Did you mean 'F3'?"
    """
    known = list(known)
    near = nearest(str(name), known)
    if near is not None:
        return Flaw(f"there is no {what} {name!r}. Did you mean {near!r}?")
    return Flaw(
        f"there is no {what} {name!r}.", f"Allowed: {', '.join(known)}." if known else f"There is no {what} at all."
    )


def duration_ns(raw: object) -> int:
    """Return a duration such as ``10 min``, ``1 h 30 min`` or ``90 s`` in nanoseconds; a bare 0 is allowed.

    Raises:
        ValueError: It is none.
    """
    if raw == 0 and not isinstance(raw, bool):
        return 0
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*", raw) if isinstance(raw, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != re.sub(r"\s", "", str(raw)):
        raise ValueError(raw)
    try:
        seconds = sum((Fraction(number) * _DURATION_S[unit] for number, unit in parts), Fraction(0))
    except KeyError:
        raise ValueError(raw) from None
    return round(seconds * NS_PER_S)


def _duration(raw: object) -> int:
    try:
        return duration_ns(raw)
    except ValueError:
        raise wrong(
            Flaw(f"{raw!r} is no duration.", "Allowed: a number with a unit: 90 s, 10 min, 1 h 30 min.")
        ) from None


def _number(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise wrong(
            Flaw(f"{raw!r} is not a number.", "Allowed: a number without a unit (the field's name carries it).")
        )
    return raw


def _count(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise wrong(Flaw(f"{raw!r} is not a whole number."))
    return raw


def _text(raw: object) -> str:
    if not isinstance(raw, str) and not (isinstance(raw, int | float) and not isinstance(raw, bool)):
        raise wrong(Flaw(f"{raw!r} is not a text."))
    return str(raw)


def _address(raw: object) -> str | None:
    if raw is None:
        return None
    try:
        return str(ipaddress.IPv4Address(raw if isinstance(raw, str) else ""))
    except ValueError:
        raise wrong(Flaw(f"{raw!r} is not an IPv4 address.", "Allowed: an address such as 192.168.0.11.")) from None


def _subnet(raw: object) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(raw if isinstance(raw, str) else "")
    except ValueError:
        raise wrong(Flaw(f"{raw!r} is not an IPv4 network.", "Allowed: a network such as 192.168.0.0/24.")) from None


def _phase_order(raw: object) -> str:
    if raw in PHASE_ORDERS:
        return str(raw)
    text = str(raw)
    phases = [text[i : i + 2] for i in range(0, len(text), 2)]
    twice = next((phase for phase in phases if phase in SINGLE_PHASE_ORDERS and phases.count(phase) > 1), None)
    times = {2: "twice", 3: "three times"}.get(phases.count(twice) if twice else 0, "several times")
    reason = f"uses {twice} {times}." if twice else "is no phase order."
    three, single = ", ".join(THREE_PHASE_ORDERS), ", ".join(SINGLE_PHASE_ORDERS)
    raise wrong(Flaw(f"{text!r} {reason}", f"Allowed: {three} (three-phase) or {single} (single-phase)."))


def _per_phase(raw: object) -> PerPhase:
    """Return one number for all phases, or three as a text a/b/c or a list [A]."""
    parts: Sequence[object] = raw.split("/") if isinstance(raw, str) else raw if isinstance(raw, list) else [raw]
    numbers = []
    for part in parts:
        try:
            number = float(part) if isinstance(part, str | int | float) and not isinstance(part, bool) else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise wrong(Flaw(f"{raw!r} is no current.", _CURRENT_ALLOWED))
        if number < 0:
            text = "A load draws and PV generates; both are written as positive numbers."
            raise wrong(Flaw(f"{raw!r} is negative.", f"Allowed: 0 A and above. {text}"))
        if number not in SOURCE_CURRENT:
            raise wrong(Flaw(f"{raw!r} is too much.", f"Allowed: {SOURCE_CURRENT.allowed}."))
        numbers.append(number)
    if len(numbers) not in (1, 3):
        raise wrong(Flaw(f"{raw!r} is {len(numbers)} currents.", "Allowed: one for all phases, or three for L1/L2/L3."))
    return PerPhase.all(numbers[0]) if len(numbers) == 1 else PerPhase(*numbers)


def _from_zero(steps: Sequence[tuple[int, PerPhase]]) -> Profile:
    """Return the steps as a profile; before a late first step nothing flows."""
    return tuple(steps) if steps[0][0] == 0 else ((0, PerPhase.zero()), *steps)


def _steps(raw: Sequence[object]) -> Profile:
    findings: list[Flaw] = []
    steps: list[tuple[int, PerPhase]] = []
    for index, step in enumerate(raw):
        if not isinstance(step, dict) or set(step) != {"at", "current_a"}:
            findings.append(Flaw(f"{step!r} is no step.", "Allowed: {at: 10 min, current_a: 16}.", (index,)))
            continue
        at_ns: int | None = None
        current_a: PerPhase | None = None
        for key, check in (("at", _duration), ("current_a", _per_phase)):
            try:
                result = check(step[key])
            except PydanticCustomError as error:
                inner: tuple[Flaw, ...] = (error.context or {})["findings"]
                findings += [Flaw(one.message, one.allowed, (index, key)) for one in inner]
                continue
            if isinstance(result, PerPhase):
                current_a = result
            else:
                at_ns = result
        if at_ns is None or current_a is None:
            continue
        if steps and at_ns <= steps[-1][0]:
            findings.append(
                Flaw(
                    f"{step['at']!r} is not after the step before.", "Steps stand in the order of time.", (index, "at")
                )
            )
        steps.append((at_ns, current_a))
    if findings:
        raise wrong(*findings)
    return _from_zero(steps)


def _current_profile(raw: object) -> Profile:
    if isinstance(raw, list) and any(isinstance(item, dict) for item in raw):
        return _steps(raw)
    return ((0, _per_phase(raw)),)


def _csv_profile(raw: object) -> Profile:
    """Read columns time_s,l1_a,l2_a,l3_a from a file beside the site file."""
    path = getattr(raw, "folder", Path()) / str(raw)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "no UTF-8 text"
        raise wrong(
            Flaw(f"{str(raw)!r} cannot be read: {reason}.", "Allowed: a CSV file, relative to the site file.")
        ) from None
    head = f"Allowed: the columns {','.join(_CSV_COLUMNS)}."
    if missing := [column for column in _CSV_COLUMNS if column not in columns]:
        raise wrong(Flaw(f"{str(raw)!r} has no column {', '.join(missing)}.", head))
    if not rows:
        raise wrong(Flaw(f"{str(raw)!r} has no rows.", head))
    steps: list[tuple[int, PerPhase]] = []
    findings: list[Flaw] = []
    for line, row in enumerate(rows, start=2):
        place = f"{str(raw)!r} line {line}: "
        try:
            at_ns = round(Fraction(row["time_s"].strip()) * NS_PER_S)
            currents_a = [float(row[column]) for column in _CSV_COLUMNS[1:]]
        except (ValueError, TypeError, AttributeError, ZeroDivisionError):
            written = ",".join(value for value in row.values() if isinstance(value, str))
            surplus = "".join(f",{value}" for value in row.get(None, ()))
            findings.append(Flaw(f"{place}{written + surplus!r} are no four numbers.", head))
            continue
        if not all(current_a in SOURCE_CURRENT for current_a in currents_a):
            is_much = all(map(math.isfinite, currents_a)) and min(currents_a) >= 0
            text = f"{place}a current is {'too much' if is_much else 'negative or no number'}."
            findings.append(Flaw(text, f"Allowed: {SOURCE_CURRENT.allowed}."))
        if at_ns < 0 or (steps and at_ns <= steps[-1][0]):
            findings.append(
                Flaw(
                    f"{place}time {row['time_s']} s does not increase.", "Rows stand in the order of time, from 0 s on."
                )
            )
        steps.append((at_ns, PerPhase(*currents_a)))
    if findings:
        raise wrong(*findings)
    return _from_zero(steps)


def _feeder(raw: object, info: ValidationInfo) -> str:
    known = Names.of(info).feeders
    if known is not None and not is_one_of(raw, known):
        raise wrong(unknown("feeder", raw, sorted(known)))
    return str(raw)


def _network(raw: object, info: ValidationInfo) -> str:
    known = Names.of(info).networks
    if known is not None and not is_one_of(raw, known):
        raise wrong(unknown("network", raw, sorted(known)))
    return str(raw)


_AMPERES: Final = {"type": "number", "minimum": SOURCE_CURRENT.least, "maximum": SOURCE_CURRENT.most}
_CURRENT_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        _AMPERES,
        {"type": "string", "pattern": r"^[0-9.]+/[0-9.]+/[0-9.]+$"},
        {"type": "array", "items": _AMPERES, "minItems": 3, "maxItems": 3},
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["at", "current_a"],
                "properties": {
                    "at": {"type": ["string", "number"]},
                    "current_a": {"type": ["number", "string", "array"]},
                },
            },
        },
    ]
}

Text = Annotated[str, BeforeValidator(_text)]
Number = Annotated[float, BeforeValidator(_number)]
Count = Annotated[int, BeforeValidator(_count)]
DurationNs = Annotated[int, PlainValidator(_duration), WithJsonSchema({"type": ["string", "number"]})]
Address = Annotated[str | None, PlainValidator(_address), WithJsonSchema({"type": "string", "format": "ipv4"})]
Subnet = Annotated[ipaddress.IPv4Network, PlainValidator(_subnet), WithJsonSchema({"type": "string"})]
PhaseOrder = Annotated[str, PlainValidator(_phase_order), WithJsonSchema({"enum": list(PHASE_ORDERS)})]
CurrentProfile = Annotated[Profile, PlainValidator(_current_profile), WithJsonSchema(_CURRENT_SCHEMA)]
CsvProfile = Annotated[Profile, PlainValidator(_csv_profile), WithJsonSchema({"type": "string"})]
FeederName = Annotated[str, PlainValidator(_feeder), WithJsonSchema({"type": "string"})]
NetworkName = Annotated[str, PlainValidator(_network), WithJsonSchema({"type": "string"})]
