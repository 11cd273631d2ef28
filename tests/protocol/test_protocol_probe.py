"""The tester's Modbus probe: one request for what a device serves as one block, and each socket at its own unit."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from emulators.kit.family import Family, families
from emulators.kit.modbus.server import FUNCTIONS, ModbusServer
from emulators.kit.phases import PerPhase
from emulators.kit.registers import RegisterBank, RegisterTable, Value
from hil.probes import ModbusProbe
from hil.probes.modbus import blocks
from hil.site import MeterSpec, load_site

from .conftest import FakeHost

Run = Callable[[Coroutine[Any, Any, None]], None]
METERS = {name: one for name, one in families().items() if one.role == "meter" and one.registers is not None}
AMPERES = PerPhase(10.0, -4.5, 0.25)


def names_of(family: Family) -> list[str]:
    """Return what `Meter Current` reads."""
    return [*family.observations["meter current"], *family.observations.get("meter power", ())]


def requests(host: FakeHost) -> int:
    return sum(direction == "rx" for direction, _, _ in host.frames)


@pytest.mark.parametrize("family", METERS.values(), ids=METERS)
def test_the_currents_of_a_meter_are_one_request_and_its_documented_numbers(
    run: Run, host: FakeHost, family: Family
) -> None:
    spec = MeterSpec(type=family.type, address="192.168.0.5")  # type: ignore[arg-type] # pydantic finds the family
    host.terminals.amperes = AMPERES

    async def scenario() -> None:
        device: Any = family.create(host, spec.config())
        await device.start()
        host.pass_time(2)
        probe = ModbusProbe(spec, "127.0.0.1", device._server.port, source_address=None)
        names = names_of(family)
        together = await probe.read_many(names)
        assert requests(host) == 1
        assert together == [await probe.read(name) for name in names]
        assert requests(host) == 1 + len(names)
        assert await probe.read_many(reversed(names)) == together[::-1]  # type: ignore[arg-type] # in the names' order
        probe.close()
        await device.stop()

    run(scenario())


def test_each_socket_is_read_and_written_at_its_own_unit(run: Run) -> None:
    spec = load_site("alfen/alb-p1").devices["CP1"]
    assert spec.family.registers is not None
    table = RegisterTable.load(spec.family.registers).select(spec.config().firmware)
    written: list[tuple[int, str, Value]] = []

    def bank(unit: int) -> RegisterBank:
        return RegisterBank(
            table.of_unit(unit), lambda name: float(unit), lambda name, value: written.append((unit, name, value))
        )

    banks = {unit: bank(unit) for unit in (1, 2, 200)}

    async def scenario() -> None:
        server = ModbusServer(banks.get, FUNCTIONS)
        await server.start("127.0.0.1", 0)
        probe = ModbusProbe(spec, "127.0.0.1", server.port, source_address=None)
        names = ["current_l1", "actual_applied_max_current"]
        assert await probe.read_many(names) == [1, 1]
        assert await probe.read_many(names, socket=2) == [2, 2]
        assert (
            await probe.read("station_active_max_current", socket=2) == 200
        )  # the station's, whichever socket is meant
        await probe.write("modbus_slave_max_current", 7.0, socket=2)
        assert written == [(2, "modbus_slave_max_current", 7.0)]
        probe.close()
        await server.stop()

    run(scenario())


def test_a_gap_ends_a_block_and_so_does_the_longest_request() -> None:
    family = families()["pac2200"]
    assert family.registers is not None
    table = RegisterTable.load(family.registers).select(family.firmware[0], family.variants[0])
    rows = list(table)[:4]
    served = {at for row in rows for at in range(row.address, row.last + 1)}
    assert blocks([*rows, rows[0]], served) == [rows]
    assert blocks([rows[0], rows[3]], served) == [[rows[0], rows[3]]]
    assert blocks([rows[3], rows[0]], served - {rows[1].address}) == [[rows[0]], [rows[3]]]
    far = [row for row in table if row.address > 125][:1]
    assert blocks([rows[0], *far], {*range(1000)}) == [[rows[0]], far]
