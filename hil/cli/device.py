"""``hil device``, ``hil proxy``, ``hil conductor`` and ``hil addresses``: what the containers of a site run."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from hil.cli.command import Commands, add_command, importing, token
from hil.errors import BenchError, ExitCode, ScenarioError

if TYPE_CHECKING:
    from ipaddress import IPv4Interface

    from emulators.kit.family import Family

READY: Final = Path("/run/hilfarm/ready")


def add(commands: Commands) -> None:
    """Add the commands."""
    device = add_command(commands, "device", _device, "be devices of a site, for a bench in another process")
    device.add_argument(
        "seats", nargs="+", metavar="NAME=TYPE", help="a device's name in the site, and its type as in `hil devices`"
    )
    device.add_argument(
        "--host", action="append", metavar="ADDRESS", help="address of the control port (default: all); repeatable"
    )
    device.add_argument(
        "--settings", type=Path, metavar="FOLDER",
        help="keep the saved parameters here, for a restart: a file for each device (default: nowhere)",
    )  # fmt: skip
    proxy = add_command(commands, "proxy", _proxy, "stand before a container of your own, so that its link can fail")
    proxy.add_argument("type", metavar="TYPE", help="type of the device that the container is, as in `hil devices`")
    proxy.add_argument("--name", required=True, metavar="N", help="the device's name in the site")
    proxy.add_argument("--to", required=True, metavar="ADDRESS", help="address of the container")
    proxy.add_argument("--host", default="", metavar="ADDRESS", help="address of the control port (default: all)")
    conductor = add_command(
        commands, "conductor", _conductor, "share virtual time out among the processes of a site, for a bench"
    )
    conductor.add_argument("--host", default="", metavar="ADDRESS", help="address to listen at (default: all)")
    conductor.add_argument("--port", type=_port, metavar="N", help="port to listen at (default: 7304; 0: any)")
    addresses = add_command(
        commands, "addresses", _addresses, "give a container of several devices the addresses of all but its first"
    )
    addresses.add_argument("addresses", nargs="+", type=_address, metavar="ADDRESS/BITS", help="as in 192.168.0.12/24")


def _device(args: argparse.Namespace) -> int:
    with importing():
        from hil.process.seat import DeviceProcess  # noqa: PLC0415  a farm is slow to import, and `hil devices` does not need it

    secret, seats = token(), {}
    for word in args.seats:
        name, _, kind = word.rpartition("=")
        if not name or name in seats:
            why = f"{name} is there twice" if name else f"{word!r} is no device"
            raise ScenarioError(f"{why}. Allowed: NAME=TYPE with a TYPE of `hil devices`, each name once.")
        seats[name] = _family(kind)
    with importing():
        for one in seats.values():
            one.import_device()  # not while a bench waits, nor after the process has settled
    signal.signal(signal.SIGTERM, _leave)  # the first process of a container has no default for it
    seat = DeviceProcess(seats, secret, args.settings)
    seat.serve(hosts=args.host or [""], ready=READY if READY.parent.is_dir() else None)
    return ExitCode.PASSED


def _proxy(args: argparse.Namespace) -> int:
    with importing():
        from hil.process.proxy import proxied  # noqa: PLC0415  as above
        from hil.process.seat import DeviceProcess  # noqa: PLC0415

    secret, found = token(), proxied(_family(args.type), args.to)
    signal.signal(signal.SIGTERM, _leave)
    DeviceProcess({args.name: found}, secret).serve(hosts=[args.host], ready=READY if READY.parent.is_dir() else None)
    return ExitCode.PASSED


def _conductor(args: argparse.Namespace) -> int:
    with importing():
        from hil.clock.conductor import Conductor  # noqa: PLC0415
        from hil.process.control import CONDUCTOR_PORT  # noqa: PLC0415  as above

    signal.signal(signal.SIGTERM, _leave)
    port = CONDUCTOR_PORT if args.port is None else args.port
    try:
        conductor = Conductor(token(), (args.host, port))
    except OSError as error:
        raise BenchError(f"nobody can listen at {args.host or '0.0.0.0'}:{port}: {error}") from error
    print(f"the conductor listens on port {conductor.address[1]}", flush=True)
    if READY.parent.is_dir():
        READY.touch()
    conductor.serve()
    return ExitCode.PASSED


def _addresses(args: argparse.Namespace) -> int:
    with importing():
        from hil.compose.interface import add_address  # noqa: PLC0415  only a pack's container needs it

    for one in args.addresses:
        add_address(one)
        print(f"{one} is an address of this container", flush=True)
    return ExitCode.PASSED


def _address(text: str) -> IPv4Interface:
    from ipaddress import IPv4Interface  # noqa: PLC0415

    try:
        return IPv4Interface(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no address. Allowed: such as 192.168.0.12/24.") from None


def _port(text: str) -> int:
    with importing():
        from hil.site.ranges import PORT  # noqa: PLC0415  as above

    if not text.isdecimal() or int(text) not in PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port. Allowed: {PORT.allowed}.")
    return int(text)


def _family(kind: str) -> Family:
    with importing():
        from emulators.kit.family import UnknownFamily, family  # noqa: PLC0415

    try:
        return family(kind)
    except UnknownFamily as error:
        raise ScenarioError(str(error)) from error


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(ExitCode.PASSED)
