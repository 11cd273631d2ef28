"""Which tests a run has: shards, failed ones again, shuffled, until one fails. Tiny suites, no devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from hil.errors import ScenarioError
from hil.run.selection import Shard, choose

ROOT = Path(__file__).parents[3]
TEST = "T{}\n    [Tags]    {}\n    Should Be True    {} != ${{HIL_SEED}}\n"


def suites(folder: Path) -> Path:
    """Write three suites with 5 tests each; test k of each fails with seed k."""
    for name in ("a", "deep/b", "deep/c"):
        path = folder / "suites" / f"{name}.robot"
        path.parent.mkdir(parents=True, exist_ok=True)
        tests = "".join(TEST.format(number, "even" if number % 2 == 0 else "odd", number) for number in range(5))
        path.write_text(f"*** Test Cases ***\n{tests}")
    return folder / "suites"


def hil(cwd: Path, *words: str, of: Sequence[str] = ("suites",)) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HIL_", "PYTEST", "COV"))}
    command = [sys.executable, "-m", "hil", "run", *of, *words]
    env = {**kept, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=60)


def ran(run_dir: Path) -> list[str]:
    """Return what ran, in the order of the log."""
    tree = ET.parse(run_dir / "output.xml").getroot()
    return [f"{one.attrib['name']} {test.attrib['name']}" for one in tree.iter("suite") for test in one.findall("test")]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 15])
def test_shards_are_disjoint_and_together_the_whole(tmp_path: Path, count: int) -> None:
    folder = suites(tmp_path)
    whole = [case.id for case in choose([folder])]
    shards = [[case.id for case in choose([folder], shard=Shard(n, count))] for n in range(1, count + 1)]
    assert sorted(one for shard in shards for one in shard) == sorted(whole)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    for shard in shards:
        assert shard == [one for one in whole if one in shard]  # in the order of the files


def test_a_shard_is_dealt_out_by_name_whatever_the_run_is_called_by(tmp_path: Path) -> None:
    folder = suites(tmp_path)
    one = choose([folder], shard=Shard(1, 2))
    two = choose([folder / "deep", folder / "a.robot"], shard=Shard(1, 2))
    assert {case.stable for case in one} == {case.stable for case in two}


def test_an_empty_shard_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"shard 16/16 is empty, there are 15 tests. Allowed: up to 15 shards"):
        choose([suites(tmp_path)], shard=Shard(16, 16))


def test_an_empty_shard_passes_when_that_is_asked_for(tmp_path: Path) -> None:
    suites(tmp_path)
    refused = hil(tmp_path, "--shard", "16/16")
    assert (refused.returncode, refused.stdout) == (2, "")
    done = hil(tmp_path, "--shard", "16/16", "--allow-empty-shard")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 passed, 0 failed, 0 skipped")
    assert "shard 16/16 is empty" in done.stdout


def test_failed_tests_are_found_again_in_the_suites_of_their_run(tmp_path: Path) -> None:
    other = suites(tmp_path).rename(tmp_path / "elsewhere")
    first = hil(tmp_path, "--seed", "2", "--output", "first", of=[str(other)])
    again = hil(tmp_path, "--seed", "2", "--rerun-failed", "first", "--output", "again", of=[])
    assert first.returncode == again.returncode == 1
    assert json.loads((tmp_path / "again" / "run.json").read_text())["suites"] == [str(other)]


def test_a_shard_of_a_run_says_its_part(tmp_path: Path) -> None:
    suites(tmp_path)
    done = hil(tmp_path, "--include", "even", "--shard", "2/2", "--seed", "9", "--output", "out")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[0] == "shard 2/2: 4 tests"
    assert ran(tmp_path / "out") == ["A T2", "B T0", "B T4", "C T2"]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["shard"] == "2/2"


def test_the_failed_tests_again(tmp_path: Path) -> None:
    suites(tmp_path)
    assert hil(tmp_path, "--seed", "3", "--output", "first").returncode == 1
    done = hil(tmp_path, "--seed", "9", "--rerun-failed", "first", "--output", "again")
    assert done.returncode == 0, done.stdout
    assert ran(tmp_path / "again") == ["A T3", "B T3", "C T3"]
    assert json.loads((tmp_path / "again" / "run.json").read_text())["rerun_failed"] == "first"
    none = hil(tmp_path, "--rerun-failed", "again")
    assert none.returncode == 2
    assert "no test selected: --rerun-failed again (0 tests failed there) (15 tests are there)" in none.stderr


def test_shuffled_by_the_seed(tmp_path: Path) -> None:
    folder = suites(tmp_path)
    order = [[case.id for case in choose([folder], shuffle_seed=seed)] for seed in (1, 1, 2)]
    plain = [case.id for case in choose([folder])]
    assert order[0] == order[1]
    assert len({tuple(one) for one in (*order, plain)}) == 3
    assert sorted(order[0]) == sorted(plain)
    done = hil(tmp_path, "--randomize", "--seed", "9", "--output", "out")
    assert done.returncode == 0, done.stdout
    cases = choose([folder], shuffle_seed=9)
    assert ran(tmp_path / "out") == [f"{case.suite.name} {case.name}" for case in cases]


def test_until_one_fails(tmp_path: Path) -> None:
    suites(tmp_path)
    done = hil(tmp_path, "--test", "T4", "--until-fail", "5", "--seed", "2", "--output", "out")
    assert done.returncode == 1, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("round")] == [
        "round 1 of 5, seed 2",
        "round 2 of 5, seed 3",
        "round 3 of 5, seed 4",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["seed-2", "seed-3", "seed-4"]
    assert json.loads((tmp_path / "out" / "seed-4" / "run.json").read_text())["round"] == [3, 5]
    passing = hil(tmp_path, "--test", "T4", "--until-fail", "2", "--seed", "5", "--output", "passing")
    assert passing.returncode == 0
    assert "round 2 of 2, seed 6" in passing.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--shard", "0/3"], "'0/3' is no shard. Allowed: I/N with I from 1 to N, such as 2/3."),
        (["--shard", "4/3"], "'4/3' is no shard."),
        (["--shard", "2"], "'2' is no shard."),
        (["--shard", "a/b"], "'a/b' is no shard."),
        (["--shard", "1/2/3"], "'1/2/3' is no shard."),
        (["--until-fail", "0"], "'0' is no number of rounds. Allowed: a whole number from 1."),
        (["--until-fail", "ever"], "'ever' is no number of rounds."),
        (["--until-fail", "2", "--output", "."], "is not empty"),
        (["--rerun-failed", "nowhere"], "nowhere is no finished run: there is no output.xml in it."),
        (["--rerun-failed", "broken"], "cannot be read"),
    ],
)
def test_wrong_values_are_said(tmp_path: Path, words: list[str], complaint: str) -> None:
    suites(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "output.xml").write_text("<robot")
    done = hil(tmp_path, *words)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "suites"]
