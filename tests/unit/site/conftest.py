"""Sites for the tests: written to a folder, with the real device families where they can be imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

import emulators
from emulators.kit import family as kit
from emulators.kit.device import Device
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable
from emulators.mennekes_ecu.site_backend import backend_link, gateway_in_use
from emulators.mennekes_ecu.site_rules import POINT_LIMIT, site_rules
from hil.errors import Problem, SiteFileError
from hil.site import Site, load_site

ECU_TABLE = Path(next(iter(emulators.__path__))) / "mennekes_ecu" / "parameters.csv"


def _no_device(host: Host, config: kit.DeviceConfig) -> Device:
    raise NotImplementedError


def _families() -> Mapping[str, kit.Family]:
    """Return two families like the real ones, so that these tests need no device."""
    here = Path(__file__)
    ecu = kit.Family(
        type="mennekes_ecu", role="charger", product="charger", firmware=("5.22.0", "5.12.4", "5.10"),
        parameters=ParameterTable.load(ECU_TABLE), limit_parameter=POINT_LIMIT, site_rules=site_rules,
        backend=backend_link, gateway=gateway_in_use, create=_no_device, sheet=here,
    )  # fmt: skip
    meter = kit.Family(
        type="pac2200", role="meter", product="meter", firmware=("3.2.2",),
        variants=("7KM2200-2EA30-1EA1", "7KM2200-2EA30-1JA1", "7KM2200-2EA40-1EA1", "7KM2200-2EA40-1JA1"),
        rated_current_a={"7KM2200-2EA40-1EA1": 65.0, "7KM2200-2EA40-1JA1": 65.0},
        parameters=ParameterTable([]), create=_no_device, sheet=here,
    )  # fmt: skip
    return {"mennekes_ecu": ecu, "pac2200": meter}


@pytest.fixture
def two_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the house have exactly one charger and one meter family."""
    found = _families()
    monkeypatch.setattr(kit, "family_types", lambda: tuple(found))
    monkeypatch.setattr(kit, "family", found.__getitem__)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_families: None) -> Callable[..., Path]:
    """Write a file into the working folder and return its name."""
    monkeypatch.chdir(tmp_path)

    def make(text: str, name: str = "site.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return path.relative_to(tmp_path)

    return make


@pytest.fixture
def load(write: Callable[..., Path]) -> Callable[[str], Site]:
    """Return the site of a text."""
    return lambda text: load_site(write(text))


@pytest.fixture
def problems(write: Callable[..., Path]) -> Callable[[str], list[Problem]]:
    """Return everything that is wrong with a text."""

    def find(text: str) -> list[Problem]:
        with pytest.raises(SiteFileError) as caught:
            load_site(write(text))
        return list(caught.value.problems)

    return find
