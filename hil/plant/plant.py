"""The electrical truth of a site: a tree of conductors, what flows in them, and the fuses that open.

Invariants, their bounds, and who checks them (:meth:`Plant.check` and the property tests):

* current balance: at every node and phase the conductor carries the sum of what hangs on it, |rest| <= 1e-6 A;
* energy is the integral of power: every node's import minus export equals that of what hangs on it, <= 1e-6 relative
  (the integrals of straight lines are closed forms; only float rounding is left);
* no socket draws a negative current (>= -1e-9 A);
* a fuse is never above its latest curve: damage on it <= 1 + 1e-6;
* behind an open fuse every current of that phase is exactly 0.

Positive current flows away from the supply (import). There is no tick: currents are straight lines, recomputed where
something changes, and energy, heat and extremes are integrated in closed form. Several changes in one instant are one
change: no peak and no time above a limit comes from the order in which they were told.

What it deliberately does not do: reactive power, harmonics, voltage drop (a phase has nominal voltage or, behind an
open fuse, none), short circuits, residual currents.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from emulators.ev.ramp import Ramp
from emulators.kit.phases import PHASES, PerPhase, grid_phases, to_grid
from hil.errors import BenchError, ScenarioError
from hil.plant.events import FuseMayOpen, FuseOpened, LimitExceeded, LiveSocketWithoutVehicle, PlantEvent
from hil.plant.fuse import REACHED, Damage, FuseSpec, curve
from hil.plant.judge import Extremes, LimitWatch
from hil.plant.line import NOTHING, NS_PER_S, Line

SUPPLY: Final = "supply"  #: The root of every tree.
ALLOWED_OVER_LIMIT_S: Final = 65.0  #: How long a conductor may be above its limit: a minute and 5 s of the pilot.
TOLERANCE_A: Final = 0.5  #: What a conductor may be above its limit for ever [A].
LIVE_GRACE_S: Final = 0.1  #: IEC 61851-1 sequence 8.1: the contactor opens within 100 ms.
WH_PER_AS_AND_V: Final = 1 / 3600
BALANCE_A: Final = 1e-6
ROUNDING_A: Final = 1e-6  #: A peak that is higher by less is the same peak: only sums were rounded differently.
ENERGY_SHARE: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One line of the installation.

    Attributes:
        name: Its name, unique in the site.
        parent: What it hangs on; None only for ``supply``.
        fuse: Fuse at its beginning.
        cable_a: What its conductors carry for good [A].
    """

    name: str
    parent: str | None = SUPPLY
    fuse: FuseSpec | None = None
    cable_a: float | None = None


def neutral_a(currents_a: PerPhase) -> float:
    """Return the RMS current in the neutral of three conductors [A]: the sum of three vectors 120° apart."""
    a, b, c = currents_a
    return math.sqrt(max(0.0, ((a - b) ** 2 + (b - c) ** 2 + (c - a) ** 2) / 2))


@dataclass(frozen=True, slots=True)
class WirePeak:
    """The highest current that a conductor has carried since the start, in either direction.

    Attributes:
        at_ns: When first [ns].
        current_a: Signed [A].
        drawn_by: Each load, PV system (negative) and socket behind it that carried something then, and how much [A].
    """

    at_ns: int
    current_a: float
    drawn_by: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class FuseReading:
    """One pole of a fuse.

    Attributes:
        is_open: It has opened.
        damage: Damage on the earliest curve now; at 1 it may open.
        worst_damage: Highest damage so far on the earliest curve.
        must_open_damage: Damage on the latest curve now; at 1 it must have opened.
    """

    is_open: bool
    damage: float
    worst_damage: float
    must_open_damage: float

    @property
    def margin(self) -> float:
        """Return what is left until it may open: 1 is cold, 0 is the earliest curve."""
        return 1.0 - self.damage

    @property
    def verdict(self) -> str:
        """Return ``safe``, ``doubtful`` (it may have opened on a real site) or ``tripped``."""
        if self.is_open:
            return "tripped"
        return "doubtful" if self.worst_damage >= REACHED else "safe"


