"""Charging profiles of OCPP 1.6, typed and checked.

Source: edition 2, sections 5.5, 5.7, 5.16 and 7.8 to 7.14, with the errata of 2025-04.

A profile that exists is well formed: the dataclasses refuse what no station could execute, and reading a payload adds
the checks of types, of rates and of what has to be there. Whether a *station* takes a profile is the engine's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from emulators.kit.ocpp.wire.payload import Fields, array_of, integer, must, one_of, present, rate, timestamp
from emulators.kit.ocpp.wire.timestamps import format_utc

DEFAULT_PHASES: Final = 3
Json = dict[str, object]


class Purpose(StrEnum):
    """What a profile is for (7.10)."""

    CHARGE_POINT_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """Where a schedule's second 0 lies (7.9)."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(StrEnum):
    """How often a recurring schedule begins again."""

    DAILY = "Daily"
    WEEKLY = "Weekly"

    @property
    def period_s(self) -> int:
        """Return the time from one beginning to the next; days have 24 hours (UTC)."""
        return 86_400 if self is Recurrency.DAILY else 604_800


class RateUnit(StrEnum):
    """Unit of a limit (7.12): amperes per phase, or watts of all phases together."""

    A = "A"
    W = "W"


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


@dataclass(frozen=True, slots=True)
class Period:
    """A limit from a second of the schedule on (7.14).

    Attributes:
        start_s: Seconds since the schedule's second 0.
        limit: In the schedule's unit, with one decimal at most.
        number_phases: 1 to 3; None where nothing was said, which means 3.
    """

    start_s: int
    limit: float
    number_phases: int | None = None

    def __post_init__(self) -> None:
        must(self.start_s >= 0, "startPeriod", f"{self.start_s} is negative.", "Allowed: 0 or more seconds.")
        if self.number_phases is not None:
            must(1 <= self.number_phases <= 3, "numberPhases", f"{self.number_phases} is none.", "Allowed: 1, 2, 3.")

    @property
    def phases(self) -> int:
        """Return the number of phases that is meant."""
        return DEFAULT_PHASES if self.number_phases is None else self.number_phases

    @classmethod
    def from_payload(cls, value: object) -> Period:
        """Read a ``ChargingSchedulePeriod``.

        Raises:
            PayloadError: It is none.
        """
        fields = Fields(value, ("startPeriod", "limit", "numberPhases"))
        return cls(
            start_s=fields.required("startPeriod", integer),
            limit=fields.required("limit", rate),
            number_phases=fields.optional("numberPhases", integer),
        )

    def as_payload(self) -> Json:
        """Return it as JSON."""
        payload: Json = {"startPeriod": self.start_s, "limit": _number(self.limit)}
        return payload if self.number_phases is None else payload | {"numberPhases": self.number_phases}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingSchedule:
    """Limits over time (7.13).

    Attributes:
        unit: Of every limit and of ``min_charging_rate``.
        periods: The first begins at second 0, each later one after the one before.
        duration_s: What lies at or after it is not executed; None: the last period goes on.
        start_utc_ns: Second 0, None where something else decides on it [ns since 1970].
        min_charging_rate: Below it charging is inefficient; a hint that is kept and has no effect here.
    """

    unit: RateUnit
    periods: tuple[Period, ...]
    duration_s: int | None = None
    start_utc_ns: int | None = None
    min_charging_rate: float | None = None

    def __post_init__(self) -> None:
        first, *later = self.periods
        field = "chargingSchedulePeriod[{}].startPeriod"
        must(first.start_s == 0, field.format(0), f"{first.start_s} begins too late.", "Allowed: 0 for the first.")
        for index, (before, after) in enumerate(zip(self.periods, later, strict=False), start=1):
            allowed = f"Allowed: more than {before.start_s}, the one before."
            must(after.start_s > before.start_s, field.format(index), f"{after.start_s} does not rise.", allowed)
        if self.duration_s is not None:
            must(self.duration_s > 0, "duration", f"{self.duration_s} leaves no time.", "Allowed: 1 or more seconds.")

    @classmethod
    def from_payload(cls, value: object) -> ChargingSchedule:
        """Read a ``ChargingSchedule``.

        Raises:
            PayloadError: It is none.
        """
        known = ("duration", "startSchedule", "chargingRateUnit", "chargingSchedulePeriod", "minChargingRate")
        fields = Fields(value, known)
        return cls(
            unit=fields.required("chargingRateUnit", one_of(RateUnit)),
            periods=fields.required("chargingSchedulePeriod", array_of(Period.from_payload, at_least=1)),
            duration_s=fields.optional("duration", integer),
            start_utc_ns=fields.optional("startSchedule", timestamp),
            min_charging_rate=fields.optional("minChargingRate", rate),
        )

    def as_payload(self) -> Json:
        """Return it as JSON."""
        payload: Json = {"chargingRateUnit": self.unit.value}
        if self.duration_s is not None:
            payload["duration"] = self.duration_s
        if self.start_utc_ns is not None:
            payload["startSchedule"] = format_utc(self.start_utc_ns)
        if self.min_charging_rate is not None:
            payload["minChargingRate"] = _number(self.min_charging_rate)
        return payload | {"chargingSchedulePeriod": [period.as_payload() for period in self.periods]}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """A charging profile (7.8).

    Attributes:
        profile_id: The central system's name for it.
        stack_level: 0 or more; the highest leads.
        purpose: What it limits.
        kind: Where the schedule's second 0 lies.
        schedule: The limits.
        transaction_id: Of the transaction that a ``TxProfile`` is meant for.
        recurrency: Of a recurring profile; has no effect on another kind.
        valid_from_utc_ns: The first moment at which it may act [ns since 1970].
        valid_to_utc_ns: The first moment at which it may not any more [ns since 1970].
    """

    profile_id: int
    stack_level: int
    purpose: Purpose
    kind: Kind
    schedule: ChargingSchedule
    transaction_id: int | None = None
    recurrency: Recurrency | None = None
    valid_from_utc_ns: int | None = None
    valid_to_utc_ns: int | None = None

    def __post_init__(self) -> None:
        must(self.stack_level >= 0, "stackLevel", f"{self.stack_level} is negative.", "Allowed: 0 or more.")
        if self.kind is Kind.RECURRING:
            present(self.recurrency, "recurrencyKind", "A profile of kind Recurring needs it.")
            present(
                self.schedule.start_utc_ns, "chargingSchedule.startSchedule", "A profile of kind Recurring needs it."
            )
        if self.valid_from_utc_ns is not None and self.valid_to_utc_ns is not None:
            holds = self.valid_from_utc_ns < self.valid_to_utc_ns
            must(holds, "validTo", "leaves no time after validFrom.", "Allowed: a time after validFrom.")

    @property
    def start_utc_ns(self) -> int | None:
        """Return second 0 of the schedule as the profile says it; None: the beginning of the transaction."""
        return None if self.kind is Kind.RELATIVE else self.schedule.start_utc_ns

    @classmethod
    def from_payload(cls, value: object) -> ChargingProfile:
        """Read a ``ChargingProfile`` (``csChargingProfiles``, or ``chargingProfile`` of a remote start).

        Raises:
            PayloadError: It is none.
        """
        known = (
            "chargingProfileId",
            "transactionId",
            "stackLevel",
            "chargingProfilePurpose",
            "chargingProfileKind",
            "recurrencyKind",
            "validFrom",
            "validTo",
            "chargingSchedule",
        )
        fields = Fields(value, known)
        return cls(
            profile_id=fields.required("chargingProfileId", integer),
            stack_level=fields.required("stackLevel", integer),
            purpose=fields.required("chargingProfilePurpose", one_of(Purpose)),
            kind=fields.required("chargingProfileKind", one_of(Kind)),
            schedule=fields.required("chargingSchedule", ChargingSchedule.from_payload),
            transaction_id=fields.optional("transactionId", integer),
            recurrency=fields.optional("recurrencyKind", one_of(Recurrency)),
            valid_from_utc_ns=fields.optional("validFrom", timestamp),
            valid_to_utc_ns=fields.optional("validTo", timestamp),
        )

    def as_payload(self) -> Json:
        """Return it as JSON."""
        payload: Json = {
            "chargingProfileId": self.profile_id,
            "stackLevel": self.stack_level,
            "chargingProfilePurpose": self.purpose.value,
            "chargingProfileKind": self.kind.value,
        }
        if self.transaction_id is not None:
            payload["transactionId"] = self.transaction_id
        if self.recurrency is not None:
            payload["recurrencyKind"] = self.recurrency.value
        if self.valid_from_utc_ns is not None:
            payload["validFrom"] = format_utc(self.valid_from_utc_ns)
        if self.valid_to_utc_ns is not None:
            payload["validTo"] = format_utc(self.valid_to_utc_ns)
        return payload | {"chargingSchedule": self.schedule.as_payload()}


