"""``hil completion``: prints a script that lets a shell complete commands, options, sites and device types."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from typing import Final

from emulators.kit.family import families
from hil.cli.command import Commands, add_command
from hil.report.runner import ExitCode

_BASH: Final = """\
_hil() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
  case "${{COMP_WORDS[1]}} $before" in
{values}
    *) case "$COMP_CWORD ${{COMP_WORDS[1]}}" in
      1\\ *) words={commands} ;;
{options}
    esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _hil hil
"""
_ZSH: Final = "autoload -U +X compinit bashcompinit && compinit && bashcompinit\n"


def add(commands: Commands) -> None:
    """Add the command."""

    def run(args: argparse.Namespace) -> int:
        print(script(args.shell, commands.choices), end="")
        return ExitCode.PASSED

    completion = add_command(
        commands, "completion", run, 'print a completion script: eval "$(hil completion bash)" in ~/.bashrc'
    )
    completion.add_argument("shell", metavar="SHELL", choices=["bash", "zsh"], help="bash or zsh")


def script(shell: str, commands: dict[str, argparse.ArgumentParser]) -> str:
    """Return the script; where it knows no words, the shell completes file names."""
    values, options = list[str](), list[str]()
    for name, parser in commands.items():
        words = list[str]()
        for action in parser._actions:  # argparse has no public way to ask
            words += action.option_strings
            known = list(_known(action))
            if not action.option_strings:
                words += known
            elif action.nargs != 0:  # it takes a value: one of the known words, or a file name
                values += [
                    f"    {_quoted(f'{name} {one}')}) words={_quoted(*known)} ;;" for one in action.option_strings
                ]
        options.append(f"      *\\ {name}) words={_quoted(*words)} ;;")
    text = _BASH.format(values="\n".join(values), commands=_quoted(*commands), options="\n".join(options))
    return _ZSH + text if shell == "zsh" else text


def _known(action: argparse.Action) -> Iterator[str]:
    """Yield the words that an argument may be, as far as they are known."""
    if action.choices is not None:
        yield from map(str, action.choices)
    elif action.dest in ("site", "sites"):
        from hil.site import shipped_sites  # noqa: PLC0415  pydantic is slow to import

        yield from shipped_sites()
    elif action.dest == "device":
        yield from sorted(families())


def _quoted(*words: str) -> str:
    return shlex.quote(" ".join(words))
