"""What can be looked up without running anything: sites, vehicles, sheets, and a folder to begin with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.cli import main
from hil.site import load_site, shipped_sites
from hil.site.vehicles import vehicle_presets


def test_the_shipped_sites_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sites"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "site"
    assert [line.split()[0] for line in lines] == shipped_sites()
    assert any("pac2200, mennekes_ecu" in line and "6.3.1" in line for line in lines)


def test_a_site_is_shown_as_it_is_wired(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "mennekes/meter-excluding"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "supply 230 V, fuse gG 100 A" in lines
    assert "  F2: fuse gG 100 A" in lines
    assert "    M2: pac2200 7KM2200-2EA30-1EA1 192.168.0.20 measures here" in lines  # below the fuse at which it sits
    assert "  EVSE: cable 128 A" in lines
    assert "    CP4: mennekes_ecu L1L2L3 192.168.0.14" in lines
    assert "        External Meter Support: On" in lines


def test_a_site_file_can_be_printed_to_copy_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "mennekes/car-park", "--file"]) == 0
    path = load_site("mennekes/car-park").path
    assert path is not None
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")


def test_vehicles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vehicles"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["preset", "phases", "max_current_a"]
    assert [line.split()[0] for line in lines] == list(vehicle_presets())


def test_a_sheet_can_be_searched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sheet", "pac2200", "--registers", "i_l"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Modbus registers, 117 rows, of which 6 with 'i_l'\n")
    assert [line.split()[7] for line in out.splitlines()[2:5]] == ["I_L1", "I_L2", "I_L3"]
    assert main(["sheet", "mennekes_ecu", "--parameters", "headroom"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3
    assert out[2].startswith("External Load Headroom (L1/L2/L3) [A]  ")


def test_only_registers_or_only_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sheet", "mennekes_ecu", "--parameters"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("parameters\n")
    assert "Modbus registers" not in out
    assert main(["sheet", "mennekes_ecu", "--registers"]) == 0
    assert "\nparameters\n" not in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--registers", "--parameters"])
def test_a_word_that_nothing_has_is_said(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sheet", "mennekes_ecu", option, "warp"]) == 2
    kind = option.removeprefix("--").removesuffix("s")
    assert capsys.readouterr().err == f"hil: no {kind} of mennekes_ecu has 'warp' in it.\n"


@pytest.mark.parametrize("columns", [60, 120])
def test_on_a_terminal_a_sheet_is_as_wide_as_that(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("rich.pager.SystemPager.show", lambda self, content: print(content))
    assert main(["sheet", "pac2200"]) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert len(lines) > 200
    assert max(map(len, lines)) <= columns
    assert any("I_L1" in line for line in lines)


@pytest.mark.parametrize("site", ["mennekes/meter-eem-mb371", "alfen/alb-p1"])
def test_a_folder_begins_with_a_shipped_site_and_what_it_includes(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "mine", "--from", site]) == 0
    stem = site.partition("/")[2]
    assert f"hil check sites/{stem}.yaml && hil run suites" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "mine")
    shipped, own = load_site(site), load_site(f"sites/{stem}.yaml")
    assert own.sha256 == shipped.sha256
    for path in own_files(tmp_path / "mine"):
        assert "$schema=site.schema.json" in path.read_text(encoding="utf-8").splitlines()[0]
    assert (tmp_path / "mine/.github/workflows/hil.yaml").is_file()
    assert main(["run", "suites", "--output", "out"]) == 0


def own_files(folder: Path) -> list[Path]:
    return sorted((folder / "sites").glob("*.yaml"))


def test_only_a_shipped_site_can_be_begun_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "mine"), "--from", "mennekes/carpark"]) == 2
    assert "'mennekes/carpark' is no shipped site. Allowed: alfen/" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
