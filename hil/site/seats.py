"""The devices of a site, each a family in a seat: charging points, meters and central systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, WithJsonSchema, field_validator, model_validator

from emulators.kit import family as kit
from emulators.kit.parameters import ParameterError, ParameterStore, Value
from emulators.kit.site import SUPPLY
from hil.site.part import Named, SitePart
from hil.site.values import (
    Address,
    FeederName,
    Flaw,
    NetworkName,
    Number,
    PhaseOrder,
    Text,
    is_one_of,
    unknown,
    wrong,
)

DEFAULT_NETWORK: Final = "lan"

Seat = Literal["emulated", "image", "real"]
Measures = Literal["including", "excluding"]


class _Seat(Named):
    """What all devices have in common: a family, a seat, an address, parameters."""

    _role: str = PrivateAttr(default="")

    type: str
    firmware: Text = ""
    variant: Text = ""
    seat: Seat = "emulated"
    at: Text | None = None
    image: Text | None = None
    address: Address = None
    network: NetworkName = DEFAULT_NETWORK
    contacts: Mapping[str, bool] = Field(default_factory=dict)
    parameters: Annotated[Mapping[str, Any], WithJsonSchema({"type": "object"})] = Field(default_factory=dict)

    @field_validator("type", mode="before")
    @classmethod
    def _known_type(cls, raw: object) -> str:
        if not is_one_of(raw, kit.family_types()):
            raise wrong(unknown("device type", raw, families_of(cls.role())))
        role = kit.family(str(raw)).role
        if role != cls.role():
            raise wrong(Flaw(f"{raw!r} is a {role}.", f"Write it under '{SECTIONS[role]}:'."))
        return str(raw)

    @field_validator("firmware", "variant", mode="after")
    @classmethod
    def _known_build(cls, value: str, info: ValidationInfo) -> str:
        if "type" not in info.data or not value:
            return value
        family = kit.family(info.data["type"])
        known = family.firmware if info.field_name == "firmware" else family.variants
        if value not in known:
            raise wrong(unknown(f"{family.type} {info.field_name}", value, known))
        return value

    @field_validator("parameters", mode="before")
    @classmethod
    def _typed(cls, raw: object, info: ValidationInfo) -> Mapping[str, Value]:
        if not isinstance(raw, Mapping):
            raise wrong(Flaw(f"{raw!r} is no mapping.", "Allowed: the manual's names and values, 'name: value'."))
        if "type" not in info.data:
            return dict(raw)
        family = kit.family(info.data["type"])
        values: dict[str, Value] = {}
        findings = []
        for name, value in raw.items():
            try:
                row = family.parameters.named(name)
                values[name] = row.parse("" if value is None else value)
            except ParameterError as error:
                one = Flaw(error.message, error.allowed)
                if name not in family.parameters:
                    one = unknown(f"{family.type} parameter", name, family.parameters)
                findings.append(Flaw(one.message, one.allowed, (name,)))
        if findings:
            raise wrong(*findings)
        return values

    @model_validator(mode="after")
    def _seat_is_complete(self) -> Self:
        if self.seat == "real" and not self.at:
            raise wrong(
                Flaw("'real' needs the device's address.", "Write 'at: 10.0.0.17' (or a serial port).", ("seat",))
            )
        if self.seat == "image" and not self.image:
            raise wrong(Flaw("'image' needs an image.", "Write 'image: registry/name:tag'.", ("seat",)))
        if self.seat != "real" and self.at:
            raise wrong(
                Flaw(f"only a real device is at {self.at!r}.", "Write 'seat: real', or leave 'at' out.", ("at",))
            )
        return self

    @classmethod
    def role(cls) -> str:
        """Return the role of the families that fit here."""
        raise NotImplementedError

    @property
    def family(self) -> kit.Family:
        """Return the device family."""
        return kit.family(self.type)

    def parameter(self, name: str) -> Value | None:
        """Return a parameter's value, the family's default when the site is silent, None when there is none."""
        if name in self.parameters:
            return self.parameters[name]  # type: ignore[no-any-return]
        row = self.family.parameters.get(name)
        return None if row is None else row.parse(row.default)

    def available(self) -> list[str]:
        """Return the parameters that its form offers with these settings."""
        return ParameterStore(self.family.parameters, self.parameters).available()

    def _config(
        self, phase_order: str, mobile_address: str | None = None, sockets: tuple[kit.SocketConfig, ...] = ()
    ) -> kit.DeviceConfig:
        family = self.family
        return kit.DeviceConfig(
            name=self.name,
            address=self.address,
            firmware=self.firmware or next(iter(family.firmware), ""),
            variant=self.variant or next(iter(family.variants), ""),
            phase_order=phase_order,
            parameters=dict(self.parameters),
            mobile_address=mobile_address,
            sockets=sockets,
        )


class Sim(SitePart):
    """A SIM card in a charger's modem.

    Attributes:
        network: The mobile network that it opens.
        address: The modem's address there.
    """

    network: NetworkName
    address: Address


class SocketSpec(SitePart):
    """A charger's socket where it differs from what the charger says.

    Attributes:
        feeder: The line it hangs on, the charger's own unless said.
        phase_order: How it hangs on the grid, as the charger unless said.
        cable_a: Rating of the charging cable that is fixed to it [A], None for a socket without one.
    """

    feeder: FeederName | None = None
    phase_order: PhaseOrder | None = None
    cable_a: Number | None = Field(default=None, gt=0)


@dataclass(frozen=True, slots=True)
class Outlet:
    """One socket of one charger, as the rest of the farm knows it.

    Attributes:
        device: The charger.
        number: Counted from 1.
        name: The charger's name when it has no other socket, else ``CP1/2``.
        feeder: The line it hangs on.
        phase_order: How it hangs on the grid.
        cable_a: Rating of the cable that is fixed to it [A], None for none.
    """

    device: str
    number: int
    name: str
    feeder: str
    phase_order: str
    cable_a: float | None


class DeviceSpec(_Seat):
    """A charger.

    Attributes:
        type: Device family.
        firmware: One of the family's versions, empty = its default.
        variant: One of the family's variants, empty = its default.
        seat: Emulated, the user's container, or real hardware.
        at: Where a real device is.
        image: The user's container image.
        address: Address as the manual prints it.
        network: The LAN it is plugged into.
        contacts: Potential-free contacts wired to it, True = closed at the start.
        parameters: Typed values by the manual's names (only those the site sets).
        feeder: The line it hangs on.
        phase_order: How its socket hangs on the grid.
        sockets: Its sockets in the order of their numbers, where they differ from that; empty for all alike.
        sim: The SIM card in its modem, None without one.
    """

    feeder: FeederName
    phase_order: PhaseOrder = "L1L2L3"
    sockets: tuple[SocketSpec, ...] = ()
    sim: Sim | None = None

    @model_validator(mode="after")
    def _has_these_sockets(self) -> Self:
        if self.sockets and len(self.sockets) != (has := self._count()):
            many = "" if len(self.sockets) == 1 else "s"
            text = f"{len(self.sockets)} socket{many}, but {self._config('').variant or self.type} has {has}."
            raise wrong(Flaw(text, f"Allowed: {has}, or nothing when all are alike.", ("sockets",)))
        return self

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """Return its sockets, each with what it hangs on."""
        specs = self.sockets or (SocketSpec(),) * self._count()
        return tuple(
            Outlet(
                device=self.name,
                number=number,
                name=self.name if len(specs) == 1 else f"{self.name}/{number}",
                feeder=one.feeder or self.feeder,
                phase_order=one.phase_order or self.phase_order,
                cable_a=one.cable_a,
            )
            for number, one in enumerate(specs, start=1)
        )

    def phase_orders(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Return each phase order that acts: the path of the field that says it, and how a socket hangs on the grid."""
        own = (("phase_order",), self.phase_order)
        if not self.sockets:
            return [own]
        return [
            own if one.phase_order is None else (("sockets", index, "phase_order"), one.phase_order)
            for index, one in enumerate(self.sockets)
        ]

    def _count(self) -> int:
        return self.family.sockets_of(self.variant or next(iter(self.family.variants), ""))

    @classmethod
    def role(cls) -> str:
        """Return the role of the families that fit here."""
        return "charger"

    def config(self) -> kit.DeviceConfig:
        """Return what the family's device is created from."""
        sockets = tuple(kit.SocketConfig(one.number, one.phase_order, one.cable_a) for one in self.outlets)
        return self._config(sockets[0].phase_order, None if self.sim is None else self.sim.address, sockets)


