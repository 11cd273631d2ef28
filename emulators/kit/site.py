"""A site as a device family's own checks see it: read-only, without I/O; and what they have to say of it.

The farm's model of a site fits these protocols; a test may write a plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final, Protocol
from urllib.parse import urlsplit

from emulators.kit.parameters import Value
from emulators.kit.phases import PerPhase

SUPPLY: Final = "supply"
"""Name of the main connection among the feeders."""

Setting = Callable[[str], object]
"""Returns the value in force of a parameter, by its name."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a check has to say.

    Attributes:
        where: Path of the field.
        message: What is wrong, with the value.
        allowed: What would be right.
        refuses: The site cannot be used like this; otherwise it is a warning.
    """

    where: tuple[str | int, ...]
    message: str
    allowed: str = ""
    refuses: bool = True


class Rated(Protocol):
    """A fuse."""

    @property
    def rating_a(self) -> float:
        """Return its rated current [A]."""
        ...


class SimCard(Protocol):
    """The SIM card in a charger's modem."""

    @property
    def network(self) -> str:
        """Return the mobile network that it opens."""
        ...

    @property
    def address(self) -> str | None:
        """Return the modem's address there."""
        ...


class OutletSeen(Protocol):
    """One socket of a charger."""

    @property
    def device(self) -> str:
        """Return the charger's name."""
        ...

    @property
    def number(self) -> int:
        """Return which of its sockets this is, counted from 1."""
        ...

    @property
    def name(self) -> str:
        """Return its name in the site."""
        ...

    @property
    def feeder(self) -> str:
        """Return the line that it hangs on."""
        ...

    @property
    def phase_order(self) -> str:
        """Return how it hangs on the grid."""
        ...


class MeterSeen(Protocol):
    """A meter of the site, of whatever family."""

    @property
    def name(self) -> str:
        """Return its name in the site."""
        ...

    @property
    def node(self) -> str:
        """Return the feeder at whose beginning it sits, or ``supply``."""
        ...

    @property
    def network(self) -> str:
        """Return the LAN that it is plugged into."""
        ...

    @property
    def address(self) -> str | None:
        """Return its address, None without a network."""
        ...


class ChargerSeen(Protocol):
    """A charger of the site."""

    @property
    def name(self) -> str:
        """Return its name in the site."""
        ...

    @property
    def type(self) -> str:
        """Return its family's type."""
        ...

    @property
    def network(self) -> str:
        """Return the LAN that it is plugged into."""
        ...

    @property
    def address(self) -> str | None:
        """Return its address, None without a network."""
        ...

    @property
    def variant(self) -> str:
        """Return its family's variant, empty for the default."""
        ...

    @property
    def sim(self) -> SimCard | None:
        """Return the SIM card in its modem, None without one."""
        ...

    @property
    def outlets(self) -> Sequence[OutletSeen]:
        """Return its sockets in the order of their numbers."""
        ...

    @property
    def parameters(self) -> Mapping[str, Value]:
        """Return the typed values that the site sets, by the manual's names."""
        ...

    def parameter(self, name: str) -> Value | None:
        """Return a parameter's value, its default when the site is silent, None when the family has none."""
        ...

    def available(self) -> Collection[str]:
        """Return the parameters that its form offers with these settings."""
        ...


class SiteView(Protocol):
    """The site: its devices, its networks, its feeders."""

    @property
    def devices(self) -> Mapping[str, ChargerSeen]:
        """Return every charger by name, of whatever family."""
        ...

    @property
    def meters(self) -> Mapping[str, MeterSeen]:
        """Return every meter by name."""
        ...

    @property
    def networks(self) -> Mapping[str, IPv4Network]:
        """Return LANs and mobile networks by name."""
        ...

    def addresses_in_use(self) -> Sequence[tuple[str, str, tuple[str, ...], str, str | None]]:
        """Return section, name, path of the field, network and address of each device, and of each modem."""
        ...

    def upstream(self, node: str) -> tuple[str, ...]:
        """Return a feeder and everything it hangs on, ``supply`` last."""
        ...

    def fuse_at(self, node: str) -> Rated | None:
        """Return the fuse at a feeder's beginning, or the main fuse."""
        ...

    def outlets_behind(self, node: str) -> Sequence[OutletSeen]:
        """Return the sockets that are fed through a feeder, or through ``supply``: all."""
        ...

    def full_capacity_a(self, outlets: Sequence[OutletSeen]) -> PerPhase:
        """Return what sockets may draw together, per grid phase [A]."""
        ...

    def serial_cables(self) -> Sequence[tuple[str, str, str]]:
        """Return (port label, talker, reader) of every serial cable."""
        ...