@dataclass(slots=True)
class _Pole:
    """One phase of a fuse: damage on the two edges of its band and on the curve it opens by."""

    earliest: Damage
    latest: Damage
    opening: Damage
    is_open: bool = False
    warned: bool = False

    @classmethod
    def cold(cls, spec: FuseSpec) -> _Pole:
        earliest = Damage(curve(spec.type, spec.rating_a, "earliest"))
        latest = Damage(curve(spec.type, spec.rating_a, "latest"))
        typical = Damage(curve(spec.type, spec.rating_a, "typical"))
        return cls(earliest, latest, {"earliest": earliest, "latest": latest, "typical": typical}[spec.trip])

    def damages(self) -> list[Damage]:
        """Return each damage once (the opening one may be one of the edges)."""
        edges = [self.earliest, self.latest]
        return edges if self.opening is self.earliest or self.opening is self.latest else [*edges, self.opening]


@dataclass(slots=True)
class _Wire:
    """One phase's conductor of a branch: its current's line and everything integrated along it up to ``booked_ns``."""

    phase: int
    line: Line = NOTHING
    booked_ns: int = 0
    import_as: float = 0.0
    export_as: float = 0.0
    extremes: Extremes = field(default_factory=Extremes)
    peak: WirePeak = WirePeak(0, 0.0)
    pole: _Pole | None = None
    watch: LimitWatch | None = None
    opens_ns: int | None = None
    warns_ns: int | None = None
    crosses_ns: int | None = None

    def charges_as(self, now_ns: int) -> tuple[float, float]:
        """Return imported and exported charge since the start [As]."""
        forward, backward = self.line.charge_as(self.booked_ns, now_ns)
        return self.import_as + forward, self.export_as + backward

    def book(self, now_ns: int) -> None:
        """Integrate up to now."""
        if now_ns > self.booked_ns:
            self.import_as, self.export_as = self.charges_as(now_ns)
            self.extremes.book(self.line, self.booked_ns, now_ns)
            if self.pole is not None:
                for damage in self.pole.damages():
                    damage.book(self.line, self.booked_ns, now_ns)
            self.booked_ns = now_ns

    def follow(self, line: Line, now_ns: int) -> None:
        """Book the old line and go on along a new one."""
        self.book(now_ns)
        self.line = line
        if self.watch is not None:
            self.watch.judge(line, now_ns)
        self.predict(now_ns)

    def predict(self, now_ns: int) -> None:
        """Work out when this line makes something happen."""
        pole = self.pole
        if pole is not None:
            closed = not pole.is_open
            self.opens_ns = pole.opening.reaches_one_ns(self.line, now_ns) if closed else None
            warns = closed and not pole.warned and pole.opening is not pole.earliest
            self.warns_ns = pole.earliest.reaches_one_ns(self.line, now_ns) if warns else None
        if self.watch is not None:
            self.crosses_ns = self.watch.crosses_ns(self.line, now_ns)

    def due_ns(self) -> int | None:
        """Return when something happens here next."""
        expires_ns = None if self.watch is None else self.watch.expires_ns()
        return min(
            (t for t in (self.opens_ns, self.warns_ns, self.crosses_ns, expires_ns) if t is not None), default=None
        )


@dataclass(slots=True)
class _Branch:
    """Anything with three conductors: a node, or something that hangs on one."""

    name: str
    parent: _Node | None
    wires: tuple[_Wire, _Wire, _Wire]

    def wanted(self, now_ns: int, phase: int) -> Line:
        """Return the line this branch would carry on a live phase."""
        raise NotImplementedError

    def set(self, now_ns: int, phase: int) -> None:
        """Follow what is wanted now, or nothing on a dead phase."""
        live = self.parent is None or self.parent.is_live(phase)
        self.wires[phase].follow(self.wanted(now_ns, phase) if live else Line(now_ns, 0.0), now_ns)


@dataclass(slots=True)
class _Node(_Branch):
    spec: Node
    children: list[_Branch] = field(default_factory=list)

    def is_live(self, phase: int) -> bool:
        node: _Node | None = self
        while node is not None:
            pole = node.wires[phase].pole
            if pole is not None and pole.is_open:
                return False
            node = node.parent
        return True

    def wanted(self, now_ns: int, phase: int) -> Line:
        lines = [child.wires[phase].line for child in self.children]
        ends = [line.until_ns for line in lines if line.until_ns is not None]
        return Line(
            now_ns,
            math.fsum(line.at(now_ns) for line in lines),
            math.fsum(line.slope_a_per_s for line in lines),
            min(ends, default=None),
        )


