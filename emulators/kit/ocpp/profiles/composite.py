"""When a charging profile acts, and how several become one schedule (OCPP 1.6, 3.13.2, 3.13.3 and 5.7).

A profile, and any combination of profiles, is asked at a moment and answers with an :class:`Outlook`: what holds at
that moment, and until when that is certain. So nothing here polls: who wants a schedule goes from outlook to outlook.
Moments are nanoseconds since 1970 (UTC).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.profiles.profile import ChargingProfile, ChargingSchedule, Kind, Period, RateUnit
from emulators.kit.ocpp.profiles.rates import Limit, StationSupply, lowest, total


@dataclass(frozen=True, slots=True)
class Outlook:
    """What holds at a moment.

    Attributes:
        limit: None: no limit.
        until_utc_ns: The next moment at which that may change, later than the moment asked for; None: it never does.
    """

    limit: Limit | None
    until_utc_ns: int | None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with one limit, from a moment up to and without another."""

    start_utc_ns: int
    end_utc_ns: int
    limit: Limit | None


def earliest(*moments: int | None) -> int | None:
    """Return the first of some moments, of which None never comes."""
    return min((moment for moment in moments if moment is not None), default=None)


class Timetable:
    """A profile with its limits in amperes, to be asked at any moment.

    Args:
        profile: The profile.
        supply: What its station hangs on.
    """

    def __init__(self, profile: ChargingProfile, supply: StationSupply) -> None:
        self.profile = profile
        schedule = profile.schedule
        self._starts_s = [period.start_s for period in schedule.periods]
        self._limits = [supply.limit(period, schedule.unit) for period in schedule.periods]

    def at(self, at_utc_ns: int, charging_since_utc_ns: int | None) -> Outlook:
        """Return what the profile says at a moment.

        Args:
            at_utc_ns: The moment.
            charging_since_utc_ns: When the transaction began. None: it would begin at the moment asked for.
        """
        valid_from, valid_to = self.profile.valid_from_utc_ns, self.profile.valid_to_utc_ns
        if valid_to is not None and at_utc_ns >= valid_to:
            return Outlook(None, None)
        if valid_from is not None and at_utc_ns < valid_from:
            return Outlook(None, valid_from)
        outlook = self._scheduled(at_utc_ns, charging_since_utc_ns)
        return Outlook(outlook.limit, earliest(outlook.until_utc_ns, valid_to))

    def _scheduled(self, at_utc_ns: int, charging_since_utc_ns: int | None) -> Outlook:
        start = charging_since_utc_ns if self.profile.start_utc_ns is None else self.profile.start_utc_ns
        if start is None:
            return Outlook(self._limits[0], None)
        if at_utc_ns < start:
            return Outlook(None, start)
        again = None
        if self.profile.kind is Kind.RECURRING and self.profile.recurrency is not None:
            period_ns = self.profile.recurrency.period_s * NS_PER_S
            start += (at_utc_ns - start) // period_ns * period_ns
            again = start + period_ns
        duration_s = self.profile.schedule.duration_s
        end = None if duration_s is None else start + duration_s * NS_PER_S
        if end is not None and at_utc_ns >= end:
            return Outlook(None, again)
        index = bisect_right(self._starts_s, (at_utc_ns - start) // NS_PER_S) - 1
        following = start + self._starts_s[index + 1] * NS_PER_S if index + 1 < len(self._starts_s) else None
        return Outlook(self._limits[index], earliest(following, end, again))

    def settled_utc_ns(self, charging_since_utc_ns: int | None) -> int:
        """Return a moment after which the profile says the same for ever, or the same in each week."""
        valid = (self.profile.valid_from_utc_ns or 0, self.profile.valid_to_utc_ns or 0)
        start = charging_since_utc_ns if self.profile.start_utc_ns is None else self.profile.start_utc_ns
        last_s = max(self._starts_s[-1], self.profile.schedule.duration_s or 0)
        return max(*valid, (start or 0) + last_s * NS_PER_S)


def leading(stack: Iterable[Timetable], at_utc_ns: int, charging_since_utc_ns: int | None) -> Outlook:
    """Return what the first profile says that acts at a moment; the stack is ordered, the highest level first."""
    until = None
    for timetable in stack:
        outlook = timetable.at(at_utc_ns, charging_since_utc_ns)
        until = earliest(until, outlook.until_utc_ns)
        if outlook.limit is not None:
            return Outlook(outlook.limit, until)
    return Outlook(None, until)


def lowest_of(*outlooks: Outlook) -> Outlook:
    """Return what keeps to every outlook."""
    return Outlook(lowest(*(one.limit for one in outlooks)), earliest(*(one.until_utc_ns for one in outlooks)))


def total_of(outlooks: list[Outlook]) -> Outlook:
    """Return what several connectors may draw together."""
    return Outlook(total(one.limit for one in outlooks), earliest(*(one.until_utc_ns for one in outlooks)))


def spans(look: Callable[[int], Outlook], start_utc_ns: int, end_utc_ns: int) -> Iterator[Span]:
    """Return what holds from one moment up to another; neighbours differ."""
    begun, at = start_utc_ns, start_utc_ns
    outlook = look(at)
    while at < end_utc_ns:
        limit = outlook.limit
        at = end_utc_ns if outlook.until_utc_ns is None else min(outlook.until_utc_ns, end_utc_ns)
        outlook = look(at)
        if at == end_utc_ns or outlook.limit != limit:
            yield Span(begun, at, limit)
            begun = at


def whole_seconds(pieces: Iterable[Span], start_utc_ns: int) -> Iterator[tuple[int, Limit | None]]:
    """Return seconds since a moment, rising, each with what holds from it on.

    A second in which the limit changes has the lowest of its limits: a schedule in whole seconds never allows more
    than the profiles do.
    """
    begun: tuple[int, Limit | None] | None = None  # a second that no piece has filled yet, with its lowest limit
    for piece in pieces:
        first = (piece.start_utc_ns - start_utc_ns) // NS_PER_S
        end, rest_ns = divmod(piece.end_utc_ns - start_utc_ns, NS_PER_S)
        if begun is not None:
            begun = (first, lowest(begun[1], piece.limit))
            if end == first:
                continue
            yield begun
            first += 1
        if first < end:
            yield first, piece.limit
        begun = (end, piece.limit) if rest_ns else None
    if begun is not None:
        yield begun


def schedule_of(
    pieces: Iterable[Span],
    start_utc_ns: int,
    duration_s: int,
    *,
    unit: RateUnit,
    supply: StationSupply,
    maximum: Limit,
    max_periods: int,
) -> ChargingSchedule:
    """Return what holds from a moment on as a schedule without neighbours that say the same.

    Args:
        pieces: What holds over the duration.
        start_utc_ns: Second 0 of the schedule.
        duration_s: How far it reaches. It ends earlier where more periods would follow than there may be.
        unit: Of its limits.
        supply: What the station hangs on.
        maximum: What the station can do there; it stands where no profile limits.
        max_periods: Most periods of a schedule.
    """
    periods: list[Period] = []
    for second, limit in whole_seconds(pieces, start_utc_ns):
        effective = lowest(limit, maximum) or maximum
        period = Period(second, supply.rate(effective, unit), effective.number_phases)
        if periods and replace(period, start_s=periods[-1].start_s) == periods[-1]:
            continue
        if len(periods) == max_periods:
            duration_s = second
            break
        periods.append(period)
    return ChargingSchedule(unit=unit, periods=tuple(periods), duration_s=duration_s)
