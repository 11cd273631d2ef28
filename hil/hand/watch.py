"""``hil watch``: phases, limits and states of a running farm, live on a terminal, one line a change elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hil.hand.client import Client

LOOK_REAL_S: Final = 0.5


async def watch(client: Client, console: Console, *, once: bool) -> None:
    """Show a farm until Ctrl-C, or once.

    Raises:
        BenchError: The farm does not answer any more.
    """
    state = await client.state()
    if once:
        console.print(picture(state))
    elif console.is_terminal:
        with Live(picture(state), console=console, refresh_per_second=4, screen=False) as live:
            while True:
                await asyncio.sleep(LOOK_REAL_S)
                live.update(picture(await client.state()))
    else:
        shown: dict[str, str] = {}
        while True:
            for key, line in lines(state):
                if shown.get(key) != line:
                    shown[key] = line
                    console.print(f"{time_of_day(state)}  {line}", markup=False, highlight=False, soft_wrap=True)
            await asyncio.sleep(LOOK_REAL_S)
            state = await client.state()


def time_of_day(state: dict[str, Any]) -> str:
    """Return the site's time of day."""
    return str(state["utc"])[11:19]


def lines(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the state as plain lines, each with the name it is about."""
    for name, point in state["points"].items():
        yield name, f"{name}  state {point['pilot']}  offers {_amps(point['offered_a'])}  draws {_phases(point)}"
    for name, node in state["nodes"].items():
        yield f"node {name}", f"{name}  {_phases(node)}" + (f"  fuse {node['fuse_a']:g} A" if node["fuse_a"] else "")
    for name, port in state["ports"].items():
        yield f"port {name}", f"{name}  {port_text(port)}"
    for fault in state["faults"]:
        yield f"fault {fault}", fault
    for finding in state["findings"]:
        yield f"finding {finding['farm_s']} {finding['text']}", f"{finding['kind']}: {finding['text']}"


def picture(state: dict[str, Any]) -> Group:
    """Return the state as tables for a terminal."""
    points = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("point", "vehicle", "state"):
        points.add_column(head)
    for head in ("offers", "L1", "L2", "L3"):
        points.add_column(head, justify="right")
    points.add_column("why", overflow="fold")
    for name, point in state["points"].items():
        vehicle = "-" if point["vehicle"] is None else f"{point['vehicle']['phases']} phases"
        currents = [_amps(value) for value in point["current_a"]]
        why = point["display"] or point["why"]
        points.add_row(name, vehicle, point["pilot"], _amps(point["offered_a"]), *currents, Text(why))
    nodes = Table(box=None, pad_edge=False, header_style="bold")
    nodes.add_column("node")
    for head in ("L1", "L2", "L3", "fuse"):
        nodes.add_column(head, justify="right")
    for name, node in state["nodes"].items():
        fuse_a = node["fuse_a"]
        cells = [
            Text(_amps(value), style="bold red" if fuse_a and value > fuse_a else "") for value in node["current_a"]
        ]
        nodes.add_row(name, *cells, _amps(fuse_a) if fuse_a else "-")
    rest = [Text(f"{name}  {port_text(port)}") for name, port in state["ports"].items()]
    rest += [Text(fault, style="yellow") for fault in state["faults"]]
    rest += [Text(f"{finding['kind']}: {finding['text']}", style="red") for finding in state["findings"][-5:]]
    return Group(Text(f"{state['site']}   {time_of_day(state)}"), Text(), points, Text(), nodes, *rest)


def port_text(port: Mapping[str, Any]) -> str:
    """Return a real serial port and its data request in words."""
    if port["trouble"]:
        return str(port["trouble"])
    asked = "asserted" if port["is_requested"] else "released"
    return "port {port}, {baudrate} {format}, data request ({line}) ".format(**port) + asked


def _phases(item: dict[str, Any]) -> str:
    return "/".join(f"{value:.1f}" for value in item["current_a"]) + " A"


def _amps(value: float) -> str:
    return f"{value:.1f} A"
