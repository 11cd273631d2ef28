"""``hil ...``: the farm from a shell. Words and exit codes are a promise to scripts. One module a group of commands.

Every command is told to the parser, so that help and completion know them all; what a command works with is imported by
the function that does it. A module of this package imports at its top what is there already, and nothing slow.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from hil.cli import backend, check, completion, compose, device, hand, look, relay, run, sheet, stack, start, trace, up
from hil.cli.command import EPILOG, complain
from hil.errors import BenchError, ExitCode, HilError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``hil`` command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    whole = parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks
        import argcomplete  # noqa: PLC0415

        argcomplete.autocomplete(whole)
    args = whole.parse_args(words)
    args.command_line = ["hil", *words]
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except BenchError as error:
        return complain(error, ExitCode.FARM_FAILED)
    except HilError as error:
        return complain(error, ExitCode.USAGE)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `hil sheet ... | head`
        sys.stderr.close()
        return ExitCode.PASSED
    except Exception:  # a fault of the farm's own: whoever repairs it needs the traceback
        traceback.print_exc()
        return ExitCode.FARM_FAILED


def parser() -> argparse.ArgumentParser:
    """Return the whole command line."""
    whole = argparse.ArgumentParser(
        prog="hil",
        description="Hardware-in-the-loop farm for EV-charging load management.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in (start, check, run, up, hand, backend, look, sheet, trace, compose, stack, device, relay, completion):
        group.add(commands)
    return whole


class _Version(argparse.Action):
    """Prints the version, which is looked for only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata  # noqa: PLC0415

        try:
            version = metadata.version("hilfarm")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"hil {version}")
        parser.exit()
