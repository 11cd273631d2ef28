"""Planted faults of what a command imports, and of the CRC that a library works out."""

from __future__ import annotations

from mutant import Check, Mutant

FAMILY = "emulators/kit/family.py"
P1 = "emulators/kit/p1.py"


def start(test: str) -> tuple[Check, ...]:
    """Return a test of what is imported."""
    return (Check("tests/unit/house/test_startup.py", test),)


MUTANTS_START = (
    Mutant(
        "a site imports the families that it does not name",
        FAMILY,
        "        return _imported(name)\n",
        "        return {one: _imported(one) for one in known}[name]\n",
        start("check_imports_the_families"),
    ),
    Mutant(
        "every command imports what completion needs",
        "hil/cli/__init__.py",
        '    if "_ARGCOMPLETE" in os.environ:  # a shell asks\n',
        "    if True:\n",
        start("help_needs_no_library"),
    ),
    Mutant(
        "a device is imported while a bench waits for it",
        "hil/cli/device.py",
        "one.import_device()  # not while",
        "pass  # not while",
        start("a_device_is_imported_before"),
    ),
    Mutant(
        "a serial line brings the site files into a device's process",
        "hil/lines/serial.py",
        "if TYPE_CHECKING:\n    from hil.lines.adapter import Adapter\n",
        "if True:\n    from hil.lines.adapter import Adapter\n",
        start("a_meters_process"),
    ),
    Mutant(
        "a Ctrl-C in a command's imports is left to whoever imports",
        "hil/cli/command.py",
        "    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler\n",
        "    mine = False\n",
        (Check("tests/unit/house/test_interrupts.py", "whoever_catches_it"),),
    ),
    Mutant(
        "P1: the CRC is that of Modbus",
        P1,
        "crc16.arc(body)",
        "crc16.modbus(body)",
        (Check("tests/unit/kit/test_kit_p1.py", "test_crc"),),
    ),
)