class MeterSpec(_Seat):
    """A meter (fields as in :class:`DeviceSpec`).

    Attributes:
        node: The feeder at whose beginning it sits, or ``supply`` for the main connection.
        measures: What the site's author means it to see: the charging points too, or the other consumers only.
    """

    node: FeederName = SUPPLY
    measures: Measures | None = None

    @classmethod
    def role(cls) -> str:
        """Return the role of the families that fit here."""
        return "meter"

    def config(self) -> kit.DeviceConfig:
        """Return what the family's device is created from."""
        return self._config("L1L2L3")


class BackendSpec(_Seat):
    """A central system, which has no terminals (fields as in :class:`DeviceSpec`)."""

    @classmethod
    def role(cls) -> str:
        """Return the role of the families that fit here."""
        return "backend"

    def config(self) -> kit.DeviceConfig:
        """Return what the family's device is created from."""
        return self._config("L1L2L3")


SeatSpec = DeviceSpec | MeterSpec | BackendSpec
#: Where a family of each role stands in the site file.
SECTIONS: Final[Mapping[kit.Role, str]] = {"charger": "devices", "meter": "meters", "backend": "backends"}


def families_of(role: str) -> list[str]:
    """Return the device types that can take a role."""
    return sorted(name for name, family in kit.families().items() if family.role == role)
