"""The site as the rest of the farm sees it: frozen, typed, references resolved."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from pydantic import BeforeValidator, Field, PlainValidator, PrivateAttr, WithJsonSchema, model_validator

from emulators.kit.parameters import Parameter
from emulators.kit.phases import PerPhase, to_grid
from emulators.kit.site import SUPPLY, OutletSeen
from hil.errors import Problem, ScenarioError
from hil.site.cables import OUTSIDE, SERIAL_PORTS, Link
from hil.site.document import Mark
from hil.site.installation import Feeder, Fuse, Load, Supply, Trip
from hil.site.part import SitePart
from hil.site.seats import DEFAULT_NETWORK, SECTIONS, BackendSpec, DeviceSpec, MeterSpec, Outlet, SeatSpec
from hil.site.values import Count, Flaw, NetworkName, Subnet, Text, unknown, wrong
from hil.site.vehicles import VehicleSpec, vehicle_presets

DEFAULT_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


def _epoch(raw: object) -> datetime:
    try:
        value = raw if isinstance(raw, datetime) else datetime.fromisoformat(raw if isinstance(raw, str) else "")
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        reason = "is no time." if value is None else "has no time zone."
        raise wrong(Flaw(f"{str(raw)!r} {reason}", "Allowed: a UTC time such as 2026-06-01T06:00:00Z."))
    return value.astimezone(UTC)


def _no_empty(raw: object) -> object:
    """Read an empty section (``loads:``) as one without entries."""
    return {} if raw is None else raw


def _text_name(raw: object) -> object:
    if not isinstance(raw, str) or not raw.strip():
        raise wrong(Flaw(f"{raw!r} is no name.", "Allowed: a text such as car-park."))
    return raw


class Site(SitePart):
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

    def addresses_in_use(self) -> list[tuple[str, str, tuple[str, ...], str, str | None]]:
        """Return section, name, path of the field, network and address of each seat, and of each modem."""
        found: list[tuple[str, str, tuple[str, ...], str, str | None]] = []
        for seats in (self.devices, self.meters, self.backends):
            for name, seat in seats.items():
                found.append((SECTIONS[seat.family.role], name, ("address",), seat.network, seat.address))
        for name, device in self.devices.items():
            if device.sim is not None:
                found.append(("devices", name, ("sim", "address"), device.sim.network, device.sim.address))
        return found

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

    @cached_property
    def outlets(self) -> Mapping[str, Outlet]:
        """Return every socket by name: ``CP1``, or ``CP1/2`` where a charger has more than one."""
        return {one.name: one for device in self.devices.values() for one in device.outlets}

    def require_outlet(self, name: str) -> Outlet:
        """Return a socket; a charger's name means its only one.

        Raises:
            ScenarioError: There is no such socket, or the charger has several.
        """
        device, _, number = name.partition("/")
        has = self.require_charger(device).outlets
        if not number and len(has) > 1:
            each = ", ".join(one.name for one in has)
            raise ScenarioError(f"site {self.name}: {device} has {len(has)} sockets. Say which: {each}.")
        found = next((one for one in has if number in ("", str(one.number))), None)
        if found is None:
            self._refuse("socket", name, [one.name for one in has])
            raise AssertionError("unreachable")
        return found

    def require_place(self, name: str) -> tuple[str, int | None]:
        """Return a device, and the number of its socket where the name says one (``CP1/2``), else None.

        Raises:
            ScenarioError: There is no such device, or no such socket.
        """
        device, slash, _ = name.partition("/")
        if slash and device in self.devices:
            outlet = self.require_outlet(name)
            return outlet.device, outlet.number
        return self.require(name).name, None

    def points_behind(self, node: str) -> tuple[str, ...]:
        """Return the charging points that are fed through a feeder (or through ``supply``: all)."""
        return tuple(dict.fromkeys(one.device for one in self.outlets_behind(node)))

    def outlets_behind(self, node: str) -> tuple[Outlet, ...]:
        """Return the sockets that are fed through a feeder (or through ``supply``: all)."""
        return tuple(one for one in self.outlets.values() if node in self.upstream(one.feeder))

    def full_capacity_a(self, outlets: Sequence[OutletSeen]) -> PerPhase:
        """Return what sockets may draw together by their installation limits, per grid phase [A]."""
        total = PerPhase.zero()
        for outlet in outlets:
            device = self.devices[outlet.device]
            limit: object = device.parameter(device.family.limit_parameter)
            if limit is None:
                limit = device.family.rated_current_a.get("", 0)
            if isinstance(limit, int | float):
                total += to_grid(PerPhase.all(limit), outlet.phase_order)
        return total

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
        sockets: Iterable[str] = (),
        places: Iterable[str] = (),
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
            (self.require_outlet, [(name,) for name in sockets]),
            (self.require_place, [(name,) for name in places]),
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
