"""Sites as stack files: names instead of addresses, hardening, hosts by label, and what Swarm cannot do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hil.cli import main
from hil.compose.hosts import StackPlan
from hil.compose.plan import relay_name
from hil.compose.stack import RELAY, render_stack
from hil.errors import ScenarioError
from hil.site import Site, load_site, shipped_sites

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "compose" / "stacks"
SWARM_CANNOT = ("ipv4_address", "devices", "depends_on", "security_opt", "mem_limit", "tmpfs", "build")


def rendered(ref: str, **place: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(render_stack(load_site(ref), ref=ref, place=place))
    return found


@pytest.mark.parametrize("file", sorted(COMMITTED.rglob("*.yaml")), ids=lambda file: file.stem)
def test_committed_file_is_the_rendered_one(file: Path) -> None:
    """After a change: `hil stack render SITE > compose/stacks/SITE.yaml`."""
    ref = str(file.relative_to(COMMITTED).with_suffix(""))
    assert file.read_text(encoding="utf-8") == render_stack(load_site(ref), ref=ref)


GATEWAY = "mennekes/backend-gateway"


def test_a_modem_needs_a_second_network() -> None:
    with pytest.raises(ScenarioError, match="CS1 has a modem"):
        rendered(GATEWAY)


@pytest.mark.parametrize("ref", [ref for ref in shipped_sites() if ref != GATEWAY])
def test_every_service_is_hardened_labelled_and_started_once(ref: str) -> None:
    site, document = load_site(ref), rendered(ref)
    assert set(document["services"]) == {RELAY, *site.seats}
    for service in document["services"].values():
        assert not set(SWARM_CANNOT) & set(service), "Swarm ignores or refuses it"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "1000:1000"
        assert service["labels"] == service["deploy"]["labels"] == {"hilfarm": site.name}
        assert service["deploy"]["endpoint_mode"] == "dnsrr"  # a name is the container's own address
        assert service["deploy"]["restart_policy"] == {"condition": "none"}
        assert set(service["deploy"]["resources"]) == {"limits", "reservations"}
        assert "HIL_TOKEN" not in service["environment"]  # a secret, which `docker inspect` does not show
        assert {volume["type"] for volume in service["volumes"]} == {"tmpfs"}
    assert set(document["networks"]) == set(site.networks)
    for network in document["networks"].values():
        assert (network["driver"], network["attachable"], network["internal"]) == ("overlay", True, True)
        assert "ipam" not in network


def test_the_relay_has_a_name_of_its_own_in_each_lan() -> None:
    services = rendered("mennekes/car-park")["services"]
    assert services[RELAY]["networks"] == {"lan": {"aliases": [relay_name("lan")]}}
    assert services["CP1"]["networks"] == ["lan"]


def test_a_seat_is_put_on_the_host_of_a_label() -> None:
    services = rendered("mennekes/meter-excluding", M2="rack-2")["services"]
    assert services["M2"]["deploy"]["placement"] == {"constraints": ["node.labels.hilfarm == rack-2"]}
    assert "placement" not in services["CP1"]["deploy"]


def changed(name: str, **update: str) -> Site:
    site = load_site("mennekes/car-park")
    point = site.devices["CP2"].model_copy(update=update)
    others = {one: spec for one, spec in site.devices.items() if one != "CP2"}
    return Site.model_construct(**{**dict(site), "devices": {name: point, **others}})


@pytest.mark.parametrize(
    ("name", "update", "said"),
    [
        ("CP2", {"seat": "real", "at": "/dev/ttyUSB0"}, r"CP2 is real at /dev/ttyUSB0, and Swarm passes no device"),
        ("CP2", {"seat": "real", "at": "10.0.0.17"}, r"emulated seats only so far, not CP2 \(real\)"),
        ("CP2", {"seat": "image", "image": "x"}, r"emulated seats only so far, not CP2 \(image\)"),
        ("CP.2", {}, r"'CP.2' cannot be the name of a Swarm service\. Allowed: letters and digits"),
        ("n" * 41, {}, r"cannot be the name of a Swarm service"),
        ("CP 3", {}, None),
        ("cp3", {}, r"'cp3' and 'CP3' would both be the service CP3"),
        ("Hil-Relay", {}, r"the relay and 'Hil-Relay' would both be the service"),
    ],
)
def test_what_swarm_cannot_do_is_refused_by_name(name: str, update: dict[str, str], said: str | None) -> None:
    if said is None:
        assert "  CP-3:" in render_stack(changed(name, **update), ref="x")
        return
    with pytest.raises(ScenarioError, match=said):
        render_stack(changed(name, **update), ref="x")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--exact-addresses"], "Swarm chooses the address of each task itself"),
        (["--place", "CP9=rack-2"], "site car-park has no CP9. It has CP1, CP2, CP3, CP4."),
        (["--place", "CP1=rack 2"], "a label's value is made of letters, digits and . _ -"),
    ],
)
def test_wrong_options_are_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stack", "render", "mennekes/car-park", *words]) == 2
    assert said in capsys.readouterr().err


def test_no_place_without_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stack", "render", "mennekes/car-park", "--place", "CP1"])
    assert "'CP1' is no place. Allowed: NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bench", "swarm", "--site", "mennekes/car-park"], "the swarm bench needs --site SITE"),
        (
            ["--bench", "swarm", "--site", "mennekes/car-park", "--speed", "max"],
            "over several hosts there is no virtual time",
        ),
        (["--bench", "swarm", "--speed", "5"], "the swarm bench needs --site SITE"),
        (["--site", "mennekes/car-park", "--speed", "2", "--place", "CP1=a"], "it needs --bench swarm"),
    ],
)
def test_a_run_says_what_the_swarm_bench_needs(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *words, "suite.robot"]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_addresses_are_what_the_engine_says_and_nobody_is_anywhere_else() -> None:
    site = load_site("alfen/alb-p1")  # its meter has no address of its own
    found = {name: f"10.0.7.{number}" for number, name in enumerate([*site.seats], start=5)}
    plan = StackPlan(site, found, {"lan": "10.0.7.99"})
    for name, spec in site.devices.items():
        assert spec.address is not None
        assert (plan.local(spec.address), plan.site(found[name])) == (found[name], spec.address)
    assert plan.addresses == found
    assert plan.tester("lan") == "10.0.7.99"
    told = [plan.site(address) for address in [*found.values(), "10.0.7.99"]]
    assert len(set(told)) == len(told)
    (lan,) = site.networks.values()
    somewhere = str(lan.network_address + 77)
    assert plan.local(somewhere).startswith("198.18.")
    with pytest.raises(ScenarioError, match=r"is in none of the site's networks"):
        plan.local("1.2.3.4")
