"""Dynamic Load Management of the ECU: who gets how many amperes. Sans-I/O.

What the application note says (chapter 6), and where this module does it:

* All vehicles of a network are regulated on an equal basis, phase by phase, in steps of 1 A: :func:`distribute`.
* What one vehicle leaves unused goes to the others: :class:`Demand`.
* The lowest bound decides per phase: :func:`available_current`.
* Values are redistributed once per *DLM Algorithm Sample Rate*; a vehicle that comes in between is served at once with
  what is free: :meth:`Master.advance_to` and :meth:`Master.report`.
* A point gets nothing or at least 6 A; when it is too little for all, the latest arrival waits: :func:`distribute`.

What is assumed, because no public document says it, stands in the fidelity sheet: the trailing window of the averages,
how an unused share is noticed and offered again, that a raise waits until the cuts that pay for it are obeyed.

Invariant: the sum of what is handed out, counted at what each point may still be drawing, never exceeds the available
current of any phase, unless that current itself has dropped since the last redistribution.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from emulators.kit.host import NS_PER_S
from emulators.kit.phases import PHASES, PerPhase, grid_phases
from emulators.kit.pilot import MINIMUM_OFFER_A, OBEY_WITHIN_S

MINIMUM_A: Final = int(MINIMUM_OFFER_A)
AVERAGE_S: Final = 10.0  #: Trailing window of all averages (assumed; the sample rate when that is shorter).
STEADY_S: Final = 10.0  #: An offer is judged by what the vehicle takes once it stood this long (assumed).
UNUSED_A: Final = (
    1.0  #: A vehicle that takes this much less than offered leaves the rest to others (assumed: one step).
)
ASLEEP_S: Final = 30.0  #: A vehicle that does not ask although it is offered keeps the minimum only (assumed).
REOFFER_S: Final = 300.0  #: After this time an unused share is offered again (assumed).
RAISE_AFTER_S: Final = OBEY_WITHIN_S  #: A raise waits until the cuts that pay for it must have been obeyed.
SILENT_S: Final = 15.0  #: A slave or a meter that says nothing for this long is lost (assumed; the suites allow 65 s).
NOISE_A: Final = 0.05  #: Measured currents are taken as whole amperes when they are this close (a meter's resolution).


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one charging point asks for when the master distributes.

    Attributes:
        name: The charging point.
        phases: Grid phases that its vehicle uses, as indices 0 to 2.
        cap_a: Most it can take: installation limit, cable, what its vehicle was seen to take [A].
    """

    name: str
    phases: tuple[int, ...]
    cap_a: int


