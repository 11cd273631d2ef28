"""The site as the rest of the farm sees it: frozen, typed, references resolved."""

from __future__ import annotations

import csv
import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from emulators.ev import model as ev
from emulators.ev.model import VehicleTraits
from emulators.kit import family as kit
from emulators.kit.parameters import Parameter, ParameterError, Value
from emulators.kit.phases import PerPhase, grid_phases
from hil.errors import Problem, ScenarioError
from hil.plant.fuse import rating_range_a
from hil.site.document import Mark
from hil.site.values import (
    Address,
    Count,
    CsvProfile,
    CurrentProfile,
    DurationNs,
    FeederName,
    Finding,
    Names,
    NetworkName,
    Number,
    PhaseOrder,
    Profile,
    Subnet,
    Text,
    is_one_of,
    unknown,
    wrong,
)

SUPPLY: Final = "supply"
"""Name of the main connection among the feeders."""

DEFAULT_NETWORK: Final = "lan"
DEFAULT_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

FuseType = Literal["gG", "B", "C", "D"]
Trip = Literal["earliest", "latest", "typical"]
Seat = Literal["emulated", "image", "real"]
Measures = Literal["including", "excluding"]
LinkKind = Literal["network", "p1", "rs485"]
DataRequest = Literal["cts", "dsr", "ri", "cd", "always"]

SERIAL_PORTS: Final = {"p1": "P1", "rs485": "RS-485"}
"""Label of the port that each kind of serial cable fits into."""

OUTSIDE: Final = "outside"
"""The far end of a P1 cable whose reader hangs on a real serial port."""

ALWAYS: Final = "always"
"""The data request of a serial port that has no modem lines."""

LONGEST_P1_M: Final = 20
LONGEST_NETWORK_M: Final = 100
LONGEST_RS485_M: Final = 1200  #: TIA/EIA-485 at up to 100 kbit/s.
MOST_RS485_ENDS: Final = 32  #: Unit loads of TIA/EIA-485.


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


