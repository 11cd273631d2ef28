"""Planted faults of seats: who fills them, and what a device in a process of its own and its bench tell each other."""

from __future__ import annotations

from typing import Final

from mutant import Check, Mutant

SEAT = "hil/process/seat.py"
PROCESSES = "hil/process/processes.py"
REMOTE = "hil/process/remote.py"
SITE_SEAT = "tests/site/test_site_seat.py"

MUTANTS_PROCESS: Final = (
    Mutant(
        "what a device shows is told when it is made and not when it changes",
        SEAT,
        'device.hmi.shown = lambda **what: self.tell("shown", **what)',
        "device.hmi.shown = lambda **what: None",
        (Check(SITE_SEAT, "known_without_asking"),),
    ),
    Mutant(
        "parameters are told when a device is made and not when they change",
        SEAT,
        "device.parameters.acts = self._tell_parameters",
        "pass",
        (Check(SITE_SEAT, "leds_and_parameters"),),
    ),
    Mutant(
        "a seat is filled by its kind although the bench names another filler for it",
        "hil/bench/filler.py",
        "return self.seats.get(spec.name) or self.fillers[spec.seat]",
        "return self.fillers[spec.seat]",
        (Check("tests/site/test_site_benches.py", "two_kinds"),),
    ),
    Mutant(
        "terminals are told as of no socket that the device has",
        PROCESSES,
        'remote.tell("terminals", socket=socket, **terminals.as_fields())',
        'remote.tell("terminals", socket=0, **terminals.as_fields())',
        (Check(SITE_SEAT, "charges_and_its_meter"),),
    ),
    Mutant(
        "the late answer to one call is taken for that to the next",
        REMOTE,
        "number = next(self._numbers)",
        "number = max(self._calls, default=0) + 1",
        (Check(SITE_SEAT, "stands_still"),),
    ),
    Mutant(
        "a connection may begin with anything",
        SEAT,
        'if hello["kind"] != "clock":',
        "if False:",
        (Check(SITE_SEAT, "refused_and_garbage"),),
    ),
)
