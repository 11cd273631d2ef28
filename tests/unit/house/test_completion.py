"""Completion as a shell does it: the printed script, asked for the words after a line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.cli import main

ROOT = Path(__file__).parents[3]
ASK = """
COMP_LINE="$1"; COMP_POINT=${#1}; COMP_TYPE=9; COMP_KEY=9
_python_argcomplete hil; printf "%s\\n" "${COMPREPLY[@]}"
"""


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return bash's start-up file, in a folder without a running farm."""
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "bashrc"
    script.write_text(capsys.readouterr().out + ASK, encoding="utf-8")
    (tmp_path / "bin").mkdir()
    hil = tmp_path / "bin" / "hil"
    hil.write_text(f"#!{sys.executable}\nimport sys\nfrom hil.cli import main\nsys.exit(main())\n", encoding="utf-8")
    hil.chmod(0o755)
    monkeypatch.setenv("PATH", str(hil.parent), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return script


def complete(script: Path, line: str) -> list[str]:
    """Return what bash offers for the last word of a line."""
    done = subprocess.run(["bash", str(script), line], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return [word.strip() for word in done.stdout.splitlines() if word.strip()]


def test_commands_and_options(shell: Path) -> None:
    assert sorted(complete(shell, "hil de")) == ["device", "devices"]
    assert {"check", "run", "up", "doctor", "completion", "plug", "watch"} <= set(complete(shell, "hil "))
    assert complete(shell, "hil run --sh") == ["--shard"]
    assert complete(shell, "hil up --jo") == []


def test_values(shell: Path) -> None:
    assert complete(shell, "hil run --trace f") == ["frames"]
    assert complete(shell, "hil up mennekes/car") == ["mennekes/car-park"]
    assert complete(shell, "hil run --site mennekes/two") == ["mennekes/two-networks"]
    assert complete(shell, "hil sheet pac") == ["pac2200"]
    assert complete(shell, "hil do Plug") == ["Plug\\ In\\ Vehicle"]


def test_without_a_farm_there_are_no_names_of_one(shell: Path) -> None:
    assert complete(shell, "hil plug CP") == []


def test_zsh_has_a_script_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    text = capsys.readouterr().out
    assert "#compdef hil" in text
    if (zsh := shutil.which("zsh")) is not None:
        subprocess.run([zsh, "-n", "-c", text], check=True, timeout=60)


def test_another_shell_is_refused() -> None:
    command = [sys.executable, "-m", "hil", "completion", "fish"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "bash" in done.stderr
