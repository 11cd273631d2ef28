"""Who lives on a shared engine, and what `hil compose clean` takes of it; the engine here is a script of the test's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil.cli import main
from hil.compose import owners
from hil.compose.owners import Life

#: A docker that knows containers, networks and volumes by their labels, from a file, and forgets what is removed.
DOCKER = """#!{python}
import json, sys
from pathlib import Path
file, words = Path({file!r}), sys.argv[1:]
things = json.loads(file.read_text())
with open({file!r} + ".asked", "a") as asked:
    asked.write(" ".join(words) + "\\n")
if words[0] == "version":
    print("20.10.24 1.41")
elif words[0] == "info":
    print("false")
elif words[:2] == ["volume", "create"]:
    labels = dict(one.split("=", 1) for flag, one in zip(words, words[1:]) if flag == "--label")
    file.write_text(json.dumps(things + [["volume", words[-1], labels]]))
elif words[0] in ("ps", "network", "volume", "image") and "rm" not in words:
    kind = "container" if words[0] == "ps" else words[0]
    wanted = [one.removeprefix("label=").partition("=") for one in words if one.startswith("label=")]
    for thing, name, labels in things:
        if thing == kind and all(key in labels and value in ("", labels[key]) for key, _, value in wanted):
            keys = [part.split('"')[1] for part in words[-1].split("\\t")] if "--format" in words else []
            print("\\t".join(labels.get(key, "") for key in keys) if keys else name)
elif "rm" in words:
    file.write_text(json.dumps([one for one in things if one[1] not in words]))
else:
    sys.exit(9)
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file with what the engine has: of a live run, a dead one, one from elsewhere, and one of nobody."""
    file, script = tmp_path / "things", tmp_path / "docker"
    file.write_text("[]")
    script.write_text(DOCKER.format(python=sys.executable, file=str(file)))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    alive, dead, far = "aaaaaa", "dddddd", "ffffff"
    owners.claim(alive)
    things = json.loads(file.read_text())
    (_, _, mark), ended = things[0], dead_owner()
    for run, owner in ((dead, ended), (far, f"elsewhere {os.getpid()} 1")):
        project = {"com.docker.compose.project": f"hilfarm-run-{run}"}
        things.append(["volume", f"hilfarm-run-{run}", {**mark, "hilfarm.run": run, "hilfarm.owner": owner, **project}])
    for run in (alive, dead, far, "000000"):
        labels = {"hilfarm": "car-park", "com.docker.compose.project": f"hilfarm-car-park-{run}"}
        things += [["container", f"c-{run}", labels], ["network", f"n-{run}", labels]]
    things.append(["container", "somebody's", {"com.docker.compose.project": "other"}])
    things.append(["image", "i", {"hilfarm": "image"}])
    file.write_text(json.dumps(things))
    return file


def dead_owner() -> str:
    """Return the mark of a process of this machine that has ended."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
        found = owners._owner(process.pid)
        assert owners.life(found) is Life.ALIVE
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert owners.life(found) is Life.DEAD  # a zombie lives no more
    return found


def has(engine: Path) -> set[str]:
    return {name for _, name, _ in json.loads(engine.read_text())}


def of(*runs: str) -> set[str]:
    return {f"{kind}-{run}" for run in runs for kind in ("c", "n")}


def test_a_process_lives_here_or_not_or_nobody_knows() -> None:
    own = owners._owner(os.getpid())
    assert owners.life(own) is Life.ALIVE
    place, pid, start = own.split()
    assert owners.life(f"{place} {pid} {int(start) + 1}") is Life.DEAD  # the number has been used again
    assert owners.life(f"another {pid} {start}") is Life.UNKNOWN
    assert owners.life("") is Life.UNKNOWN
    dead_owner()


def test_clean_takes_what_belongs_to_nobody_alive(engine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = has(engine)
    assert main(["compose", "clean", "--images"]) == 0
    assert before - has(engine) == {*of("dddddd"), "hilfarm-run-dddddd"}
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "removed: 1 containers, 1 networks, 1 volumes"
    assert said[1].startswith("left: run aaaaaa (alive, ")
    assert "run ffffff (of another machine, " in said[1]
    assert "hilfarm-car-park-000000 (of nobody known), and the images that they may need." in said[1]
    assert said[1].endswith("Others take: --run ID, --project P, --all")


def test_clean_takes_one_run_or_project(engine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = has(engine)
    assert main(["compose", "clean", "--run", "ffffff", "--project", "hilfarm-car-park-000000"]) == 0
    assert before - has(engine) == {*of("ffffff", "000000"), "hilfarm-run-ffffff"}
    assert main(["compose", "clean", "--run", "ffffff"]) == 2
    assert "there is no run 'ffffff' here. Allowed: aaaaaa, dddddd." in capsys.readouterr().err


def test_clean_takes_all_when_somebody_says_so(
    engine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = has(engine)
    assert main(["compose", "clean", "--all"]) == 2
    assert "Nobody is here to be asked. Allowed: --all --yes." in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or "n")  # type: ignore[func-returns-value]
    assert main(["compose", "clean", "--all"]) == 2
    assert has(engine) == before
    assert "This takes run aaaaaa (alive, " in asked[0]
    monkeypatch.setattr("builtins.input", lambda _: "y")
    assert main(["compose", "clean", "--all", "--images"]) == 0
    assert has(engine) == {"somebody's"}
    assert "left" not in capsys.readouterr().out


def test_nothing_dead_is_nothing_removed(engine: Path) -> None:
    assert main(["compose", "clean"]) == 0
    before = has(engine)
    assert main(["compose", "clean"]) == 0
    assert has(engine) == before
    assert not any(line.startswith("rm") for line in Path(f"{engine}.asked").read_text().splitlines()[-8:])


def test_a_run_takes_its_mark_away(engine: Path) -> None:
    owners.release("aaaaaa")
    owners.release("aaaaaa")
    assert set(owners.runs()) == {"dddddd", "ffffff"}