class _Named(_Part):
    """A part that knows the name under which the site lists it."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """Return the name in the site."""
        return self._name


class Fuse(_Part):
    """An over-current device.

    Attributes:
        rating_a: Rated current [A].
        type: gG fuse (IEC 60269) or circuit breaker B, C or D (IEC 60898).
        trip: Where in its band it opens; the site's ``trip`` when it says nothing.
    """

    rating_a: Number = Field(gt=0)
    type: FuseType = "gG"
    trip: Trip = "earliest"

    @model_validator(mode="after")
    def _is_in_the_plants_table(self) -> Self:
        low_a, high_a = rating_range_a(self.type)
        if not low_a <= self.rating_a <= high_a:
            allowed = "Allowed: gG {:g} to {:g} A; B, C, D up to {:g} A.".format(
                *rating_range_a("gG"), rating_range_a("B")[1]
            )
            text = f"the plant has no {self.type} of {self.rating_a:g} A."
            raise wrong(Finding(text, allowed, ("rating_a",)))
        return self


class Supply(_Part):
    """The main connection.

    Attributes:
        voltage_v: Voltage L-N [V].
        main_fuse: Main fuse, None when the site does not care.
    """

    voltage_v: Number = Field(default=230.0, gt=0, le=400)
    main_fuse: Fuse | None = None


class Feeder(_Named):
    """A line of the installation.

    Attributes:
        from_: The feeder it hangs on, or ``supply``.
        fuse: Fuse at its beginning.
        cable_a: What its conductors carry for good [A].
    """

    from_: FeederName = Field(default=SUPPLY, alias="from")
    fuse: Fuse | None = None
    cable_a: Number | None = Field(default=None, gt=0)


class Load(_Named):
    """A consumer, or a PV system (then its currents are what it generates).

    Attributes:
        feeder: Where it hangs.
        current_a: Currents written in the site file.
        csv: Currents from a file beside it.
    """

    feeder: FeederName
    current_a: CurrentProfile | None = None
    csv: CsvProfile | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.current_a is not None and self.csv is not None:
            raise wrong(Finding("'current_a' and 'csv' both say what flows.", "Allowed: one of them.", ("csv",)))
        return self

    @property
    def profile(self) -> Profile:
        """Return (farm time [ns], currents from then on [A]), from 0 on; nothing flows when the site says nothing."""
        return self.csv or self.current_a or ((0, PerPhase.zero()),)


class _Seat(_Named):
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
        families = kit.families()
        if not is_one_of(raw, families):
            raise wrong(unknown("device type", raw, families_of(cls.role())))
        if families[str(raw)].role != cls.role():
            role = families[str(raw)].role
            raise wrong(Finding(f"{raw!r} is a {role}.", f"Write it under '{SECTIONS[role]}:'."))
        return str(raw)

    @field_validator("firmware", "variant", mode="after")
    @classmethod
    def _known_build(cls, value: str, info: ValidationInfo) -> str:
        family = kit.families().get(info.data.get("type", ""))
        if family is None or not value:
            return value
        known = family.firmware if info.field_name == "firmware" else family.variants
        if value not in known:
            raise wrong(unknown(f"{family.type} {info.field_name}", value, known))
        return value

    @field_validator("parameters", mode="before")
    @classmethod
    def _typed(cls, raw: object, info: ValidationInfo) -> Mapping[str, Value]:
        if not isinstance(raw, Mapping):
            raise wrong(Finding(f"{raw!r} is no mapping.", "Allowed: the manual's names and values, 'name: value'."))
        family = kit.families().get(info.data.get("type", ""))
        if family is None:
            return dict(raw)
        values: dict[str, Value] = {}
        findings = []
        for name, value in raw.items():
            try:
                row = family.parameters.named(name)
                values[name] = row.parse("" if value is None else value)
            except ParameterError as error:
                one = Finding(error.message, error.allowed)
                if name not in family.parameters:
                    one = unknown(f"{family.type} parameter", name, family.parameters)
                findings.append(Finding(one.message, one.allowed, (name,)))
        if findings:
            raise wrong(*findings)
        return values

    @model_validator(mode="after")
    def _seat_is_complete(self) -> Self:
        if self.seat == "real" and not self.at:
            raise wrong(
                Finding("'real' needs the device's address.", "Write 'at: 10.0.0.17' (or a serial port).", ("seat",))
            )
        if self.seat == "image" and not self.image:
            raise wrong(Finding("'image' needs an image.", "Write 'image: registry/name:tag'.", ("seat",)))
        if self.seat != "real" and self.at:
            raise wrong(
                Finding(f"only a real device is at {self.at!r}.", "Write 'seat: real', or leave 'at' out.", ("at",))
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

    def _config(self, phase_order: str, mobile_address: str | None = None) -> kit.DeviceConfig:
        family = self.family
        return kit.DeviceConfig(
            name=self.name,
            address=self.address,
            firmware=self.firmware or next(iter(family.firmware), ""),
            variant=self.variant or next(iter(family.variants), ""),
            phase_order=phase_order,
            parameters=dict(self.parameters),
            mobile_address=mobile_address,
        )


class Sim(_Part):
    """A SIM card in a charger's modem.

    Attributes:
        network: The mobile network that it opens.
        address: The modem's address there.
    """

    network: NetworkName
    address: Address


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
        sim: The SIM card in its modem, None without one.
    """

    feeder: FeederName
    phase_order: PhaseOrder = "L1L2L3"
    sim: Sim | None = None

    @classmethod
    def role(cls) -> str:
        """Return the role of the families that fit here."""
        return "charger"

    def config(self) -> kit.DeviceConfig:
        """Return what the family's device is created from."""
        return self._config(self.phase_order, None if self.sim is None else self.sim.address)


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


class Battery(_Part):
    """A vehicle's battery.

    Attributes:
        capacity_kwh: Usable capacity [kWh].
        soc_pct: State of charge at the start [%].
        taper_knee_pct: State of charge from which the current falls, linearly to nothing at 100 % [%].
    """

    capacity_kwh: Number = Field(gt=0)
    soc_pct: Number = Field(default=20.0, ge=0, le=100)
    taper_knee_pct: Number = Field(default=80.0, gt=0, lt=100)


