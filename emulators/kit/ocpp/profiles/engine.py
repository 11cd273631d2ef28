"""The charging profiles of one station: which are installed, what they allow at a moment, when that changes.

Sans-I/O: moments come as nanoseconds since 1970 (UTC) and every question names its moment. OCPP 1.6 edition 2, sections
3.13, 5.5, 5.7, 5.16 and 9.4, with the errata of 2025-04; what these leave open and what was chosen stands in
``docs/ocpp-profiles.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.profiles.composite import (
    Outlook,
    Span,
    Timetable,
    earliest,
    leading,
    lowest_of,
    schedule_of,
    spans,
    total_of,
)
from emulators.kit.ocpp.profiles.profile import (
    ChargingProfile,
    ChargingSchedule,
    ClearRequest,
    Json,
    Purpose,
    RateUnit,
    Recurrency,
    SetRequest,
)
from emulators.kit.ocpp.profiles.rates import Limit, StationSupply
from emulators.kit.ocpp.wire.payload import Fields, array_of, must

#: A composite schedule looks ahead no further.
LONGEST_FORECAST_S: Final = 366 * 86_400
_UNIT_NAMES: Final = {"Current": RateUnit.A, "Power": RateUnit.W}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileKeys:
    """The four configuration keys that bound what a station takes (9.4).

    Attributes:
        max_stack_level: ``ChargeProfileMaxStackLevel``, the highest level itself.
        rate_units: ``ChargingScheduleAllowedChargingRateUnit``.
        max_periods: ``ChargingScheduleMaxPeriods``.
        max_installed: ``MaxChargingProfilesInstalled``, of all purposes and connectors together.
    """

    max_stack_level: int
    rate_units: frozenset[RateUnit]
    max_periods: int
    max_installed: int

    @classmethod
    def from_texts(cls, keys: Mapping[str, str]) -> ProfileKeys:
        """Return what a device's configuration keys say.

        Raises:
            KeyError: A key, or a unit that is neither ``Current`` nor ``Power``, is not known.
            ValueError: A number is none.
        """
        units = keys["ChargingScheduleAllowedChargingRateUnit"].split(",")
        return cls(
            max_stack_level=int(keys["ChargeProfileMaxStackLevel"]),
            rate_units=frozenset(_UNIT_NAMES[unit.strip()] for unit in units),
            max_periods=int(keys["ChargingScheduleMaxPeriods"]),
            max_installed=int(keys["MaxChargingProfilesInstalled"]),
        )


@dataclass(frozen=True, slots=True)
class ProfileVerdict:
    """Whether a station takes a profile.

    Attributes:
        reason: Why not, as a sentence; empty where it does.
    """

    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Return whether it does."""
        return not self.reason

    @property
    def status(self) -> str:
        """Return the ``ChargingProfileStatus``."""
        return "Accepted" if self.accepted else "Rejected"


@dataclass(frozen=True, slots=True)
class _Installed:
    request: SetRequest
    timetable: Timetable


@dataclass(frozen=True, slots=True)
class _Transaction:
    since_utc_ns: int
    transaction_id: int | None