@dataclass(frozen=True, slots=True)
class SetRequest:
    """``SetChargingProfile.req`` (5.16)."""

    connector: int
    profile: ChargingProfile

    @classmethod
    def from_payload(cls, value: object) -> SetRequest:
        """Read the request.

        Raises:
            PayloadError: It is none.
        """
        fields = Fields(value, ("connectorId", "csChargingProfiles"))
        return cls(
            connector=fields.required("connectorId", integer),
            profile=fields.required("csChargingProfiles", ChargingProfile.from_payload),
        )

    def as_payload(self) -> Json:
        """Return it as JSON."""
        return {"connectorId": self.connector, "csChargingProfiles": self.profile.as_payload()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearRequest:
    """``ClearChargingProfile.req`` (5.5): which profiles are meant.

    An id alone decides; without one everything that is said has to fit (errata 3.25, 3.26), and nothing said means all.
    """

    profile_id: int | None = None
    connector: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None

    @classmethod
    def from_payload(cls, value: object) -> ClearRequest:
        """Read the request.

        Raises:
            PayloadError: It is none.
        """
        fields = Fields(value, ("id", "connectorId", "chargingProfilePurpose", "stackLevel"))
        return cls(
            profile_id=fields.optional("id", integer),
            connector=fields.optional("connectorId", integer),
            purpose=fields.optional("chargingProfilePurpose", one_of(Purpose)),
            stack_level=fields.optional("stackLevel", integer),
        )

    def means(self, connector: int, profile: ChargingProfile) -> bool:
        """Return whether a profile that is installed on a connector is one of them."""
        if self.profile_id is not None:
            return self.profile_id == profile.profile_id
        return (
            self.connector in (None, connector)
            and self.purpose in (None, profile.purpose)
            and self.stack_level in (None, profile.stack_level)
        )


@dataclass(frozen=True, slots=True)
class CompositeRequest:
    """``GetCompositeSchedule.req`` (5.7)."""

    connector: int
    duration_s: int
    unit: RateUnit | None = None

    def __post_init__(self) -> None:
        must(self.duration_s > 0, "duration", f"{self.duration_s} leaves no time.", "Allowed: 1 or more seconds.")

    @classmethod
    def from_payload(cls, value: object) -> CompositeRequest:
        """Read the request.

        Raises:
            PayloadError: It is none.
        """
        fields = Fields(value, ("connectorId", "duration", "chargingRateUnit"))
        return cls(
            connector=fields.required("connectorId", integer),
            duration_s=fields.required("duration", integer),
            unit=fields.optional("chargingRateUnit", one_of(RateUnit)),
        )
