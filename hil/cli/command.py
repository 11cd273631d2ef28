"""What all commands share: how one is added, and numbers that several of them take."""

from __future__ import annotations

import argparse
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hil.errors import ExitCode, ScenarioError

EPILOG: Final = """exit codes:
  0  all passed
  1  a test failed: the device or the load management is the finding
  2  usage, test or site wrong, or no test selected: their author must act
  3  the farm itself failed: the operator must act
  130  Ctrl-C
  The first that applies of 130, 3, 2, 1.
"""

_NEGATIVE: Final = re.compile(r"-\.?\d")

Run = Callable[[argparse.Namespace], int]
Commands = Any  #: argparse has no public name for what add_subparsers returns.


def add_command(commands: Commands, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    """Add a command and return its parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(command=run)
    # A value such as -3A is a wrong current, and no option: its own message says what is allowed.
    parser._negative_number_matcher = _NEGATIVE
    return parser


@contextmanager
def importing() -> Iterator[None]:
    """Let Ctrl-C end the process at once while a command imports what it works with.

    An exception out of an import may be caught by whoever imports, and nothing is open yet.
    """
    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(ExitCode.INTERRUPTED))
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def factor(text: str) -> str:
    """Return a factor of real time as it was written; for ``type=`` of an argument."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no speed. Allowed: a number above 0, or (hil run) max.")
    return text


def seed(text: str) -> int:
    """Return the seed of a run; for ``type=`` of an argument."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no seed. Allowed: a whole number from 0.")
    return int(text)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the host of a seat."""
    parser.add_argument(
        "--place", action="append", default=[], type=_placed, metavar="NAME=VALUE",
        help="put a device on the host whose label 'hilfarm' has this value (swarm only); repeatable",
    )  # fmt: skip


def _placed(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is no place. Allowed: NAME=VALUE, such as CP1=rack-2.")
    return name, value


def token() -> str:
    """Return the secret that a bench and its devices share.

    Raises:
        ScenarioError: Nobody has set one.
    """
    file = os.environ.get("HIL_TOKEN_FILE", "")
    try:
        found = Path(file).read_text(encoding="utf-8").strip() if file else os.environ.get("HIL_TOKEN", "")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"HIL_TOKEN_FILE: {file} cannot be read: {error}") from error
    if not found:
        raise ScenarioError("HIL_TOKEN is not set: a secret that the bench and its processes share.")
    return found


def complain(error: Exception, code: ExitCode) -> ExitCode:
    """Say what is wrong, and return the exit code."""
    print(f"hil: {error}" if "\n" not in str(error) else error, file=sys.stderr)
    return code
