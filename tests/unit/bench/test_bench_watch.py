"""What is known of a value without asking: whom a watch hears, and when it says that it does not see everything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hil.bench.watch import SIGNALLED, SignalledWatch
from hil.run.session import build_site

REAL = {"devices.CP2.seat": "real", "devices.CP2.at": "10.0.0.17"}


def watched(site: str, sockets: list[str], overrides: dict[str, str]) -> tuple[Any, SignalledWatch]:
    env: Any = SimpleNamespace(
        site=build_site(site, overrides), watchers=[], instants=SimpleNamespace(now_ns=lambda: 7)
    )
    return env, SignalledWatch(env, sockets)


def tell(env: Any, who: str, event: str, **fields: object) -> None:
    for told in env.watchers:
        told(who, event, fields)


def seen(watch: SignalledWatch) -> list[tuple[int, int, float | None]]:
    return [(change.at_ns, change.index, change.current_a) for change in watch.take()]


def test_what_the_trace_says_of_a_watched_socket_is_a_change() -> None:
    env, watch = watched("mennekes/car-park", ["CP2", "CP1"], {})
    told: list[bool] = []
    watch.told = lambda: told.append(watch.waiting)
    tell(env, "CP1", SIGNALLED, current_a=16, binding="cable")
    tell(env, "CP3", SIGNALLED, current_a=6, binding="cable")
    tell(env, "CP2", "contactor", closed=True)
    tell(env, "CP2", SIGNALLED, current_a=20, binding="cable")
    assert told == [True, True]
    assert seen(watch) == [(7, 1, 16.0), (7, 0, 20.0)]
    assert not watch.waiting and watch.sees_all
    watch.close()
    tell(env, "CP2", SIGNALLED, current_a=0, binding="cable")
    assert not watch.waiting


def test_of_a_station_it_is_what_the_register_shows() -> None:
    env, watch = watched("alfen/alb-p1", ["CP1"], {})
    tell(env, "CP1", SIGNALLED, current_a=0, limit_a=13.33333, binding="SCN")
    assert seen(watch) == [(7, 0, 13.333)]


def test_each_socket_of_a_station_is_followed_by_its_number() -> None:
    outlets = {f"CP1/{number}": SimpleNamespace(device="CP1", number=number) for number in (1, 2, 3)}
    family = SimpleNamespace(signalled_in_trace="limit_a")
    charger = SimpleNamespace(family=family, seat="emulated", outlets=list(outlets.values()))
    site = SimpleNamespace(outlets=outlets, devices={"CP1": charger})
    env: Any = SimpleNamespace(site=site, watchers=[], instants=SimpleNamespace(now_ns=lambda: 7))
    watch = SignalledWatch(env, ["CP1/2", "CP1/1"])
    for socket, limit_a in ((1, 16), (2, 20), (3, 6)):
        tell(env, "CP1", SIGNALLED, socket=socket, current_a=0, limit_a=limit_a)
    assert seen(watch) == [(7, 1, 16.0), (7, 0, 20.0)]


@pytest.mark.parametrize("sockets", [["CP2"], ["CP1", "CP2", "CP3"]])
def test_a_real_device_is_not_followed(sockets: list[str]) -> None:
    env, watch = watched("mennekes/car-park", sockets, REAL)
    assert not watch.sees_all
    tell(env, "CP2", SIGNALLED, current_a=16, binding="cable")
    assert seen(watch) == []
