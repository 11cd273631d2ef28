"""An id on a test that shows nothing of the device is a decoration, and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tags import decorations

SUITES = Path(__file__).parents[3] / "robot" / "suites"

SUITE = """\
*** Settings ***
Resource    hil/keywords/farm.resource
Test Setup    Start Site    mennekes/car-park

*** Variables ***
${NAME}    Permanently locked

*** Test Cases ***
Shown
    [Tags]    MEN-SUB-001
    %s

*** Keywords ***
Read Back
    [Arguments]    ${point}    ${value}
    Get Parameter    ${point}    ${NAME}    ==    ${value}

Both
    [Arguments]    ${value}
    Configure    CP1    ${NAME}    ${value}
    Read Back    CP1    ${value}
"""

DECORATIONS = [
    "Set Load    house    10 A",
    "Get Parameter    CP1    ${NAME}",  # reads without wanting anything
    "Set Parameter    CP1    ${NAME}    On\n    Get Parameter    CP1    ${NAME}    ==    On",
    "Configure    CP1    ${NAME}    On\n    Read Back    CP1    On",
    "Both    On",
    "[Template]    Both\n    On\n    On",
    "Get Parameter    CP1    DLM Master/Slave    ==    DLM Master (With internal DLM-Slave)",  # the site sets it
]
SHOWS = [
    "Signalled Current    CP1    settles at    32 A",
    "Wait Until Keyword Succeeds    65 s    1 s    Get Register    CP1    MAX    ==    1",
    "Site Check Should Say    mennekes/car-park    refused",
    "Parameter Should Refuse    CP1    ${NAME}    Sometimes",
    "Both    Off\n    Both    On",
    "[Template]    Both\n    Off\n    On",
    "Get Parameter    CP1    ${NAME}    ==    Off",  # a default that nobody sets
    "Configure    CP1    DLM Master/Slave    Disabled\n    Get Parameter    CP1    DLM Master/Slave    ==    Disabled",
]


def lint(folder: Path, steps: str) -> list[str]:
    suite = folder / "suite.robot"
    suite.write_text(SUITE % steps, encoding="utf-8")
    return decorations(suite)


@pytest.mark.parametrize("steps", DECORATIONS)
def test_a_decoration_is_refused(tmp_path: Path, steps: str) -> None:
    assert len(lint(tmp_path, steps)) == 1


@pytest.mark.parametrize("steps", SHOWS)
def test_a_test_that_shows_something_is_not(tmp_path: Path, steps: str) -> None:
    assert lint(tmp_path, steps) == []


def test_without_an_id_nothing_is_promised(tmp_path: Path) -> None:
    suite = tmp_path / "suite.robot"
    suite.write_text((SUITE % DECORATIONS[0]).replace("MEN-SUB-001", "smoke"), encoding="utf-8")
    assert decorations(suite) == []


@pytest.mark.parametrize("path", sorted(SUITES.rglob("*.robot")), ids=lambda path: path.stem)
def test_no_id_of_the_suites_is_a_decoration(path: Path) -> None:
    assert decorations(path) == []