def distribute(available_a: PerPhase, claims: Sequence[Claim]) -> dict[str, int]:
    """Share the available current equally, phase by phase, in whole amperes.

    Claims stand in the order of arrival. Everybody who can have the minimum of 6 A gets it, the earliest first; then
    all are raised together, 1 A at a time, until a cap or a phase stops them. A remainder smaller than the number of
    points that could take it stays unused.

    Args:
        available_a: What there is to share on L1, L2, L3 [A].
        claims: Who wants how much, the earliest arrival first.

    Returns:
        Amperes by point; 0 for a point that has to wait.
    """
    left = [math.floor(value + NOISE_A) for value in available_a]
    share = {claim.name: 0 for claim in claims}
    rising: list[Claim] = []
    for claim in claims:
        if claim.cap_a >= MINIMUM_A and all(left[phase] >= MINIMUM_A for phase in claim.phases):
            share[claim.name] = MINIMUM_A
            for phase in claim.phases:
                left[phase] -= MINIMUM_A
            rising.append(claim)
    while rising:
        rising = [claim for claim in rising if share[claim.name] < claim.cap_a]
        users = [sum(phase in claim.phases for claim in rising) for phase in range(3)]
        short = {phase for phase in range(3) if left[phase] < users[phase]}
        if short:
            rising = [claim for claim in rising if short.isdisjoint(claim.phases)]
            continue
        for claim in rising:
            share[claim.name] += 1
            for phase in claim.phases:
                left[phase] -= 1
    return share


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The master's limits per phase [A], as its parameters name them.

    Attributes:
        evse_a: EVSE Sub-Distribution Limit.
        operator_a: Operator EVSE Sub-Distribution Limit (from the web, or for now from Modbus 613 to 615).
        scheduled_a: Row of the Maximum Current Scheduler in force, None without one.
        main_a: Main Distribution Limit, None without an external meter.
        headroom_a: External Load Headroom.
        fallback_a: External Load Fallback: external load assumed while the meter is silent.
        meter_includes_evse: External Meter Location is 'Including EVSE Sub-Distribution'.
    """

    evse_a: PerPhase
    operator_a: PerPhase
    scheduled_a: PerPhase | None = None
    main_a: PerPhase | None = None
    headroom_a: PerPhase = field(default_factory=PerPhase.zero)
    fallback_a: PerPhase = field(default_factory=PerPhase.zero)
    meter_includes_evse: bool = False


def available_current(limits: Limits, metered_a: PerPhase | None, charging_a: PerPhase) -> PerPhase:
    """Return what there is to share, the lowest bound per phase [A], never negative.

    Args:
        limits: The master's limits.
        metered_a: Signed mean of the external meter [A], None while it is silent.
        charging_a: Mean of what the group's points draw, on the grid's phases, over the same time [A].
    """
    bound = limits.evse_a.combine(limits.operator_a, min)
    if limits.scheduled_a is not None:
        bound = bound.combine(limits.scheduled_a, min)
    if limits.main_a is not None:
        if metered_a is None:
            external_a = limits.fallback_a
        elif limits.meter_includes_evse:
            external_a = metered_a - charging_a
        else:
            external_a = metered_a
        bound = bound.combine(limits.main_a - external_a - limits.headroom_a, min)
    return bound.map(lambda value: max(0.0, value))


def deciding_limits(limits: Limits, available_a: PerPhase) -> tuple[str, ...]:
    """Return the name of the limit that has decided what there is to share, for each phase.

    What is none of the fixed limits is what the main distribution leaves.
    """
    fixed = {
        "EVSE Sub-Distribution Limit": limits.evse_a,
        "Operator EVSE Sub-Distribution Limit": limits.operator_a,
        "Maximum Current Scheduler": limits.scheduled_a,
    }
    rest = "Main Distribution Limit less external load and headroom"
    return tuple(
        next((name for name, limit_a in fixed.items() if limit_a and limit_a[phase] == available_a[phase]), rest)
        for phase in PHASES
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReport:
    """What a charging point tells its master, at once when it changes and every few seconds.

    Attributes:
        name: The charging point.
        connected: A vehicle is plugged in.
        charging: The vehicle asks for energy (pilot state C or D).
        cap_a: Most the point may offer by its own limits [A], whole amperes.
        offered_a: What it signals now [A].
        disconnected_a: What it offers after it lost its master [A].
        order: Phase rotation as the point is configured.
        currents_a: What flows in its conductors now [A].
    """

    name: str
    connected: bool
    charging: bool
    cap_a: int
    offered_a: int
    disconnected_a: int
    order: str
    currents_a: PerPhase


class Mean:
    """Mean of the samples of a trailing window; each sample is weighted the same (they come once a second)."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, PerPhase]] = deque()

    def add(self, now_ns: int, value: PerPhase) -> None:
        """Take one sample."""
        self._samples.append((now_ns, value))

    def over(self, now_ns: int, window_s: float) -> PerPhase | None:
        """Return the mean of the samples that are younger than the window, None when there is none."""
        start_ns = now_ns - round(window_s * NS_PER_S)
        while self._samples and self._samples[0][0] <= start_ns:
            self._samples.popleft()
        if not self._samples:
            return None
        total = PerPhase.zero()
        for _, value in self._samples:
            total += value
        return total * (1 / len(self._samples))

    def clear(self) -> None:
        """Forget everything."""
        self._samples.clear()


