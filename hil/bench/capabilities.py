"""What each bench finds at each kind of seat: which seats it can fill, and what a tester can do there.

Everything is asked before anything is started: a seat that cannot be filled, with file and line; a test that needs what
a seat has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hil.bench.addresses import is_outside
from hil.errors import Problem, ScenarioError, SiteFileError
from hil.site import SECTIONS, MeterSpec, SeatSpec, Site
from hil.site.backends import backend_link

#: What a tester finds beside a device's public ports, where the farm made the device.
SIDE: Final = frozenset({"parameters", "page", "display", "leds", "log", "device-restart", "device-faults"})
FARM: Final = frozenset({"plant", "fault-injection"})

#: Bench, seat, and what a test may need (`needs:` tags) that is there.
SEATS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "embedded": {"emulated": SIDE | FARM | {"emulated"}},
    "compose": {
        "emulated": SIDE | FARM | {"emulated", "container"},
        "image": FARM | {"container"},
        "real": FARM | {"real-device"},
    },
    "swarm": {"emulated": SIDE | FARM | {"emulated", "container"}},
}
BACKEND: Final = "backend-api"  #: There where every backend of a site is the farm's own.
VIRTUAL, REAL = "virtual-time", "real-time"  #: What a run's speed adds.
KNOWN_CAPABILITIES: Final = frozenset().union(
    *(found for seats in SEATS.values() for found in seats.values()), {VIRTUAL, REAL, BACKEND, "operator-prompt"}
)
BENCH_OF: Final = {"image": "compose", "real": "attach"}
ALLOWED: Final = {
    "emulated": "emulated",
    "image": "image for a device with Modbus TCP",
    "real": "real for a meter at a serial port (at: /dev/ttyUSB0)",
}
WHAT: Final = {"image": "a container of your own", "real": "a real device"}


def missing(bench: str, speed: str, needs: Iterable[str], site: Site | None = None) -> str:
    """Return in a sentence what a test needs and this bench, or a seat of the site, has not; nothing when all is there.

    Args:
        bench: The bench.
        speed: ``max``, or a number of farm seconds in a second.
        needs: Known capabilities.
        site: The site, None while it is not known: then any seat of the bench will do.
    """
    rows, foreign = SEATS[bench], others(site) if site is not None else {}
    if any(spec.seat not in rows for spec in foreign.values()):
        return ""  # the bench refuses the site itself, with file and line
    seats = rows if site is None else {"emulated", *(spec.seat for spec in foreign.values())}
    there = {VIRTUAL if speed == "max" and not foreign else REAL}.union(*(rows[seat] for seat in seats))
    if site is None or not (unknown := unknown_backends(site)):
        there.add(BACKEND)
    elif BACKEND in needs:
        return f"the farm does not know the interface of the backend at {', '.join(unknown)}"
    if lacking := sorted(set(needs) - there):
        return f"the {bench} bench at --speed {speed} cannot do {', '.join(lacking)}"
    for name, spec in foreign.items():
        if gone := sorted((set(needs) & (SIDE | {"emulated"})) - rows[spec.seat]):
            return f"{name} is {WHAT[spec.seat]}: it has no {', '.join(gone)} for the farm"
    return ""


def others(site: Site) -> dict[str, SeatSpec]:
    """Return the seats that the farm does not fill itself."""
    return {name: spec for name, spec in site.seats.items() if spec.seat != "emulated"}


def unknown_backends(site: Site) -> list[str]:
    """Return the hosts to which devices of a site report and that are not the farm's own central systems."""
    own = {spec.address for spec in site.backends.values() if spec.seat == "emulated"}
    links = [link for device in site.devices.values() if (link := backend_link(device)) is not None]
    return sorted({link.host for link in links if link.host and link.host not in own})


def in_real_time(foreign: Mapping[str, SeatSpec]) -> str:
    """Return in a sentence why a site with such seats cannot run in virtual time."""
    names = ", ".join(f"{name} is {WHAT[spec.seat]}" for name, spec in foreign.items())
    return f"{names}, whose time nobody can stop."


def refuse_speed(site: Site, factor: float) -> None:
    """Refuse a speed other than real time for a site with a real device (raises ScenarioError)."""
    real = [name for name, spec in others(site).items() if spec.seat == "real"]
    if real and factor != 1:
        raise ScenarioError(f"{', '.join(real)}: a real device keeps real time. Choose --speed 1, not {factor:g}.")


def refuse_outside(site: Site, *, outside: str, in_real_time: bool) -> None:
    """Refuse what is outside of the site's networks where nobody there is reached, or keeps farm time.

    Args:
        site: The site.
        outside: Why nobody is reached at all; empty where real time is enough.
        in_real_time: Farm time is the machine's.

    Raises:
        ScenarioError: A meter is on a real serial port, or a device reports to a backend that is elsewhere.
    """
    if in_real_time and not outside:
        return
    for (_, name), link in site.outside_ports().items():
        if outside:
            raise ScenarioError(f"{name}: the serial port {link.port} is this machine's, and {outside} has it.")
        raise ScenarioError(f"{name}: the serial port {link.port} works in real time only. Allowed: --speed 1.")
    for host in unknown_backends(site):
        if is_outside(host, site.networks.values()):
            if outside:
                raise ScenarioError(f"the backend at {host} is outside the site's networks, and {outside} has more.")
            raise ScenarioError(f"the backend at {host} is outside the farm. Allowed: --speed 1.")


def refuse_seats(site: Site, bench: str) -> None:
    """Refuse a site that a bench cannot run.

    Raises:
        SiteFileError: It lists every seat that the bench cannot fill.
    """
    problems = []
    for name, spec in others(site).items():
        if spec.seat in SEATS[bench] and _fits(spec):
            continue
        field = f"{SECTIONS[spec.family.role]}.{name}.seat"
        mark = site.lines[field]
        text = f"the {bench} bench cannot fill the seat {spec.seat!r} ({spec.at or spec.image})."
        allowed = f"Allowed there: {', '.join(ALLOWED[seat] for seat in SEATS[bench])}."
        if bench != BENCH_OF[spec.seat]:
            allowed += f" A seat {spec.seat!r} needs the {BENCH_OF[spec.seat]} bench."
        problems.append(Problem(mark.file, mark.line, field, text, allowed))
    if problems:
        raise SiteFileError(sorted(problems, key=lambda one: (one.file, one.line)))


def _fits(spec: SeatSpec) -> bool:
    """Return whether a container's Modbus TCP port, or a meter's serial port, is all that it takes to be looked at."""
    if spec.seat == "image":
        return spec.family.modbus_port is not None
    return isinstance(spec, MeterSpec) and bool(spec.family.serial_ports) and (spec.at or "").startswith("/")
