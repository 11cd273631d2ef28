"""Values over farm time: they settle, stay, never exceed (docs/decisions/0003)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from hil.keywords.values import Comparison
from hil.run.session import Session

SAMPLE_S: Final = 5.0
LOOK_S: Final = 1.0  #: How often a text is looked at until it is as expected.


def compare(
    session: Session,
    what: str,
    read: Callable[[], Sequence[float]],
    verb: Comparison,
    expected_a: Sequence[float],
    *,
    within: timedelta,
    tolerance_a: float,
) -> None:
    """Compare currents [A] with as many expected ones, in farm time.

    Raises:
        AssertionError: What, when, who and why.
    """
    until_s = session.now_s() + (0 if verb is Comparison.IS else within.total_seconds())
    at_most = verb in (Comparison.SHOULD_NEVER_EXCEED, Comparison.SHOULD_BE_AT_MOST)
    always = verb in (Comparison.STAYS_AT, Comparison.SHOULD_NEVER_EXCEED)
    good_samples = 0
    if verb is Comparison.SETTLES_AT:  # only the end decides: what comes before need not be sampled
        session.wait(max(0.0, within.total_seconds() - 2 * SAMPLE_S))
    while True:
        values = read()
        good = all(
            value <= wanted + tolerance_a if at_most else abs(value - wanted) <= tolerance_a
            for value, wanted in zip(values, expected_a, strict=True)
        )
        good_samples = good_samples + 1 if good else 0
        left_s = until_s - session.now_s()
        if left_s <= 0 or (always and not good):
            break
        session.wait(min(SAMPLE_S, left_s))
    enough = 2 if verb is Comparison.SETTLES_AT and within.total_seconds() >= 2 * SAMPLE_S else 1
    if good_samples < enough:
        wanted = " / ".join(f"{value:g}" for value in expected_a)
        was = " / ".join(f"{value:.4g}" for value in values)
        window = "now" if verb is Comparison.IS else f"within {within.total_seconds():g} s"
        raise AssertionError(
            f"{what} {verb.demand} {wanted} A (tolerance {tolerance_a:g} A) {window}: "
            f"was {was} A at {session.moment()}.\n{session.why()}"
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
