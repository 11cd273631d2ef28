"""What suites ask of every device in the same words, read where its family says: registers, or lines of a telegram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from emulators.kit.family import Quantity
from emulators.kit.host import NS_PER_S
from emulators.kit.registers import Register, Value
from hil.errors import ScenarioError
from hil.run.session import Session

if TYPE_CHECKING:
    from hil.probes.p1 import P1Telegram

FRESH_S: Final = 11.0  #: A meter with a P1 port speaks every ten seconds or more often: an older telegram is stale [s].
_AMPERES: Final = {"A": 1.0, "mA": 0.001}


def currents_a(session: Session, place: str, quantity: Quantity) -> list[float]:
    """Return the currents of a meter, or of a socket, as its public port shows them: one, or those of L1, L2, L3 [A].

    A meter's current is negative where power is returned. A phase that a meter with a P1 port does not have is 0.

    Raises:
        ScenarioError: The device's family does not show this quantity, what it shows is listed; or it is not said at
            which socket.
        DeviceFault: The device does not answer, or answers nonsense.
    """
    site = session.tester.site
    device, _ = site.require_place(place)
    if device in site.devices:
        site.require_outlet(place)  # of several it has to be said which
    family = site.require(device).family
    if quantity not in family.observations:
        shown = ", ".join(family.observations) or "nothing of this kind"
        raise ScenarioError(f"{device} ({family.product}) shows no {quantity}. It shows: {shown}.")
    names = family.observations[quantity]
    if family.registers is None:
        telegram = last_telegram(session, device)
        return [telegram.signed_a(code) if code in telegram.values else 0.0 for code in names]
    powers = family.observations.get("meter power", ()) if quantity == "meter current" else ()
    read = read_registers(session, place, [*names, *powers])
    # A float32 of 7.7 A is a little off.
    found_a = [round(float(str(value)) * _AMPERES[row.unit_of_measure], 3) for row, value in read[: len(names)]]
    for index, (_, power) in enumerate(read[len(names) :]):
        found_a[index] = math.copysign(found_a[index], float(str(power)))
    return found_a


def last_telegram(session: Session, meter: str) -> P1Telegram:
    """Return the last good telegram of a meter; when that is stale, or there is none, wait for the next.

    Raises:
        ScenarioError: The device sends no telegrams.
        DeviceFault: No good telegram came.
    """
    probe = session.do(lambda: session.tester.ports.p1(meter))
    last = probe.last
    if last is not None and session.tester.now_ns() - last.at_ns <= FRESH_S * NS_PER_S:
        return last
    return session.ask(lambda: probe.next(FRESH_S))


def read_registers(session: Session, place: str, names: Sequence[str]) -> list[tuple[Register, Value]]:
    """Return registers, by documented name or address, and their values in their units, as a tester reads them.

    What the device serves as one block is one request.

    Args:
        session: The running site.
        place: A device, or a socket of it (``CP1/2``).
        names: Of the registers.

    Raises:
        ScenarioError: The device has no such register, or each of its sockets has one and it is not said which.
        DeviceFault: The device does not answer, or answers nonsense.
    """

    async def read() -> list[tuple[Register, Value]]:
        probe = session.tester.ports.probe(session.tester.site.require_place(place)[0])
        rows = [probe.register(name) for name in names]
        socket = socket_of(session, place, rows)
        return list(zip(rows, await probe.read_many(names, socket=socket), strict=True))

    return session.ask(read)


def socket_of(session: Session, place: str, rows: Sequence[Register]) -> int:
    """Return the number of the socket at whose Modbus unit registers are looked for: any where all have the same one.

    Raises:
        ScenarioError: Each socket has registers of its own, and it is not said which is meant.
    """
    site = session.tester.site
    device, socket = site.require_place(place)
    if socket is not None or device not in site.devices:
        return socket or 1
    charger = site.devices[device]
    units = {charger.family.modbus_unit_of(one.number) for one in charger.outlets}
    if len(units) > 1 and any(row.is_in_unit(unit) for row in rows for unit in units):
        return site.require_outlet(place).number  # refuses, and names them
    return 1
