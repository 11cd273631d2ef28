"""Charging profiles as QA writes them: ``0 s: 10 A, 60 s: 8 A``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from robot.utils import timestr_to_secs

from hil.errors import ScenarioError

_STEP: Final = re.compile(r"(?:(?P<from>[^:]+):)?\s*(?P<limit>-?\d+(?:\.\d+)?)\s*(?P<unit>[AW])\s*")


def steps(text: str) -> tuple[str, list[tuple[int, float]]]:
    """Return the unit and the steps of a schedule: seconds after its start, and the limit from then on.

    Raises:
        ScenarioError: It is none.
    """
    found: list[tuple[int, float]] = []
    units: set[str] = set()
    for part in text.split(","):
        match = _STEP.fullmatch(part)
        if match is None:
            raise ScenarioError(f"{part.strip()!r} is no step of a schedule. Write limits as '0 s: 10 A, 60 s: 8 A'.")
        try:
            begins_s = round(timestr_to_secs(match["from"] or "0 s"))
        except ValueError as error:
            raise ScenarioError(f"{part.strip()!r}: {error}") from error
        units.add(match["unit"])
        found.append((begins_s, float(match["limit"])))
    if len(units) > 1:
        raise ScenarioError(f"{text!r} mixes A and W; a schedule has one unit.")
    return units.pop(), found


def profile(
    *,
    profile_id: int,
    purpose: str,
    level: int,
    kind: str,
    start: datetime | str | None,
    limits: str,
    duration: timedelta | None,
    phases: int | None,
    transaction: int | None,
    more: Mapping[str, str],
) -> dict[str, Any]:
    """Return OCPP's ``csChargingProfiles``."""
    unit, found = steps(limits)
    periods: list[dict[str, Any]] = [{"startPeriod": begins_s, "limit": limit} for begins_s, limit in found]
    if phases is not None:
        periods = [period | {"numberPhases": phases} for period in periods]
    schedule: dict[str, Any] = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods}
    if start is not None:
        schedule["startSchedule"] = start if isinstance(start, str) else f"{start:%Y-%m-%dT%H:%M:%S}Z"
    if duration is not None:
        schedule["duration"] = round(duration.total_seconds())
    result: dict[str, Any] = {
        "chargingProfileId": profile_id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }
    return result if transaction is None else result | {"transactionId": transaction}


def schedule_text(schedule: Mapping[str, Any] | None) -> str:
    """Return OCPP's ``chargingSchedule`` as people write it, ``no limit`` for none."""
    if schedule is None or not schedule["chargingSchedulePeriod"]:
        return "no limit"
    unit = schedule["chargingRateUnit"]
    return _text(unit, [(one["startPeriod"], one["limit"]) for one in schedule["chargingSchedulePeriod"]])


def compact(text: str) -> str:
    """Return a schedule as :func:`schedule_text` writes it; a text that is none stays as it is."""
    try:
        return _text(*steps(text))
    except ScenarioError:
        return text


def _text(unit: str, found: list[tuple[int, float]]) -> str:
    kept = [one for index, one in enumerate(found) if index == 0 or one[1] != found[index - 1][1]]
    return ", ".join(f"{begins_s} s: {limit:g} {unit}" for begins_s, limit in kept)
