"""Four kinds of wrong that are never confused, one kind of stop, and the exit codes that tell them to scripts.

HilError
 +-- ScenarioError        the test or the site asks for something impossible: its author must act
 |    +-- SiteFileError   ... with file, line, field, value and what is allowed
 +-- BenchError           the farm itself failed: the operator must act
 +-- DeviceFault          the device is the finding
 |    +-- DeviceRefused   it said no (a Modbus exception, a refused parameter)
 |    +-- DeviceSilent    it did not answer in time (also a TimeoutError)
 |    +-- DeviceNonsense  it answered something that makes no sense
 +-- ControllerViolation  the load management under test broke a limit; its text says when, what and why
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a script reads after ``hil run``."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    FARM_FAILED = 3
    INTERRUPTED = 130


class HilError(Exception):
    """Root of everything the farm raises on purpose."""


class ScenarioError(HilError):
    """The test or the site asks for something that cannot be: unknown device, wrong unit, missing capability."""


class OutsideTheSite(ScenarioError, ValueError):
    """An address is in none of the site's networks; to a device that looks for somebody there, nobody is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a site file.

    Attributes:
        file: The file as the user named it.
        line: Line, counted from 1.
        field: Dotted path such as ``devices.CP1.phase_order``.
        message: What is wrong, with the value.
        allowed: What would be right, or empty.
    """

    file: str
    line: int
    field: str
    message: str
    allowed: str = ""

    def __str__(self) -> str:
        head = f"{self.file}:{self.line}"
        text = f"{head}  {self.field}: {self.message}"
        return f"{text}\n{' ' * (len(head) + 2)}{self.allowed}" if self.allowed else text


class SiteFileError(ScenarioError):
    """A site file is wrong; ``problems`` lists everything that was found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = [str(problem) for problem in self.problems]
        super().__init__("\n".join([*lines, f"{count} error{'s' if count != 1 else ''}"]))


class BenchError(HilError):
    """The farm itself failed: a port is taken, a device's task died, the clock cannot be trusted."""


class DeviceFault(HilError):
    """A device did not do what its interface promises."""


class DeviceRefused(DeviceFault):
    """The device answered no."""


class DeviceSilent(DeviceFault, TimeoutError):
    """The device did not answer in time."""


class DeviceNonsense(DeviceFault):
    """The device's answer makes no sense."""


class ControllerViolation(HilError):
    """A limit of the installation was broken while a load manager was in charge."""
