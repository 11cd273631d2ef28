"""``hil devices``, ``hil sites``, ``hil show``, ``hil vehicles``, ``hil doctor``: what there is, running nothing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.cli.command import Commands, add_command, importing
from hil.cli.sheet import ports
from hil.cli.table import print_table
from hil.errors import ExitCode

if TYPE_CHECKING:
    from hil.site import Site


def add(commands: Commands) -> None:
    """Add the commands."""
    add_command(commands, "devices", _devices, "list the device families that can stand on a site")
    add_command(commands, "sites", _sites, "list the shipped sites")
    show = add_command(commands, "show", _show, "print a site as it is wired: feeders, fuses, devices and their meters")
    show.add_argument("site", metavar="SITE", help="site file, or a shipped site as in `hil sites`")
    show.add_argument("--file", action="store_true", help="print the site file itself, to copy from")
    add_command(commands, "vehicles", _vehicles, "list the vehicles that `preset:` and `Plug In Vehicle` can name")
    add_command(commands, "doctor", _doctor, "look for what this machine lacks, each with its fix")


def _devices(args: argparse.Namespace) -> int:
    with importing():
        from emulators.kit.family import families  # noqa: PLC0415

    rows = [(one.type, one.role, one.product, ", ".join(one.firmware), ports(one)) for one in families().values()]
    print_table([("type", "role", "product", "firmware", "ports"), *rows])
    return ExitCode.PASSED


def _sites(args: argparse.Namespace) -> int:
    with importing():
        from hil.site import load_site, shipped_sites  # noqa: PLC0415  pydantic is slow to import

    rows = []
    for name in shipped_sites():
        site = load_site(name)
        kinds = dict.fromkeys(seat.type for seat in site.seats.values())
        rows.append((name, str(len(site.seats)), ", ".join(kinds), site.source or "-"))
    print_table([("site", "devices", "of the types", "source"), *rows])
    return ExitCode.PASSED


def _show(args: argparse.Namespace) -> int:
    with importing():
        from hil.site import load_site  # noqa: PLC0415

    site = load_site(args.site)
    if args.file:
        assert site.path is not None
        print(site.path.read_text(encoding="utf-8"), end="")
        return ExitCode.PASSED
    print(f"{site.name}{f' ({site.source})' if site.source else ''}")
    print(f"begins at {site.epoch:%Y-%m-%d %H:%M:%S} UTC")
    for line in _grid(site):
        print(line)
    for name, backend in site.backends.items():
        print(f"{name}: {backend.type} at {backend.address or 'an address outside the site'}")
    for link in site.links:
        print(f"link: {' - '.join(link.between)} ({link.kind})")
    return ExitCode.PASSED


def _grid(site: Site) -> Iterator[str]:
    """Yield the installation from the supply on, what hangs on a feeder indented below it."""
    fuse = site.supply.main_fuse
    yield f"supply {site.supply.voltage_v:g} V{f', {_fuse(fuse)}' if fuse else ''}"
    yield from _below(site, "supply", 1)


def _below(site: Site, node: str, depth: int) -> Iterator[str]:
    from emulators.kit.parameters import as_text  # noqa: PLC0415

    indent = "  " * depth
    for name, meter in site.meters.items():
        if meter.node == node:
            yield f"{indent}{name}: {_words(meter.type, meter.variant, meter.address)} measures here"
    for what, sources in (("consumer", site.loads), ("PV", site.pv)):
        for name, source in sources.items():
            if source.feeder == node:
                yield f"{indent}{name}: {what}"
    for name, device in site.devices.items():
        if device.feeder == node:
            yield f"{indent}{name}: {_words(device.type, device.variant, device.phase_order, device.address)}"
            for parameter, value in device.parameters.items():
                yield f"{indent}    {parameter}: {as_text(value)}"
    for name, feeder in site.feeders.items():
        if feeder.from_ == node:
            limits = [_fuse(feeder.fuse)] if feeder.fuse else []
            limits += [f"cable {feeder.cable_a:g} A"] if feeder.cable_a is not None else []
            yield f"{indent}{name}: {', '.join(limits) or 'line'}"
            yield from _below(site, name, depth + 1)


def _words(*words: object) -> str:
    return " ".join(str(word) for word in words if word)


def _fuse(fuse: Any) -> str:
    return f"fuse {fuse.type} {fuse.rating_a:g} A"


def _vehicles(args: argparse.Namespace) -> int:
    import csv  # noqa: PLC0415

    with (Path(__file__).parents[1] / "site" / "vehicles.csv").open(encoding="utf-8", newline="") as file:
        print_table([[cell or "-" for cell in row] for row in csv.reader(file)])
    return ExitCode.PASSED


def _doctor(args: argparse.Namespace) -> int:
    with importing():
        from hil.cli.doctor import examine  # noqa: PLC0415

    for finding in examine():
        print(finding)
    return ExitCode.PASSED
