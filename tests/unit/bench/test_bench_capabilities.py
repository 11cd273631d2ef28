"""What a test needs and a bench, or a seat of the site, has not."""

from __future__ import annotations

import pytest

from hil.bench.capabilities import KNOWN_CAPABILITIES, SEATS, missing
from hil.run.session import build_site
from hil.site import Site, load_site

OWN_METER = {"meters.M2.seat": "image", "meters.M2.image": "my/meter:1"}


def own_meter() -> Site:
    return build_site("mennekes/meter-excluding", OWN_METER)


@pytest.mark.parametrize("bench", sorted(SEATS))
def test_what_a_bench_has_is_not_missing_where_all_seats_are_emulated(bench: str) -> None:
    assert missing(bench, "max", SEATS[bench]["emulated"], None) == ""
    assert missing(bench, "max", SEATS[bench]["emulated"], load_site("mennekes/car-park")) == ""


def test_what_no_seat_of_a_bench_has_is_the_benchs() -> None:
    assert (
        missing("embedded", "max", ["plant", "container"], None)
        == "the embedded bench at --speed max cannot do container"
    )
    assert missing("compose", "5", ["virtual-time"], None) == "the compose bench at --speed 5 cannot do virtual-time"
    assert missing("compose", "max", ["virtual-time"], None) == ""
    assert missing("embedded", "max", ["real-time"], None) == "the embedded bench at --speed max cannot do real-time"
    reason = "the compose bench at --speed 1 cannot do real-device"
    assert missing("compose", "1", ["real-device"], own_meter()) == reason
    assert missing("compose", "1", ["real-device"]) == ""  # nobody knows the site yet


def test_a_site_with_a_foreign_seat_has_no_virtual_time_at_any_speed() -> None:
    assert missing("compose", "max", ["real-time"], own_meter()) == ""
    assert "cannot do virtual-time" in missing("compose", "max", ["virtual-time"], own_meter())


def test_what_one_seat_has_not_is_told_with_its_name() -> None:
    reason = "M2 is a container of your own: it has no display, emulated for the farm"
    assert missing("compose", "1", ["display", "emulated", "plant"], own_meter()) == reason
    assert missing("compose", "1", ["plant", "fault-injection", "real-time"], own_meter()) == ""


def test_a_real_device_is_there_where_one_seat_has_it() -> None:
    site = build_site("alfen/alb-p1", {"meters.P1.seat": "real", "meters.P1.at": "/dev/ttyUSB0"})
    assert missing("compose", "1", ["real-device"], site) == ""
    assert missing("compose", "1", ["log"], site) == "P1 is a real device: it has no log for the farm"


def test_every_capability_is_known() -> None:
    assert {"display", "virtual-time", "operator-prompt", "real-device"} <= KNOWN_CAPABILITIES


def test_a_backend_of_the_farm_has_an_interface_and_another_has_none() -> None:
    url = "devices.CP1.parameters.WebSockets JSON OCPP URL of the Backend"
    assert missing("embedded", "max", ["backend-api"]) == ""
    assert missing("embedded", "max", ["backend-api"], load_site("mennekes/backend-gateway")) == ""
    own = build_site("mennekes/backend-lan", {url: "wss://csms.example/ocpp"})
    reason = "the farm does not know the interface of the backend at csms.example"
    assert missing("embedded", "1", ["backend-api"], own) == reason
    assert missing("embedded", "1", ["plant"], own) == ""


def test_a_seat_that_the_bench_cannot_fill_is_refused_by_the_bench() -> None:
    assert missing("embedded", "max", ["plant"], own_meter()) == ""
    assert missing("swarm", "5", ["plant"], own_meter()) == ""