@dataclass(slots=True)
class _Source(_Branch):
    """A load or a PV system: constant currents, with the sign of the plant."""

    currents_a: PerPhase = field(default_factory=PerPhase.zero)

    def wanted(self, now_ns: int, phase: int) -> Line:
        return Line(now_ns, self.currents_a[phase])


@dataclass(slots=True)
class _Socket(_Branch):
    """A socket: a vehicle's draw behind a contactor, rotated against the grid."""

    order: str = "L1L2L3"
    draw: Ramp = field(default_factory=lambda: Ramp.steady(0, PerPhase.zero()))
    contactor_closed: bool = False
    vehicle_present: bool = False
    live_since_ns: int | None = None
    live_reported: bool = False

    def wanted(self, now_ns: int, phase: int) -> Line:
        if not self.contactor_closed:
            return Line(now_ns, 0.0)
        draw = self.draw
        current_a = to_grid(draw.current_a(now_ns), self.order)[phase]
        if now_ns >= draw.until_ns:
            return Line(now_ns, current_a)
        change_a = to_grid(draw.to_a - draw.from_a, self.order)[phase]
        if now_ns < draw.at_ns:
            return Line(now_ns, current_a, 0.0, draw.at_ns)
        if change_a == 0:
            return Line(now_ns, current_a)
        return Line(now_ns, current_a, change_a * NS_PER_S / (draw.until_ns - draw.at_ns), draw.until_ns)

    def watch_live(self, now_ns: int) -> None:
        """Note since when it is live without a vehicle."""
        if not self.contactor_closed or self.vehicle_present:
            self.live_since_ns, self.live_reported = None, False
        elif self.live_since_ns is None:
            self.live_since_ns = now_ns

    def live_due_ns(self) -> int | None:
        """Return the first moment at which it has been live without a vehicle for longer than allowed."""
        if self.live_since_ns is None or self.live_reported:
            return None
        return self.live_since_ns + round(LIVE_GRACE_S * NS_PER_S) + 1


def _drawn_by(node: _Node, phase: int, at_ns: int) -> Iterator[tuple[str, float]]:
    """Yield who carries something behind a node at a moment of the present lines, and how much [A]."""
    for child in node.children:
        if isinstance(child, _Node):
            yield from _drawn_by(child, phase, at_ns)
        elif abs(current_a := child.wires[phase].line.at(at_ns)) > ROUNDING_A:
            yield child.name, current_a


_B = TypeVar("_B", bound=_Branch)


