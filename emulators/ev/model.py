"""A vehicle at a charging point: what it makes of the control pilot, and what it draws.

Sans-I/O: inputs are methods with the farm time in integer ns, outputs are events that carry the moment they happened.

Invariants (each is a property in the tests):

* no current unless the pilot is in C, the contactor is closed and the vehicle is plugged;
* the current is never negative and, ``overshoot_pct`` and ``ignores_duty_for_s`` apart, at most what was offered
  5 s ago or later (IEC 61851-1:2017 table A.6);
* state C is entered only while PWM offers at least ``min_start_a``;
* energy is the integral of the announced current at ``voltage_v`` (bound: 1e-7 relative), and so
  is the state of charge.

What it deliberately does not do: digital communication (5 % duty is no offer), state D, power factor, a voltage
other than nominal. It does not know of a dead phase behind a blown fuse; the plant cuts the current there.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import Enum
from typing import Final

from emulators.ev.ramp import Ramp
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import NO_OFFER, OBEY_WITHIN_S, Offer, PilotState

NS_PER_S: Final = 1_000_000_000
TAPER_STEP: Final = 0.01  #: Most of the capacity that one straight piece of the taper covers ...
TAPER_SHARE: Final = 0.05  #: ... and most of what is missing to 100 %: the chord stays within 0.1 % of the curve.
SAME_A: Final = 1e-6  #: Currents closer than this are the same [A].


class ImpossibleEventError(ValueError):
    """Something happened to a vehicle that cannot happen in its state, for example plugging it in twice."""


class State(Enum):
    """What the vehicle is doing; the value is what people read in the trace."""

    UNPLUGGED = "not plugged in"
    IDLE = "plugged in, does not ask"
    ASKING = "asks for energy, contactor open"
    CHARGING = "charges"
    STOPPING = "lowers its current to zero"
    ASLEEP = "asleep after a long pause"
    REFUSING = "does not resume until it is plugged in again"


class Event(Enum):
    """What can happen to it; the columns of :data:`TRANSITIONS`."""

    PLUG = "plugged in"
    UNPLUG = "unplugged"
    START = "wants energy and the offer is enough"
    STOP = "wants none, or the offer is too low"
    CLOSE = "contactor closed"
    OPEN = "contactor opened"
    STOPPED = "current has reached zero"
    SLEEP = "paused for too long"
    WAKE = "pilot kicked it awake"
    REFUSE = "was stopped by the station and holds it against it"


PILOT: Final = {
    State.UNPLUGGED: PilotState.A,
    State.IDLE: PilotState.B,
    State.ASKING: PilotState.C,
    State.CHARGING: PilotState.C,
    State.STOPPING: PilotState.C,
    State.ASLEEP: PilotState.B,
    State.REFUSING: PilotState.B,
}

_OUT, _IDLE, _ASK = State.UNPLUGGED, State.IDLE, State.ASKING
_CHG, _STOP, _NAP, _REF = State.CHARGING, State.STOPPING, State.ASLEEP, State.REFUSING
# One row a state, one column an event in the order of Event; None: cannot happen. IEC 61851-1:2017 table A.6:
# B->C needs PWM (sequence 4), a contactor that opens under load leaves the vehicle in C (8, 10.2), unplugging
# is possible anywhere. Sleep: OpenEVSE issue 512, evcc issue 21293. Refusal: CanZE issue 780.
_ROWS: Final[dict[State, tuple[State | None, ...]]] = {
    #      PLUG   UNPLUG START STOP   CLOSE  OPEN   STOPPED SLEEP WAKE   REFUSE
    _OUT: (_IDLE, None, None, None, _OUT, _OUT, None, None, None, None),
    _IDLE: (None, _OUT, _ASK, None, _IDLE, _IDLE, None, _NAP, None, _REF),
    _ASK: (None, _OUT, None, _IDLE, _CHG, _ASK, None, None, None, None),
    _CHG: (None, _OUT, None, _STOP, _CHG, _ASK, None, None, None, None),
    _STOP: (None, _OUT, _CHG, None, _STOP, _IDLE, _IDLE, None, None, None),
    _NAP: (None, _OUT, None, None, _NAP, _NAP, None, None, _IDLE, None),
    _REF: (None, _OUT, None, None, _REF, _REF, None, None, None, None),
}
TRANSITIONS: Final[dict[tuple[State, Event], State | None]] = {
    (state, event): row[column] for state, row in _ROWS.items() for column, event in enumerate(Event)
}


class WakeRule(Enum):
    """What wakes a vehicle that fell asleep in a pause."""

    NEW_DUTY = "any new duty that offers something"
    EDGE = "the edge from the steady pilot to PWM (B1 to B2)"
    STATE_F = "a step to state F and back (ISO 15118-3)"
    UNPLUG = "nothing but unplugging"


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """A traction battery with the two-stage taper of acnportal's ``Linear2StageBattery``.

    Up to the knee the vehicle takes what it can; above, its ceiling falls linearly with the state of charge to 0 at
    100 %. It is full when the ceiling has come down to ``full_below_a``.

    Attributes:
        capacity_kwh: Usable capacity [kWh].
        soc_pct: State of charge at the start [%].
        knee_pct: State of charge from which it tapers [%].
        full_below_a: Ceiling per phase at which charging ends [A].
    """

    capacity_kwh: float
    soc_pct: float = 20.0
    knee_pct: float = 80.0
    full_below_a: float = 1.0

    def __post_init__(self) -> None:
        if self.capacity_kwh <= 0:
            raise ValueError(f"capacity_kwh: {self.capacity_kwh:g} kWh is not above 0")
        if not 0 <= self.soc_pct <= 100:
            raise ValueError(f"soc_pct: {self.soc_pct:g} % is not within 0 to 100")
        if not 0 <= self.knee_pct < 100:
            raise ValueError(f"knee_pct: {self.knee_pct:g} % is not within 0 to below 100")
        if self.full_below_a <= 0:
            raise ValueError(f"full_below_a: {self.full_below_a:g} A is not above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleTraits:
    """What a vehicle is like; section 2 of the plant reference has the real cars behind the numbers.

    Attributes:
        phases: Phases of its on-board charger: 1 uses the socket's L1, 2 its L1 and L2, 3 all.
        max_current_a: Most it takes per phase [A].
        min_start_a: Least offer it starts with [A].
        min_hold_a: Least offer it goes on with [A].
        quantum_a: Steps in which it follows an offer, rounded down; 0 follows exactly [A].
        reaction_s: Delay until it acts on a new duty, 0 to 5 [s].
        reaction_jitter_s: Random part around ``reaction_s``, from the seeded generator [s].
        ramp_up_a_per_s: How fast it raises its current; infinite is a step [A/s].
        ramp_down_a_per_s: How fast it lowers it [A/s]; faster if it would not obey within 5 s otherwise.
        asks_for_a: What it wants per phase at the start; None is its maximum [A].
        battery: None charges for ever.
        refuse_to_resume: Once the station has stopped it, it stays in B until it is plugged in again.
        sleep_after_pause_s: A pause of this length sends it to sleep; None never [s].
        wake: What wakes it.
        ignores_duty_for_s: Fault: acts on a new duty only after this time instead of ``reaction_s`` [s].
        overshoot_pct: Fault: takes this much more than it was offered [%].
        cable_a: Current rating of its cable by the plug's resistor [A].
        voltage_v: Nominal voltage that its energy is counted with [V].
    """

    phases: int = 3
    max_current_a: float = 32.0
    min_start_a: float = 6.0
    min_hold_a: float = 6.0
    quantum_a: float = 0.0
    reaction_s: float = 2.0
    reaction_jitter_s: float = 0.0
    ramp_up_a_per_s: float = 8.0
    ramp_down_a_per_s: float = 16.0
    asks_for_a: float | None = None
    battery: Battery | None = None
    refuse_to_resume: bool = False
    sleep_after_pause_s: float | None = None
    wake: WakeRule = WakeRule.EDGE
    ignores_duty_for_s: float = 0.0
    overshoot_pct: float = 0.0
    cable_a: float = 32.0
    voltage_v: float = 230.0

    def __post_init__(self) -> None:
        if self.phases not in (1, 2, 3):
            raise ValueError(f"phases: {self.phases} is none of 1, 2, 3")
        if not 0 <= self.reaction_s <= OBEY_WITHIN_S:
            raise ValueError(f"reaction_s: {self.reaction_s:g} s is not within 0 to {OBEY_WITHIN_S:g} s")
        for name in ("max_current_a", "ramp_up_a_per_s", "ramp_down_a_per_s", "cable_a", "voltage_v"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: {getattr(self, name):g} is not above 0")
        for name in (
            "min_start_a",
            "min_hold_a",
            "quantum_a",
            "reaction_jitter_s",
            "ignores_duty_for_s",
            "overshoot_pct",
            "asks_for_a",
            "sleep_after_pause_s",
        ):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name}: {getattr(self, name):g} is below 0")


@dataclass(frozen=True, slots=True)
class PilotChanged:
    """The vehicle changed the control pilot's state.

    Attributes:
        at_ns: When [ns].
        pilot: The new state.
        state: What the vehicle is doing, in words by its value.
    """

    at_ns: int
    pilot: PilotState
    state: State


@dataclass(frozen=True, slots=True)
class DrawChanged:
    """The vehicle draws differently from now on.

    Attributes:
        at_ns: When [ns].
        draw: The currents in the socket's own conductors.
    """

    at_ns: int
    draw: Ramp


VehicleEvent = PilotChanged | DrawChanged


@dataclass(frozen=True, slots=True)
class _Segment:
    """Current of one conductor [A]: linear, constant after the end; ``until_ns`` None holds for ever."""

    at_ns: int
    from_a: float
    until_ns: int | None
    to_a: float

    def current_a(self, now_ns: int) -> float:
        if self.until_ns is None or now_ns >= self.until_ns:
            return self.to_a
        return self.from_a + (self.to_a - self.from_a) * (now_ns - self.at_ns) / (self.until_ns - self.at_ns)


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


class Vehicle:
    """One vehicle. Every input returns what the outside can see, oldest first.

    Args:
        spec: What it is like.
        rng: Seeded generator for everything random.
    """

    def __init__(self, spec: VehicleTraits, rng: random.Random) -> None:
        self.traits = spec
        self._rng = rng
        self._now_ns = 0
        self._state = State.UNPLUGGED
        self._signalled = NO_OFFER
        self._obeyed_a = 0.0
        self._ask_a = spec.asks_for_a
        self._paused = False
        self._contactor_closed = False
        self._station_stopped_it = False
        self._react_ns: int | None = None
        self._obey_by_ns: int | None = None
        self._sleep_ns: int | None = None
        self._segment = _Segment(0, 0.0, None, 0.0)
        self._booked_ns = 0
        self._booked_wh = 0.0
        self._out: list[VehicleEvent] = []

    # --- what can be seen ---------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Return what it is doing."""
        return self._state

    @property
    def pilot(self) -> PilotState:
        """Return the control pilot's state: A, B or C."""
        return PILOT[self._state]

    @property
    def draw(self) -> Ramp:
        """Return the currents in the socket's own conductors, as a line through now."""
        segment = self._segment
        until_ns = segment.at_ns if segment.until_ns is None else segment.until_ns
        return Ramp(segment.at_ns, self._spread(segment.from_a), until_ns, self._spread(segment.to_a))

    @property
    def cable_a(self) -> float | None:
        """Return the rating of the plugged cable [A]; None without a plug."""
        return None if self._state is State.UNPLUGGED else self.traits.cable_a

    def currents_a(self, now_ns: int) -> PerPhase:
        """Return the currents in the socket's own conductors [A]; ``now_ns`` not beyond :meth:`next_deadline_ns`."""
        return self._spread(self._segment.current_a(now_ns))

    def energy_wh(self, now_ns: int) -> float:
        """Return the energy drawn since the start, all phases [Wh]; ``now_ns`` not beyond the next deadline."""
        mean_a = (self._segment.current_a(self._booked_ns) + self._segment.current_a(now_ns)) / 2
        hours = (now_ns - self._booked_ns) / NS_PER_S / 3600
        return self._booked_wh + self._watts(mean_a) * hours

    def soc_pct(self, now_ns: int) -> float | None:
        """Return the state of charge [%]; None without a battery."""
        return None if self.traits.battery is None else 100 * self._soc(self.traits.battery, now_ns)

    # --- what can happen ----------------------------------------------------------------------------------------

    def plug(self, now_ns: int) -> list[VehicleEvent]:
        """Plug it in.

        Raises:
            ImpossibleEventError: It is plugged in already.
        """
        self._run_to(now_ns)
        self._fire(Event.PLUG, now_ns)
        if self._signalled.current_a > 0:
            self._notice(now_ns, 0.0)
        return self._done(now_ns)

    def unplug(self, now_ns: int) -> list[VehicleEvent]:
        """Pull the plug: no current from this moment on. A pause of its own ends with the session.

        Raises:
            ImpossibleEventError: It is not plugged in.
        """
        self._run_to(now_ns)
        self._fire(Event.UNPLUG, now_ns)
        self._react_ns = self._obey_by_ns = None
        self._obeyed_a = 0.0
        self._paused = False
        return self._done(now_ns)

    def offer(self, now_ns: int, offer: Offer) -> list[VehicleEvent]:
        """Take what the station says on the pilot."""
        self._run_to(now_ns)
        before, before_a = self._signalled, self._signalled.current_a
        self._signalled = offer
        if self._state is not State.UNPLUGGED and offer.current_a != before_a:
            kicked = offer.current_a > 0 and (
                self.traits.wake is WakeRule.NEW_DUTY
                or (self.traits.wake is WakeRule.EDGE and before_a == 0)
                or (self.traits.wake is WakeRule.STATE_F and before.fault)
            )
            if self._state is State.ASLEEP and kicked:
                self._fire(Event.WAKE, now_ns)
            self._notice(now_ns, before_a)
        return self._done(now_ns)

    def contactor(self, now_ns: int, closed: bool) -> list[VehicleEvent]:
        """Close or open the station's contactor; opening cuts the current at once."""
        self._run_to(now_ns)
        if closed != self._contactor_closed:
            self._contactor_closed = closed
            if not closed and self._state in (State.CHARGING, State.STOPPING):
                self._station_stopped_it = True
            self._fire(Event.CLOSE if closed else Event.OPEN, now_ns)
        return self._done(now_ns)

    def ask_for(self, now_ns: int, amps: float | None) -> list[VehicleEvent]:
        """Want this much per phase from now on [A]; None is the maximum, 0 nothing."""
        if amps is not None and amps < 0:
            raise ValueError(f"a vehicle cannot ask for {amps:g} A")
        self._run_to(now_ns)
        self._ask_a = amps
        return self._done(now_ns)

    def pause(self, now_ns: int) -> list[VehicleEvent]:
        """Pause on its own, as for battery ventilation or a departure timer."""
        self._run_to(now_ns)
        self._paused = True
        return self._done(now_ns)

    def resume(self, now_ns: int) -> list[VehicleEvent]:
        """End a pause of its own."""
        self._run_to(now_ns)
        self._paused = False
        return self._done(now_ns)

    def next_deadline_ns(self) -> int | None:
        """Return when :meth:`advance_to` must be called at the latest, if ever [ns]."""
        return min(
            (due for due in (self._react_ns, self._segment.until_ns, self._sleep_ns) if due is not None),
            default=None,
        )

    def advance_to(self, now_ns: int) -> list[VehicleEvent]:
        """Let time pass and return the changes on the way, each with its own moment."""
        self._run_to(now_ns)
        return self._taken()

    # --- inside -------------------------------------------------------------------------------------------------

    def _taken(self) -> list[VehicleEvent]:
        out, self._out = self._out, []
        return out

    def _done(self, now_ns: int) -> list[VehicleEvent]:
        self._decide(now_ns)
        return self._taken()

    def _run_to(self, now_ns: int) -> None:
        if now_ns < self._now_ns:
            raise ValueError(f"time runs backwards: {now_ns} ns after {self._now_ns} ns")
        while (due_ns := self.next_deadline_ns()) is not None and due_ns <= now_ns:
            self._now_ns = due_ns
            if self._react_ns == due_ns:
                self._react_ns = None
                self._obeyed_a = self._signalled.current_a
            elif self._segment.until_ns == due_ns:
                self._book(due_ns)
                self._segment = _Segment(due_ns, self._segment.to_a, None, self._segment.to_a)
            else:
                self._sleep_ns = None
                self._fire(Event.SLEEP, due_ns)
            self._decide(due_ns)
        self._now_ns = now_ns

    def _fire(self, event: Event, now_ns: int) -> None:
        """Make one transition of the table and say so if the pilot shows it."""
        target = TRANSITIONS[self._state, event]
        if target is None:
            raise ImpossibleEventError(f"a vehicle that is {self._state.value!r} cannot be {event.value!r}")
        before = self.pilot
        self._state = target
        if self.pilot is not before:
            self._out.append(PilotChanged(now_ns, self.pilot, target))

    def _notice(self, now_ns: int, before_a: float) -> None:
        """Plan the reaction to a changed duty; a reaction that is already due stays where it is."""
        traits = self.traits
        if traits.ignores_duty_for_s > 0:
            delay_s = traits.ignores_duty_for_s
        else:
            jitter_s = self._rng.uniform(-1, 1) * traits.reaction_jitter_s if traits.reaction_jitter_s else 0.0
            delay_s = min(max(traits.reaction_s + jitter_s, 0.0), OBEY_WITHIN_S)
            if self._signalled.current_a < before_a:
                # The standard's 5 s cover delay and ramp: a slow ramp has to start earlier.
                top_a = max(self._segment.current_a(now_ns), self._segment.to_a)
                fall_s = max(0.0, top_a - self._limit_a(self._signalled.current_a)) / traits.ramp_down_a_per_s
                delay_s = min(delay_s, max(0.0, OBEY_WITHIN_S - fall_s))
                by_ns = now_ns + _ns(OBEY_WITHIN_S)
                self._obey_by_ns = by_ns if self._obey_by_ns is None else min(self._obey_by_ns, by_ns)
        due_ns = now_ns + _ns(delay_s)
        self._react_ns = due_ns if self._react_ns is None else min(self._react_ns, due_ns)

    def _decide(self, now_ns: int) -> None:
        """Compare what it wants with what it was offered, move on in the table, plan the current."""
        wants = not self._paused and self._ask_a != 0 and not self._full(now_ns)
        if self._state in (State.ASKING, State.CHARGING):
            enough = self._obeyed_a >= self.traits.min_hold_a - SAME_A
            if not (wants and enough):
                self._station_stopped_it = not enough
                self._fire(Event.STOP, now_ns)
        elif self._state is State.STOPPING and wants and self._obeyed_a >= self.traits.min_hold_a - SAME_A:
            self._station_stopped_it = False
            self._fire(Event.START, now_ns)
        if self._state is State.IDLE and self.traits.refuse_to_resume and self._station_stopped_it:
            self._fire(Event.REFUSE, now_ns)
        if self._state is State.IDLE and wants and self._obeyed_a >= self.traits.min_start_a - SAME_A:
            self._fire(Event.START, now_ns)
            if self._contactor_closed:
                self._fire(Event.CLOSE, now_ns)
        if self._state is State.UNPLUGGED or (self._state is State.CHARGING and self._obeyed_a > 0):
            self._station_stopped_it = False
        self._watch_pause(now_ns, wants)
        self._plan(now_ns)
        if self._state is State.STOPPING and self._segment.current_a(now_ns) <= 0:
            self._fire(Event.STOPPED, now_ns)
            self._decide(now_ns)

    def _watch_pause(self, now_ns: int, wants: bool) -> None:
        """Run the sleep timer while it waits in B for an offer that is enough."""
        waits = self._state is State.IDLE and wants and self._signalled.current_a < self.traits.min_start_a - SAME_A
        if not waits:
            self._sleep_ns = None
        elif self._sleep_ns is None and self.traits.sleep_after_pause_s is not None:
            self._sleep_ns = now_ns + _ns(self.traits.sleep_after_pause_s)

    def _plan(self, now_ns: int) -> None:
        """Replace the current's line by the next one and say so if it differs."""
        self._book(now_ns)
        current_a = self._segment.current_a(now_ns)
        planned = self._next_segment(now_ns, current_a)
        old, self._segment = self._segment, planned
        same = old.from_a == old.to_a == planned.from_a == planned.to_a
        if not same:
            self._out.append(DrawChanged(now_ns, self.draw))

    def _next_segment(self, now_ns: int, current_a: float) -> _Segment:
        if self._state not in (State.CHARGING, State.STOPPING):
            self._obey_by_ns = None if self._react_ns is None else self._obey_by_ns
            return _Segment(now_ns, 0.0, None, 0.0)
        set_point_a = self._limit_a(self._obeyed_a) if self._state is State.CHARGING else 0.0
        ceiling_a = self._ceiling_a(now_ns)
        target_a = min(set_point_a, ceiling_a)
        if abs(current_a - target_a) > SAME_A:
            rises = current_a < target_a
            rate_a_per_s = self.traits.ramp_up_a_per_s if rises else self.traits.ramp_down_a_per_s
            until_ns = now_ns + _ns(abs(target_a - current_a) / rate_a_per_s)
            if not rises and self._obey_by_ns is not None and self._react_ns is None:
                until_ns = min(until_ns, self._obey_by_ns)
            if until_ns > now_ns:
                return _Segment(now_ns, current_a, until_ns, target_a)
            current_a = target_a
        if self._react_ns is None:
            self._obey_by_ns = None
        battery = self.traits.battery
        if battery is None or target_a == 0:
            return _Segment(now_ns, target_a, None, target_a)
        return self._battery_segment(battery, now_ns, current_a, set_point_a)

    def _battery_segment(self, battery: Battery, now_ns: int, current_a: float, set_point_a: float) -> _Segment:
        """Return the next line of a vehicle that takes all it may: constant up to the taper, then down in pieces.

        Each piece lasts as long as its own mean current needs for its energy, so energy and state of charge at the
        joints are exact; only the moment of a joint differs from the exponential (0.02 % of a piece's length).
        """
        soc = self._soc(battery, now_ns)
        full_soc = self._full_soc(battery)
        if self._ceiling_a(now_ns) <= set_point_a + SAME_A:
            until_soc = min(soc + min(TAPER_STEP, TAPER_SHARE * (1 - soc)), full_soc)
            to_a = self._ceiling_at(battery, until_soc)
        else:
            current_a = set_point_a
            share = min(1.0, set_point_a / self.traits.max_current_a)
            until_soc = min(1 - (1 - battery.knee_pct / 100) * share, full_soc)
            to_a = set_point_a
        energy_wh = max(0.0, until_soc - soc) * battery.capacity_kwh * 1000
        lasts_s = energy_wh * 3600 / self._watts((current_a + to_a) / 2)
        return _Segment(now_ns, current_a, now_ns + max(1, _ns(lasts_s)), to_a)

    def _limit_a(self, offered_a: float) -> float:
        """Return what it wants to take of an offer, without the battery's ceiling [A]."""
        traits = self.traits
        allowed_a = min(offered_a, traits.max_current_a, traits.cable_a)
        if traits.quantum_a > 0:
            allowed_a = math.floor(allowed_a / traits.quantum_a + SAME_A) * traits.quantum_a
        allowed_a *= 1 + traits.overshoot_pct / 100
        return allowed_a if self._ask_a is None else min(allowed_a, self._ask_a)

    def _ceiling_a(self, now_ns: int) -> float:
        battery = self.traits.battery
        return math.inf if battery is None else self._ceiling_at(battery, self._soc(battery, now_ns))

    def _ceiling_at(self, battery: Battery, soc: float) -> float:
        knee = battery.knee_pct / 100
        return math.inf if soc < knee - 1e-9 else self.traits.max_current_a * max(0.0, 1 - soc) / (1 - knee)

    def _full_soc(self, battery: Battery) -> float:
        return 1 - (1 - battery.knee_pct / 100) * min(1.0, battery.full_below_a / self.traits.max_current_a)

    def _full(self, now_ns: int) -> bool:
        battery = self.traits.battery
        return battery is not None and self._soc(battery, now_ns) >= self._full_soc(battery) - 1e-9

    def _soc(self, battery: Battery, now_ns: int) -> float:
        return battery.soc_pct / 100 + self.energy_wh(now_ns) / (battery.capacity_kwh * 1000)

    def _watts(self, current_a: float) -> float:
        return current_a * self.traits.phases * self.traits.voltage_v

    def _book(self, now_ns: int) -> None:
        self._booked_wh, self._booked_ns = self.energy_wh(now_ns), now_ns

    def _spread(self, current_a: float) -> PerPhase:
        return PerPhase(*(current_a if conductor < self.traits.phases else 0.0 for conductor in range(3)))
