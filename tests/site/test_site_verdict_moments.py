"""Verdicts see what happens between two samples, and tell the moment of the finding; on each bench in the same way."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from assertionengine import AssertionOperator

from emulators.kit.host import NS_PER_S, Phase
from emulators.kit.phases import PerPhase
from hil.errors import ControllerViolation
from hil.keywords.context import Context
from hil.keywords.topics.charging import Charging
from hil.keywords.topics.electrical import Electrical
from hil.keywords.topics.farm_time import FarmTime
from hil.keywords.topics.tripwires import Tripwires
from hil.keywords.values import Amps, Amps3, Comparison, PhaseName
from hil.run.session import Session, build_site
from hil.site import VehicleSpec
from hil.trace import read_trace

from .processes import Processes

SITE = "mennekes/car-park"
ALONE = {"devices.CP4.parameters.DLM Master/Slave": "Disabled"}  # nobody but a test limits it
STAYS, SETTLES, NEVER = Comparison.STAYS_AT, Comparison.SETTLES_AT, Comparison.SHOULD_NEVER_EXCEED


@pytest.fixture(scope="module", params=["embedded", "processes"])
def bench(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """What the environment needs for a bench: devices in this process, or each in one of its own."""
    if request.param == "embedded":
        yield {}
        return
    devices = Processes()
    yield devices.settings
    devices.close()


class Words:
    """A running site, and the words that Robot would speak."""

    def __init__(self, session: Session) -> None:
        self.session, context = session, Context()
        context._session = session
        self.charging, self.electrical = Charging(context), Electrical(context)
        self.time, self.tripwires = FarmTime(context), Tripwires(context)

    def plug(self, socket: str) -> None:
        vehicle = self.session.tester.vehicle(socket)
        self.session.call(vehicle.plug(VehicleSpec(phases=3, max_current_a=32)))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        env = self.session.farm.env
        at_ns = env.instants.now_ns() + round(seconds * NS_PER_S)
        self.session.do(lambda: env.instants.call_at(at_ns, Phase.INPUTS, "test", act))

    def load_later(self, seconds: float, load: str, current_a: float) -> None:
        self.later(seconds, lambda: self.session.farm.installation.set_load(load, PerPhase(current_a, 2, 3)))

    def dip(self, at_s: float, lasts_s: float, to_a: int = 10, back_a: int = 32) -> None:
        """Let an energy manager tell CP4 another current for a moment."""

        async def tell() -> None:
            probe = self.session.tester.ports.probe("CP4")
            await asyncio.sleep(at_s)
            await probe.write("HEMS_CURRENT_LIMIT", to_a)
            await asyncio.sleep(lasts_s)
            await probe.write("HEMS_CURRENT_LIMIT", back_a)

        self.session.do(lambda: self.session.farm.env.spawn(tell(), "energy manager"))


@pytest.fixture
def words(bench: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Words]:
    """Run the car park."""
    for name, value in {"HIL_RUN_DIR": str(tmp_path / "run"), "HIL_SPEED": "max", **bench}.items():
        monkeypatch.setenv(name, value)
    session = Session(build_site(SITE, ALONE), "moments")
    yield Words(session)
    if not session.farm.loop.is_closed():
        session.close()


def at_s(error: pytest.ExceptionInfo[BaseException]) -> float:
    """Return the moment that a failure names first [s]."""
    found = re.search(r"farm time \((\S+) s\)", str(error.value))
    assert found is not None, error.value
    return float(found[1])


def trace_line_of(error: pytest.ExceptionInfo[BaseException], session: Session) -> dict[str, object]:
    """Return the line of the trace that a failure names."""
    found = re.search(r"trace line (\d+) ", str(error.value))
    assert found is not None, error.value
    line: dict[str, object] = json.loads(session.trace.path.read_text(encoding="utf-8").splitlines()[int(found[1]) - 1])
    return line


def charging(words: Words) -> float:
    """Let a vehicle charge at CP4; return farm time then."""
    words.plug("CP4")
    words.charging.signalled_current("CP4", SETTLES, Amps(32))
    words.charging.charging_current("CP4", SETTLES, Amps3(PerPhase.all(32)))
    return words.session.now_s()


# --- between two samples


@pytest.mark.parametrize("of_each", [False, True])
def test_stays_at_fails_on_an_excursion_between_two_samples(words: Words, of_each: bool) -> None:
    began_s = charging(words)
    words.dip(6, 1)
    with pytest.raises(AssertionError, match=r"should stay at 32 A .*: was 10 A at ") as error:
        if of_each:
            words.charging.signalled_current_of_each_point(STAYS, Amps(32), within=timedelta(seconds=20))
        else:
            words.charging.signalled_current("CP4", STAYS, Amps(32), within=timedelta(seconds=20))
    assert at_s(error) == pytest.approx(began_s + 6, abs=0.1)
    assert words.session.now_s() == pytest.approx(began_s + 6, abs=0.1), "it stops where it found it"
    assert "CP4 signals 10 A, limited by energy manager" in str(error.value)
    assert "looked at every" not in str(error.value)


def test_settles_at_does_not_take_a_value_that_jumped_away_between_two_samples(words: Words) -> None:
    began_s = charging(words)
    words.dip(17, 1)  # samples are at 10, 15 and 20 s
    with pytest.raises(AssertionError, match=r"should settle at 32 A .*: was 10 A at ") as error:
        words.charging.signalled_current("CP4", SETTLES, Amps(32), within=timedelta(seconds=20))
    assert at_s(error) == pytest.approx(began_s + 17, abs=0.1)


def test_settles_at_takes_a_value_that_jumped_away_before(words: Words) -> None:
    charging(words)
    words.dip(12, 1)
    words.charging.signalled_current("CP4", SETTLES, Amps(32), within=timedelta(seconds=20))


def test_settles_at_says_since_when_it_is_there_when_that_is_too_late(words: Words) -> None:
    began_s = charging(words)
    words.dip(14, 3)
    with pytest.raises(AssertionError, match=r"is that only since .*, and has to be for the last 5 s") as error:
        words.charging.signalled_current("CP4", SETTLES, Amps(32), within=timedelta(seconds=20))
    assert at_s(error) == pytest.approx(began_s + 17, abs=0.1)


def test_never_exceeds_fails_on_an_excursion_between_two_samples(words: Words) -> None:
    charging(words)
    words.dip(1, 1, back_a=10)
    words.session.wait(3)
    began_s = words.session.now_s()
    words.dip(6, 1, to_a=32, back_a=10)
    with pytest.raises(AssertionError, match=r"should never exceed 10 A .*: was 32 A at ") as error:
        words.charging.signalled_current("CP4", NEVER, Amps(10), within=timedelta(seconds=20))
    assert at_s(error) == pytest.approx(began_s + 6, abs=0.1)


def test_a_feeder_is_followed_between_two_samples(words: Words) -> None:
    words.session.wait(3)
    words.load_later(6, "F3", 20)
    words.load_later(7, "F3", 0)
    with pytest.raises(
        AssertionError, match=r"should stay at 0 A .*: was 20 A at 06:00:09 farm time \(9 s\)\."
    ) as error:
        words.electrical.feeder_current("F3", "L1", "stays at", "0 A", within=timedelta(seconds=20))
    assert words.session.now_s() == 9
    assert "F3 carries 20/2/3 A; fuse gG 100 A." in str(error.value)
    assert "supply carries 20/2/3 A; fuse gG 160 A." in str(error.value)


def test_a_feeder_that_leaves_on_a_ramp_is_told_where_it_leaves(words: Words) -> None:
    began_s = charging(words)
    take = words.session.tester.vehicle("CP4").take

    async def vary() -> None:
        await asyncio.sleep(6)
        await take(20)
        await asyncio.sleep(2)
        await take(None)

    words.session.do(lambda: words.session.farm.env.spawn(vary(), "driver"))
    with pytest.raises(AssertionError, match=r"should stay at 32 A .*: was 31.5 A at ") as error:
        words.electrical.feeder_current("F3", "L2", "stays at", "32 A", within=timedelta(seconds=20))
    assert began_s + 6 < at_s(error) < began_s + 8


def test_changes_of_one_instant_are_one_change(words: Words) -> None:
    words.session.wait(3)
    words.load_later(6, "F3", 20)
    words.load_later(6, "F3", 0)
    words.load_later(6, "supply", 20)
    words.electrical.feeder_current("F3", "L1", "stays at", "0 A", within=timedelta(seconds=20))


def test_a_socket_meter_is_looked_at_when_something_changes(words: Words) -> None:
    began_s = charging(words)
    take = words.session.tester.vehicle("CP4").take

    async def vary() -> None:
        await asyncio.sleep(5.5)
        await take(20)
        await asyncio.sleep(2)
        await take(None)

    words.session.do(lambda: words.session.farm.env.spawn(vary(), "driver"))
    with pytest.raises(AssertionError, match=r"should stay at 32 / 32 / 32 A .*\(looked at every 5 s\)\.") as error:
        words.charging.charging_current("CP4", STAYS, Amps3(PerPhase.all(32)), within=timedelta(seconds=20))
    assert began_s + 5.5 < at_s(error) < began_s + 9.5


def test_where_time_goes_on_by_itself_the_moment_is_that_of_the_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("HIL_SPEED", "5")
    session = Session(build_site(SITE, {}), "moments")
    try:
        words, began_s = Words(session), session.now_s()
        words.load_later(6, "F3", 20)
        words.load_later(8.5, "F3", 0)
        with pytest.raises(AssertionError, match=r"should stay at 0 A .*: was 20 A at ") as error:
            words.electrical.feeder_current("F3", "L1", "stays at", "0 A", within=timedelta(seconds=20))
        assert began_s + 6 <= at_s(error) < began_s + 8
    finally:
        session.close()


# --- the moment of the finding


def test_a_tripwire_ends_the_wait_at_its_moment(words: Words) -> None:
    charging(words)
    words.session.call(words.session.tester.load("F3").set(PerPhase(400, 2, 3)))
    with pytest.raises(ControllerViolation, match="Tripwire 'fuse'") as error:
        words.time.advance_clock(timedelta(hours=2))
    told, now_s = str(error.value), words.session.now_s()
    assert at_s(error) == pytest.approx(now_s, abs=0.001)
    assert now_s < 600
    line = trace_line_of(error, words.session)
    assert (line["kind"], line["event"]) == ("verdict", "fuse") or line["t_ns"] == round(now_s * NS_PER_S)
    assert "F3 carries 0/34/35 A; fuse gG 100 A, open on L1." in told
    assert "As it is at" not in told


def test_an_expected_tripwire_ends_nothing(words: Words) -> None:
    words.tripwires.expect_finding("fuse")
    words.session.call(words.session.tester.load("F3").set(PerPhase(400, 2, 3)))
    words.time.advance_clock(timedelta(hours=2))
    assert words.session.now_s() == 7200
    words.tripwires.finding_should_be_recorded("fuse", "F3")


def test_the_frames_of_a_failure_are_of_its_moment(words: Words) -> None:
    charging(words)
    with pytest.raises(AssertionError) as error:
        words.charging.signalled_current("CP4", Comparison.IS, Amps(7))
    failed_ns = words.session.tester.now_ns()
    for _ in range(3):  # a teardown that looks at things
        words.charging.signalled_current("CP4", STAYS, Amps(32), within=timedelta(seconds=30))
    words.session.finish("FAIL", str(error.value))
    frames = read_trace(words.session.trace.frames_path).events
    assert frames and max(int(str(frame["t_ns"])) for frame in frames) <= failed_ns


def test_frames_of_another_failure_are_not_those_of_the_test(words: Words) -> None:
    charging(words)
    with pytest.raises(AssertionError):
        words.charging.signalled_current("CP4", Comparison.IS, Amps(7))
    failed_ns = words.session.tester.now_ns()
    words.charging.signalled_current("CP4", STAYS, Amps(32), within=timedelta(seconds=30))
    words.session.finish("FAIL", "1 != 2")
    frames = read_trace(words.session.trace.frames_path).events
    assert max(int(str(frame["t_ns"])) for frame in frames) > failed_ns


# --- who, when, which limit


def test_a_peak_says_when_it_was_and_who_drew_then(words: Words) -> None:
    charging(words)
    words.session.call(words.session.tester.load("F3").set(PerPhase(40.5, 2, 3)))
    peak_s = words.session.now_s()
    words.session.wait(3)
    words.session.call(words.session.tester.load("F3").set(PerPhase(10, 2, 3)))
    words.session.wait(60)
    with pytest.raises(AssertionError, match=r"should never exceed 70 A .*: was 72.5 A at ") as error:
        words.electrical.feeder_current("F3", "should never exceed", "70 A")
    told = str(error.value)
    assert at_s(error) == pytest.approx(peak_s)
    assert "when load at F3 drew 40.5 A, CP4 drew 32.0 A." in told
    assert int(str(trace_line_of(error, words.session)["t_ns"])) <= round(peak_s * NS_PER_S)
    assert f"As it is at {words.session.moment()}:" in told
    assert "F3 carries 42/34/35 A; fuse gG 100 A." in told


def test_the_highest_current_says_when_it_was(words: Words) -> None:
    words.session.wait(4)
    words.load_later(0, "F3", 30)
    words.session.wait(2)
    with pytest.raises(AssertionError, match=r"was 30 A at 06:00:04 farm time \(4 s\), when load at F3 drew 30.0 A\."):
        words.electrical.get_peak_current("F3", PhaseName.L1, AssertionOperator["<="], "25 A")


@pytest.mark.parametrize(
    ("limits", "words_of_it"),
    [
        ({}, "it shares 100/100/100 A by EVSE Sub-Distribution Limit"),
        (
            {"devices.CP1.parameters.Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]": "40/100/40"},
            "it shares 40/100/40 A by Operator EVSE Sub-Distribution Limit on L1/L3, EVSE Sub-Distribution Limit on L2",
        ),
    ],
)
def test_a_failure_names_the_limit_that_the_master_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, str], words_of_it: str
) -> None:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    session = Session(build_site(SITE, limits), "moments")
    try:
        words = Words(session)
        words.plug("CP2")
        with pytest.raises(AssertionError) as error:
            words.charging.signalled_current("CP2", SETTLES, Amps(7))
        assert f"as DLM master {words_of_it}" in str(error.value)
        assert re.search(r"F3 carries 32/32/32 A; fuse gG 100 A\.\n  supply carries", str(error.value))
    finally:
        session.close()
