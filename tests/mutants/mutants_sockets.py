"""Planted faults of chargers with several sockets, and of what else docs/extending.md shows."""

from __future__ import annotations

from mutant import Check, Mutant

#: What the text says of its charger with two sockets, on the embedded bench.
WALK = (Check("tests/site/test_site_extending.py", "test_what_the_text_says_comes_true"),)
#: ... and with each device in a process of its own.
PROCESSES = (Check("tests/site/test_site_sockets.py", "test_in_processes_of_their_own"),)

MUTANTS_SOCKETS = (
    Mutant(
        "sockets: the pilot of the wrong one is told to a process",
        "hil/process/processes.py",
        'tell("pilot", socket=outlet.number, state=',
        'tell("pilot", socket=1, state=',
        PROCESSES,
    ),
    Mutant(
        "sockets: a process closes the contactor of the wrong one",
        "hil/process/host.py",
        'self._tell("contactor", socket=self._socket,',
        'self._tell("contactor", socket=1,',
        PROCESSES,
    ),
    Mutant(
        "sockets: all are looked for at the same Modbus unit",
        "emulators/kit/family.py",
        "return self.modbus_socket_units.get(socket, self.modbus_unit)",
        "return self.modbus_unit",
        WALK,
    ),
    Mutant(
        "sockets: each is connector 1 to the backend",
        "emulators/kit/charger.py",
        "self.backend.pilot_changed(socket, state)",
        "self.backend.pilot_changed(1, state)",
        WALK,
    ),
    Mutant(
        "sockets: the second one's feeder is ignored",
        "hil/bench/installation.py",
        "plant.add_socket(outlet.name, outlet.feeder, outlet.phase_order)",
        "plant.add_socket(outlet.name, site.devices[outlet.device].outlets[0].feeder, outlet.phase_order)",
        WALK,
    ),
    Mutant(
        "sockets: a cable that is fixed to one is ignored",
        "hil/bench/installation.py",
        "fixed_cable_a=outlet.cable_a",
        "fixed_cable_a=None",
        (Check("tests/site/test_site_sockets.py", "test_a_trace_says_which_socket"),),
    ),
    Mutant(
        "sockets: the trace does not say which",
        "emulators/kit/charger.py",
        '{"socket": socket} if len(self._wirings) > 1 else {}',
        "{}",
        (Check("tests/unit/kit/test_kit_charger.py", "own_model_and_terminals"),),
    ),
    Mutant(
        "links: a datagram that is duplicated arrives once",
        "hil/clock/links.py",
        "each_s[:copies]",
        "each_s[: min(copies, 1)]",
        WALK,
    ),
)
