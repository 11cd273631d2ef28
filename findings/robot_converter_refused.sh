#!/usr/bin/env bash
# robotframework 7.5: what a library's own converter refuses is converted all the same when the argument has a default.
#
# Packages    robotframework 7.5
# Behaviour   A keyword library may bring a converter for a type, and raise ValueError for what it does not take: a
#             negative time, a current without its unit. Where the argument has a default, Robot then tries the
#             default's type with its *own* converter. So `-1 s` becomes a timedelta of minus one second, and `32` for
#             a current in amperes, whose default is a plain number, becomes 32.0: the refusal is never told.
# Surprise    The same text is refused by the same converter for an argument without a default. In a log both look
#             like a value that was checked. A test of the converter alone passes, and so does one with a required
#             argument.
# Consequence A bench's keyword waits for a negative time, or takes kW for A, and the test goes on to a verdict. Give
#             Robot the default as text (`get_keyword_arguments` of a dynamic library), or check the range once more
#             in the keyword.
# Standard    Robot Framework User Guide, creating test libraries: conversion by the default value's type is tried after
#             conversion by the type hint has failed; that a converter of the library's own is overruled too is not said.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check robotframework==7.5
cat > "$work/Bench.py" <<'PY'
from datetime import timedelta

from robot.api.deco import keyword, library


class Amps(float):
    pass


def to_time(text):
    from robot.utils import timestr_to_secs

    seconds = timestr_to_secs(text)
    if seconds < 0:
        raise ValueError(f"{text} is negative")
    return timedelta(seconds=seconds)


def to_amps(text):
    if not text.endswith(" A"):
        raise ValueError(f"{text} has no unit")
    return Amps(text.removesuffix(" A"))


@library(converters={timedelta: to_time, Amps: to_amps})
class Bench:
    @keyword
    def required(self, time: timedelta, current: Amps):
        return time.total_seconds(), float(current)

    @keyword
    def with_default(self, time: timedelta = timedelta(seconds=1), current: Amps = 16.0):
        return time.total_seconds(), float(current)
PY
cat > "$work/suite.robot" <<'ROBOT'
*** Settings ***
Library    Bench.py

*** Test Cases ***
Required Time
    Required    -1 s    16 A

Required Current
    Required    1 s    32

Time With A Default
    ${time}    ${current}    With Default    -1 s    16 A
    Should Be Equal As Numbers    ${time}    -1

Current With A Default
    ${time}    ${current}    With Default    1 s    32
    Should Be Equal As Numbers    ${current}    32
ROBOT
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

from robot import run
from robot.api import ExecutionResult

run("suite.robot", output="output.xml", log=None, report=None, console="none")
found = {test.name: (test.status, test.message) for test in ExecutionResult("output.xml").suite.tests}
wanted = {
    "Required Time": ("FAIL", "ValueError: Argument 'time' got value '-1 s' that cannot be converted to timedelta: -1 s is negative"),
    "Required Current": ("FAIL", "ValueError: Argument 'current' got value '32' that cannot be converted to Amps: 32 has no unit"),
    "Time With A Default": ("PASS", ""),
    "Current With A Default": ("PASS", ""),
}
for name, seen in found.items():
    print(f"{name}: {seen[0]} {seen[1]}")
if found != wanted:
    sys.exit(f"the behaviour has changed: {found}")
PY
echo "as described"