class Demand:
    """What one point's vehicle was seen to take, so that others get what it leaves.

    A vehicle that for :data:`STEADY_S` takes at least 1 A less than it is offered claims only what it takes, rounded
    up. It is offered its full share again after :data:`REOFFER_S`, or when it stops and asks anew.
    """

    def __init__(self) -> None:
        self.seen_a: int | None = None  # what it takes of what it is offered, None for all
        self.phases: tuple[int, ...] | None = None  # of the grid, None while not known
        self._since_ns = 0  # since when that was seen
        self._offered_a = 0
        self._steady_ns = 0  # since when offer and wish are as they are
        self._charging = False

    def observe(self, now_ns: int, report: MemberReport) -> None:
        """Take what the point says now."""
        if not report.connected:
            self.phases = None
        if report.charging != self._charging or report.offered_a != self._offered_a or not report.connected:
            if report.charging != self._charging or not report.connected:
                self.seen_a = None
            self._charging, self._offered_a, self._steady_ns = report.charging, report.offered_a, now_ns
            return
        steady_ns = now_ns - self._steady_ns
        if report.offered_a < MINIMUM_A or steady_ns < round(STEADY_S * NS_PER_S):
            return
        if not report.charging:
            if steady_ns >= round(ASLEEP_S * NS_PER_S):
                self._see(now_ns, MINIMUM_A)
            return
        self._learn_phases(report)
        expected_a = report.offered_a if self.seen_a is None else min(self.seen_a, report.offered_a)
        taken_a = max(report.currents_a)
        if taken_a <= expected_a - UNUSED_A + NOISE_A:
            self._see(now_ns, max(MINIMUM_A, math.ceil(taken_a - NOISE_A)))

    def _see(self, now_ns: int, current_a: int) -> None:
        if self.seen_a is None:
            self._since_ns = now_ns
        self.seen_a = current_a

    def reoffer(self, now_ns: int) -> None:
        """Forget an unused share that is old enough to be offered again."""
        if self.seen_a is not None and now_ns - self._since_ns >= round(REOFFER_S * NS_PER_S):
            self.seen_a = None
            self._steady_ns = now_ns

    def _learn_phases(self, report: MemberReport) -> None:
        wired = grid_phases(report.order)
        used = tuple(wired[i] for i in range(len(wired)) if report.currents_a[i] > UNUSED_A)
        if used:
            self.phases = used


class Slave:
    """The master's picture of one charging point of its group, the internal one included."""

    def __init__(self, report: MemberReport, now_ns: int) -> None:
        self.report = report
        self.heard_ns = now_ns
        self.arrived_ns: int | None = None  # its vehicle, None without one
        self.granted_a = 0  # what it was told
        self.target_a = 0  # what it is to have, once the cuts of others have paid for it
        self.still_a = 0  # what it may draw until it has obeyed its last cut ...
        self.obeyed_ns = 0  # ... which is then
        self.demand = Demand()
        self.lost = False

    @property
    def phases(self) -> tuple[int, ...]:
        """Return the grid phases that the vehicle uses; all that are wired, until its current was seen."""
        return self.demand.phases or grid_phases(self.report.order)

    def may_draw_a(self, now_ns: int) -> int:
        """Return the most the vehicle may be drawing: a cut counts only once the vehicle must have obeyed it [A]."""
        return max(self.granted_a, self.still_a) if now_ns < self.obeyed_ns else self.granted_a

    def cut(self, now_ns: int, current_a: int) -> None:
        """Grant another current; until the vehicle must have obeyed, it may draw what it could draw so far."""
        self.still_a = self.may_draw_a(now_ns)  # of an earlier cut too, when that one is not obeyed yet
        self.obeyed_ns = now_ns + round(RAISE_AFTER_S * NS_PER_S)
        self.granted_a = current_a

    def grid_currents_a(self) -> PerPhase:
        """Return the measured currents on the grid's phases [A]."""
        grid = [0.0, 0.0, 0.0]
        for conductor, phase in enumerate(grid_phases(self.report.order)):
            grid[phase] += self.report.currents_a[conductor]
        return PerPhase(*grid)


