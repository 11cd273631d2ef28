"""A run folder belongs to one run, whatever else happens in the same second."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hil.errors import ScenarioError
from hil.run.folder import Record, RunFolder, git_state

ROOT = Path(__file__).parents[3]


def test_many_runs_in_one_second_each_get_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: RunFolder.create(), range(24)))
    assert len({folder.path for folder in folders}) == 24
    assert (tmp_path / "results" / "latest").resolve() in {folder.path for folder in folders}
    assert [path.name for path in (tmp_path / "results").iterdir() if path.is_symlink()] == ["latest"]


def test_an_empty_output_folder_is_taken_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    folder = RunFolder.create(tmp_path / "out")
    folder.write_run_json({"seed": 1})
    with pytest.raises(ScenarioError, match="never writes over another"):
        RunFolder.create(tmp_path / "out")
    assert not (tmp_path / ".run.json").exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ScenarioError, match="cannot be made"):
        RunFolder.create(tmp_path / "file" / "out")


def test_a_record_that_is_being_written_is_not_read_yet(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out")
    assert list(folder.records()) == []
    folder.traces.mkdir()
    folder.index.write_text('{"test":"a","sha256":"1","farm_ns":5,"later":"field"}\n{"test":"b","sha')
    assert list(folder.records()) == [Record(test="a", sha256="1", farm_ns=5)]


def test_git_state_is_known_where_there_is_one(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None

    def git(*words: str) -> None:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True, timeout=60)

    git("init")
    assert git_state(tmp_path) is None  # no commit yet
    (tmp_path / "a").write_text("a")
    git("add", "a")
    git("commit", "-m", "a")
    state = git_state(tmp_path)
    assert state is not None
    assert (len(str(state["commit"])), state["dirty"]) == (40, False)
    (tmp_path / "a").write_text("b")
    assert (git_state(tmp_path) or {})["dirty"] is True


def test_a_terminal_gets_a_live_line_and_is_left_clean(tmp_path: Path) -> None:
    (tmp_path / "a.robot").write_text("*** Test Cases ***\nOne\n    Log    x\nTwo\n    Log    x\n")
    code = (
        "import os, pty, sys\n"
        "seen = bytearray()\n"
        "def read(fd):\n"
        "    data = os.read(fd, 65536); seen.extend(data); return data\n"
        "code = pty.spawn([sys.executable, '-m', 'hil', 'run', 'a.robot', '--output', 'out'], read)\n"
        "sys.exit(os.waitstatus_to_exitcode(code))\n"
    )
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "160"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
        check=False,
    )  # fmt: skip
    text = done.stdout.decode()
    assert done.returncode == 0, text
    assert "farm 00:00:00" in text
    assert "\x1b[?25h" in text  # the cursor is back
    assert text.replace("\r\n", "\n").splitlines()[-2] == "2 passed, 0 failed, 0 skipped"
