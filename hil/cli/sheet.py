"""``hil sheet``: everything that a device family says of itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hil.cli.command import Commands, add_command, importing
from hil.cli.table import print_table
from hil.errors import ExitCode, ScenarioError

if TYPE_CHECKING:
    from emulators.kit.family import Family
    from emulators.kit.faults import Fault

_SOURCE: Final = "source"  #: The column that is too long to be read beside the others.
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A titled table; its first row is the head."""

    title: str
    rows: Sequence[Row]


def add(commands: Commands) -> None:
    """Add the command."""
    sheet = add_command(
        commands,
        "sheet",
        _sheet,
        "print a device's fidelity sheet: registers, parameters, what is documented and assumed",
    )
    sheet.add_argument("device", metavar="DEVICE", help="device type as in `hil devices`")
    sheet.add_argument(
        "--registers", nargs="?", const="", metavar="WORD", help="only registers, those with this word in them"
    )
    sheet.add_argument(
        "--parameters", nargs="?", const="", metavar="WORD", help="only parameters, those with this word in them"
    )
    sheet.add_argument(
        "--sources", action="store_true", help="the source of each row on a terminal too; a pipe always has it"
    )


def _sheet(args: argparse.Namespace) -> int:
    with importing():
        from emulators.kit.family import UnknownFamily, family  # noqa: PLC0415

    try:
        device = family(args.device)
    except UnknownFamily as error:
        raise ScenarioError(str(error)) from error
    filtered = args.registers is not None or args.parameters is not None
    sections: list[Section] = []
    if not filtered or args.registers is not None:
        sections += _having(_registers(device), args.registers or "", f"no register of {device.type} has")
    if not filtered:
        sections += _faults(device)
    if not filtered or args.parameters is not None:
        sections += _having(_parameters(device), args.parameters or "", f"no parameter of {device.type} has")
    text = device.sheet.read_text(encoding="utf-8").rstrip()
    if sys.stdout.isatty():
        _show(() if filtered else _head(device), sections, "" if filtered else text, sources=args.sources)
        return ExitCode.PASSED
    for line in () if filtered else _head(device):
        print(line)
    for number, section in enumerate(sections):
        print(f"{'' if filtered and number == 0 else chr(10)}{section.title}")
        print_table(section.rows)
    if not filtered:
        print(f"\n{text}")
    return ExitCode.PASSED


def _having(sections: Sequence[Section], word: str, complaint: str) -> list[Section]:
    """Return the rows with a word in them, of the sections that have some.

    Raises:
        ScenarioError: There is none.
    """
    found: list[Section] = []
    for section in sections:
        head, *rows = section.rows
        at = [number for number, name in enumerate(head) if name != _SOURCE]
        kept = [row for row in rows if any(word.lower() in row[n].lower() for n in at if n < len(row))]
        if kept:
            title = section.title if len(kept) == len(rows) else f"{section.title}, of which {len(kept)} with {word!r}"
            found.append(Section(title, (head, *kept)))
    if not found and word:
        raise ScenarioError(f"{complaint} {word!r} in it.")
    return found


def _head(device: Family) -> Iterable[str]:
    yield f"{device.type}: {device.product} ({device.role})"
    if device.maker:
        yield f"maker: {device.maker}"
    yield f"firmware: {', '.join(device.firmware)} (the first is the default)"
    if device.variants:
        yield f"variants: {', '.join(device.variants)} (the first is the default)"
    for variant, current_a in device.rated_current_a.items():
        yield f"rated current{f' of {variant}' if variant else ''}: {current_a:g} A"
    yield f"ports: {ports(device)}"


def _registers(device: Family) -> list[Section]:
    import csv  # noqa: PLC0415

    sections: list[Section] = []
    registers = {"Modbus registers": device.registers} if device.registers is not None else {}
    for title, table in {**registers, **device.tables}.items():
        with table.open(newline="", encoding="utf-8") as file:
            rows = [tuple(row) for row in csv.reader(file)]
        sections.append(Section(f"{title}, {len(rows) - 1} rows", rows))
    return sections


def _faults(device: Family) -> list[Section]:
    if not len(device.faults):
        return []
    head = ("fault", "argument", "effect", _SOURCE)
    return [Section("faults of its own, for `Plant Fault`", (head, *map(_fault, device.faults)))]


def _parameters(device: Family) -> list[Section]:
    if not len(device.parameters):
        return []
    head = ("name", "type", "default", "unit", "allowed", "restart", _SOURCE)
    rows = (
        (
            row.name,
            row.type,
            row.default,
            row.unit,
            row.allowed_text.removeprefix("Allowed: "),
            "yes" if row.needs_restart else "no",
            row.source,
        )
        for row in device.parameters.values()
    )
    return [Section("parameters", (head, *rows))]


def _fault(fault: Fault) -> Row:
    """Return a fault's name, its argument with what it may be, its effect and source."""
    argument = fault.argument
    text = "" if argument is None else f"{argument.name}: {argument.range}"
    return fault.name, text or "-", fault.effect, fault.source


def ports(device: Family) -> str:
    """Return the documented ports, and how its serial lines are set with the default firmware."""
    sockets = range(1, max(device.sockets.values(), default=1) + 1)
    of_sockets = dict.fromkeys(map(device.modbus_unit_of, sockets))
    units = ", ".join(map(str, (*of_sockets, *device.modbus_more_units)))
    modbus = [f"Modbus TCP {device.modbus_port}, unit {units}"] if device.modbus_port is not None else []
    defaults = {name: row.parse(row.default) for name, row in device.parameters.items()}
    services = [f"{what} {one.scheme} {one.port}" for what, one in device.services(defaults.__getitem__).items()]
    return (
        "; ".join([*modbus, *services, *(f"{label} {settings}" for label, settings in device.serial_ports.items())])
        or "-"
    )


def _show(head: Iterable[str], sections: Sequence[Section], text: str, *, sources: bool) -> None:
    """Print for people: columns as wide as the terminal, coloured, a page at a time."""
    import os  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.markdown import Markdown  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    os.environ.setdefault("LESS", "-RFX")  # colours pass, one screen is not paged, and it stays there afterwards
    console = Console()
    with console.pager(styles=True):
        for line in head:
            console.print(Text(line))
        for section in sections:
            names, *rows = section.rows
            shown = [n for n, name in enumerate(names) if sources or name != _SOURCE]
            table = Table(title=section.title, title_justify="left", box=None, header_style="bold", pad_edge=False)
            for n in shown:
                table.add_column(names[n], overflow="fold")
            for row in rows:
                table.add_row(*(Text(row[n]) if n < len(row) else Text() for n in shown))
            console.print(table)
            console.print()
        console.print(Markdown(text))
