"""Vehicles: they come, take less, leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from robot.api.deco import keyword

from emulators.kit.phases import PHASES, PerPhase
from hil.keywords.context import Context
from hil.keywords.values import Amps
from hil.site import VehicleSpec

NOTHING: Final = Amps(0)
FULL: Final = Amps(32)
#: Random vehicles: those of 32 A are the more frequent, so that limits are reached; one is no whole number.
RANDOM_CURRENTS: Final = (Amps(16), Amps(23.4), FULL, FULL)


class Vehicles:
    """Words for vehicles."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Stimulus",))
    def plug_in_vehicle(
        self,
        socket: str,
        *,
        vehicle: str = "",
        phases: int = 3,
        max_current: Amps = FULL,
        asks_for: Amps | None = None,
    ) -> None:
        """Plug a vehicle in: one of the site, a preset, or one described here.

        Of a charger with several sockets one is named: ``CP1/2``.

        | Plug In Vehicle | CP1 | phases=3 | max_current=32 A |
        | Plug In Vehicle | CP2 | vehicle=zoe |
        """
        session = self._context.session
        spec = session.tester.site.vehicle(vehicle) if vehicle else VehicleSpec(
            phases=phases, max_current_a=max_current.a, asks_for_a=None if asks_for is None else asks_for.a
        )  # fmt: skip
        session.call(session.tester.vehicle(socket).plug(spec))

    @keyword(tags=("Stimulus",))
    def unplug_vehicle(self, socket: str) -> None:
        """Unplug the vehicle and drive away.

        | Unplug Vehicle | CP1 |
        """
        session = self._context.session
        session.call(session.tester.vehicle(socket).unplug())

    @keyword(tags=("Stimulus",))
    def vehicle_takes(self, socket: str, current: Amps | None = None) -> None:
        """Let the vehicle take no more than a current per phase, as at the end of charging; ``None``: all it can.

        | Vehicle Takes | CP4 | 6 A |
        """
        session = self._context.session
        amps = None if current is None else current.a
        session.call(session.tester.vehicle(socket).take(amps))

    @keyword(tags=("Stimulus",))
    def random_vehicles_come_and_go(
        self, *, duration: timedelta, seed_name: str = "arrivals", load: str | None = None, max_load: Amps = NOTHING
    ) -> None:
        """Let seeded vehicles of one, two or three phases arrive at free sockets and leave again, for a time.

        With ``load``, that consumer draws a new random current up to ``max_load`` on each phase now and then.

        | Random Vehicles Come And Go | duration=20 minutes |
        """
        session = self._context.session
        tester, rng = session.tester, session.rng(seed_name)
        until_s = session.now_s() + duration.total_seconds()
        while session.now_s() < until_s:
            socket = rng.choice(list(tester.site.outlets))
            if session.call(tester.vehicle(socket).look()).phases is None:
                self.plug_in_vehicle(socket, phases=rng.choice((1, 2, 3)), max_current=rng.choice(RANDOM_CURRENTS))
            elif rng.random() < 0.5:
                self.unplug_vehicle(socket)
            if load is not None and rng.random() < 0.5:
                drawn_a = PerPhase(*(rng.uniform(0, max_load.a) for _ in PHASES))
                session.call(tester.load(load).set(drawn_a))
            session.wait(min(rng.uniform(30, 300), max(1.0, until_s - session.now_s())))