class Plant:
    """A site's conductors. Build it with :meth:`build`; then tell it every change, and ask.

    Every input and every question carries the farm time [ns], which never runs backwards. What happens on the way
    (a fuse opens) is kept until :meth:`advance_to` takes it.
    """

    def __init__(self, root: Node, *, voltage_v: float, allowed_over_limit_s: float, tolerance_a: float) -> None:
        self._voltage_v = voltage_v
        self._allowed_ns = round(allowed_over_limit_s * NS_PER_S)
        self._tolerance_a = tolerance_a
        self._now_ns = 0
        self._nodes: dict[str, _Node] = {}
        self._loads: dict[str, _Source] = {}
        self._pv: dict[str, _Source] = {}
        self._sockets: dict[str, _Socket] = {}
        self._dirty: dict[tuple[str, str], _Branch] = {}
        self._events: list[PlantEvent] = []
        self._marks = 0
        self._next_due_ns: int | None = None
        self._next_known = False
        self._add_node(root, None)

    @classmethod
    def build(
        cls,
        nodes: Iterable[Node] = (),
        *,
        voltage_v: float = 230.0,
        main_fuse: FuseSpec | None = None,
        allowed_over_limit_s: float = ALLOWED_OVER_LIMIT_S,
        tolerance_a: float = TOLERANCE_A,
    ) -> Plant:
        """Return a plant with these nodes below ``supply``, in any order.

        Args:
            nodes: The feeders; a node named ``supply`` takes the place of the root.
            voltage_v: Voltage L-N [V].
            main_fuse: Fuse of the root.
            allowed_over_limit_s: How long a conductor may be above its limit [s].
            tolerance_a: What it may be above it for ever [A].

        Raises:
            ScenarioError: A name is used twice, a parent is unknown, or nodes hang on each other in a ring.
        """
        waiting = sorted(nodes, key=lambda node: node.name)
        roots = [node for node in waiting if node.name == SUPPLY]
        root = roots[0] if roots else Node(name=SUPPLY, parent=None, fuse=main_fuse)
        plant = cls(root, voltage_v=voltage_v, allowed_over_limit_s=allowed_over_limit_s, tolerance_a=tolerance_a)
        waiting = [node for node in waiting if node is not root]
        while waiting:
            ready = [node for node in waiting if node.parent in plant._nodes]
            if not ready:
                names = ", ".join(f"{node.name} on {node.parent}" for node in waiting)
                raise ScenarioError(f"these nodes hang on nothing that reaches the supply: {names}")
            for node in ready:
                plant._add_node(node, plant._nodes[node.parent or SUPPLY])
            waiting = [node for node in waiting if node not in ready]
        return plant

    # --- what hangs where ---------------------------------------------------------------------------------------

    def add_load(self, name: str, node: str) -> None:
        """Hang a load on a node; it draws nothing yet."""
        parent = self._node(node)
        self._hang(self._loads, _Source(name, parent, self._wires()))

    def add_pv(self, name: str, node: str) -> None:
        """Hang a PV system on a node; it generates nothing yet."""
        parent = self._node(node)
        self._hang(self._pv, _Source(name, parent, self._wires()))

    def add_socket(self, name: str, node: str, phase_order: str = "L1L2L3") -> None:
        """Hang a socket on a node, its contactor open, nobody plugged in.

        Raises:
            ScenarioError: The phase order is none of the kit's.
        """
        try:
            grid_phases(phase_order)
        except ValueError as error:
            raise ScenarioError(f"socket {name}: {error}") from error
        self._hang(self._sockets, _Socket(name, self._node(node), self._wires(), order=phase_order))

    def node_names(self) -> list[str]:
        """Return all nodes, parents before children."""
        return list(self._nodes)

    # --- what changes -------------------------------------------------------------------------------------------

    def set_load(self, now_ns: int, name: str, currents_a: PerPhase) -> None:
        """Let a load draw these currents per grid phase from now on [A]."""
        self._enter(now_ns)
        load = self._named(self._loads, name, "load")
        load.currents_a = currents_a
        self._touch("load", load)

    def set_pv(self, now_ns: int, name: str, currents_a: PerPhase) -> None:
        """Let a PV system generate these currents per grid phase from now on, positive = generation [A]."""
        self._enter(now_ns)
        source = self._named(self._pv, name, "PV system")
        source.currents_a = currents_a * -1
        self._touch("pv", source)

    def set_draw(self, now_ns: int, name: str, draw: Ramp) -> None:
        """Let the vehicle at a socket draw this in the socket's own conductors; it flows while the contactor is closed.

        Raises:
            ScenarioError: A current is negative: vehicles do not feed back here.
        """
        self._enter(now_ns)
        socket = self._named(self._sockets, name, "socket")
        if min(*draw.from_a, *draw.to_a) < 0:
            raise ScenarioError(f"the vehicle at {name} cannot draw a negative current: {draw.from_a} to {draw.to_a} A")
        socket.draw = draw
        self._touch("socket", socket)

    def set_contactor(self, now_ns: int, name: str, closed: bool) -> None:
        """Close or open a socket's contactor."""
        self._enter(now_ns)
        socket = self._named(self._sockets, name, "socket")
        socket.contactor_closed = closed
        self._touch("socket", socket)

    def set_vehicle_present(self, now_ns: int, name: str, present: bool) -> None:
        """Say whether a vehicle is plugged into a socket."""
        self._enter(now_ns)
        socket = self._named(self._sockets, name, "socket")
        socket.vehicle_present = present
        self._touch("socket", socket)

    def replace_fuse(self, now_ns: int, node: str) -> None:
        """Put in a cold new fuse, or switch the breaker on again."""
        self._enter(now_ns)
        self._settle()
        self._note_peaks(now_ns, self._nodes.values())
        self._next_known = False
        target = self._node(node)
        if target.spec.fuse is None:
            raise ScenarioError(f"{node} has no fuse")
        for wire in target.wires:
            wire.book(now_ns)
            wire.pole = _Pole.cold(target.spec.fuse)
        for phase in range(3):
            self._set_below(target, phase)
            self._set_above(target, phase)

    # --- what can be seen ---------------------------------------------------------------------------------------

    def currents_a(self, node: str, now_ns: int) -> PerPhase:
        """Return the signed currents of a node's conductors [A], positive = away from the supply."""
        return self._currents(self._node(node), now_ns)

    def neutral_a(self, node: str, now_ns: int) -> float:
        """Return the RMS current in a node's neutral [A]: the sum of three vectors 120° apart."""
        return neutral_a(self.currents_a(node, now_ns))

    def lines(self, node: str, now_ns: int) -> tuple[Line, Line, Line]:
        """Return the lines along which a node's signed currents move from now on."""
        self._run_to(now_ns)
        l1, l2, l3 = (wire.line for wire in self._node(node).wires)
        return l1, l2, l3

    def socket_lines(self, name: str, now_ns: int) -> tuple[Line, Line, Line]:
        """Return the lines along which the currents in a socket's own conductors move from now on."""
        self._run_to(now_ns)
        socket = self._named(self._sockets, name, "socket")
        phases = grid_phases(socket.order)
        lines = [socket.wires[phase].line for phase in phases] + [NOTHING] * (3 - len(phases))
        return lines[0], lines[1], lines[2]

    def import_wh(self, node: str, now_ns: int) -> PerPhase:
        """Return what a node has imported per phase since the start [Wh]."""
        return self._energy_wh(self._node(node), now_ns, 0)

    def export_wh(self, node: str, now_ns: int) -> PerPhase:
        """Return what a node has exported per phase since the start [Wh], positive."""
        return self._energy_wh(self._node(node), now_ns, 1)

    def voltage_v(self, node: str) -> PerPhase:
        """Return a node's voltages L-N [V]: nominal, or 0 behind an open fuse."""
        target = self._node(node)
        self._settle()
        return PerPhase(*(self._voltage_v if target.is_live(phase) else 0.0 for phase in range(3)))

    def socket_voltage_v(self, name: str) -> PerPhase:
        """Return the voltages at a charging point's supply, by the socket's own conductors [V]."""
        socket = self._named(self._sockets, name, "socket")
        assert socket.parent is not None
        return self._to_socket(self.voltage_v(socket.parent.name), socket.order)

    def load_currents_a(self, name: str, now_ns: int) -> PerPhase:
        """Return what a load draws per grid phase [A]: nothing behind an open fuse."""
        return self._currents(self._named(self._loads, name, "load"), now_ns)

    def pv_currents_a(self, name: str, now_ns: int) -> PerPhase:
        """Return what a PV system generates per grid phase, positive [A]."""
        return self._currents(self._named(self._pv, name, "PV system"), now_ns) * -1

    def socket_currents_a(self, name: str, now_ns: int) -> PerPhase:
        """Return the currents in a socket's own conductors [A]."""
        socket = self._named(self._sockets, name, "socket")
        return self._to_socket(self._currents(socket, now_ns), socket.order)

    def socket_energy_wh(self, name: str, now_ns: int) -> PerPhase:
        """Return the energy that went through a socket's own conductors since the start [Wh]."""
        socket = self._named(self._sockets, name, "socket")
        return self._to_socket(self._energy_wh(socket, now_ns, 0), socket.order)

    def fuse(self, node: str, phase: str, now_ns: int) -> FuseReading:
        """Return one pole of a node's fuse.

        Raises:
            ScenarioError: The node has no fuse.
        """
        self._run_to(now_ns)
        wire = self._node(node).wires[PHASES.index(phase)]
        if wire.pole is None:
            raise ScenarioError(f"{node} has no fuse")
        damage, worst = wire.pole.earliest.after(wire.line, wire.booked_ns, now_ns)
        latest, _ = wire.pole.latest.after(wire.line, wire.booked_ns, now_ns)
        return FuseReading(wire.pole.is_open, damage, worst, latest)

    def has_fuse(self, node: str) -> bool:
        """Return whether a node has a fuse of its own."""
        return self._node(node).spec.fuse is not None

    def over_limit_since(self, node: str, phase: str) -> int | None:
        """Return since when a conductor is above its limit plus tolerance without a break, if it is [ns]."""
        self._settle()
        watch = self._node(node).wires[PHASES.index(phase)].watch
        return None if watch is None else watch.since_ns

    def mark(self, now_ns: int) -> int:
        """Return a handle: from now on, extremes can be asked for."""
        self._run_to(now_ns)
        self._note_peaks(now_ns, self._nodes.values())
        for branch in self._branches():
            for wire in branch.wires:
                wire.book(now_ns)
                wire.extremes.mark()
        self._marks += 1
        return self._marks

    def extremes_a(self, handle: int, node: str, phase: str) -> tuple[float, float]:
        """Return a conductor's lowest and highest signed current since a mark, up to the plant's time [A]."""
        self._settle()
        wire = self._node(node).wires[PHASES.index(phase)]
        return wire.extremes.since(handle, wire.line, wire.booked_ns, self._now_ns)

    def peak_a(self, handle: int, node: str, phase: str) -> float:
        """Return a conductor's highest current since a mark, in either direction [A]."""
        low_a, high_a = self.extremes_a(handle, node, phase)
        return max(abs(low_a), abs(high_a))

    def peak(self, node: str, phase: str, now_ns: int) -> WirePeak:
        """Return a conductor's peak since the start; what flows at this moment counts."""
        self._run_to(now_ns)
        self._note_peaks(now_ns, self._nodes.values())
        target, index = self._node(node), PHASES.index(phase)
        wire = target.wires[index]
        current_a = wire.line.at(now_ns)  # a value of this very moment has not lasted yet, but is there
        if abs(current_a) > abs(wire.peak.current_a) + ROUNDING_A:
            return WirePeak(now_ns, current_a, tuple(_drawn_by(target, index, now_ns)))
        return wire.peak

    def check(self, now_ns: int) -> list[str]:
        """Return the invariants that do not hold, each as a sentence; an empty list is what should come back."""
        self._run_to(now_ns)
        found = []
        for node in self._nodes.values():
            for phase, name in enumerate(PHASES):
                wire = node.wires[phase]
                below = [child.wires[phase] for child in node.children]
                rest_a = wire.line.at(now_ns) - math.fsum(one.line.at(now_ns) for one in below)
                if abs(rest_a) > BALANCE_A:
                    found.append(f"{node.name} {name}: the currents leave a rest of {rest_a:g} A")
                net, through = self._net_as(wire, now_ns)
                parts = [self._net_as(one, now_ns) for one in below]
                bound = ENERGY_SHARE * max(through, math.fsum(part[1] for part in parts)) + 1e-9
                if abs(net - math.fsum(part[0] for part in parts)) > bound:
                    found.append(f"{node.name} {name}: its energy is not that of what hangs on it")
                if not node.is_live(phase) and wire.line.at(now_ns) != 0:
                    found.append(f"{node.name} {name}: a current flows on a dead phase")
                if wire.pole is not None:
                    latest, _ = wire.pole.latest.after(wire.line, wire.booked_ns, now_ns)
                    if latest > 1 + 1e-6:
                        found.append(f"{node.name} {name}: the fuse is above its latest curve ({latest:g})")
        for socket in self._sockets.values():
            if min(self._currents(socket, now_ns)) < -1e-9:
                found.append(f"socket {socket.name}: a vehicle feeds back")
        return found

    # --- time ---------------------------------------------------------------------------------------------------

    def next_deadline_ns(self) -> int | None:
        """Return when :meth:`advance_to` must be called at the latest, if ever [ns].

        That is the next opening of a fuse, expiry of an allowed time, crossing of a limit or end of a ramp; or a
        moment that is past already when there are events to be taken.
        """
        self._settle()
        return self._events[0].at_ns if self._events else self._next_ns()

    def advance_to(self, now_ns: int) -> list[PlantEvent]:
        """Let time pass and return what happened on the way and since the last call, each with its own moment."""
        self._run_to(now_ns)
        events, self._events = self._events, []
        return events

    def _enter(self, now_ns: int) -> None:
        """Come to the moment of an input; inputs of one moment are taken together."""
        if now_ns != self._now_ns:
            self._run_to(now_ns)

    def _run_to(self, now_ns: int) -> None:
        if now_ns < self._now_ns:
            raise BenchError(f"plant: time runs backwards, {now_ns} ns after {self._now_ns} ns")
        self._settle()
        while (due_ns := self._next_ns()) is not None and due_ns <= now_ns:
            self._now_ns = due_ns
            self._happen(due_ns)
            self._settle()
        self._now_ns = now_ns

    def _next_ns(self) -> int | None:
        """Return when something happens next; worked out again only after a change."""
        if not self._next_known:
            dues = [wire.due_ns() for node in self._nodes.values() for wire in node.wires]
            dues.extend(socket.live_due_ns() for socket in self._sockets.values())
            dues.append(self._ramp_ends_ns())
            self._next_due_ns = min((due for due in dues if due is not None), default=None)
            self._next_known = True
        return self._next_due_ns

    def _ramp_ends_ns(self) -> int | None:
        """Return when the next ramp ends anywhere: the supply's lines end with the first of those behind them."""
        ends = [wire.line.until_ns for wire in self._nodes[SUPPLY].wires if wire.line.until_ns is not None]
        return min(ends, default=None)

    def _happen(self, now_ns: int) -> None:
        """Do what is due at this moment: by node, by phase, then by socket."""
        self._note_peaks(now_ns, self._nodes.values())
        ramp_ends = self._ramp_ends_ns() == now_ns
        self._next_known = False
        for node in self._nodes.values():
            for wire in node.wires:
                self._happen_on(node, wire, now_ns)
        for socket in self._sockets.values():
            if socket.live_due_ns() == now_ns:
                socket.live_reported = True
                self._events.append(LiveSocketWithoutVehicle(now_ns, socket.name))
            if ramp_ends and any(wire.line.until_ns == now_ns for wire in socket.wires):
                self._touch("socket", socket)

    def _happen_on(self, node: _Node, wire: _Wire, now_ns: int) -> None:
        name, pole, watch = PHASES[wire.phase], wire.pole, wire.watch
        current_a = abs(wire.line.at(now_ns))
        if watch is not None and watch.expires_ns() == now_ns and watch.since_ns is not None:
            watch.reported = True
            self._events.append(LimitExceeded(now_ns, watch.since_ns, node.name, name, current_a, watch.limit_a))
        if watch is not None and wire.crosses_ns == now_ns:
            watch.flip(now_ns)
            wire.crosses_ns = watch.crosses_ns(wire.line, now_ns)
        if pole is not None and wire.warns_ns == now_ns:
            pole.warned, wire.warns_ns = True, None
            if wire.opens_ns != now_ns:
                self._events.append(FuseMayOpen(now_ns, node.name, name, current_a))
        if pole is not None and wire.opens_ns == now_ns:
            self._open(node, wire, now_ns, current_a)

    def _open(self, node: _Node, cause: _Wire, now_ns: int, current_a: float) -> None:
        assert node.spec.fuse is not None
        poles = node.wires if node.spec.fuse.opens_all_poles else (cause,)
        opened = []
        for wire in poles:
            wire.book(now_ns)
            if wire.pole is not None and not wire.pole.is_open:
                wire.pole.is_open = True
                opened.append(PHASES[wire.phase])
        for wire in poles:
            self._set_below(node, wire.phase)
            self._set_above(node, wire.phase)
        self._events.append(FuseOpened(now_ns, node.name, PHASES[cause.phase], tuple(opened), current_a))

    # --- inside -------------------------------------------------------------------------------------------------

    def _touch(self, kind: str, branch: _Branch) -> None:
        self._dirty[kind, branch.name] = branch

    def _settle(self) -> None:
        """Let everything that was told for this moment take effect, once: leaves first, then their ancestors."""
        if not self._dirty:
            return
        now_ns, self._next_known = self._now_ns, False
        dirty, self._dirty = sorted(self._dirty.items()), {}
        above: set[str] = set()
        for _, branch in dirty:
            node = branch.parent
            while node is not None:
                above.add(node.name)
                node = node.parent
        # Children come after their parents in this dictionary.
        stale = [node for node in reversed(self._nodes.values()) if node.name in above]
        self._note_peaks(now_ns, stale)
        for _, branch in dirty:
            for phase in range(3):
                branch.set(now_ns, phase)
            if isinstance(branch, _Socket):
                branch.watch_live(now_ns)
        for node in stale:
            for phase in range(3):
                self._carry(node, phase)

    def _note_peaks(self, now_ns: int, nodes: Iterable[_Node]) -> None:
        """Look at both ends of every straight stretch that ends now, before a line changes: a peak is at one of them.

        All that hangs on a node follows one line each along such a stretch, so who drew then can still be said. A node
        behind which nothing changes goes on along its stretch.
        """
        for node in nodes:
            for phase, wire in enumerate(node.wires):
                if now_ns <= wire.booked_ns:
                    continue  # several changes in one instant leave no false peak
                for at_ns in (wire.booked_ns, now_ns) if wire.line.slope_a_per_s else (wire.booked_ns,):
                    current_a = wire.line.at(at_ns)
                    if abs(current_a) > abs(wire.peak.current_a) + ROUNDING_A:
                        wire.peak = WirePeak(at_ns, current_a, tuple(_drawn_by(node, phase, at_ns)))

    def _carry(self, node: _Node, phase: int) -> None:
        node.wires[phase].follow(node.wanted(self._now_ns, phase), self._now_ns)

    def _set_below(self, node: _Node, phase: int) -> None:
        """Let everything behind a node follow whether the phase is live there."""
        for child in node.children:
            if isinstance(child, _Node):
                self._set_below(child, phase)
            else:
                child.set(self._now_ns, phase)
        self._carry(node, phase)

    def _set_above(self, node: _Node, phase: int) -> None:
        above = node.parent
        while above is not None:
            self._carry(above, phase)
            above = above.parent

    def _branches(self) -> list[_Branch]:
        return [*self._nodes.values(), *self._loads.values(), *self._pv.values(), *self._sockets.values()]

    def _wires(self) -> tuple[_Wire, _Wire, _Wire]:
        wires = (_Wire(0), _Wire(1), _Wire(2))
        for wire in wires:
            wire.booked_ns = self._now_ns
            wire.extremes.stretches *= self._marks + 1
        return wires

    def _add_node(self, spec: Node, parent: _Node | None) -> None:
        if spec.name in self._nodes:
            raise ScenarioError(f"there are two nodes named {spec.name!r}")
        node = _Node(spec.name, parent, self._wires(), spec=spec)
        limits_a = [limit for limit in (spec.fuse.rating_a if spec.fuse else None, spec.cable_a) if limit is not None]
        for wire in node.wires:
            if spec.fuse is not None:
                wire.pole = _Pole.cold(spec.fuse)
            if limits_a:
                limit_a = min(limits_a)
                wire.watch = LimitWatch(limit_a, limit_a + self._tolerance_a, self._allowed_ns)
        self._nodes[spec.name] = node
        if parent is not None:
            self._adopt(parent, node)

    def _hang(self, group: dict[str, _B], branch: _B) -> None:
        if branch.name in group:
            raise ScenarioError(f"{branch.name!r} is there already")
        group[branch.name] = branch
        assert branch.parent is not None
        self._adopt(branch.parent, branch)

    @staticmethod
    def _adopt(parent: _Node, child: _Branch) -> None:
        parent.children.append(child)
        parent.children.sort(key=lambda one: (type(one).__name__, one.name))

    def _node(self, name: str) -> _Node:
        return self._named(self._nodes, name, "node")

    @staticmethod
    def _named(group: dict[str, _B], name: str, kind: str) -> _B:
        if name not in group:
            near = difflib.get_close_matches(name, group, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(group) or 'none'}."
            raise ScenarioError(f"there is no {kind} {name!r}. {hint}")
        return group[name]

    def _currents(self, branch: _Branch, now_ns: int) -> PerPhase:
        self._run_to(now_ns)
        l1, l2, l3 = branch.wires
        return PerPhase(l1.line.at(now_ns), l2.line.at(now_ns), l3.line.at(now_ns))

    def _energy_wh(self, branch: _Branch, now_ns: int, direction: int) -> PerPhase:
        """Return what was imported (0) or exported (1) since the start [Wh]."""
        self._run_to(now_ns)
        l1, l2, l3 = (wire.charges_as(now_ns)[direction] for wire in branch.wires)
        factor = self._voltage_v * WH_PER_AS_AND_V
        return PerPhase(l1 * factor, l2 * factor, l3 * factor)

    @staticmethod
    def _net_as(wire: _Wire, now_ns: int) -> tuple[float, float]:
        forward, backward = wire.charges_as(now_ns)
        return forward - backward, forward + backward

    @staticmethod
    def _to_socket(grid: PerPhase, order: str) -> PerPhase:
        if order == "L1L2L3":
            return grid
        conductors = [grid[phase] for phase in grid_phases(order)]
        return PerPhase(*conductors, *[0.0] * (3 - len(conductors)))
