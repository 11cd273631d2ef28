"""Values over farm time: they settle, stay, never exceed (docs/decisions/0003)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from emulators.kit.host import NS_PER_S
from hil.keywords.values import Comparison
from hil.run.session import Session
from hil.tester.roles import Watch

SAMPLE_S: Final = 5.0
LOOK_S: Final = 1.0  #: How often a text is looked at until it is as expected.
ROUNDING_S: Final = 1e-6  #: Sums of seconds are off by less.


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurand:
    """Currents that are compared.

    Attributes:
        what: As a failure calls them.
        places: Where they are, for the nodes above.
        read: Looks at them now [A].
        watch: Makes what knows of their changes without looking; called on the farm's loop.
        as_compared: Returns them as they are compared, as they are unless said.
    """

    what: str
    places: Sequence[str]
    read: Callable[[], Sequence[float]]
    watch: Callable[[], Watch]
    as_compared: Callable[[Sequence[float]], Sequence[float]] = list


def compare(
    session: Session,
    measurand: Measurand,
    verb: Comparison,
    expected_a: Sequence[float],
    *,
    within: timedelta,
    tolerance_a: float,
) -> None:
    """Compare currents [A] with as many expected ones, in farm time.

    They are looked at every :data:`SAMPLE_S`. What the farm itself knows of them is followed from change to change in
    between, so that nothing is missed; a failure of values that can only be looked at says how often that was.

    Raises:
        AssertionError: What, when, who and why.
    """
    _Trial(session, measurand, verb, expected_a, within_s=within.total_seconds(), tolerance_a=tolerance_a).run()


class _Trial:
    """One comparison: the values as far as they are known, and what is demanded of them at each moment."""

    def __init__(
        self,
        session: Session,
        measurand: Measurand,
        verb: Comparison,
        expected_a: Sequence[float],
        *,
        within_s: float,
        tolerance_a: float,
    ) -> None:
        self._session, self._of, self._verb = session, measurand, verb
        self._expected_a, self._within_s, self._tolerance_a = expected_a, within_s, tolerance_a
        self._until_s = session.now_s() + (0.0 if verb is Comparison.IS else within_s)
        self._blink_ns = round(session.blink_s() * NS_PER_S)
        self._at_most = verb in (Comparison.SHOULD_NEVER_EXCEED, Comparison.SHOULD_BE_AT_MOST)
        self._always = verb in (Comparison.STAYS_AT, Comparison.SHOULD_NEVER_EXCEED)
        self._gaps = ""  # what a failure says of the time between two samples
        self._values: list[float] = []
        self._since_ns = 0  # they are so since then, as far as is known
        self._judged = True
        self._good_since_ns: int | None = None  # without a break
        self._last_window_ns: int | None = None  # the last sample but one: from here on it has to be settled

    def run(self) -> None:
        """Compare until it is decided."""
        session = self._session
        if self._verb is Comparison.SETTLES_AT:  # only the end decides: what comes before need not be seen
            session.wait(max(0.0, self._within_s - 2 * SAMPLE_S))
        if self._verb is Comparison.IS:
            self._look()
            self._decide()
            return
        watch = session.do(self._of.watch)
        self._gaps = "" if watch.sees_all else f" (looked at every {SAMPLE_S:g} s)"
        try:
            self._look()
            while (left_s := self._until_s - session.now_s()) > 0:
                if left_s <= SAMPLE_S + ROUNDING_S and self._last_window_ns is None:
                    self._last_window_ns = self._since_ns
                self._follow(watch, session.now_s() + min(SAMPLE_S, left_s))
                self._look()
            self._decide()
        finally:
            session.do(watch.close)

    def _look(self) -> None:
        """Take a sample."""
        self._values = list(self._of.read())
        self._since_ns, self._judged = self._session.tester.now_ns(), False
        self._judge()

    def _follow(self, watch: Watch, next_s: float) -> None:
        """Let time pass until the next sample; judge whatever is known of the time between."""
        session = self._session
        while True:
            unknown = False
            for change in watch.take():
                if change.at_ns > self._since_ns:
                    if change.at_ns > self._since_ns + self._blink_ns:
                        self._judge()  # it lasted: what changes in one instant is one change
                    self._since_ns, self._judged = change.at_ns, False
                if change.current_a is None:
                    unknown = True
                else:
                    self._values[change.index], self._judged = change.current_a, False
            if unknown:
                self._look()
            if session.tester.now_ns() >= self._since_ns + self._blink_ns:
                self._judge()
            left_s = next_s - session.now_s()
            if left_s <= 0:
                return
            session.wait(left_s, watch)

    def _judge(self) -> None:
        """Judge the values as they are since ``_since_ns``, unless that is done."""
        if self._judged:
            return
        self._judged = True
        if self._is_good():
            if self._good_since_ns is None:
                self._good_since_ns = self._since_ns
            return
        jumped_away = self._good_since_ns is not None and self._last_window_ns is not None
        self._good_since_ns = None
        if self._always or (jumped_away and self._verb is Comparison.SETTLES_AT and self._needs_two):
            raise self._failure()

    def _decide(self) -> None:
        """Judge the end."""
        if not self._is_good():
            raise self._failure()
        if self._verb is Comparison.SETTLES_AT and self._needs_two:
            good_since_ns, window_ns = self._good_since_ns, self._last_window_ns
            assert good_since_ns is not None
            if window_ns is None or good_since_ns > window_ns:
                since = self._session.moment(good_since_ns)
                raise self._failure(f"is that only since {since}, and has to be for the last {SAMPLE_S:g} s")

    @property
    def _needs_two(self) -> bool:
        """Return whether there is time for two samples: it has to be there at both, and all the time between."""
        return self._within_s >= 2 * SAMPLE_S

    def _is_good(self) -> bool:
        return all(
            value <= wanted + self._tolerance_a if self._at_most else abs(value - wanted) <= self._tolerance_a
            for value, wanted in zip(self._of.as_compared(self._values), self._expected_a, strict=True)
        )

    def _failure(self, found: str = "") -> AssertionError:
        session, verb = self._session, self._verb
        wanted = " / ".join(f"{value:g}" for value in self._expected_a)
        was = " / ".join(f"{value:.4g}" for value in self._of.as_compared(self._values))
        window = "now" if verb is Comparison.IS else f"within {self._within_s:g} s"
        found = found or f"was {was} A at {session.moment(self._since_ns)}"
        return AssertionError(
            f"{self._of.what} {verb.demand} {wanted} A (tolerance {self._tolerance_a:g} A) {window}: "
            f"{found}{self._gaps}.\n{session.why(*self._of.places, at_ns=self._since_ns)}"
        )


def until(
    session: Session,
    what: str,
    read: Callable[[], str],
    good: Callable[[str], bool],
    *,
    wanted: str,
    within: timedelta,
) -> None:
    """Look at a text until it is as wanted.

    Raises:
        AssertionError: It was not so ``within`` that farm time.
    """
    until_s = session.now_s() + within.total_seconds()
    while not good(shown := read()):
        if session.now_s() >= until_s:
            raise AssertionError(
                f"{what} {wanted} within {within.total_seconds():g} s: "
                f"was {shown!r} at {session.moment()}.\n{session.why()}"
            )
        session.wait(min(LOOK_S, until_s - session.now_s()))
