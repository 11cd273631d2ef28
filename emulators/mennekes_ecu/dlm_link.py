"""Telegrams between a DLM master and its slaves: the emulator's own payload, the real one is not public. Sans-I/O.

One UDP datagram each, JSON in ASCII, on :data:`PORT` (the emulator's own choice; the real ports are not public either):

======== ================= ======================================================================================
type     from, to          fields
======== ================= ======================================================================================
beacon   master, everybody ``network`` (DLM Network Id), ``master`` (name)
report   slave, master     ``network``, ``name``, ``connected``, ``charging``, ``cap_a``, ``offered_a``,
                           ``disconnected_a``, ``order``, ``currents_a``
grant    master, slave     ``network``, ``master``, ``current_a``, ``wake`` (Allow EV Wakeup)
======== ================= ======================================================================================

Anything else on the port, and anything of another network id, is ignored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from emulators.kit.phases import PHASE_ORDERS, PerPhase
from emulators.mennekes_ecu.dlm import MemberReport

PORT: Final = 46512
MAX_BYTES: Final = 512
_HIGHEST_A: Final = 9999


@dataclass(frozen=True, slots=True)
class Beacon:
    """A master says that it is there."""

    network: int
    master: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A master hands out a current [A] to the receiver."""

    network: int
    master: str
    current_a: int
    wake: bool


@dataclass(frozen=True, slots=True)
class SlaveReport:
    """A slave reports to its master."""

    network: int
    report: MemberReport


Telegram = Beacon | Grant | SlaveReport


class NotATelegram(ValueError):
    """The datagram is none of this protocol."""


def encode(telegram: Telegram) -> bytes:
    """Return a telegram's datagram."""
    match telegram:
        case Beacon():
            body: dict[str, object] = {"type": "beacon", "network": telegram.network, "master": telegram.master}
        case Grant():
            body = {
                "type": "grant",
                "network": telegram.network,
                "master": telegram.master,
                "current_a": telegram.current_a,
                "wake": telegram.wake,
            }
        case SlaveReport():
            report = telegram.report
            body = {
                "type": "report",
                "network": telegram.network,
                "name": report.name,
                "connected": report.connected,
                "charging": report.charging,
                "cap_a": report.cap_a,
                "offered_a": report.offered_a,
                "disconnected_a": report.disconnected_a,
                "order": report.order,
                "currents_a": list(report.currents_a),
            }
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def decode(datagram: bytes) -> Telegram:
    """Return the telegram in a datagram.

    Raises:
        NotATelegram: Too long, no JSON, or a field is missing or of the wrong kind.
    """
    if len(datagram) > MAX_BYTES:
        raise NotATelegram(f"{len(datagram)} bytes are more than {MAX_BYTES}")
    try:
        body = json.loads(datagram)
        match body["type"]:
            case "beacon":
                return Beacon(_count(body["network"], 255), _text(body["master"]))
            case "grant":
                return Grant(
                    _count(body["network"], 255),
                    _text(body["master"]),
                    _count(body["current_a"], _HIGHEST_A),
                    _flag(body["wake"]),
                )
            case "report":
                return SlaveReport(_count(body["network"], 255), _report(body))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotATelegram(f"{type(error).__name__}: {error}") from None
    raise NotATelegram(f"unknown type {body['type']!r}")


def _report(body: dict[str, object]) -> MemberReport:
    currents = body["currents_a"]
    order = _text(body["order"])
    if not isinstance(currents, list) or len(currents) != 3 or order not in PHASE_ORDERS:
        raise ValueError("three currents and a phase order are needed")
    return MemberReport(
        name=_text(body["name"]),
        connected=_flag(body["connected"]),
        charging=_flag(body["charging"]),
        cap_a=_count(body["cap_a"], _HIGHEST_A),
        offered_a=_count(body["offered_a"], _HIGHEST_A),
        disconnected_a=_count(body["disconnected_a"], _HIGHEST_A),
        order=order,
        currents_a=PerPhase(*(_current(value) for value in currents)),
    )


def _count(value: object, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise ValueError(f"{value!r} is not a whole number from 0 to {highest}")
    return value


def _current(value: object) -> float:
    # Compared, not converted: JSON knows integers that no float can hold, and NaN compares false.
    if not isinstance(value, int | float) or isinstance(value, bool) or not -_HIGHEST_A <= value <= _HIGHEST_A:
        raise ValueError(f"{value!r} is not a current")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():  # half a surrogate is not printable
        raise ValueError(f"{value!r} is not a text")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value
