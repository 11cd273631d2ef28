"""Completion as bash does it: the printed script, asked for the words after a line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.cli import main

ROOT = Path(__file__).parents[3]


def complete(script: str, *words: str) -> list[str]:
    """Return what bash offers for the last word."""
    ask = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hil; printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "-uc", f"{script}\n{ask}", "bash", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture
def bash(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", "bash"]) == 0
    return capsys.readouterr().out


def test_commands_and_options(bash: str) -> None:
    assert complete(bash, "hil", "de") == ["devices"]
    assert {"check", "run", "up", "doctor", "completion"} <= set(complete(bash, "hil", ""))
    assert complete(bash, "hil", "run", "--sh") == ["--shard"]
    assert complete(bash, "hil", "run", "robot/suites", "--ra") == ["--randomize"]
    assert complete(bash, "hil", "up", "--jo") == []


def test_values(bash: str) -> None:
    assert complete(bash, "hil", "run", "--trace", "") == ["state", "frames"]
    assert complete(bash, "hil", "run", "--trace", "f") == ["frames"]
    assert complete(bash, "hil", "up", "mennekes/car") == ["mennekes/car-park"]
    assert complete(bash, "hil", "run", "--site", "mennekes/two") == ["mennekes/two-networks"]
    assert complete(bash, "hil", "sheet", "pac") == ["pac2200"]
    assert complete(bash, "hil", "run", "--output", "") == []  # a file name: the shell's own


def test_zsh_takes_the_same_script(bash: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    text = capsys.readouterr().out
    assert text.endswith(bash)
    assert "bashcompinit" in text
    if (zsh := shutil.which("zsh")) is not None:
        subprocess.run([zsh, "-n", "-c", text], check=True, timeout=60)


def test_another_shell_is_refused() -> None:
    command = [sys.executable, "-m", "hil", "completion", "fish"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "choose from" in done.stderr
