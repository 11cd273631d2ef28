"""Sites as compose files: addresses, hardening, order, and the committed files."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hil.compose.plan import POOL, Plan, choose_subnets
from hil.compose.render import CONDUCTOR, render
from hil.errors import BenchError, ScenarioError, SiteFileError
from hil.run.session import build_site
from hil.site import load_site, shipped_sites

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "compose" / "sites"


def rendered(ref: str, **options: bool) -> str:
    site = load_site(ref)
    return render(site, Plan(site, choose_subnets(site, **options)), ref=ref)


def services(ref: str) -> dict[str, dict[str, object]]:
    return YAML(typ="safe").load(rendered(ref))["services"]


@pytest.mark.parametrize("ref", shipped_sites())
def test_committed_file_is_the_rendered_one(ref: str) -> None:
    """After a change: for each site `hil compose render SITE > compose/sites/SITE.yaml`."""
    assert (COMMITTED / f"{ref}.yaml").read_text(encoding="utf-8") == rendered(ref)


def test_no_file_of_a_site_that_is_gone() -> None:
    found = {str(file.relative_to(COMMITTED).with_suffix("")) for file in COMMITTED.rglob("*.yaml")}
    assert found == set(shipped_sites())


@pytest.mark.parametrize("ref", shipped_sites())
def test_every_container_is_hardened_and_labelled(ref: str) -> None:
    document = YAML(typ="safe").load(rendered(ref))
    assert "version" not in document
    for service in document["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "1000:1000"
        low_ports = {"net.ipv4.ip_unprivileged_port_start": 0} if service["command"][1] == "device" else None
        assert service.get("sysctls") == low_ports
        assert "mem_limit" in service
        assert "healthcheck" in service
        assert "hilfarm" in service["labels"]
    for network in document["networks"].values():
        assert network["internal"] is True
        assert "hilfarm" in network["labels"]


def test_host_parts_are_kept_in_a_subnet_of_the_pool() -> None:
    found = services("mennekes/car-park")
    addresses = {name: IPv4Address(one["networks"]["lan"]["ipv4_address"]) for name, one in found.items()}
    assert {name: int(address) & 0xFF for name, address in addresses.items()} == {
        "CP1": 11, "CP2": 12, "CP3": 13, "CP4": 14, "hil-conductor": 252,
    }  # fmt: skip
    assert all(address in POOL for address in addresses.values())


def test_exact_addresses_are_the_sites_own() -> None:
    found = YAML(typ="safe").load(rendered("mennekes/car-park", exact=True))
    assert found["services"]["CP3"]["networks"]["lan"]["ipv4_address"] == "192.168.0.13"
    assert found["networks"]["lan"]["ipam"]["config"][0]["subnet"] == "192.168.0.0/24"


def test_meters_are_healthy_before_charging_points_start() -> None:
    found = services("mennekes/meter-excluding")
    assert found["CP4"]["depends_on"] == {"M2": {"condition": "service_healthy"}}
    assert "depends_on" not in found["M2"]


def packed(ref: str, pack: int, **overrides: str) -> dict[str, Any]:
    site = build_site(ref, {"pack": str(pack), **overrides})
    found: dict[str, Any] = YAML(typ="safe").load(render(site, Plan(site, choose_subnets(site)), ref=ref))
    return found


def commands(document: dict[str, Any]) -> dict[str, list[str]]:
    return {name: one["command"][2:] for name, one in document["services"].items() if name != CONDUCTOR}


def test_a_packs_further_addresses_come_from_a_container_that_ends() -> None:
    document = packed("mennekes/car-park", 3)
    kept = ["--settings", "/var/lib/hilfarm"]
    assert commands(document) == {
        "CP1": ["CP1=mennekes_ecu", "CP2=mennekes_ecu", "CP3=mennekes_ecu", *kept],
        "CP1.addresses": ["198.18.0.12/24", "198.18.0.13/24"],
        "CP4": ["CP4=mennekes_ecu", *kept],
    }
    first, further = document["services"]["CP1"], document["services"]["CP1.addresses"]
    assert "cap_add" not in first
    assert first["networks"] == {"lan": {"ipv4_address": "198.18.0.11"}}
    assert further["network_mode"] == "service:CP1"
    assert (further["cap_drop"], further["cap_add"], further["user"]) == (["ALL"], ["NET_ADMIN"], "0:0")
    assert further["read_only"] is True
    assert "environment" not in further  # it has no business with the token
    assert "networks" not in further
    assert [*document["volumes"]] == ["settings-CP1", "settings-CP4"]
    (config,) = document["networks"]["lan"]["ipam"]["config"]
    assert config["aux_addresses"] == {"CP2": "198.18.0.12", "CP3": "198.18.0.13"}  # no guest gets them


def test_meters_and_points_and_networks_are_packed_apart() -> None:
    document = packed("mennekes/standalone-excluding", 9)
    assert [name for name in commands(document) if "." not in name] == ["M2", "CP1"]
    assert document["services"]["CP1"]["depends_on"] == {"M2": {"condition": "service_healthy"}}
    other = {"devices.CP2.network": "other", "devices.CP2.address": "10.0.0.9"}
    networks = {"networks.lan": "192.168.0.0/24", "networks.other": "10.0.0.0/24"}
    site = build_site("mennekes/two-networks", {"pack": "9", **networks, **other})
    assert Plan(site, choose_subnets(site)).containers == (("CP1", "CP3", "CP4"), ("CP2",))


def test_a_foreign_container_is_never_packed() -> None:
    document = packed(
        "mennekes/standalone-excluding", 9, **{"meters.M1.seat": "image", "meters.M1.image": "my/meter:1"}
    )
    assert document["services"]["M1"]["image"] == "my/meter:1"
    assert "M2.addresses" not in document["services"]


@pytest.mark.parametrize("ref", shipped_sites())
@pytest.mark.parametrize("pack", [1, 2, 100])
def test_everybody_is_in_one_container(ref: str, pack: int) -> None:
    site = build_site(ref, {"pack": str(pack)})
    plan = Plan(site, choose_subnets(site))
    assert sorted(one for group in plan.containers for one in group) == sorted([*site.seats])
    assert max(len(group) for group in plan.containers) <= pack
    for group in plan.containers:
        assert len({plan.networks[one] for one in group}) == 1
        assert len({one in site.meters for one in group}) == 1
        assert all(plan.packs[one] == group for one in group)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "true"])
def test_what_is_no_number_of_devices_is_refused(text: str) -> None:
    with pytest.raises(SiteFileError, match="pack"):
        build_site("mennekes/car-park", {"pack": text})


def test_a_taken_subnet_is_left_alone() -> None:
    site = load_site("mennekes/car-park")
    (first,) = choose_subnets(site).values()
    (second,) = choose_subnets(site, taken={first: "x"}).values()
    assert not first.overlaps(second)
    assert second.subnet_of(POOL)


def test_a_pool_that_is_used_up_and_own_addresses_in_use_are_said() -> None:
    site = load_site("mennekes/car-park")
    with pytest.raises(BenchError, match=r"no free subnet in 198.18.0.0/15"):
        choose_subnets(site, taken={POOL: "x"})
    with pytest.raises(BenchError, match=r"192.168.0.0/24 is in use by eth0 \(192.168.0.0/16\)"):
        choose_subnets(site, exact=True, taken={IPv4Network("192.168.0.0/16"): "eth0"})


def test_nobody_shares_an_address() -> None:
    site = load_site("alfen/alb-p1")  # its meter has none of its own
    plan = Plan(site, choose_subnets(site))
    given = [*plan.addresses.values(), *plan.gateways.values(), *(plan.tester(name) for name in site.networks)]
    given += [plan.conductor(name) for name in site.networks]
    assert set(plan.addresses) == {*site.seats}
    assert len(given) == len(set(given))


def test_a_container_of_ones_own_has_an_address_that_nobody_else_has() -> None:
    site = build_site("mennekes/meter-excluding", {"meters.M2.seat": "image", "meters.M2.image": "my/meter:1"})
    plan = Plan(site, choose_subnets(site))
    assert set(plan.hidden) == {"M2"}
    others = {*plan.addresses.values(), *plan.gateways.values(), plan.tester("lan"), plan.conductor("lan")}
    assert plan.hidden["M2"] not in others


def test_site_addresses_and_container_addresses_translate_both_ways() -> None:
    site = load_site("mennekes/car-park")
    plan = Plan(site, {"lan": IPv4Network("198.18.7.0/24")})
    assert plan.local("192.168.0.12") == "198.18.7.12"
    assert plan.site("198.18.7.12") == "192.168.0.12"
    with pytest.raises(ScenarioError, match=r"10.0.0.1 is in none of the site's networks 192.168.0.0/24"):
        plan.local("10.0.0.1")


def own(ref: str, **fields: str) -> dict[str, dict[str, Any]]:
    """Return the services of a site with changed fields (``meters__M2__seat=image``)."""
    site = build_site(ref, {name.replace("__", "."): text for name, text in fields.items()})
    text = render(site, Plan(site, choose_subnets(site)), ref="x")
    return YAML(typ="safe").load(text)["services"]


def test_a_container_of_ones_own_is_behind_a_link_proxy_and_is_told_where_to_ask() -> None:
    found = own("mennekes/meter-excluding", meters__M2__seat="image", meters__M2__image="my/meter:1")
    meter, proxy = found["M2"], found["M2.link"]
    assert meter["image"] == "my/meter:1"
    assert meter["networks"] == {"lan": {"ipv4_address": "198.18.0.251"}}
    assert meter["environment"]["HIL_WIRES"] == "http://198.18.0.254:7303/wires/M2"
    assert set(meter["environment"]) == {"HIL_WIRES", "HIL_WIRES_TOKEN"}
    assert not {"command", "user", "volumes", "healthcheck"} & set(meter)  # it is as it is
    assert proxy["command"] == ["hil", "proxy", "pac2200", "--name", "M2", "--to", "198.18.0.251"]
    assert proxy["networks"] == {"lan": {"ipv4_address": "198.18.0.20"}}
    assert proxy["sysctls"] == {"net.ipv4.ip_unprivileged_port_start": 0}
    assert proxy["read_only"] is True
    assert meter["depends_on"] == {"M2.link": {"condition": "service_healthy"}}
    assert found["CP1"]["depends_on"] == {"M2": {"condition": "service_started"}}


def test_a_real_meter_at_a_serial_port_is_passed_into_the_container_of_its_reader() -> None:
    found = own("alfen/alb-p1", meters__P1__seat="real", meters__P1__at="/dev/ttyUSB0")
    assert set(found) == {"CP1", "hil-conductor"}
    assert found["CP1"]["devices"] == ["/dev/ttyUSB0:/dev/ttyUSB0"]
    assert found["CP1"]["group_add"] == ["dialout"]
    assert "depends_on" not in found["CP1"]


def test_a_seat_that_the_bench_cannot_fill_is_refused() -> None:
    with pytest.raises(SiteFileError, match=r"the compose bench cannot fill the seat 'real' \(10.0.0.17\)"):
        own("mennekes/car-park", devices__CP2__seat="real", devices__CP2__at="10.0.0.17")
    with pytest.raises(SiteFileError, match=r"cannot fill the seat 'image' \(x\)(?s:.*)image for a device with Modbus"):
        own("alfen/alb-p1", meters__P1__seat="image", meters__P1__image="x")
