"""Robot library of the farm: stimuli, observations and farm time, in the words of the manuals.

Arguments carry units (``25 A``, ``90 s``, ``L1``). ``within`` and every wait mean farm time. A comparison is one of
*is*, *settles at*, *stays at*, *should be at most*, *should never exceed*. A value settles when, sampled every 5 s of
farm time until ``within`` is over, it ends up at the expected one and has been there for the last two samples.

Every test has tripwires without asking: a fuse opens, a conductor is above its limit for more than 65 s, a socket is
live without a vehicle, a plant invariant is broken, a task of the farm died.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar, Final, TypeVar

from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn
from robot.utils import timestr_to_secs

from emulators.kit.phases import PHASES, PerPhase
from hil.configure import Form
from hil.errors import ScenarioError
from hil.keywords.names import check_names, normal
from hil.keywords.session import Session, build_site
from hil.keywords.values import Amps, Amps3, Verb, to_amps, to_amps3, to_verb
from hil.site import VehicleSpec, vehicle_presets
from hil.trace import stable_name

T = TypeVar("T")

SAMPLE_S: Final = 5.0
#: MEN catalogue: plant and meter currents within 0.5 A, signalled current exact.
PLANT_TOLERANCE = Amps(0.5)
EXACT = NOTHING = Amps(0)
FULL = Amps(32)
CAPABILITIES: Final = frozenset({"virtual-time", "plant", "fault-injection", "emulated"})
KNOWN_CAPABILITIES: Final = CAPABILITIES | {"real-device", "container", "operator-prompt", "real-time"}


@library(
    scope="GLOBAL",
    converters={Amps: to_amps, Amps3: to_amps3, Verb: to_verb},
    doc_format="ROBOT",
    auto_keywords=False,
)
class Farm:
    """Words for sites, vehicles, loads, links and what can be seen of them."""

    ROBOT_LISTENER_API_VERSION: ClassVar[int] = 3

    def __init__(self) -> None:
        self.ROBOT_LIBRARY_LISTENER = self
        self._session: Session | None = None
        self._test = ""
        self._body: list[Any] = []

    # --- Robot tells what runs

    def start_test(self, data: Any, result: Any) -> None:
        """Remember the test's name; skip it when this bench lacks what it needs."""
        self._test = stable_name(data.source, data.name)
        self._body = list(data.body)
        needs = {str(tag).removeprefix("needs:") for tag in data.tags if str(tag).startswith("needs:")}
        if needs - KNOWN_CAPABILITIES:
            unknown = ", ".join(sorted(needs - KNOWN_CAPABILITIES))
            data.body.clear()
            data.setup = data.teardown = None
            data.body.create_keyword(
                name="Fail", args=[f"unknown capability {unknown}. Known: {', '.join(sorted(KNOWN_CAPABILITIES))}."]
            )
        elif needs - CAPABILITIES:
            data.setup = data.teardown = None
            data.body.clear()
            data.body.create_keyword(
                name="Skip", args=[f"the embedded bench cannot do {', '.join(sorted(needs - CAPABILITIES))}"]
            )

    def end_test(self, data: Any, result: Any) -> None:
        """Close the test's farm; a tripwire or a farm failure that no keyword saw fails the test."""
        session, self._session = self._session, None
        if session is None:
            return
        if result.passed:
            try:
                session.raise_findings(final=True)
            except Exception as error:
                result.status, result.message = "FAIL", str(error)
        session.finish(result.status)

    # --- sites and time

    @keyword(tags=("Setter",))
    def start_site(self, site: str, **overrides: str) -> None:
        """Start a fresh farm for this test from a site file or a shipped site.

        Fields of the site are changed for this test by their dotted name; in parameter names dots do not occur.

        | Start Site | mennekes/car-park | |
        | Start Site | mennekes/car-park | feeders.F3.fuse.rating_a=63 |
        """
        if self._session is not None:
            raise ScenarioError("a site is running in this test already: one site per test.")
        checked = build_site(os.environ.get("HIL_SITE", site), overrides)
        check_names(checked, self._body, SIGNATURES)
        self._session = Session(checked, self._test)

    @keyword(tags=("Wait",))
    def advance_clock(self, time: timedelta) -> None:
        """Let farm time pass.

        | Advance Clock | 10 minutes |
        """
        self._farm.wait(time.total_seconds())

    @keyword(tags=("Getter",))
    def get_farm_time(self) -> float:
        """Return farm time since the start of the test [s].

        | ${seconds} = | Get Farm Time |
        """
        return self._farm.now_s()

    @keyword(tags=("Wait",))
    def retry_in_farm_time(self, retry: str, retry_interval: timedelta, name: str, *args: Any) -> Any:
        """Run a keyword until it passes; what `Wait Until Keyword Succeeds` means here, in farm time.

        ``retry`` is a time such as ``1 minute`` or a count such as ``5x``.

        | Retry In Farm Time | 1 minute | 5 s | Signalled Current | CP1 | is | 32 A |
        """
        counted = retry.rstrip("x times").isdigit() and not retry.strip().isdigit()
        tries = int(retry.rstrip("x times")) if counted else None
        until_s = self._farm.now_s() + (0 if counted else timestr_to_secs(retry))
        while True:
            status, value = BuiltIn().run_keyword_and_ignore_error(name, *args)
            if status == "PASS":
                return value
            tries = None if tries is None else tries - 1
            if tries == 0 or (tries is None and self._farm.now_s() >= until_s):
                raise AssertionError(f"Keyword '{name}' failed after retrying for {retry} (farm time): {value}")
            self._farm.wait(retry_interval.total_seconds())

    # --- stimuli

    @keyword(tags=("Stimulus",))
    def plug_in_vehicle(
        self,
        point: str,
        *,
        vehicle: str = "",
        phases: int = 3,
        max_current: Amps = FULL,
        asks_for: Amps | None = None,
    ) -> None:
        """Plug a vehicle in: one of the site, a preset, or one described here.

        | Plug In Vehicle | CP1 | phases=3 | max_current=32 A |
        | Plug In Vehicle | CP2 | vehicle=zoe |
        """
        session = self._farm
        site = session.farm.site
        known = {**vehicle_presets(), **site.vehicles}
        if vehicle and vehicle not in known:
            raise ScenarioError(f"there is no vehicle {vehicle!r}. Known: {', '.join(sorted(known))}.")
        spec = known[vehicle] if vehicle else VehicleSpec(
            phases=phases, max_current_a=max_current.a, asks_for_a=None if asks_for is None else asks_for.a
        )  # fmt: skip
        session.do(lambda: session.farm.plug(point, spec.traits(voltage_v=site.supply.voltage_v)))

    @keyword(tags=("Stimulus",))
    def unplug_vehicle(self, point: str) -> None:
        """Unplug the vehicle and drive away.

        | Unplug Vehicle | CP1 |
        """
        self._farm.do(lambda: self._farm.farm.bay(point).unplug())

    @keyword(tags=("Stimulus",))
    def vehicle_takes(self, point: str, current: Amps | None = None) -> None:
        """Let the vehicle take no more than a current per phase, as at the end of charging; ``None``: all it can.

        | Vehicle Takes | CP4 | 6 A |
        """
        amps = None if current is None else current.a
        self._farm.do(lambda: self._farm.farm.bay(point).act(lambda vehicle, now_ns: vehicle.ask_for(now_ns, amps)))

    @keyword(tags=("Stimulus",))
    def set_load(self, load: str, current: Amps3) -> None:
        """Let a consumer of the site draw L1/L2/L3.

        | Set Load | house | 40/30/20 A |
        """
        self._farm.do(lambda: self._farm.farm.set_load(load, current.a))

    @keyword("Set PV", tags=("Stimulus",))
    def set_pv(self, pv: str, current: Amps3) -> None:
        """Let a PV system of the site feed in L1/L2/L3.

        | Set PV | roof | 12 A |
        """
        self._farm.do(lambda: self._farm.farm.set_pv(pv, current.a))

    @keyword(tags=("Stimulus", "Fault"))
    def cut_link(self, device: str, other: str | None = None) -> None:
        """Pull a device's network cable, or break the path between two devices only. The tester's own access stays.

        | Cut Link | CP1 | CP3 |
        | Cut Link | M2 | |
        """
        self._farm.do(lambda: self._farm.farm.cut(device, other))

    @keyword(tags=("Stimulus", "Fault"))
    def restore_link(self, device: str, other: str | None = None) -> None:
        """Undo `Cut Link`.

        | Restore Link | CP1 | CP3 |
        """
        self._farm.do(lambda: self._farm.farm.restore(device, other))

    @keyword(tags=("Stimulus", "Fault"))
    def plant_fault(self, device: str, kind: str) -> None:
        """Give a device one of its own faults; ``none`` heals it.

        A PAC2200 has ``exceptions``, ``timeouts``, ``closed_port``, ``nan:L2``, ``frozen``.

        | Plant Fault | M2 | timeouts |
        """
        fault = None if kind == "none" else kind
        try:
            self._farm.ask(lambda: self._farm.farm.device(device).fault(fault))
        except ValueError as error:
            raise ScenarioError(str(error)) from error

    @keyword(tags=("Stimulus",))
    def random_vehicles_come_and_go(
        self, *, duration: timedelta, seed_name: str = "arrivals", load: str | None = None, max_load: Amps = NOTHING
    ) -> None:
        """Let seeded vehicles, one- and three-phase, arrive at free points and leave again, for a time.

        With ``load``, that consumer draws a new random current up to ``max_load`` on each phase now and then.

        | Random Vehicles Come And Go | duration=2 hours |
        """
        session = self._farm
        rng = session.farm.rng(seed_name)
        until_s = session.now_s() + duration.total_seconds()
        while session.now_s() < until_s:
            point = rng.choice(session.farm.site.charger_names())
            if session.farm.bays[point].vehicle is None:
                self.plug_in_vehicle(point, phases=rng.choice((1, 3)), max_current=Amps(rng.choice((16, 20, 32))))
            elif rng.random() < 0.5:
                self.unplug_vehicle(point)
            if load is not None and rng.random() < 0.5:
                self.set_load(load, Amps3(PerPhase(*(rng.uniform(0, max_load.a) for _ in PHASES))))
            session.wait(min(rng.uniform(30, 300), max(1.0, until_s - session.now_s())))

    @keyword(tags=("Stimulus",))
    def load_varies(
        self, load: str, *, duration: timedelta, max_load: Amps, every: timedelta = timedelta(minutes=2)
    ) -> None:
        """Let a consumer draw a new seeded random current up to ``max_load`` on each phase, again and again.

        | Load Varies | house | duration=30 minutes | max_load=70 A |
        """
        session = self._farm
        rng = session.farm.rng(f"{load} varies")
        until_s = session.now_s() + duration.total_seconds()
        while session.now_s() < until_s:
            self.set_load(load, Amps3(PerPhase(*(rng.uniform(0, max_load.a) for _ in PHASES))))
            session.wait(min(every.total_seconds(), until_s - session.now_s()))

    @keyword(tags=("Setter",))
    def expect_finding(self, kind: str) -> None:
        """Do not fail on a tripwire of this kind: ``fuse``, ``limit``, ``live_socket``.

        `Finding Should Be Recorded` asserts that it was touched.

        | Expect Finding | limit |
        """
        if kind not in ("fuse", "limit", "live_socket"):
            raise ScenarioError(f"there is no tripwire {kind!r}. Allowed: fuse, limit, live_socket.")
        self._farm.expected.add(kind)

    @keyword(tags=("Assertion",))
    def finding_should_be_recorded(self, kind: str, where: str) -> None:
        """Assert that a tripwire was touched at a node or socket.

        | Finding Should Be Recorded | limit | supply |
        """
        found = [finding for finding in self._farm.farm.findings if (finding.kind, finding.where) == (kind, where)]
        if not found:
            raise AssertionError(f"No tripwire {kind!r} was touched at {where}.\n{self._farm.why()}")

    # --- configuration, as in the web interface

    @keyword(tags=("Configuration",))
    def set_parameter(self, device: str, parameter: str, value: str) -> None:
        """Edit a parameter in the device's form; `Save` keeps it.

        | Set Parameter | CP1 | DLM Network Id | 5 |
        """
        self._form(device, lambda form: form.edit(parameter, value))

    @keyword(tags=("Configuration",))
    def save(self, device: str) -> list[str]:
        """Save the device's form; return the parameters that wait for a restart.

        | Save | CP1 |
        """
        return self._form(device, lambda form: form.save())

    @keyword(tags=("Configuration",))
    def restart_device(self, device: str) -> None:
        """Restart a device; unsaved edits are lost.

        | Restart Device | CP1 |
        """
        self._farm.ask(lambda: self._farm.farm.device(device).restart())

    @keyword(tags=("Configuration",))
    def configure(self, device: str, parameter: str, value: str) -> None:
        """Set a parameter, save, restart.

        | Configure | CP4 | DLM Network Id | 5 |
        """
        self.set_parameter(device, parameter, value)
        self.save(device)
        self.restart_device(device)

    @keyword(tags=("Getter", "Assertion"))
    def parameter_should_be(self, device: str, parameter: str, value: str) -> None:
        """Assert what the device's form shows.

        | Parameter Should Be | CP1 | DLM Network Id | 0 |
        """
        shown = self._form(device, lambda form: form.shown(parameter))
        if shown != value:
            raise AssertionError(f"{device} shows {parameter} = {shown!r}, expected {value!r}.")

    @keyword(tags=("Getter", "Assertion"))
    def parameter_should_be_offered(self, device: str, *parameters: str, menu: str | None = None) -> None:
        """Assert that the device's form has parameters, with ``menu`` in that menu.

        | Parameter Should Be Offered | CP1 | DLM Network Id | |
        | Parameter Should Be Offered | CP1 | DLM Network Id | menu=Load Management > Dynamic Load Management |
        """
        offered = self._form(device, lambda form: form.offered())
        table = self._farm.farm.site.require(device).family.parameters
        missing = [name for name in parameters if name not in offered or menu not in (None, table.named(name).menu)]
        if missing:
            raise AssertionError(f"{device} does not offer {', '.join(missing)}" + (f" in {menu}." if menu else "."))

    @keyword(tags=("Getter", "Assertion"))
    def parameter_should_not_be_offered(self, device: str, *parameters: str) -> None:
        """Assert that the device's form lacks parameters.

        | Parameter Should Not Be Offered | CP2 | EVSE Sub-Distribution Limit (L1/L2/L3) [A] |
        """
        offered = self._form(device, lambda form: form.offered())
        for name in parameters:
            self._farm.farm.site.require_parameter(device, name)
            if name in offered:
                raise AssertionError(f"{device} offers {name}.")

    @keyword(tags=("Getter", "Assertion"))
    def parameter_should_refuse(self, device: str, parameter: str, value: str) -> None:
        """Assert that the device's form refuses a value.

        | Parameter Should Refuse | CP1 | DLM Master/Slave | DLM Slave (Master-Auto-Recovery) |
        """
        self._farm.farm.site.require_parameter(device, parameter)
        if not self._form(device, lambda form: form.refuses(parameter, value)):
            raise AssertionError(f"{device} takes {parameter} = {value!r}.")

    # --- observations

    @keyword(tags=("Getter", "Assertion"))
    def register(self, device: str, name: str, expected: str | None = None, *, within: timedelta = timedelta(0)) -> Any:
        """Return a Modbus register by its documented name; with ``expected``, assert it within farm time.

        | Register | CP1 | DLM_MODE | 1 |
        """
        if expected is None:
            return self._register(device, name)
        wanted = expected.strip()
        return self._until(
            f"Register {name} of {device}", lambda: str(self._register(device, name)), lambda text: text == wanted,
            wanted, within,
        )  # fmt: skip

    @keyword(tags=("Setter",))
    def write_register(self, device: str, name: str, value: int) -> None:
        """Write a Modbus register by its documented name, as an energy manager does.

        | Write Register | CP1 | DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT_L1 | 60 |
        """
        self._farm.ask(lambda: self._farm.farm.probe(device).write(name, value))

    @keyword(tags=("Getter", "Assertion"))
    def signalled_current(
        self,
        point: str,
        verb: Verb,
        expected: Amps,
        *,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = EXACT,
    ) -> None:
        """Compare what a point signals to its vehicle (Modbus register 706).

        | Signalled Current | CP1 | settles at | 32 A | within=65 s |
        | Signalled Current | CP1 | stays at | 20 A | within=5 minutes |
        """
        self._compare(
            f"Signalled Current of {point}",
            lambda: float(self._register(point, "SIGNALED_CURRENT")),
            verb, expected.a, within, tolerance.a,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def signalled_current_of_each_point(
        self,
        verb: Verb,
        *expected: Amps,
        points: str = "",
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = EXACT,
    ) -> None:
        """Compare what the points signal.

        One value is for every point with a vehicle, several are for all points in the site's order. ``points`` names
        the points that are looked at; without it, all are.

        | Signalled Current Of Each Point | settles at | 25 A |
        | Signalled Current Of Each Point | settles at | 20 A | 20 A | 32 A | 32 A |
        | Signalled Current Of Each Point | stays at | 20 A | points=CP3, CP4 |
        """
        farm = self._farm.farm
        names = list(farm.site.charger_names())
        if points:
            names = [farm.site.require_charger(name.strip()).name for name in points.split(",")]
        if len(expected) == 1:
            names = [name for name in names if points or farm.bays[name].vehicle is not None]
            expected = expected * len(names)
        if len(expected) != len(names):
            raise ScenarioError(f"{len(expected)} values for {len(names)} points: {', '.join(names)}.")
        self._compare_all(
            "Signalled Current of " + ", ".join(names),
            lambda: [float(self._register(name, "SIGNALED_CURRENT")) for name in names],
            verb, [amps.a for amps in expected], within, tolerance.a,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def points_that_charge(
        self, verb: Verb, count: int, current: Amps, *, within: timedelta = timedelta(seconds=65)
    ) -> None:
        """Compare how many points signal a current, whichever they are; the others have to signal nothing.

        | Points That Charge | settles at | 1 | 8 A |
        """
        farm = self._farm.farm
        names = list(farm.site.charger_names())
        wanted = sorted([current.a] * count + [0.0] * (len(names) - count))
        self._compare_all(
            "Signalled Currents, sorted,",
            lambda: sorted(float(self._register(name, "SIGNALED_CURRENT")) for name in names),
            verb, wanted, within, 0,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def charging_current(
        self,
        point: str,
        verb: Verb,
        expected: Amps3,
        *,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = PLANT_TOLERANCE,
    ) -> None:
        """Compare what a point's own meter says flows in its conductors L1/L2/L3 (Modbus registers 212 to 216).

        | Charging Current | CP1 | settles at | 25/0/0 A |
        """
        names = ("METER_CUR_L1", "METER_CUR_L2", "METER_CUR_L3")
        self._compare_all(
            f"Charging Current of {point}",
            lambda: [self._register(point, name) / 1000 for name in names],
            verb, list(expected.a), within, tolerance.a,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def feeder_current(
        self,
        feeder: str,
        *arguments: str,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = PLANT_TOLERANCE,
    ) -> None:
        """Compare what flows in a feeder (``supply`` is the main connection): all three phases, or one.

        *should never exceed* looks at the whole test so far.

        | Feeder Current | F3 | settles at | 100/50/50 A |
        | Feeder Current | F3 | L1 | should never exceed | 100 A |
        """
        session = self._farm
        plant, node = session.farm.plant, session.farm.site.require_feeder(feeder)
        one_phase = arguments[0] in PHASES
        verb_text, value_text = arguments[1:] if one_phase else arguments
        verb, limit_a = to_verb(verb_text), to_amps3(value_text).a
        phases = [arguments[0]] if one_phase else list(PHASES)
        if verb is Verb.SHOULD_NEVER_EXCEED:
            for phase in phases:
                peak_a = session.do(lambda phase=phase: session.farm.peak_a(node, phase))  # type: ignore[misc]
                if peak_a > limit_a[phase] + tolerance.a:
                    raise AssertionError(
                        f"Feeder Current of {feeder} {phase} should never exceed {limit_a[phase]:g} A "
                        f"(tolerance {tolerance}): was {peak_a:.1f} A.\n{session.why()}"
                    )
            return
        self._compare_all(
            f"Feeder Current of {feeder} {'/'.join(phases)}",
            lambda: session.do(
                lambda: [plant.currents_a(node, session.farm.instants.now_ns())[phase] for phase in phases]
            ),
            verb, [limit_a[phase] for phase in phases], within, tolerance.a,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def meter_current(
        self,
        meter: str,
        verb: Verb,
        expected: Amps3,
        *,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = PLANT_TOLERANCE,
    ) -> None:
        """Compare the currents that a PAC2200 shows on its Modbus port (registers 13 to 17).

        | Meter Current | M2 | settles at | 40/30/20 A |
        """
        self._compare_all(
            f"Meter Current of {meter}",
            lambda: [self._register(meter, name) for name in ("I_L1", "I_L2", "I_L3")],
            verb, list(expected.a), within, tolerance.a,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def page_should_show(self, device: str, field: str, text: str, *, within: timedelta = timedelta(0)) -> None:
        """Assert that a field of the device's pages contains a text, within farm time.

        | Page Should Show | CP1 | Error(s) | External meter not communicating | within=65 s |
        """
        self._until(
            f"Field {field!r} of {device}", lambda: self._page(device).get(field, "(not shown)"),
            lambda shown: text in shown, text, within,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def page_should_not_show(self, device: str, field: str, text: str, *, within: timedelta = timedelta(0)) -> None:
        """Assert that a field of the device's pages does not contain a text, within farm time.

        | Page Should Not Show | CP3 | DLM Connected Slaves | CP1 |
        """
        self._until(
            f"Field {field!r} of {device}", lambda: self._page(device).get(field, "(not shown)"),
            lambda shown: text not in shown, f"not {text}", within,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def requests_at(self, device: str, *, duration: timedelta) -> list[float]:
        """Record the Modbus requests that reach a device for a time; return when each came [s of farm time].

        | @{times} = | Requests At | M2 | duration=120 s |
        """
        session = self._farm
        session.do(lambda: session.farm.watch_requests(device))
        session.wait(duration.total_seconds())
        return [at_ns / 1e9 for at_ns, _ in session.farm.requests[device]]

    @keyword(tags=("Assertion",))
    def requests_should_come_regularly(
        self, device: str, *, duration: timedelta, period: timedelta, deviation_pct: float = 20
    ) -> None:
        """Assert that Modbus requests reach a device in a constant rhythm, no slower than ``period``.

        | Requests Should Come Regularly | M2 | duration=120 s | period=30 s | deviation_pct=20 |
        """
        times = self.requests_at(device, duration=duration)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        if len(gaps) < 2:
            raise AssertionError(f"{device} got {len(times)} requests in {duration.total_seconds():g} s.")
        mean = sum(gaps) / len(gaps)
        worst = max(gaps, key=lambda gap: abs(gap - mean))
        if abs(worst - mean) > mean * deviation_pct / 100 or max(gaps) > period.total_seconds():
            raise AssertionError(
                f"Requests at {device} should come every {period.total_seconds():g} s or faster, "
                f"within {deviation_pct:g} %: the mean is {mean:.3f} s, "
                f"the worst gap {worst:.3f} s, the longest {max(gaps):.3f} s."
            )

    @keyword(tags=("Getter", "Assertion"))
    def clients_of(self, device: str, *expected: str) -> list[str]:
        """Return which devices have sent Modbus requests to a device since `Requests At`; assert them if given.

        | @{who} = | Clients Of | M2 | |
        | Clients Of | M2 | CP1 | |
        """
        clients = sorted({who for _, who in self._farm.farm.requests.get(device, [])})
        if expected and clients != sorted(expected):
            raise AssertionError(f"{device} gets requests from {', '.join(clients) or 'nobody'}.")
        return clients

    @keyword(tags=("Assertion",))
    def site_check_should_say(self, site: str, text: str, **overrides: str) -> None:
        """Assert that checking a site gives an error or a warning with this text; no farm is started.

        | Site Check Should Say | mennekes/car-park | is negative | loads.x.current_a=-1 |
        """
        try:
            checked = build_site(site, overrides)
        except ScenarioError as error:
            said = str(error)
        else:
            said = "\n".join(str(problem) for problem in checked.warnings)
        if text not in said:
            raise AssertionError(f"The site check does not say {text!r}. It says:\n{said or '(nothing)'}")

    @keyword(tags=("Assertion",))
    def site_check_should_accept(self, site: str, **overrides: str) -> None:
        """Assert that checking a site gives neither errors nor warnings.

        | Site Check Should Accept | mennekes/car-park |
        """
        warnings = build_site(site, overrides).warnings
        if warnings:
            raise AssertionError("\n".join(str(problem) for problem in warnings))

    # --- inside

    @property
    def _farm(self) -> Session:
        if self._session is None:
            raise ScenarioError("no site is running: begin the test with 'Start Site    mennekes/car-park'.")
        return self._session

    def _form(self, device: str, action: Callable[[Form], T]) -> T:
        return self._farm.do(lambda: action(Form(self._farm.farm.device(device))))

    def _page(self, device: str) -> dict[str, str]:
        return self._farm.do(lambda: dict(self._farm.farm.device(device).page()))

    def _register(self, device: str, name: str) -> Any:
        return self._farm.ask(lambda: self._farm.farm.probe(device).read(name))

    def _until(
        self, what: str, read: Callable[[], str], good: Callable[[str], bool], wanted: str, within: timedelta
    ) -> str:
        session = self._farm
        until_s = session.now_s() + within.total_seconds()
        while not good(shown := read()):
            if session.now_s() >= until_s:
                raise AssertionError(
                    f"{what} should be {wanted!r} within {within.total_seconds():g} s: "
                    f"was {shown!r} at {session.now_s():g} s farm time.\n{session.why()}"
                )
            session.wait(min(1.0, until_s - session.now_s()))
        return shown

    def _compare(  # noqa: PLR0917 - one comparison
        self, what: str, read: Callable[[], float], verb: Verb, expected: float, within: timedelta, tolerance: float
    ) -> None:
        self._compare_all(what, lambda: [read()], verb, [expected], within, tolerance)

    def _compare_all(  # noqa: PLR0917 - one comparison
        self,
        what: str,
        read: Callable[[], list[float]],
        verb: Verb,
        expected: list[float],
        within: timedelta,
        tolerance: float,
    ) -> None:
        session = self._farm
        until_s = session.now_s() + (0 if verb is Verb.IS else within.total_seconds())
        at_most = verb in (Verb.SHOULD_NEVER_EXCEED, Verb.SHOULD_BE_AT_MOST)
        always = verb in (Verb.STAYS_AT, Verb.SHOULD_NEVER_EXCEED)
        good_samples = 0
        if verb is Verb.SETTLES_AT:  # only the end decides: what comes before need not be sampled
            session.wait(max(0.0, within.total_seconds() - 2 * SAMPLE_S))
        while True:
            values = read()
            good = all(
                value <= wanted + tolerance if at_most else abs(value - wanted) <= tolerance
                for value, wanted in zip(values, expected, strict=True)
            )
            good_samples = good_samples + 1 if good else 0
            left_s = until_s - session.now_s()
            if left_s <= 0 or (always and not good):
                break
            session.wait(min(SAMPLE_S, left_s))
        enough = 2 if verb is Verb.SETTLES_AT and within.total_seconds() >= 2 * SAMPLE_S else 1
        if good_samples < enough:
            wanted = " / ".join(f"{value:g}" for value in expected)
            was = " / ".join(f"{value:.4g}" for value in values)
            raise AssertionError(
                f"{what} {verb.value} {wanted} A (tolerance {tolerance:g} A) within {within.total_seconds():g} s: "
                f"was {was} A at {session.now_s():g} s farm time.\n{session.why()}"
            )


SIGNATURES: Final = {
    normal(name): inspect.signature(method) for name, method in vars(Farm).items() if hasattr(method, "robot_name")
}
