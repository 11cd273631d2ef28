"""``hil up`` with a central system: the library's own charge point comes in, ``hil backend`` from a second shell."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import connect

from .running import Up
from .test_site_hand import does, hil, refuses

SITE = """
site: backend
epoch: 2026-06-01T06:00:00Z
backends:
  CSMS:
    type: backend
    address: 192.168.0.5
    parameters: {API token: secret, Path: /ocpp, Database file: backend.sqlite}
"""
ELSEWHERE = "127.0.0.3"  #: Stands for this machine's address on a LAN: none that a farm uses.


class Station(ChargePoint):
    @on("Reset")
    def reset(self, type: str) -> Any:
        return call_result.Reset(status="Accepted" if type == "Soft" else "Rejected")


class Outside:
    """A charge point of somebody else, in a thread of its own."""

    def __init__(self, url: str, **settings: Any) -> None:
        self._url, self._settings, self._is_in = url, settings, threading.Event()
        self._end: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)

    async def _live(self) -> None:
        end = asyncio.Event()
        self._end = asyncio.get_running_loop(), end
        async with connect(f"{self._url}/CP1", subprotocols=["ocpp1.6"], **self._settings) as socket:
            station = Station("CP1", socket)
            task = asyncio.create_task(station.start())
            await station.call(call.BootNotification(charge_point_vendor="v", charge_point_model="m"))
            at = "2026-06-01T06:00:00Z"
            begun = await station.call(call.StartTransaction(connector_id=1, id_tag="T1", meter_start=5, timestamp=at))
            stop = call.StopTransaction(transaction_id=begun.transaction_id, meter_stop=25, timestamp=at)
            await station.call(stop)
            self._is_in.set()
            await end.wait()
            task.cancel()

    def __enter__(self) -> None:
        self._thread.start()
        assert self._is_in.wait(20)

    def __exit__(self, *_: object) -> None:
        assert self._end is not None
        loop, end = self._end
        loop.call_soon_threadsafe(end.set)
        self._thread.join(20)


def test_the_central_system_by_hand(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    with Up(tmp_path, "site.yaml", "--speed", "1") as up:
        assert "no charge point has come in yet" in does(tmp_path, "backend")
        url = up.endpoints["devices"]["CSMS"]["ocpp"]["url"]
        assert any(f"{url}/IDENTITY" in line for line in up.lines)
        with Outside(url):
            listed = does(tmp_path, "backend")
            assert "CP1   v m   connected" in listed
            assert "transaction 1: CP1 connector 1, T1" in listed
            assert "20 Wh, Local" in listed
            assert json.loads(does(tmp_path, "backend", "--json"))["transactions"][0]["meter_stop_wh"] == 25
            assert json.loads(does(tmp_path, "backend", "send", "CP1", "Reset", "type=Soft")) == {"status": "Accepted"}
            refused = hil(tmp_path, "backend", "send", "CP1", "ClearCache")
            assert (refused.returncode, "NotImplemented" in refused.stdout) == (1, True)
            assert "type: is missing" in refuses(tmp_path, "backend", "send", "CP1", "Reset")
            assert "Connected: CP1" in refuses(tmp_path, "backend", "send", "CP2", "Reset", "type=Soft")
        assert (tmp_path / "backend.sqlite").stat().st_size > 0
        assert up.end() == 0


def test_a_charger_of_ones_own_comes_in_at_an_address_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE.replace("Path:", f"Outside address: {ELSEWHERE}, Path:"))
    with Up(tmp_path, "site.yaml", "--speed", "1") as up:
        port = up.endpoints["devices"]["CSMS"]["ocpp"]["url"].split(":")[2].split("/")[0]
        with Outside(f"ws://{ELSEWHERE}:{port}/ocpp"):
            assert "CP1   v m   connected" in does(tmp_path, "backend")
        assert up.end() == 0


def test_a_charger_that_checks_certificates_trusts_the_runs_root(tmp_path: Path) -> None:
    more = f"Security profile: 2, Passwords: CP1=secret, Outside address: {ELSEWHERE}, Path:"
    (tmp_path / "site.yaml").write_text(SITE.replace("Path:", more))
    with Up(tmp_path, "site.yaml", "--speed", "1") as up:
        ocpp, api = (up.endpoints["devices"]["CSMS"][name] for name in ("ocpp", "api"))
        assert "ca_file" not in api
        root = tmp_path / ocpp["ca_file"]
        assert f"root certificate of this run: {ocpp['ca_file']}" in up.lines
        assert "PRIVATE" not in root.read_text()
        trusting = ssl.create_default_context(cafile=str(root))
        shown = {"Authorization": "Basic " + base64.b64encode(b"CP1:secret").decode()}
        port = urlsplit(ocpp["url"]).port
        for url in (ocpp["url"], f"wss://{ELSEWHERE}:{port}/ocpp"):
            with Outside(url, ssl=trusting, additional_headers=shown):
                assert "CP1   v m   connected" in does(tmp_path, "backend")
        assert up.end() == 0
    assert not root.exists()


def test_without_tls_there_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    with Up(tmp_path, "site.yaml", "--speed", "1") as up:
        assert list(up.endpoints["devices"]["CSMS"]["ocpp"]) == ["url"]
        assert not any("root certificate" in line for line in up.lines)
        assert not list(tmp_path.glob(".hil/**/*.pem"))
        assert up.end() == 0