class Master:
    """One DLM master: takes reports and meter values, hands out currents.

    Args:
        sample_s: DLM Algorithm Sample Rate [s].
        start_ns: Farm time of power-up; redistribution is due at ``start + k * sample`` [ns].
    """

    def __init__(self, *, sample_s: float, start_ns: int) -> None:
        self._sample_ns = round(sample_s * NS_PER_S)
        self._window_s = min(AVERAGE_S, sample_s)
        self._next_ns = start_ns + self._sample_ns  # the next redistribution
        self._raise_ns: int | None = None  # a raise that waits can be handed out then
        self._metered = Mean()
        self._charging = Mean()
        self._meter_heard_ns: int | None = None
        self.slaves: dict[str, Slave] = {}
        self.available_a = PerPhase.zero()
        self._shared_by: Limits | None = None  # the limits that it was worked out from

    def report(self, now_ns: int, report: MemberReport, limits: Limits) -> dict[str, int]:
        """Take a point's report; return the grants that change because a vehicle came or left."""
        slave = self.slaves.get(report.name)
        if slave is None:
            slave = self.slaves[report.name] = Slave(report, now_ns)
            slave.granted_a = slave.target_a = report.offered_a
        slave.report, slave.heard_ns, slave.lost = report, now_ns, False
        slave.demand.observe(now_ns, report)
        if not report.connected:
            slave.arrived_ns = None
            slave.target_a = slave.still_a = 0
            if slave.granted_a:
                slave.granted_a = 0
                return {report.name: 0}
            return {}
        if slave.arrived_ns is None:
            slave.arrived_ns = now_ns
            return self._serve_newcomer(now_ns, slave, limits)
        return {}

    def meter(self, now_ns: int, currents_a: PerPhase | None) -> None:
        """Take one reading of the external meter, signed; None for a failed or absurd one."""
        if currents_a is None:
            return
        self._meter_heard_ns = now_ns
        self._metered.add(now_ns, currents_a)

    def sample(self, now_ns: int) -> None:
        """Take the group's charging currents; called once a second, with the meter's reading."""
        total = PerPhase.zero()
        for slave in self.slaves.values():
            total += slave.grid_currents_a()
        self._charging.add(now_ns, total)

    def meter_lost(self, now_ns: int) -> bool:
        """Return whether the external meter has been silent for too long."""
        return self._meter_heard_ns is None or now_ns - self._meter_heard_ns >= round(SILENT_S * NS_PER_S)

    def next_deadline_ns(self) -> int:
        """Return when :meth:`advance_to` must be called."""
        return self._next_ns if self._raise_ns is None else min(self._next_ns, self._raise_ns)

    def advance_to(self, now_ns: int, limits: Limits) -> dict[str, int]:
        """Redistribute if it is time; return the grants that change.

        Cuts are handed out at once, raises as soon as the cuts that pay for them must have been obeyed.
        """
        if now_ns >= self._next_ns:
            while self._next_ns <= now_ns:
                self._next_ns += self._sample_ns
            self._redistribute(now_ns, limits)
            return self._hand_out(now_ns)
        if self._raise_ns is not None and now_ns >= self._raise_ns:
            return self._hand_out(now_ns)
        return {}

    def applied_a(self) -> PerPhase:
        """Return the current that is handed out now, per phase [A] (registers 630 to 632)."""
        return self._sum({name: slave.granted_a for name, slave in self.slaves.items()})

    def _redistribute(self, now_ns: int, limits: Limits) -> None:
        self._watch_lost(now_ns)
        self._measure(now_ns, limits)
        waiting = sorted(
            (slave for slave in self.slaves.values() if slave.arrived_ns is not None and not slave.lost),
            key=lambda slave: (slave.arrived_ns, slave.report.name),
        )
        for slave in waiting:
            slave.demand.reoffer(now_ns)
        # A lost slave cannot be told anything: what it offers on its own is taken off before the others share.
        kept = self._sum({s.report.name: s.granted_a for s in self.slaves.values() if s.lost})
        shares = distribute(
            (self.available_a - kept).map(lambda value: max(0.0, value)),
            [self._claim(slave) for slave in waiting],
        )
        for slave in waiting:
            slave.target_a = shares[slave.report.name]

    def explain(self) -> str:
        """Return in words what there is to share, and which limit decides on each phase."""
        if self._shared_by is None:
            return "it has shared nothing yet"
        deciding = deciding_limits(self._shared_by, self.available_a)
        by = {
            name: "/".join(p for p, other in zip(PHASES, deciding, strict=True) if other == name) for name in deciding
        }
        each = ", ".join(name if len(by) == 1 else f"{name} on {phases}" for name, phases in by.items())
        return f"it shares {self.available_a.map(lambda value: round(value, 1))} A by {each}"

    def _measure(self, now_ns: int, limits: Limits) -> None:
        charging_a = self._charging.over(now_ns, self._window_s) or PerPhase.zero()
        metered_a = None if self.meter_lost(now_ns) else self._metered.over(now_ns, self._window_s)
        self.available_a = available_current(limits, metered_a, charging_a)
        self._shared_by = limits

    def _claim(self, slave: Slave) -> Claim:
        seen_a = slave.demand.seen_a
        cap_a = slave.report.cap_a if seen_a is None else min(slave.report.cap_a, seen_a)
        return Claim(name=slave.report.name, phases=slave.phases, cap_a=cap_a)

    def _serve_newcomer(self, now_ns: int, slave: Slave, limits: Limits) -> dict[str, int]:
        self._measure(now_ns, limits)
        others = {
            name: max(other.may_draw_a(now_ns), other.target_a)
            for name, other in self.slaves.items()
            if other is not slave
        }
        free_a = (self.available_a - self._sum(others)).map(lambda value: max(0.0, value))
        slave.target_a = distribute(free_a, [self._claim(slave)])[slave.report.name]
        return self._hand_out(now_ns)

    def _watch_lost(self, now_ns: int) -> None:
        for slave in self.slaves.values():
            if not slave.lost and now_ns - slave.heard_ns >= round(SILENT_S * NS_PER_S):
                slave.lost = True
                slave.target_a = min(slave.report.disconnected_a, slave.report.cap_a)
                slave.cut(now_ns, slave.target_a)
                slave.obeyed_ns += self._sample_ns  # it may have heard us later than we heard it (MEN-DLM-033)

    def _hand_out(self, now_ns: int) -> dict[str, int]:
        changed: dict[str, int] = {}
        reachable = [slave for slave in self.slaves.values() if not slave.lost]
        for slave in reachable:
            if slave.target_a < slave.granted_a:
                slave.cut(now_ns, slave.target_a)
                changed[slave.report.name] = slave.target_a
        self._raise_ns = None
        for slave in sorted(reachable, key=lambda s: (s.arrived_ns or 0, s.report.name)):
            if slave.target_a > slave.granted_a:
                after = {name: other.may_draw_a(now_ns) for name, other in self.slaves.items()}
                after[slave.report.name] = slave.target_a
                if self._fits(after):
                    slave.granted_a = changed[slave.report.name] = slave.target_a
                else:
                    pending = [s.obeyed_ns for s in self.slaves.values() if s.obeyed_ns > now_ns]
                    self._raise_ns = min(pending, default=None)
        return changed

    def _fits(self, amperes: Mapping[str, int]) -> bool:
        return all(used <= limit + NOISE_A for used, limit in zip(self._sum(amperes), self.available_a, strict=True))

    def _sum(self, amperes: Mapping[str, int]) -> PerPhase:
        total = [0.0, 0.0, 0.0]
        for name, current_a in amperes.items():
            for phase in self.slaves[name].phases:
                total[phase] += current_a
        return PerPhase(*total)


def scheduled_current(rows: Iterable[tuple[int, PerPhase]], hour_utc: int) -> PerPhase | None:
    """Return the row of the Maximum Current Scheduler in force: a row holds until the next and wraps at midnight.

    Source: application note 6.6.
    """
    ordered = sorted(rows, key=lambda row: row[0])
    if not ordered:
        return None
    passed = [limit for hour, limit in ordered if hour <= hour_utc]
    return passed[-1] if passed else ordered[-1][1]
