"""A device family as the rest of the house finds it: by its folder.

A family is a folder of :mod:`emulators` with a ``device.py``, whose ``__init__.py`` defines ``FAMILY``. Nothing else
has to be told about it. The ``__init__.py`` has what sites and lists need to know and imports no ``device.py``: that is
for the process in which the device stands, with all the libraries that it speaks with.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import emulators
from emulators.kit.device import Device
from emulators.kit.faults import NO_FAULTS, FaultTable
from emulators.kit.host import Host, SerialSettings
from emulators.kit.parameters import ParameterTable, Value
from emulators.kit.site import BackendLink, ChargerSeen, Remark, Rule, Setting, SiteView

Role = Literal["charger", "meter", "backend"]
#: What suites ask of every family in the same words: one value, or one for each of L1, L2, L3.
Quantity = Literal["signalled current", "charging current", "meter current", "meter power"]


@dataclass(frozen=True, slots=True)
class SocketConfig:
    """How one socket of a charger is wired.

    Attributes:
        number: Counted from 1, as on the housing and in OCPP.
        phase_order: How it hangs on the grid.
        cable_a: Rating of the cable that is fixed to it, None for a socket into which each vehicle brings its own [A].
    """

    number: int
    phase_order: str
    cable_a: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """What a site says about one device, checked and typed.

    Attributes:
        name: The device's name in the site.
        address: Its address as the manual prints it, None for a device without a network.
        firmware: One of the family's versions.
        variant: One of the family's variants, empty when it has none.
        phase_order: How a charger's first socket hangs on the grid.
        sockets: A charger's sockets in the order of their numbers; one like the first unless said.
        parameters: Parsed values by the manual's own parameter names (only those the site sets).
        mobile_address: Its modem's address in the mobile network, None without a modem or a SIM card.
    """

    name: str
    address: str | None
    firmware: str
    variant: str
    phase_order: str
    parameters: Mapping[str, Value]
    mobile_address: str | None = None
    sockets: tuple[SocketConfig, ...] = ()

    def __post_init__(self) -> None:
        """Give a charger of which nothing else is said its one socket."""
        if not self.sockets:
            object.__setattr__(self, "sockets", (SocketConfig(1, self.phase_order),))


@dataclass(frozen=True, slots=True)
class Service:
    """A server of a device beside Modbus, for whoever has to find it.

    Attributes:
        scheme: ``ws``, ``wss``, ``http``.
        port: Documented port.
        path: What a client appends to, such as ``/ocpp``; may be empty.
    """

    scheme: str
    port: int
    path: str = ""


def _no_services(_setting: Setting) -> Mapping[str, Service]:
    return {}


def _no_rules(_site: SiteView, _own: Sequence[ChargerSeen]) -> Iterator[Remark]:
    return iter(())


def _no_backend(_setting: Setting) -> BackendLink | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One device family.

    Attributes:
        type: The name a site file uses, equal to the folder's name.
        role: Which seat it can take.
        maker: Who makes it, empty for what follows a standard and has many makers.
        product: Product name for people.
        firmware: Versions that can be emulated, the default first.
        variants: Order numbers or builds, the default first; empty when there is only one.
        single_phase: Variants of a charger with one phase.
        sockets: How many sockets a charger has, by variant ('' = any other).
        rated_current_a: Highest current that a variant is built for, by variant ('' = any), for the site check [A].
        limit_parameter: Parameter with the current that each socket of a charger may draw, empty: the rated current.
        parameters: Documented parameters.
        registers: The Modbus table, None without Modbus.
        modbus_port: Documented Modbus TCP port, None without Modbus TCP.
        modbus_port_parameter: Parameter that moves the server to another port, empty when none does.
        modbus_switches: Parameters that open the server, with the values for which it is open; empty: always open.
        modbus_unit: Unit id that clients use first.
        modbus_more_units: Further unit ids with registers of their own, such as the station beside its sockets.
        modbus_socket_units: Unit ids of sockets whose registers are not at the usual one, by the socket's number.
        modbus_blocks: Address ranges (first, last) that are answered in one request although registers in between are
            not documented; documented neighbours always are.
        services: Returns its further servers by name, with the settings in force (a parameter's value by its name).
        api_token: Parameter with the token that clients of a central system's own interface show, empty for none.
        serial_ports: Its serial ports by label, by which a site's cables find them (``P1``), as its default firmware
            sets them.
        tables: Further tables of its interface by title (CSV), for the sheet: telegrams, versions.
        observations: Where a tester reads a quantity through the public port: names of registers, or OBIS references of
            a meter with a P1 port. A ``meter power`` gives its sign to a ``meter current`` that has none.
        signalled_in_trace: Field of a charger's trace event ``signalled`` that is what its signalled current shows [A].
        site_rules: What a site can get wrong with a charger's parameters; asked once for a site.
        backend: Returns where a charger with these settings looks for its central system, None when it looks for none.
        gateway: Returns the gateway that its way to a central system in another network goes through, empty for none;
            None for a family without such settings, which reaches its own network only.
        faults: What can go wrong in its devices, for ``Plant Fault``.
        headline: Fields of its page that say what part it plays on its site, each with the text to say it.
        has_card_reader: Its devices are :class:`~emulators.kit.device.CardReader`.
        create: Makes the device on a host; the first one imports ``device.py`` (or :meth:`import_device` before).
        sheet: Fidelity notes (Markdown).
    """

    type: str
    role: Role
    maker: str = ""
    product: str
    firmware: tuple[str, ...]
    variants: tuple[str, ...] = ()
    single_phase: tuple[str, ...] = ()
    sockets: Mapping[str, int] = field(default_factory=dict)
    rated_current_a: Mapping[str, float] = field(default_factory=dict)
    limit_parameter: str = ""
    parameters: ParameterTable
    registers: Path | None = None
    modbus_port: int | None = None
    modbus_port_parameter: str = ""
    modbus_switches: Mapping[str, Collection[object]] = field(default_factory=dict)
    modbus_unit: int = 1
    modbus_more_units: tuple[int, ...] = ()
    modbus_socket_units: Mapping[int, int] = field(default_factory=dict)
    modbus_blocks: tuple[tuple[int, int], ...] = ()
    services: Callable[[Setting], Mapping[str, Service]] = _no_services
    api_token: str = ""
    serial_ports: Mapping[str, SerialSettings] = field(default_factory=dict)
    tables: Mapping[str, Path] = field(default_factory=dict)
    observations: Mapping[Quantity, tuple[str, ...]] = field(default_factory=dict)
    signalled_in_trace: str = ""
    site_rules: Rule = _no_rules
    backend: Callable[[Setting], BackendLink | None] = _no_backend
    gateway: Callable[[SiteView, ChargerSeen, Setting], str] | None = None
    faults: FaultTable = NO_FAULTS
    headline: Mapping[str, str] = field(default_factory=dict)
    has_card_reader: bool = False
    create: Callable[[Host, DeviceConfig], Device]
    sheet: Path

    def import_device(self) -> None:
        """Import all that its devices need, for a process that has no time for it later."""
        importlib.import_module(f"emulators.{self.type}.device")

    def sockets_of(self, variant: str) -> int:
        """Return how many sockets a charger of a variant has."""
        return self.sockets.get(variant, self.sockets.get("", 1))

    def modbus_unit_of(self, socket: int) -> int:
        """Return the Modbus unit id at which the registers of a socket are: the usual one unless said."""
        return self.modbus_socket_units.get(socket, self.modbus_unit)

    def modbus_port_with(self, setting: Setting) -> int | None:
        """Return the Modbus TCP port of a device with these settings, None when it has no server or it is switched off.

        Args:
            setting: Returns the value in force of a parameter, by its name.
        """
        if self.modbus_closed_by(setting):
            return None
        return int(str(setting(self.modbus_port_parameter))) if self.modbus_port_parameter else self.modbus_port

    def modbus_closed_by(self, setting: Setting) -> str:
        """Return which parameter keeps the server closed, its value and those that open it, or nothing."""
        for name, opening in self.modbus_switches.items():
            if (value := setting(name)) not in opening:
                allowed = " or ".join("On" if one is True else repr(str(one)) for one in sorted(opening, key=str))
                return f"{name!r} is {'Off' if value is False else repr(str(value))}; it opens with {allowed}"
        return ""


class UnknownFamily(LookupError):
    """No folder of that name holds a device family."""


@cache
def family_types() -> tuple[str, ...]:
    """Return the types of all families in the order of the alphabet; none of them is imported."""
    files = (file for place in emulators.__path__ for file in Path(place).glob("*/device.py"))
    return tuple(sorted(file.parent.name for file in files if file.parent.name != "kit"))


def family(name: str) -> Family:
    """Return the family of a type; no other is imported.

    Raises:
        UnknownFamily: There is none; the message names the nearest and all of them.
    """
    known = family_types()
    if name in known:
        return _imported(name)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownFamily(f"there is no device type {name!r}.{hint} Known: {', '.join(known)}.")


def families() -> Mapping[str, Family]:
    """Return every family by type, for a list of all; it imports them all."""
    return {name: family(name) for name in family_types()}


@cache
def _imported(name: str) -> Family:
    found: Family = importlib.import_module(f"emulators.{name}").FAMILY
    return found
