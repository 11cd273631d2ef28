"""OCPP's times as integer nanoseconds since 1970-01-01T00:00:00Z, and back, exactly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from emulators.kit.host import NS_PER_S

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_END_S: Final = 253_402_300_800  # 10000-01-01T00:00:00Z, which has no four-digit year
LATEST_UTC_NS: Final = _END_S * NS_PER_S - 1  #: The last instant that can be written [ns since 1970].


def parse_utc(text: str) -> int:
    """Return a time stamp of RFC 3339 as nanoseconds since 1970 (UTC).

    Raises:
        ValueError: It is none, has no zone, or lies before 1970.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError
    day, time, fraction, zone = match.groups()
    moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if zone in 'Zz' else zone}")
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    if not 0 <= seconds < _END_S:
        raise ValueError
    return seconds * NS_PER_S + int((fraction or "").ljust(9, "0"))


def format_utc(utc_ns: int) -> str:
    """Return nanoseconds since 1970 (UTC) as RFC 3339 with ``Z``; a fraction only where there is one."""
    seconds, fraction = divmod(utc_ns, NS_PER_S)
    moment = _EPOCH + timedelta(seconds=seconds)
    digits = f".{fraction:09}".rstrip("0") if fraction else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{digits}Z"