_WAKES: Final = {
    "new duty": ev.WakeRule.NEW_DUTY,
    "edge": ev.WakeRule.EDGE,
    "state F": ev.WakeRule.STATE_F,
    "nothing": ev.WakeRule.UNPLUG,
}


class VehicleSpec(_Named):
    """A vehicle; ``preset`` fills what is not written.

    Attributes:
        preset: Row of the table of presets it comes from, empty = none.
        phases: Phases of its on-board charger.
        max_current_a: What it takes at most per phase [A].
        min_start_a: Offer below which it does not begin [A].
        min_hold_a: Offer below which it stops [A].
        quantum_a: Steps in which it follows an offer, rounded down; 0 = exactly [A].
        ramp_a_per_s: How fast its current rises and falls [A/s], None = as the vehicle model does.
        reaction_s: Time from a new offer to the first change; the standard allows 5 s [s].
        reaction_jitter_s: Random part around ``reaction_s``, from the run's seed [s].
        asks_for_a: Constant demand per phase [A], None = all it can take.
        battery: Demand by state of charge instead.
        cable_a: Current rating of its cable by the plug's resistor [A].
        sleep_after_pause_s: A pause of this length sends it to sleep; None = it never sleeps [s].
        wake: What wakes it then: a new duty, the edge from steady pilot to PWM, a step to state F, or nothing.
        refuse_to_resume: Once the station has stopped it, it stays in state B until it is plugged in again.
        ignores_duty_for_s: Fault: acts on a new offer only after this time, instead of after ``reaction_s`` [s].
        overshoot_pct: Fault: takes this much more than it is offered [%].
        departure_ns: When it leaves [ns of farm time], None = it stays.
    """

    preset: str = ""
    phases: Count = Field(default=3, ge=1, le=3)
    max_current_a: Number = Field(default=32.0, gt=0, le=80)
    min_start_a: Number = Field(default=6.0, ge=0)
    min_hold_a: Number = Field(default=6.0, ge=0)
    quantum_a: Number = Field(default=0.0, ge=0)
    ramp_a_per_s: Number | None = Field(default=None, gt=0)
    reaction_s: Number = Field(default=2.0, ge=0, le=5)
    reaction_jitter_s: Number = Field(default=0.0, ge=0, le=5)
    asks_for_a: Number | None = Field(default=None, ge=0)
    battery: Battery | None = None
    cable_a: Number = Field(default=32.0, gt=0)
    sleep_after_pause_s: Number | None = Field(default=None, gt=0)
    wake: Literal["new duty", "edge", "state F", "nothing"] = "edge"
    refuse_to_resume: bool = False
    ignores_duty_for_s: Number = Field(default=0.0, ge=0)
    overshoot_pct: Number = Field(default=0.0, ge=0, le=100)
    departure_ns: DurationNs | None = Field(default=None, alias="departure")

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, raw: Any) -> Any:
        if isinstance(raw, str):
            raw = {"preset": raw}
        if not isinstance(raw, Mapping) or not raw.get("preset"):
            return raw
        rows = _preset_rows()
        if not is_one_of(raw["preset"], rows):
            finding = unknown("vehicle preset", raw["preset"], rows)
            raise wrong(Finding(finding.message, finding.allowed, ("preset",)))
        return {**rows[raw["preset"]], **raw}

    @model_validator(mode="after")
    def _one_demand(self) -> Self:
        if self.asks_for_a is not None and self.battery is not None:
            raise wrong(
                Finding(
                    "'asks_for_a' and 'battery' both say what it asks for.", "Allowed: one of them.", ("asks_for_a",)
                )
            )
        return self

    def traits(self, *, voltage_v: float = 230.0) -> VehicleTraits:
        """Return what the vehicle model is created from, at a site's nominal voltage [V]."""
        battery = None
        if self.battery is not None:
            battery = ev.Battery(
                capacity_kwh=self.battery.capacity_kwh,
                soc_pct=self.battery.soc_pct,
                knee_pct=self.battery.taper_knee_pct,
            )
        like = {
            "phases",
            "max_current_a",
            "min_start_a",
            "min_hold_a",
            "quantum_a",
            "reaction_s",
            "reaction_jitter_s",
            "refuse_to_resume",
            "ignores_duty_for_s",
            "overshoot_pct",
            "asks_for_a",
            "cable_a",
            "sleep_after_pause_s",
        }
        fields = self.model_dump(include=like) | {"wake": _WAKES[self.wake]}
        if self.ramp_a_per_s is not None:
            fields |= {"ramp_up_a_per_s": self.ramp_a_per_s, "ramp_down_a_per_s": self.ramp_a_per_s}
        return VehicleTraits(battery=battery, voltage_v=voltage_v, **fields)


