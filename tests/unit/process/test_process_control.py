"""The control channel: messages, and terminals that a device works out itself."""

from __future__ import annotations

import pytest

from emulators.ev.ramp import Ramp
from emulators.kit.host import NS_PER_S
from emulators.kit.parameters import ParameterError
from emulators.kit.phases import PerPhase
from hil.plant import SUPPLY, Node, Plant, neutral_a
from hil.process import control
from hil.process.control import Garbage, TerminalState, decode, encode


def plant_with_a_ramp() -> Plant:
    """Return a plant in which 16 A of PV meet a vehicle that ramps from 6 A to 30 A on two phases in 12 s."""
    plant = Plant.build([Node(name=SUPPLY, parent=None), Node(name="F1", parent=SUPPLY)], voltage_v=231.0)
    plant.add_pv("roof", "F1")
    plant.add_socket("CP1", "F1", "L2L3L1")
    plant.set_pv(0, "roof", PerPhase.all(16.0))
    plant.set_vehicle_present(0, "CP1", True)
    plant.set_contactor(0, "CP1", True)
    plant.set_draw(0, "CP1", Ramp(0, PerPhase(6, 6, 0), 12 * NS_PER_S, PerPhase(30, 30, 0)))
    return plant


def at_node(plant: Plant, now_ns: int) -> TerminalState:
    """Return a meter's terminals as they go over the channel."""
    told = TerminalState(
        now_ns, plant.lines("F1", now_ns), plant.import_wh("F1", now_ns), plant.export_wh("F1", now_ns),
        plant.voltage_v("F1"), 231.0,
    )  # fmt: skip
    return TerminalState.of(decode(encode("terminals", **told.as_fields())))


@pytest.mark.parametrize("later_s", [0, 1, 4, 5, 11, 12])
def test_a_device_works_out_what_the_plant_does(later_s: int) -> None:
    plant = plant_with_a_ramp()
    told = at_node(plant, 2 * NS_PER_S)
    now_ns = max(2, later_s) * NS_PER_S
    forward, backward = told.energy_wh(now_ns)
    assert [*told.currents_a(now_ns)] == pytest.approx([*plant.currents_a("F1", now_ns)])
    assert [*forward] == pytest.approx([*plant.import_wh("F1", now_ns)])
    assert [*backward] == pytest.approx([*plant.export_wh("F1", now_ns)])
    assert neutral_a(told.currents_a(now_ns)) == pytest.approx(plant.neutral_a("F1", now_ns))
    assert max(forward) > 0 or later_s <= 5
    assert max(backward) > 0


def test_a_ramp_ends_where_it_ends_although_nobody_says_so() -> None:
    plant = plant_with_a_ramp()
    told = at_node(plant, 0)
    late_ns = 40 * NS_PER_S
    assert [*told.currents_a(late_ns)] == pytest.approx([*plant.currents_a("F1", late_ns)])
    assert [*told.energy_wh(late_ns)[0]] == pytest.approx([*plant.import_wh("F1", late_ns)])


def test_sockets_have_their_own_conductors() -> None:
    plant = plant_with_a_ramp()
    lines = plant.socket_lines("CP1", 6 * NS_PER_S)
    assert [line.at(6 * NS_PER_S) for line in lines] == pytest.approx([18, 18, 0])


def test_the_same_course_is_not_told_twice() -> None:
    plant = plant_with_a_ramp()
    first = at_node(plant, 0)
    assert first.differs(None)
    assert not at_node(plant, 3 * NS_PER_S).differs(first)
    plant.set_pv(4 * NS_PER_S, "roof", PerPhase.all(15.0))
    assert at_node(plant, 4 * NS_PER_S).differs(first)


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"GET / HTTP/1.1\r\n", b"[]\n", b'{"kind": 1}\n', b'{"kind": "x"}', b"\xff\n"]
)
def test_garbage_is_told_from_messages(line: bytes) -> None:
    with pytest.raises(Garbage, match="is no message of the control channel"):
        decode(line)


@pytest.mark.parametrize(
    "error", [ParameterError("P", "is not possible.", "Allowed: 1."), ValueError("no"), OSError("busy")]
)
def test_a_refusal_comes_back_as_the_same_error(error: Exception) -> None:
    again = control.refused(decode(encode("answer", refused=control.refusal(error))))
    assert (type(again), str(again)) == (type(error), str(error))
