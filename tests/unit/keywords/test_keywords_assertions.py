"""What getters compare, with units, and what they say when it does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from assertionengine import AssertionOperator

from hil.errors import ScenarioError
from hil.keywords.assertions import WORDS, verify
from hil.run.session import Session
from hil.site import load_site


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HIL_RUN_DIR", str(tmp_path_factory.mktemp("run")))
        running = Session(load_site("mennekes/car-park"), "unit/assertions")
        yield running
        running.close()


def checked(session: Session, value: Any, sign: str, expected: Any, unit: str = "") -> Any:
    return verify(session, "It", value, AssertionOperator[sign], expected, unit=unit)


HOLD = [
    (16, "==", "16", ""),
    (16, "==", 16, ""),
    (16, "==", "16 A", "A"),
    (16, "==", "16A", "A"),
    (16, "==", "16.0", "A"),
    (16000, "==", "16 A", "mA"),
    (16, "==", "16000 mA", "A"),
    (4.1, "==", "4100 mA", "A"),
    (11.04, "==", "11040 W", "kW"),
    (-3, "<", "0 A", "A"),
    (16, ">=", "16 A", "A"),
    (16, "!=", "17 A", "A"),
    (600.0, "==", "10 minutes", "s"),
    (3, "==", "3", "enum"),
    ("32", "==", "32 A", "A"),
    ("32", "<=", "32 A", "A"),
    ("32 A", "<=", "32 A", ""),
    ("32 A", "<", "33000 mA", ""),
    ("100/100/100", "==", "100/100/100 A", "A"),
    ("no errors", "contains", "err", ""),
    ("no errors", "not contains", "meter", ""),
    ("no errors", "matches", "^no", ""),
    ("no errors", "starts", "no", ""),
    ("07", "!=", "7", ""),
]
FAIL = [
    (16, "==", "17 A", "A", "It should be 17 A: was 16 A at 06:00:00 farm time (0 s)."),
    (16000, "<", "16 A", "mA", "It should be less than 16000 mA: was 16000 mA at 06:00:00 farm time"),
    (16, "!=", "16 A", "A", "It should not be 16 A: was 16 A"),
    (0.5, ">", "1", "", "It should be more than 1: was 0.5 at"),
    (float("nan"), "==", "0 A", "A", "It should be 0 A: was nan A"),
    ("no errors", "==", "an error", "", "It should be 'an error': was 'no errors' at"),
    ("no errors", "contains", "{meter}", "", "It should contain '{meter}': was 'no errors'"),
    ("no errors", "matches", "^err", "", "It should match '^err': was"),
    ("32", ">", "32 A", "A", "It should be more than 32 A: was 32 A"),
]
WRONG = [
    (16, "==", "16 W", "A", "'16 W' is not a number in A"),
    (16, "==", "16 A", "", "'16 A' is not a number without a unit"),
    (16, "==", "sixteen", "A", "'sixteen' is not a number in A"),
    (600.0, "==", "soon", "s", "'soon' is not a number in s"),
    (16, "contains", "6", "A", "It is a number. Allowed: ==, !=, <, <=, >, >=, validate, then"),
    ("no errors", "<", "3", "", "'no errors' is not a number"),
    (16, "==", None, "A", "the operator '==' needs an expected value"),
]


@pytest.mark.parametrize(("value", "sign", "expected", "unit"), HOLD)
def test_a_comparison_that_holds_returns_the_value(
    session: Session, value: Any, sign: str, expected: Any, unit: str
) -> None:
    assert checked(session, value, sign, expected, unit) == value


@pytest.mark.parametrize(("value", "sign", "expected", "unit", "message"), FAIL)
def test_a_comparison_that_fails_says_what_was_read(
    session: Session, value: Any, sign: str, expected: Any, *, unit: str, message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        checked(session, value, sign, expected, unit)
    assert message in str(caught.value)
    assert "CP1" in str(caught.value)  # why
    assert "again: hil run" in str(caught.value)


@pytest.mark.parametrize(("value", "sign", "expected", "unit", "message"), WRONG)
def test_what_cannot_be_compared_is_the_authors_error(
    session: Session, value: Any, sign: str, expected: Any, *, unit: str, message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        checked(session, value, sign, expected, unit)
    assert message in str(caught.value)


def test_without_an_operator_the_value_is_returned_as_it_is(session: Session) -> None:
    assert verify(session, "It", 16, None, None, unit="A") == 16
    with pytest.raises(ScenarioError, match="needs an operator"):
        verify(session, "It", 16, None, "16 A", unit="A")


def test_groups_of_a_pattern_are_returned(session: Session) -> None:
    assert checked(session, "Charging 16 A", "matches", r"(\d+) A") == ("16",)


def test_every_operator_has_words() -> None:
    assert set(WORDS) == set(AssertionOperator) - {AssertionOperator["then"]}  # which compares nothing