Rule = Callable[[SiteView, Sequence[ChargerSeen]], Iterator[Remark]]
"""A family's own check: is asked once for a site, with the family's own devices in it."""


def meter_at(site: SiteView, network: str, address: str) -> MeterSeen | None:
    """Return the meter that answers at an address of a network, None when there is none."""
    meters = site.meters.values()
    return next((meter for meter in meters if (meter.network, meter.address) == (network, address)), None)


def meter_there(site: SiteView, device: ChargerSeen, parameter: str) -> tuple[MeterSeen | None, list[Remark]]:
    """Return the meter at the address that a parameter names, and what there is to say when nobody is there."""
    address = str(device.parameter(parameter) or "")
    if (meter := meter_at(site, device.network, address)) is not None:
        return meter, []
    where = ("devices", device.name, "parameters", parameter)
    return None, [Remark(where, f"no meter of the site has the address {address!r}.", refuses=False)]


def meter_place(
    site: SiteView, device: ChargerSeen, parameter: str, meter: MeterSeen, points: Sequence[str]
) -> Iterator[Remark]:
    """Compare what a parameter says of a meter ('Including ...', 'Exclude ...') with where it sits.

    Args:
        site: The site.
        device: Whose parameter it is.
        parameter: Its name.
        meter: The meter that it speaks of.
        points: The chargers that it speaks of.
    """
    said = str(device.parameter(parameter))
    own = {one.name for name in points for one in site.devices[name].outlets}
    behind = own & {one.name for one in site.outlets_behind(meter.node)}
    place = "including" if own and behind == own else "excluding" if not behind else "some"
    if said.casefold()[:6] != place[:6]:
        sees = {"including": "measures the charging points too", "excluding": "measures other consumers only"}.get(
            place, f"measures only some of {', '.join(points)}"
        )
        text = f"{said!r}, but {meter.name} at {meter.node!r} {sees}."
        where = ("devices", device.name, "parameters", parameter)
        yield Remark(where, text, "The load management will calculate with a wrong load.", refuses=False)


def believed_phases(devices: Sequence[ChargerSeen], parameter: str) -> Iterator[Remark]:
    """A charger believes that it is wired as it is; the parameter speaks of its first socket.

    Args:
        devices: Chargers.
        parameter: Which phase order each believes in.
    """
    for device in devices:
        order = device.outlets[0].phase_order
        if device.parameters.get(parameter, order) != order:
            text = f"{device.parameters[parameter]!r}, but {device.name} is wired as {order}."
            hint = "The load management will look at the wrong phases."
            yield Remark(("devices", device.name, "parameters", parameter), text, hint, refuses=False)


@dataclass(frozen=True, slots=True)
class BackendLink:
    """Where a device looks for its backend.

    Attributes:
        parameter: The parameter that says it.
        scheme: ``ws`` or ``wss``.
        host: Host name or address; both are empty where the URL can be none.
        identity: The device's identity there, empty for its name in the site.
        password: For HTTP basic authentication, empty for none.
    """

    parameter: str
    scheme: str
    host: str
    identity: str
    password: str

    def network(self, site: SiteView) -> str | None:
        """Return the site's network that the backend is in, None for one outside the site."""
        try:
            address = IPv4Address(self.host)
        except ValueError:
            return None
        return next((name for name, subnet in site.networks.items() if address in subnet), None)


def backend_at(setting: Setting, *, url: str, identity: str, password: str) -> BackendLink | None:
    """Return where a device with a parameter for the whole URL looks for its backend, None when it is empty.

    Args:
        setting: Its settings.
        url: Name of the parameter with the URL.
        identity: Name of the one with the device's identity.
        password: Name of the one with the password.
    """
    if not setting(url):
        return None
    return BackendLink(url, *_parts(str(setting(url))), str(setting(identity) or ""), str(setting(password) or ""))


def _parts(url: str) -> tuple[str, str]:
    """Return a URL's scheme and host, both empty when it cannot be a central system's."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("ws", "wss") and parts.hostname and parts.port != 0:
            return parts.scheme, parts.hostname
    except ValueError:  # brackets without an end, a port above 65535
        pass
    return "", ""