@cache
def _preset_rows() -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of each preset from ``vehicles.csv`` (an empty cell is not set)."""
    rows: dict[str, Mapping[str, Any]] = {}
    with (Path(__file__).parent / "vehicles.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fields: dict[str, Any] = {
                key: int(text) if key == "phases" else float(text)
                for key, text in row.items()
                if text and key not in ("preset", "source", "capacity_kwh", "taper_knee_pct")
            }
            if row["capacity_kwh"]:
                fields["battery"] = {key: float(row[key]) for key in ("capacity_kwh", "taper_knee_pct") if row[key]}
            rows[row["preset"]] = fields
    return rows


def vehicle_presets() -> dict[str, VehicleSpec]:
    """Return the shipped vehicles by name."""
    return {name: VehicleSpec.model_validate(name) for name in _preset_rows()}


class Link(_Part):
    """A cable.

    Attributes:
        between: Its two ends: devices and meters; a network cable's also ``switch`` or ``router``, a P1 cable's
            ``outside``. An RS-485 line has up to 32.
        kind: Network cable, the serial cable between a meter's P1 port and a reader, or an RS-485 line.
        cable_m: Its length [m]; at most 100 m (MENNEKES application note 3), P1 20 m (ALF guide 5.3.1.1), RS-485
            1200 m (TIA/EIA-485).
        port: The real serial port at which the reader outside hangs: a device path, or ``rfc2217://HOST:PORT``.
        data_request: The modem line of that port on which the reader asks for data (P1 pin 2), or ``always``.
    """

    kind: LinkKind = "network"
    between: tuple[str, ...] = Field(min_length=2, max_length=MOST_RS485_ENDS)
    cable_m: Number = Field(default=1.0, gt=0, le=LONGEST_RS485_M)
    port: Text | None = None
    data_request: DataRequest = "cts"

    @field_validator("between", mode="before")
    @classmethod
    def _known_ends(cls, raw: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind", "")
        hubs = {"p1": [OUTSIDE], "rs485": []}.get(kind, ["switch", "router"])
        most = MOST_RS485_ENDS if kind == "rs485" else 2
        if isinstance(raw, list | tuple) and len(raw) > 2 and len(raw) > most:
            raise wrong(Finding(f"{len(raw)} ends are too many.", f"Allowed: {most} for kind {kind!r}."))
        if not isinstance(raw, list | tuple) or len(raw) < 2:
            raise wrong(
                Finding(f"{raw!r} are no two ends.", f"Allowed: [CP1, {'M1' if kind in SERIAL_PORTS else 'switch'}].")
            )
        if known := Names.of(info).endpoints:
            findings = [
                unknown("device", end, [*sorted(known), *hubs]) for end in raw if not is_one_of(end, {*known, *hubs})
            ]
            if findings:
                raise wrong(*findings)
        return tuple(raw)

    @field_validator("cable_m", mode="after")
    @classmethod
    def _short_enough(cls, value: float, info: ValidationInfo) -> float:
        longest_m, what = {
            "p1": (LONGEST_P1_M, "a P1 cable (ALF guide 5.3.1.1)"),
            "rs485": (LONGEST_RS485_M, "an RS-485 line (TIA/EIA-485)"),
        }.get(info.data.get("kind", ""), (LONGEST_NETWORK_M, "a network cable (MENNEKES application note 3)"))
        if value > longest_m:
            raise wrong(Finding(f"{value:g} is out of range.", f"Allowed: {longest_m} or less for {what}."))
        return value

    @field_validator("port", mode="after")
    @classmethod
    def _can_be_a_port(cls, value: str | None) -> str | None:
        if value is None or value.startswith("/") or _TERMINAL_SERVER.match(value):
            return value
        raise wrong(Finding(f"{value!r} is no serial port.", "Allowed: /dev/ttyUSB0, or rfc2217://HOST:PORT."))

    @model_validator(mode="after")
    def _outside_has_a_port(self) -> Self:
        if OUTSIDE in self.between and self.port is None:
            raise wrong(Finding("the reader outside needs a serial port.", "Write 'port: /dev/ttyUSB0'.", ("between",)))
        for field in ("port", "data_request"):
            if field in self.model_fields_set and OUTSIDE not in self.between:
                text = f"a serial port is for a P1 cable to {OUTSIDE!r}."
                raise wrong(Finding(text, f"Write 'kind: p1' and 'between: [P1, {OUTSIDE}]'.", (field,)))
        return self


_TERMINAL_SERVER: Final = re.compile(r"rfc2217://[^/:?]+:[0-9]{1,5}(\?.*)?$")


def _epoch(raw: object) -> datetime:
    try:
        value = raw if isinstance(raw, datetime) else datetime.fromisoformat(raw if isinstance(raw, str) else "")
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        reason = "is no time." if value is None else "has no time zone."
        raise wrong(Finding(f"{str(raw)!r} {reason}", "Allowed: a UTC time such as 2026-06-01T06:00:00Z."))
    return value.astimezone(UTC)


def _no_empty(raw: object) -> object:
    """Read an empty section (``loads:``) as one without entries."""
    return {} if raw is None else raw


def _text_name(raw: object) -> object:
    if not isinstance(raw, str) or not raw.strip():
        raise wrong(Finding(f"{raw!r} is no name.", "Allowed: a text such as car-park."))
    return raw


class Site(_Part):
    """An installation with its devices and vehicles.

    Attributes:
        name: The site's name.
        source: The document it comes from.
        epoch: UTC time at farm time 0.
        trip: Where in its band a fuse opens that says nothing itself.
        pack: So many emulated devices of one network share a container, chargers with chargers, meters with meters.
        supply: The main connection.
        feeders: Lines by name.
        loads: Consumers by name.
        pv: Generators by name; their currents are positive too.
        devices: Chargers by name.
        meters: Meters by name.
        backends: Central systems by name.
        vehicles: Vehicles by name.
        networks: LANs and mobile networks by name.
        public_networks: Those of them that anybody can listen to, such as the Internet.
        links: Serial cables, and network cables where the site cares about them.
    """

    name: Annotated[str, BeforeValidator(_text_name)] = Field(alias="site")
    source: Text = ""
    epoch: Annotated[datetime, PlainValidator(_epoch), WithJsonSchema({"type": "string", "format": "date-time"})] = (
        DEFAULT_EPOCH
    )
    trip: Trip = "earliest"
    pack: Count = Field(default=1, ge=1)
    supply: Annotated[Supply, BeforeValidator(_no_empty)] = Supply()
    feeders: Annotated[dict[str, Feeder], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    loads: Annotated[dict[str, Load], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    pv: Annotated[dict[str, Load], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    devices: Annotated[dict[str, DeviceSpec], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    meters: Annotated[dict[str, MeterSpec], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    backends: Annotated[dict[str, BackendSpec], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    vehicles: Annotated[dict[str, VehicleSpec], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    networks: Annotated[dict[str, Subnet], BeforeValidator(_no_empty)] = Field(default_factory=dict)
    public_networks: Annotated[tuple[NetworkName, ...], BeforeValidator(lambda raw: () if raw is None else raw)] = ()
    links: Annotated[tuple[Link, ...], BeforeValidator(lambda raw: () if raw is None else raw)] = ()

    _path: Path | None = PrivateAttr(default=None)
    _ref: str = PrivateAttr(default="")
    _document: Mapping[str, Any] = PrivateAttr(default_factory=dict)
    _warnings: tuple[Problem, ...] = PrivateAttr(default=())
    _lines: Mapping[str, Mark] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _hand_down(cls, raw: Any) -> Any:
        """Give each fuse the site's ``trip``, and the site its one network."""
        if not isinstance(raw, Mapping):
            return raw
        raw = dict(raw)
        if raw.get("trip") in get_args(Trip):
            raw = _with_trip(raw, raw["trip"])
        if not raw.get("networks"):
            raw["networks"] = {DEFAULT_NETWORK: str(_network_of(raw))}
        return raw

    def model_post_init(self, context: Any, /) -> None:
        """Tell every part its name."""
        for section in (self.feeders, self.loads, self.pv, self.devices, self.meters, self.backends, self.vehicles):
            for name, part in section.items():
                part._name = name

    @property
    def path(self) -> Path | None:
        """Return the file it was read from."""
        return self._path

    @property
    def ref(self) -> str:
        """Return how its user named it: a path, or a shipped name such as ``mennekes/car-park``."""
        return self._ref or self.name

    @property
    def document(self) -> Mapping[str, Any]:
        """Return what its file says, includes merged: plain mappings, lists, texts and numbers."""
        return self._document

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Return what looks wrong but may be meant."""
        return self._warnings

    @property
    def lines(self) -> Mapping[str, Mark]:
        """Return file and line of every field by its dotted path."""
        return self._lines

    @cached_property
    def sha256(self) -> str:
        """Return the hash of what the site says (comments, anchors, includes and key order do not matter)."""
        return hashlib.sha256(
            json.dumps(self.model_dump(warnings=False), sort_keys=True, default=str).encode()
        ).hexdigest()

    def charger_names(self) -> tuple[str, ...]:
        """Return the charging points in the order of the file."""
        return tuple(self.devices)

    @property
    def seats(self) -> dict[str, SeatSpec]:
        """Return every device by name, in the order in which they start: meters, central systems, chargers."""
        return {**self.meters, **self.backends, **self.devices}

    def seat(self, name: str) -> SeatSpec | None:
        """Return a device by name."""
        return self.devices.get(name) or self.meters.get(name) or self.backends.get(name)

    def addresses(self, name: str) -> tuple[str, ...]:
        """Return a device's address, and its modem's, as far as it has them."""
        config = self.require(name).config()
        return tuple(one for one in (config.address, config.mobile_address) if one is not None)

    def upstream(self, node: str) -> tuple[str, ...]:
        """Return a feeder and everything it hangs on, ``supply`` last.

        Raises:
            ValueError: The feeders hang on each other in a circle.
        """
        chain = [node]
        while chain[-1] != SUPPLY and chain[-1] in self.feeders:
            parent = self.feeders[chain[-1]].from_
            if parent in chain:
                raise ValueError(" -> ".join([*chain[chain.index(parent) :], parent]))
            chain.append(parent)
        return tuple(chain)

    def points_behind(self, node: str) -> tuple[str, ...]:
        """Return the charging points that are fed through a feeder (or through ``supply``: all)."""
        return tuple(name for name, device in self.devices.items() if node in self.upstream(device.feeder))

    def fuse_at(self, node: str) -> Fuse | None:
        """Return the fuse at a feeder's beginning, or the main fuse."""
        if node == SUPPLY:
            return self.supply.main_fuse
        return self.feeders[node].fuse if node in self.feeders else None

    def serial_talkers(self) -> tuple[tuple[str, str], ...]:
        """Return (port label, meter) of every serial port that sends: those of the meters."""
        return tuple((label, name) for name, meter in self.meters.items() for label in meter.family.serial_ports)

    def serial_cables(self) -> tuple[tuple[str, str, str], ...]:
        """Return (port label, talker, reader) of every serial cable."""
        talkers = self.serial_talkers()
        return tuple(
            (label, *sorted(link.between, key=lambda end: (label, end) not in talkers))  # type: ignore[misc]
            for link in self.links
            if link.kind == "p1" and (label := SERIAL_PORTS[link.kind])
        )

    def outside_ports(self) -> Mapping[tuple[str, str], Link]:
        """Return the cables to readers at real serial ports by (port label, meter)."""
        links = [link for link in self.links if link.port is not None]
        return {(SERIAL_PORTS["p1"], next(end for end in link.between if end != OUTSIDE)): link for link in links}

    def grid_phases(self, charger: str) -> tuple[int, ...]:
        """Return the grid phases that feed a charger's conductors."""
        return grid_phases(self.devices[charger].phase_order)

    def require(self, device: str) -> SeatSpec:
        """Return a device.

        Raises:
            ScenarioError: The site has none of that name.
        """
        found = self.seat(device)
        if found is None:
            self._refuse("device", device, [*self.devices, *self.meters, *self.backends])
            raise AssertionError("unreachable")
        return found

    def require_charger(self, name: str) -> DeviceSpec:
        """Return a charger, or raise ScenarioError."""
        if name not in self.devices:
            self._refuse("charging point", name, self.devices)
        return self.devices[name]

    def require_feeder(self, name: str) -> str:
        """Return the name of a feeder or ``supply``, or raise ScenarioError."""
        if name != SUPPLY and name not in self.feeders:
            self._refuse("feeder", name, [SUPPLY, *self.feeders])
        return name

    def require_load(self, name: str) -> Load:
        """Return a load or PV system, or raise ScenarioError."""
        known = {**self.loads, **self.pv}
        if name not in known:
            self._refuse("load or PV system", name, known)
        return known[name]

    def vehicle(self, name: str) -> VehicleSpec:
        """Return a vehicle of the site or of the presets, or raise ScenarioError."""
        known = {**vehicle_presets(), **self.vehicles}
        if name not in known:
            self._refuse("vehicle", name, known)
        return known[name]

    def require_parameter(self, device: str, name: str) -> Parameter:
        """Return the table row of a device's parameter.

        Raises:
            ScenarioError: There is no such device, or it has no such parameter.
        """
        table = self.require(device).family.parameters
        if name not in table:
            self._refuse(f"{device} parameter", name, table)
        return table[name]

    def validate_names(
        self,
        devices: Iterable[str] = (),
        *,
        feeders: Iterable[str] = (),
        loads: Iterable[str] = (),
        parameters: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Find every name that this site does not have, before a farm is started.

        Raises:
            ScenarioError: It lists all of them.
        """
        missing: dict[str, None] = {}
        checks: list[tuple[Any, Sequence[tuple[str, ...]]]] = [
            (self.require, [(name,) for name in devices]),
            (self.require_feeder, [(name,) for name in feeders]),
            (self.require_load, [(name,) for name in loads]),
            (self.require_parameter, list(parameters)),
        ]
        for check, names in checks:
            for arguments in names:
                try:
                    check(*arguments)
                except ScenarioError as error:
                    missing[str(error)] = None
        if missing:
            raise ScenarioError("\n".join(missing))

    def _refuse(self, what: str, name: str, known: Iterable[str]) -> None:
        finding = unknown(what, name, known)
        raise ScenarioError(f"site {self.name}: {finding.message} {finding.allowed}".rstrip())


def families_of(role: str) -> list[str]:
    """Return the device types that can take a role."""
    return sorted(name for name, family in kit.families().items() if family.role == role)


def _with_trip(raw: dict[str, Any], trip: str) -> dict[str, Any]:
    def fused(holder: Any, key: str) -> Any:
        if isinstance(holder, Mapping) and isinstance(holder.get(key), Mapping):
            return {**holder, key: {"trip": trip, **holder[key]}}
        return holder

    if "supply" in raw:
        raw["supply"] = fused(raw["supply"], "main_fuse")
    if isinstance(raw.get("feeders"), Mapping):
        raw["feeders"] = {name: fused(feeder, "fuse") for name, feeder in raw["feeders"].items()}
    return raw


def _network_of(raw: Mapping[str, Any]) -> ipaddress.IPv4Network:
    """Return the /24 of the first address in use; whoever lies outside is told by the checks."""
    for section in SECTIONS.values():
        entries = raw.get(section)
        for entry in entries.values() if isinstance(entries, Mapping) else ():
            try:
                return ipaddress.IPv4Network(f"{ipaddress.IPv4Address(entry['address'])}/24", strict=False)
            except (KeyError, TypeError, ValueError):
                continue
    return ipaddress.IPv4Network("192.168.0.0/24")