class ProfileEngine:
    """The charging profiles of one station.

    Args:
        connectors: How many it has; they are numbered from 1, and 0 is the station.
        keys: What it takes.
        supply: What it hangs on.
        transaction_id_needed: Whether a ``TxProfile`` has to name its transaction.
    """

    def __init__(
        self, *, connectors: int, keys: ProfileKeys, supply: StationSupply, transaction_id_needed: bool = False
    ) -> None:
        self._connectors = range(1, connectors + 1)
        self._keys, self._supply = keys, supply
        self._transaction_id_needed = transaction_id_needed
        self._installed: list[_Installed] = []
        self._stacks: dict[tuple[Purpose, int], list[Timetable]] = {}
        self._transactions: dict[int, _Transaction] = {}

    @property
    def installed(self) -> tuple[SetRequest, ...]:
        """Return every installed profile with its connector, the oldest first."""
        return tuple(one.request for one in self._installed)

    # --- profiles come and go

    def install(self, request: SetRequest) -> ProfileVerdict:
        """Take a profile, in place of one with the same id and of one with the same purpose, level and connector.

        Raises:
            PayloadError: The station has no such connector.
        """
        self._must_know(request.connector)
        verdict = ProfileVerdict(
            self._misplaced(request) or self._not_its_transaction(request) or self._beyond_keys(request.profile)
        )
        return self._keep(request) if verdict.accepted else verdict

    def fits_remote_start(self, profile: ChargingProfile) -> ProfileVerdict:
        """Return whether a profile may come with a ``RemoteStartTransaction`` (errata 3.41)."""
        if profile.purpose is not Purpose.TX:
            return ProfileVerdict(f"A remote start takes a TxProfile, not a {profile.purpose}.")
        if profile.transaction_id is not None:
            return ProfileVerdict("A remote start's profile cannot name a transaction.")
        return ProfileVerdict(self._beyond_keys(profile))

    def clear(self, request: ClearRequest) -> bool:
        """Remove the profiles that are meant; return whether there were any (``Accepted``, else ``Unknown``)."""
        return self._remove(lambda one: request.means(one.connector, one.profile))

    # --- transactions

    def begin_transaction(
        self,
        connector: int,
        at_utc_ns: int,
        transaction_id: int | None = None,
        profile: ChargingProfile | None = None,
    ) -> ProfileVerdict:
        """Note that a transaction has begun.

        Args:
            connector: Where, from 1.
            at_utc_ns: When: second 0 of relative schedules.
            transaction_id: Its id; None as long as the central system has not given one.
            profile: What the remote start brought; a ``TxProfile`` for this transaction.

        Returns:
            Whether the profile was taken.
        """
        if connector not in self._connectors or connector in self._transactions:
            raise ValueError(f"no transaction can begin on connector {connector}")
        self._transactions[connector] = _Transaction(at_utc_ns, transaction_id)
        if profile is None:
            return ProfileVerdict()
        verdict = self.fits_remote_start(profile)
        return self._keep(SetRequest(connector, profile)) if verdict.accepted else verdict

    def name_transaction(self, connector: int, transaction_id: int) -> None:
        """Note the id that the central system gave to a running transaction."""
        self._transactions[connector] = _Transaction(self._transactions[connector].since_utc_ns, transaction_id)

    def end_transaction(self, connector: int) -> None:
        """Note that a transaction has ended: its profiles are dropped."""
        del self._transactions[connector]
        self._remove(lambda one: one.profile.purpose is Purpose.TX and one.connector == connector)

    # --- what holds

    def charge_point_limit(self, at_utc_ns: int) -> Limit | None:
        """Return what all connectors together may draw (``ChargePointMaxProfile``); the station shares it out."""
        return self._charge_point(at_utc_ns).limit

    def transaction_limit(self, connector: int, at_utc_ns: int) -> Limit | None:
        """Return what a connector may draw by ``TxProfile``, else ``TxDefaultProfile``, without the station's limit.

        Without a transaction: what would hold for one that begins at that moment.
        """
        return self._transaction(connector, at_utc_ns, None).limit

    def limit(self, connector: int, at_utc_ns: int, begins_utc_ns: int | None = None) -> Limit | None:
        """Return what a connector may draw, the station's limit included; None: as much as it can.

        Args:
            connector: From 1; 0 for all connectors together.
            at_utc_ns: When.
            begins_utc_ns: Where no transaction runs: when one is supposed to begin; None: at that moment.
        """
        return self._together(connector, at_utc_ns, begins_utc_ns).limit

    def next_change_after(self, at_utc_ns: int) -> int | None:
        """Return the first later moment at which the station's or any connector's limit differs from now; None: never.

        It holds as long as no profile and no transaction comes or goes.
        """
        settled = self._settled_utc_ns(at_utc_ns)
        now, moment = self._everything(at_utc_ns)
        while moment is not None and moment <= settled:
            then, following = self._everything(moment)
            if then != now:
                return moment
            moment = following
        return None

    def composite(self, connector: int, start_utc_ns: int, duration_s: int) -> list[Span]:
        """Return what holds on a connector over an interval, exact to the nanosecond; neighbours differ.

        Args:
            connector: As for :meth:`limit`. Where no transaction runs, one is supposed to begin with the interval.
            start_utc_ns: First moment.
            duration_s: Length; what lies beyond :data:`LONGEST_FORECAST_S` is left out.

        Raises:
            PayloadError: The station has no such connector, or the duration is not above 0.
        """
        return list(spans(*self._interval(connector, start_utc_ns, duration_s)))

    def composite_schedule(
        self, connector: int, start_utc_ns: int, duration_s: int, unit: RateUnit, maximum_a: float
    ) -> ChargingSchedule:
        """Return the same as a schedule in whole seconds whose second 0 is the interval's first moment.

        Args:
            connector: As for :meth:`composite`.
            start_utc_ns: As for :meth:`composite`.
            duration_s: As for :meth:`composite`; above 0.
            unit: Of the limits.
            maximum_a: What the station can do there; it stands where no profile limits [A per phase].

        Raises:
            PayloadError: The station has no such connector, or the duration is not above 0.
        """
        look, start, end = self._interval(connector, start_utc_ns, duration_s)
        return schedule_of(
            spans(look, start, end),
            start,
            (end - start) // NS_PER_S,
            unit=unit,
            supply=self._supply,
            maximum=self._supply.all(Fraction(str(maximum_a)), phases=self._supply.phases),
            max_periods=self._keys.max_periods,
        )

    # --- over a restart

    def as_json(self) -> Json:
        """Return what outlives a restart: every profile but those of transactions."""
        return {"profiles": [one.as_payload() for one in self.installed if one.profile.purpose is not Purpose.TX]}

    def restore(self, kept: object) -> None:
        """Install what :meth:`as_json` returned.

        Raises:
            PayloadError: It is something else, or this station would not take it.
        """
        requests = Fields(kept, ("profiles",)).required("profiles", array_of(SetRequest.from_payload, at_least=0))
        for index, request in enumerate(requests):
            verdict = self.install(request)
            must(verdict.accepted, f"profiles[{index}]", verdict.reason, "")

    # --- inside

    def _must_know(self, connector: int) -> None:
        last = len(self._connectors)
        must(0 <= connector <= last, "connectorId", f"{connector} is not here.", f"Allowed: 0 to {last}.")

    def _misplaced(self, request: SetRequest) -> str:
        profile = request.profile
        if profile.purpose is not Purpose.TX and profile.transaction_id is not None:
            return f"Only a TxProfile names a transaction, not a {profile.purpose}."
        if profile.purpose is Purpose.CHARGE_POINT_MAX:
            if request.connector != 0:
                return f"A ChargePointMaxProfile belongs to connector 0, not to {request.connector}."
            if profile.start_utc_ns is None:
                return "A ChargePointMaxProfile has no transaction that its schedule could begin with."
        if profile.purpose is Purpose.TX and request.connector == 0:
            return "A TxProfile belongs to one connector, not to 0."
        return ""

    def _not_its_transaction(self, request: SetRequest) -> str:
        if request.profile.purpose is not Purpose.TX:
            return ""
        running = self._transactions.get(request.connector)
        named = request.profile.transaction_id
        if running is None:
            return f"No transaction runs on connector {request.connector}."
        if named is None:
            return "A TxProfile has to name its transaction." if self._transaction_id_needed else ""
        if named != running.transaction_id:
            return f"Transaction {named} does not run on connector {request.connector}."
        return ""

    def _beyond_keys(self, profile: ChargingProfile) -> str:
        keys, schedule = self._keys, profile.schedule
        if profile.stack_level > keys.max_stack_level:
            return f"Stack level {profile.stack_level} is above {keys.max_stack_level} (ChargeProfileMaxStackLevel)."
        if len(schedule.periods) > keys.max_periods:
            return f"{len(schedule.periods)} periods are more than {keys.max_periods} (ChargingScheduleMaxPeriods)."
        if schedule.unit not in keys.rate_units:
            return f"Unit {schedule.unit} is not taken (ChargingScheduleAllowedChargingRateUnit)."
        return ""

    def _keep(self, request: SetRequest) -> ProfileVerdict:
        others = [one for one in self._installed if not _replaces(request, one.request)]
        if len(others) >= self._keys.max_installed:
            return ProfileVerdict(f"{self._keys.max_installed} profiles are installed (MaxChargingProfilesInstalled).")
        self._settle([*others, _Installed(request, Timetable(request.profile, self._supply))])
        return ProfileVerdict()

    def _remove(self, meant: Callable[[SetRequest], bool]) -> bool:
        rest = [one for one in self._installed if not meant(one.request)]
        found = len(rest) < len(self._installed)
        self._settle(rest)
        return found

    def _settle(self, installed: list[_Installed]) -> None:
        self._installed = installed
        self._stacks = {}
        for one in sorted(installed, key=lambda one: -one.request.profile.stack_level):
            place = one.request.profile.purpose, one.request.connector
            self._stacks.setdefault(place, []).append(one.timetable)

    def _stack(self, purpose: Purpose, connector: int) -> list[Timetable]:
        return self._stacks.get((purpose, connector), [])

    def _charge_point(self, at_utc_ns: int) -> Outlook:
        return leading(self._stack(Purpose.CHARGE_POINT_MAX, 0), at_utc_ns, None)

    def _transaction(self, connector: int, at_utc_ns: int, begins_utc_ns: int | None) -> Outlook:
        running = self._transactions.get(connector)
        stack = (
            *self._stack(Purpose.TX, connector),
            *self._stack(Purpose.TX_DEFAULT, connector),
            *self._stack(Purpose.TX_DEFAULT, 0),
        )
        return leading(stack, at_utc_ns, begins_utc_ns if running is None else running.since_utc_ns)

    def _together(self, connector: int, at_utc_ns: int, begins_utc_ns: int | None) -> Outlook:
        self._must_know(connector)
        asked = [connector] if connector else self._connectors
        drawn = total_of([self._transaction(one, at_utc_ns, begins_utc_ns) for one in asked])
        return lowest_of(self._charge_point(at_utc_ns), drawn)

    def _everything(self, at_utc_ns: int) -> tuple[list[Limit | None], int | None]:
        outlooks = [
            self._charge_point(at_utc_ns),
            *(self._transaction(one, at_utc_ns, None) for one in self._connectors),
        ]
        return [one.limit for one in outlooks], earliest(*(one.until_utc_ns for one in outlooks))

    def _interval(
        self, connector: int, start_utc_ns: int, duration_s: int
    ) -> tuple[Callable[[int], Outlook], int, int]:
        self._must_know(connector)
        must(duration_s > 0, "duration", f"{duration_s} leaves no time.", "Allowed: 1 or more seconds.")
        end_utc_ns = start_utc_ns + min(duration_s, LONGEST_FORECAST_S) * NS_PER_S
        return lambda moment: self._together(connector, moment, start_utc_ns), start_utc_ns, end_utc_ns

    def _settled_utc_ns(self, at_utc_ns: int) -> int:
        """Return a moment by which everything has been said that the profiles will ever say."""
        last = at_utc_ns
        for (_, connector), stack in self._stacks.items():
            begun = [one.since_utc_ns for number, one in self._transactions.items() if connector in (0, number)]
            for timetable in stack:
                last = max(last, timetable.settled_utc_ns(max(begun, default=None)))
        return last + Recurrency.WEEKLY.period_s * NS_PER_S


def _replaces(new: SetRequest, old: SetRequest) -> bool:
    same_place = (new.connector, new.profile.purpose, new.profile.stack_level) == (
        old.connector,
        old.profile.purpose,
        old.profile.stack_level,
    )
    return same_place or new.profile.profile_id == old.profile.profile_id
