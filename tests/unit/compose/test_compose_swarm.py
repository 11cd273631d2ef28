"""What a swarm says of its tasks, and taking stacks away; the engine here is a script of the test's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.cli import main
from hil.compose import swarm
from hil.compose.swarm import Task
from hil.errors import BenchError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which commands are found, and in which the script notes what it was asked."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def command(folder: Path, cases: str) -> None:
    script = folder / "docker"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\ncase "$*" in\n{cases}\nesac\n')
    script.chmod(0o755)


def row(name: str, state: str, error: str = "", node: str = "a") -> str:
    return json.dumps({"Name": name, "CurrentState": f"{state} 3 seconds ago", "Error": error, "Node": node})


def test_the_latest_task_of_each_service_counts(path: Path) -> None:
    (path / "rows").write_text(
        "\n".join([row("s_CP1.1", "Running"), row("s_CP-2.1", "Starting"), row(" \\_ s_CP1.1", "Failed", '"x"')])
    )
    command(path, f'"stack ps s "*) cat {path}/rows ;; *) exit 9 ;;')
    assert swarm.tasks("s")[:2] == [Task("CP1", "running", "", "a"), Task("CP-2", "starting", "", "a")]


def test_a_stack_without_tasks_yet_has_none(path: Path) -> None:
    command(path, "*) echo 'nothing found in stack: s' >&2; exit 1 ;;")
    assert swarm.tasks("s") == []


@pytest.mark.parametrize(
    ("task", "lost", "why"),
    [
        (Task("CP1", "running", "", "a"), False, "running."),
        (Task("CP1", "pending", "", ""), False, "pending."),
        (Task("CP1", "failed", "task: non-zero exit (1)", "a"), True, "failed: task: non-zero exit (1)."),
        (Task("CP1", "rejected", "No such image: hilfarm:1", "b"), True, "docker save hilfarm:1 | ssh b docker load"),
        (
            Task("CP1", "pending", "no suitable node (insufficient resources on 2 nodes)", ""),
            True,
            "The site needs more memory than the hosts have left.",
        ),
        (
            Task("CP1", "pending", "no suitable node (scheduling constraints not satisfied on 1 node)", ""),
            True,
            "No host has the label: docker node update --label-add hilfarm=VALUE NODE",
        ),
    ],
)
def test_a_task_that_will_never_run_says_why_and_what_helps(task: Task, lost: bool, why: str) -> None:
    assert task.is_lost is lost
    assert task.why.endswith(why)


def test_an_engine_outside_of_a_swarm_says_how_to_make_one(path: Path) -> None:
    command(path, "version*) echo 20.10.24 1.41 ;; info*) echo false ;; *) exit 9 ;;")
    with pytest.raises(BenchError, match=r"this engine is no manager of a swarm. Fix: docker swarm init"):
        swarm.require_manager()
    assert swarm.stacks() == []


def test_clean_takes_stacks_with_the_label_and_what_is_attached_to_them_first(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = path / "gone"
    command(
        path,
        "version*) echo 20.10.24 1.41 ;; info*) echo true ;;\n"
        '"service ls --quiet --filter label=hilfarm --filter label=com.docker.stack.namespace") echo s1 s2 ;;\n'
        "*inspect*) echo p; echo other ;;\n"
        '"ps --all --quiet --filter label=com.docker.compose.project=p") echo tester ;;\n'
        f'"stack rm p") touch {gone} ;;\n'
        f'"service ls --quiet --filter label=com.docker.stack.namespace=p") [ -e {gone} ] || echo s1 ;;\n'
        '"stack rm"*) exit 9 ;;',
    )
    assert main(["compose", "clean", "--project", "p"]) == 0
    assert capsys.readouterr().out.startswith("removed: 1 stacks, 0 containers")
    asked = (path / "asked").read_text().splitlines()
    assert asked.index("rm --force --volumes tester") < asked.index("stack rm p")
    assert not any("other" in line for line in asked)
