"""``hil devices``, ``hil sheet``, ``hil doctor``: what there is, without running anything."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hil.cli.command import Commands, add_command, importing
from hil.errors import ExitCode, ScenarioError

if TYPE_CHECKING:
    from emulators.kit.family import Family
    from emulators.kit.faults import Fault


def add(commands: Commands) -> None:
    """Add the commands."""
    add_command(commands, "devices", _devices, "list the device families that can stand on a site")
    sheet = add_command(
        commands,
        "sheet",
        _sheet,
        "print a device's fidelity sheet: registers, parameters, what is documented and assumed",
    )
    sheet.add_argument("device", metavar="DEVICE", help="device type as in `hil devices`")
    add_command(commands, "doctor", _doctor, "look for what this machine lacks, each with its fix")


def _devices(args: argparse.Namespace) -> int:
    with importing():
        from emulators.kit.family import families  # noqa: PLC0415

    rows = [(one.type, one.role, one.product, ", ".join(one.firmware), _ports(one)) for one in families().values()]
    _table([("type", "role", "product", "firmware", "ports"), *rows])
    return ExitCode.PASSED


def _sheet(args: argparse.Namespace) -> int:
    with importing():
        import csv  # noqa: PLC0415

        from emulators.kit.family import UnknownFamily, family  # noqa: PLC0415

    try:
        device = family(args.device)
    except UnknownFamily as error:
        raise ScenarioError(str(error)) from error
    print(f"{device.type}: {device.product} ({device.role})")
    if device.maker:
        print(f"maker: {device.maker}")
    print(f"firmware: {', '.join(device.firmware)} (the first is the default)")
    if device.variants:
        print(f"variants: {', '.join(device.variants)} (the first is the default)")
    for variant, current_a in device.rated_current_a.items():
        print(f"rated current{f' of {variant}' if variant else ''}: {current_a:g} A")
    print(f"ports: {_ports(device)}")
    registers = {"Modbus registers": device.registers} if device.registers is not None else {}
    for title, table in {**registers, **device.tables}.items():
        with table.open(newline="", encoding="utf-8") as file:
            rows = [tuple(row) for row in csv.reader(file)]
        print(f"\n{title}, {len(rows) - 1} rows")
        _table(rows)
    if len(device.faults):
        print("\nfaults of its own, for `Plant Fault`")
        _table([("fault", "argument", "effect", "source"), *(_fault(one) for one in device.faults)])
    if len(device.parameters):
        print("\nparameters")
        head = ("name", "type", "default", "unit", "allowed", "restart", "source")
        _table(
            [
                head,
                *(
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
                ),
            ]
        )
    print()
    print(device.sheet.read_text(encoding="utf-8").rstrip())
    return ExitCode.PASSED


def _fault(fault: Fault) -> tuple[str, str, str, str]:
    """Return a fault's name, its argument with what it may be, its effect and source."""
    argument = fault.argument
    text = "" if argument is None else f"{argument.name}: {argument.range}"
    return fault.name, text or "-", fault.effect, fault.source


def _doctor(args: argparse.Namespace) -> int:
    with importing():
        from hil.cli.doctor import examine  # noqa: PLC0415

    for finding in examine():
        print(finding)
    return ExitCode.PASSED


def _ports(device: Family) -> str:
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


def _table(rows: Sequence[Sequence[str]]) -> None:
    """Print columns that line up; the last one may be as long as it is."""
    columns = max(len(row) for row in rows)
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(columns)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip())
