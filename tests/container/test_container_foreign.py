"""A meter of the user's own, in a container that the farm knows nothing of: the suite judges it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.compose.engine import docker
from hil.compose.image import ensure

from .test_container_run import left_behind, projects

pytestmark = [pytest.mark.docker, pytest.mark.slow]

HERE = Path(__file__).parent / "foreign"
ROOT = Path(__file__).parents[2]
SPEED = "2"
BUILD_S = 300.0


@pytest.fixture
def built(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a meter's image, made by hand of the farm's."""
    tag = f"hilfarm-test-meter:{request.param}"
    base = ensure(print).tag
    arguments = ("--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"PHASES={request.param}")
    docker("build", "--quiet", *arguments, "--tag", tag, str(HERE), timeout_s=BUILD_S)
    yield tag
    docker("image", "rm", "--force", tag)


def judged(image: str, folder: Path) -> tuple[int, str]:
    site = folder / "own-meter.yaml"
    site.write_text((HERE / "site.yaml").read_text(encoding="utf-8").replace("METER_IMAGE", image), encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable, "-m", "hil", "run", "--bench", "compose", "--site", str(site), "--speed", SPEED,
            "--output", str(folder / "run"), str(HERE / "meter.robot"),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("built", ["123"], indirect=True)
def test_a_right_script_passes_the_suite(built: str, tmp_path: Path) -> None:
    code, said = judged(built, tmp_path)
    assert code == 0, said
    assert "2 passed, 0 failed, 1 skipped" in said
    assert "M2 is a container of your own: it has no display for the farm" in (tmp_path / "run/output.xml").read_text()
    assert left_behind(*projects(tmp_path / "run")) == []
    (log,) = (tmp_path / "run" / "containers").rglob("M2.log")
    assert "a meter of my own" in log.read_text()


@pytest.mark.parametrize("built", ["213"], indirect=True)
def test_swapped_phases_are_found(built: str, tmp_path: Path) -> None:
    code, said = judged(built, tmp_path)
    assert code == 1, said
    assert "FAILED  The Meter Shows Each Phase" in said
    assert "1 passed, 1 failed, 1 skipped" in said
