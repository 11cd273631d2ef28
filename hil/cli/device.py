"""``hil device``: one device in a process of its own, as a container runs it."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Final

from emulators.kit.family import UnknownFamily, family
from hil.cli.command import Commands, add_command, token
from hil.errors import ScenarioError
from hil.report.runner import ExitCode

READY: Final = Path("/run/hilfarm/ready")


def add(commands: Commands) -> None:
    """Add the command."""
    device = add_command(commands, "device", _device, "be one device of a site, for a bench in another process")
    device.add_argument("type", metavar="TYPE", help="device type as in `hil devices`")
    device.add_argument("--name", required=True, metavar="N", help="the device's name in the site")
    device.add_argument("--host", default="", metavar="ADDRESS", help="address of the control port (default: all)")


def _device(args: argparse.Namespace) -> int:
    from hil.bench.seat import Seat  # noqa: PLC0415  a farm is slow to import, and `hil devices` does not need it

    secret = token()
    try:
        found = family(args.type)
    except UnknownFamily as error:
        raise ScenarioError(str(error)) from error
    signal.signal(signal.SIGTERM, _leave)  # the first process of a container has no default for it
    Seat(found, args.name, secret).serve(host=args.host, ready=READY if READY.parent.is_dir() else None)
    return ExitCode.PASSED


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(ExitCode.PASSED)
