"""``hil device``, ``hil proxy`` and ``hil conductor``: what the containers of a site run."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from emulators.kit.family import Family, UnknownFamily, family
from hil.cli.command import Commands, add_command, token
from hil.errors import BenchError, ScenarioError
from hil.report.runner import ExitCode

READY: Final = Path("/run/hilfarm/ready")


def add(commands: Commands) -> None:
    """Add the commands."""
    device = add_command(commands, "device", _device, "be one device of a site, for a bench in another process")
    device.add_argument("type", metavar="TYPE", help="device type as in `hil devices`")
    device.add_argument("--name", required=True, metavar="N", help="the device's name in the site")
    device.add_argument("--host", default="", metavar="ADDRESS", help="address of the control port (default: all)")
    device.add_argument(
        "--settings", type=Path, metavar="FILE", help="keep its saved parameters here, for a restart (default: nowhere)"
    )
    proxy = add_command(commands, "proxy", _proxy, "stand before a container of your own, so that its link can fail")
    proxy.add_argument("type", metavar="TYPE", help="type of the device that the container is, as in `hil devices`")
    proxy.add_argument("--name", required=True, metavar="N", help="the device's name in the site")
    proxy.add_argument("--to", required=True, metavar="ADDRESS", help="address of the container")
    proxy.add_argument("--host", default="", metavar="ADDRESS", help="address of the control port (default: all)")
    conductor = add_command(
        commands, "conductor", _conductor, "share virtual time out among the processes of a site, for a bench"
    )
    conductor.add_argument("--host", default="", metavar="ADDRESS", help="address to listen at (default: all)")
    conductor.add_argument("--port", type=int, metavar="N", help="port to listen at (default: 7304; 0: any)")


def _device(args: argparse.Namespace) -> int:
    from hil.bench.seat import Seat  # noqa: PLC0415  a farm is slow to import, and `hil devices` does not need it

    secret, found = token(), _family(args.type)
    signal.signal(signal.SIGTERM, _leave)  # the first process of a container has no default for it
    Seat(found, args.name, secret, args.settings).serve(host=args.host, ready=READY if READY.parent.is_dir() else None)
    return ExitCode.PASSED


def _proxy(args: argparse.Namespace) -> int:
    from hil.bench.proxy import proxied  # noqa: PLC0415  as above
    from hil.bench.seat import Seat  # noqa: PLC0415

    secret, found = token(), proxied(_family(args.type), args.to)
    signal.signal(signal.SIGTERM, _leave)
    Seat(found, args.name, secret).serve(host=args.host, ready=READY if READY.parent.is_dir() else None)
    return ExitCode.PASSED


def _conductor(args: argparse.Namespace) -> int:
    from hil.bench.control import CONDUCTOR_PORT  # noqa: PLC0415  as above
    from hil.clock.conductor import Conductor  # noqa: PLC0415

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


def _family(kind: str) -> Family:
    try:
        return family(kind)
    except UnknownFamily as error:
        raise ScenarioError(str(error)) from error


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(ExitCode.PASSED)
