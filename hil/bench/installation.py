"""The installation of a farm: the plant with its consumers and generators, what is wired to it, and its tripwires."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from emulators.kit.host import NS_PER_S, Cancel, Phase
from emulators.kit.phases import PHASES, PerPhase
from hil.bench.environment import Environment
from hil.bench.wiring import Bay, MeterTerminals
from hil.errors import ScenarioError
from hil.plant import (
    SUPPLY,
    FuseMayOpen,
    FuseOpened,
    FuseSpec,
    LimitExceeded,
    LiveSocketWithoutVehicle,
    Node,
    Plant,
    WirePeak,
)
from hil.site import Fuse, Load, Site

PLANT: Final = "plant"
CHECK_EVERY_NS: Final = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class TrippedWire:
    """A tripwire that was touched.

    Attributes:
        at_ns: Farm time [ns].
        kind: ``fuse``, ``limit``, ``live_socket`` or ``invariant``.
        text: One sentence with values.
        where: Node or socket.
    """

    at_ns: int
    kind: str
    text: str
    where: str


class Installation:
    """What the electrician has installed, and who is at its sockets.

    Args:
        env: The farm's clock and trace.

    Attributes:
        plant: The electrical truth.
        bays: Each charger's sockets, by the sockets' names.
        meters: What meters are clamped to, by meter.
        findings: The tripwires that were touched.
        sources: What each load and PV system was last set to do, and its current [A].
        changed: Called after each change of what flows or may flow.
        found: Called with each tripwire when it is touched.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.plant = _plant_of(env.site)
        self.findings: list[TrippedWire] = []
        self.sources: dict[str, tuple[str, PerPhase]] = {}
        self.changed: list[Callable[[], None]] = []
        self.found: list[Callable[[TrippedWire], None]] = []
        self.bays = {
            outlet.name: Bay(
                outlet.name, self.plant, env.instants, env.trace_state, self.moved, fixed_cable_a=outlet.cable_a
            )
            for outlet in env.site.outlets.values()
        }
        self.meters = {
            name: MeterTerminals(meter.node, self.plant, env.instants) for name, meter in env.site.meters.items()
        }
        self._due: Cancel | None = None  # the plant's next deadline
        self._checked_ns = 0
        self._added: set[str] = set()  # loads and PV systems that came with a test

    def begin(self) -> None:
        """Let the loads and PV systems follow their profiles."""
        for name, load in self._env.site.loads.items():
            self._follow(name, load.profile, pv=False)
        for name, pv in self._env.site.pv.items():
            self._follow(name, pv.profile, pv=True)

    def bay(self, socket: str) -> Bay:
        """Return what is at a socket.

        Raises:
            ScenarioError: The site has no such socket, or the charger has several.
        """
        return self.bays[self._env.site.require_outlet(socket).name]

    def set_load(self, name: str, current_a: PerPhase) -> None:
        """Set what a consumer draws [A]; a feeder's name means its only load, or a new one."""
        self._set(self._source(name, "load", self._env.site.loads), current_a, pv=False)

    def set_pv(self, name: str, current_a: PerPhase) -> None:
        """Set what a generator feeds in [A]; a feeder's name means its only PV system, or a new one."""
        self._set(self._source(name, "PV system", self._env.site.pv), current_a, pv=True)

    def peak(self, node: str, phase: str) -> WirePeak:
        """Return the highest current of a node's conductor since the start, in either direction."""
        self._advance()
        return self.plant.peak(node, phase, self._env.instants.now_ns())

    def open_phases(self, node: str) -> tuple[str, ...]:
        """Return the phases on which a node's own fuse is open."""
        now_ns = self._env.instants.now_ns()
        return tuple(
            phase for phase in PHASES if self.plant.has_fuse(node) and self.plant.fuse(node, phase, now_ns).is_open
        )

    def check(self, *, final: bool = False) -> None:
        """Look at the plant's invariants once a farm minute, and when ``final``."""
        now_ns = self._env.instants.now_ns()
        if now_ns - self._checked_ns >= CHECK_EVERY_NS or final:
            self._checked_ns = now_ns
            for text in self.plant.check(now_ns):
                self._find("invariant", text, PLANT)

    def moved(self) -> None:
        """Plan the plant's next deadline anew, and tell whoever has to know."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        deadline_ns = self.plant.next_deadline_ns()
        if deadline_ns is not None:
            self._due = self._env.instants.call_at(deadline_ns, Phase.PLANT, PLANT, self._advance)
        for told in self.changed:
            told()

    # --- inside

    def _follow(self, name: str, profile: tuple[tuple[int, PerPhase], ...], *, pv: bool) -> None:
        instants = self._env.instants
        for at_ns, current_a in profile:
            instants.call_at(at_ns, Phase.INPUTS, name, lambda a=current_a: self._set(name, a, pv=pv))  # type: ignore[misc]

    def _source(self, name: str, kind: str, known: Mapping[str, Load]) -> str:
        """Return the load or PV system that a name means."""
        site = self._env.site
        if name in known:
            return name
        if name != SUPPLY and name not in site.feeders:
            nodes = ", ".join([SUPPLY, *site.feeders])
            has = ", ".join(known) or "none"
            raise ScenarioError(f"the site has no {kind} {name!r}. It has: {has}. A feeder will do as well: {nodes}.")
        there = [one for one, load in known.items() if load.feeder == name]
        if len(there) > 1:
            raise ScenarioError(f"{name} has more than one {kind}: {', '.join(there)}. Name one of them.")
        if there:
            return there[0]
        new = f"{kind} at {name}"
        if new not in self._added:
            self._added.add(new)
            (self.plant.add_load if kind == "load" else self.plant.add_pv)(new, name)
        return new

    def _set(self, name: str, current_a: PerPhase, *, pv: bool) -> None:
        now_ns = self._env.instants.now_ns()
        (self.plant.set_pv if pv else self.plant.set_load)(now_ns, name, current_a)
        l1_a, l2_a, l3_a = current_a
        self._env.trace_state(name, "pv" if pv else "load", l1_a=l1_a, l2_a=l2_a, l3_a=l3_a)
        self.sources[name] = ("feeds in" if pv else "draws", current_a)
        self.moved()

    def _advance(self) -> None:
        for event in self.plant.advance_to(self._env.instants.now_ns()):
            match event:
                case FuseOpened() | FuseMayOpen():
                    self._find("fuse", str(event), event.node)
                case LimitExceeded():
                    self._find("limit", str(event), event.node)
                case LiveSocketWithoutVehicle():
                    self._find("live_socket", str(event), event.socket)
        self.moved()

    def _find(self, kind: str, text: str, where: str) -> None:
        if self._env.verdict(PLANT, kind, text=text, where=where):
            finding = TrippedWire(self._env.instants.now_ns(), kind, text, where)
            self.findings.append(finding)
            for told in self.found:
                told(finding)


def _plant_of(site: Site) -> Plant:
    nodes = [Node(name=SUPPLY, parent=None, fuse=_fuse(site.supply.main_fuse))]
    nodes += [
        Node(name=name, parent=line.from_, fuse=_fuse(line.fuse), cable_a=line.cable_a)
        for name, line in site.feeders.items()
    ]
    plant = Plant.build(nodes, voltage_v=site.supply.voltage_v)
    for name, load in site.loads.items():
        plant.add_load(name, load.feeder)
    for name, pv in site.pv.items():
        plant.add_pv(name, pv.feeder)
    for outlet in site.outlets.values():
        plant.add_socket(outlet.name, outlet.feeder, outlet.phase_order)
    return plant


def _fuse(fuse: Fuse | None) -> FuseSpec | None:
    return None if fuse is None else FuseSpec(rating_a=fuse.rating_a, type=fuse.type, trip=fuse.trip)
