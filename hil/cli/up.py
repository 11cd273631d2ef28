"""``hil up``: a farm for other tools and for hands."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from hil.cli.command import Commands, add_command, factor, importing, seed

LINES: Final = ("cts", "dsr", "ri", "cd", "always")  #: As ``hil.site.cables.DataRequest``, which is slow to import.


def add(commands: Commands) -> None:
    """Add the command."""
    up = add_command(commands, "up", _up, "keep a farm running until Ctrl-C")
    up.add_argument("site", metavar="SITE", help="site file, or a shipped site")
    up.add_argument(
        "--bench",
        choices=["embedded", "compose"],
        default="embedded",
        help="where the devices live (default: embedded)",
    )
    up.add_argument(
        "--exact-addresses",
        action="store_true",
        help="containers have the site's own addresses (default: 198.18.0.0/15)",
    )
    up.add_argument("--speed", type=factor, default="1", metavar="N", help="N times real time (default: 1)")
    up.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of the farm (default: 0)")
    up.add_argument(
        "--serial",
        type=_serial_port,
        action="append",
        default=[],
        metavar="METER=PORT[,LINE]",
        help="put a meter's P1 port on a real serial port (/dev/ttyUSB0, rfc2217://HOST:PORT); LINE carries the data "
        f"request: {', '.join(LINES)} (default: {LINES[0]})",
    )
    up.add_argument("--endpoints", type=Path, metavar="FILE", help="write addresses and ports of all devices as JSON")


def _serial_port(text: str) -> tuple[str, str, str]:
    """Return meter, port and modem line of ``--serial``."""
    meter, _, rest = text.partition("=")
    port, _, line = rest.partition(",")
    line = line or LINES[0]
    if not meter or not port or line not in LINES:
        allowed = f"Allowed: METER=PORT or METER=PORT,LINE with a LINE of {', '.join(LINES)}."
        raise argparse.ArgumentTypeError(f"{text!r} is no serial port of a meter. {allowed}")
    return meter, port, line


def _up(args: argparse.Namespace) -> int:
    with importing():
        from hil.cli.keep import KeepRequest, keep  # noqa: PLC0415  a farm is slow to import

    request = KeepRequest(
        site=args.site,
        bench=args.bench,
        exact_addresses=args.exact_addresses,
        speed=args.speed,
        seed=args.seed,
        serial=tuple(args.serial),
        endpoints=args.endpoints,
        command_line=tuple(args.command_line),
    )
    return keep(request)
