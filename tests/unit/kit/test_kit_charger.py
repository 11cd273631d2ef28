"""The one shell of a charger, with two sockets: each has its own model, pilot, contactor, connector and trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest

from emulators.kit.charger import TICK_S, Charger, Point
from emulators.kit.family import DeviceConfig, SocketConfig
from emulators.kit.host import NS_PER_S, Host
from emulators.kit.parameters import ParameterTable
from emulators.kit.pilot import NO_OFFER, Offer, Output, PilotState, offer_of_current
from tests.protocol.conftest import ChargerHost, Once, Socket

CONFIG = DeviceConfig(
    name="CP1", address=None, firmware="1", variant="", phase_order="L1L2L3", parameters={},
    sockets=(SocketConfig(1, "L1L2L3"), SocketConfig(2, "L2L3L1")),
)  # fmt: skip


class Sixteen:
    """A socket that offers 16 A to who asks, until an instant at which it stops by itself."""

    def __init__(self) -> None:
        self.profile_a: float | None = None
        self.permitted = True
        self.signalled_a = 0.0
        self.until_ns: int | None = None
        self.pilot = PilotState.A

    def in_trace(self) -> dict[str, object]:
        return {"current_a": self.signalled_a}

    def pilot_changed(self, _now_ns: int, state: PilotState, cable_a: float | None) -> None:
        self.pilot = state

    def advance_to(self, now_ns: int) -> Output:
        over = self.until_ns is not None and now_ns >= self.until_ns
        if over:
            self.until_ns = None
        asks = self.pilot is PilotState.C and not over
        self.signalled_a = (16.0 if self.profile_a is None else self.profile_a) if asks else 0.0
        return Output(offer=offer_of_current(self.signalled_a), contactor=asks)

    def next_deadline_ns(self) -> int | None:
        return self.until_ns


class Double(Charger):
    def __init__(self, host: Host, config: DeviceConfig) -> None:
        super().__init__(host, config, ParameterTable([]), {})
        self.sixteens = {1: Sixteen(), 2: Sixteen()}
        self.done: list[str] = []

    def power_up(self, now_ns: int) -> Mapping[int, Point]:
        self.sixteens = {1: Sixteen(), 2: Sixteen()}
        return self.sixteens

    async def open(self) -> None:
        for name in ("first", "second"):
            self.done.append(f"{name} opened")
            self.opened.callback(self.done.append, f"{name} closed")

    def tick(self) -> None:
        self.done.append("tick")

    def show(self) -> None:
        self.hmi.show(" ".join(f"{one.signalled_a:g}" for one in self.sixteens.values()))

    def parameters_changed(self) -> None:
        raise NotImplementedError

    def page(self) -> Mapping[str, str]:
        return {}

    def explain(self) -> str:
        return ""

    async def fault(self, kind: str | None) -> None:
        raise NotImplementedError


class TwoSockets(ChargerHost):
    """A host with the terminals of two sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets = {1: Socket(), 2: Socket()}

    def charger_wiring(self, socket: int = 1) -> Socket:  # type: ignore[override]
        return self.sockets[socket]


@dataclass
class Bench:
    host: TwoSockets
    charger: Double

    def traced(self, *events: str) -> list[tuple[str, dict[str, object]]]:
        return [one for one in self.host.traced if one[0] in events]


def play(scenario: Callable[[Bench], Any]) -> None:
    async def work() -> None:
        host = TwoSockets()
        bench = Bench(host, Double(cast(Host, host), CONFIG))
        await bench.charger.start()
        host.traced.clear()
        await scenario(bench)
        await bench.charger.stop()

    asyncio.run(work())


def test_each_socket_has_its_own_model_and_terminals() -> None:
    async def scenario(bench: Bench) -> None:
        first, second = bench.host.sockets.values()
        second.plug(PilotState.C, 32.0)
        assert (first.closed, first.offer) == (False, NO_OFFER)
        assert (second.closed, second.offer) == (True, offer_of_current(16))
        assert bench.traced("contactor", "signalled") == [
            ("contactor", {"socket": 2, "closed": True}),
            ("signalled", {"socket": 2, "current_a": 16.0}),
        ]
        assert bench.charger.hmi.display == "0 16"

    play(scenario)


def test_what_has_not_changed_is_not_done_again() -> None:
    async def scenario(bench: Bench) -> None:
        bench.host.sockets[1].plug(PilotState.C, 32.0)
        before = len(bench.host.traced)
        bench.host.sockets[1].offer, bench.host.sockets[1].closed = Offer(fault=True), False
        bench.charger.refresh()
        assert (bench.host.sockets[1].offer, bench.host.sockets[1].closed) == (Offer(fault=True), False)
        assert len(bench.host.traced) == before

    play(scenario)


def test_the_earliest_deadline_of_all_sockets_counts() -> None:
    async def scenario(bench: Bench) -> None:
        for number, socket in bench.host.sockets.items():
            bench.charger.sixteens[number].until_ns = number * 5 * NS_PER_S
            socket.plug(PilotState.C, 32.0)
        pending = [one for one in bench.host.once if not one.cancelled]
        assert [one.due_ns for one in pending] == [5 * NS_PER_S]
        bench.host.now = pending[0].due_ns
        pending[0].callback()
        assert bench.charger.sixteens[1].signalled_a == 0
        assert bench.charger.sixteens[2].signalled_a == 16
        later: list[Once] = [one for one in bench.host.once if not one.cancelled and one is not pending[0]]
        assert [one.due_ns for one in later] == [10 * NS_PER_S]

    play(scenario)


def test_a_power_cycle_closes_what_was_opened_the_last_one_first() -> None:
    async def scenario(bench: Bench) -> None:
        charger, socket = bench.charger, bench.host.sockets[2]
        socket.plug(PilotState.C, 32.0)
        await charger.stop()
        await charger.stop()
        assert charger.done == ["first opened", "second opened", "second closed", "first closed"]
        assert (socket.closed, socket.offer) == (False, NO_OFFER)
        bench.host.pass_time(5)
        socket.plug(PilotState.C, 32.0)  # nobody looks
        assert (socket.closed, "tick" in charger.done) == (False, False)
        await charger.start()
        assert (socket.closed, charger.sixteens[2].pilot) == (True, PilotState.C)  # the vehicle is still there
        bench.host.pass_time(TICK_S)
        assert charger.done.count("tick") == 1

    play(scenario)


def test_its_only_socket_needs_no_number() -> None:
    async def scenario(bench: Bench) -> None:
        one = DeviceConfig(name="CP1", address=None, firmware="1", variant="", phase_order="L1L2L3", parameters={})
        single = Double(cast(Host, bench.host), one)
        single.power_up = lambda _now_ns: {1: single.sixteens[1]}  # type: ignore[method-assign]
        await single.start()
        bench.host.traced.clear()
        bench.host.sockets[1].plug(PilotState.C, 32.0)
        assert ("contactor", {"closed": True}) in bench.host.traced
        await single.stop()

    play(scenario)


@pytest.mark.parametrize(("socket", "order"), [(1, "L1L2L3"), (2, "L2L3L1")])
def test_a_socket_hangs_on_the_grid_as_the_site_says(socket: int, order: str) -> None:
    assert Double(cast(Host, TwoSockets()), CONFIG).phase_order(socket) == order
