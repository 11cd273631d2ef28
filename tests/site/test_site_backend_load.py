"""A thousand charge points on one central system: nothing is lost, nothing is booked twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hil.bench.farm import Farm
from hil.clock import VirtualTimeLoop
from hil.run.benches import embedded
from hil.trace import TraceWriter
from tests.site.stations import play, site_of_a_backend

COUNT = 1000
DURATION_S = 300
AWAY_S = 70  # so that each has a message to keep


@pytest.mark.slow
def test_a_thousand_charge_points_and_a_restart_of_their_backend(tmp_path: Path) -> None:
    site, loop = site_of_a_backend(tmp_path), VirtualTimeLoop()
    trace = TraceWriter(tmp_path / "trace.jsonl", test="load", site=site.name)

    async def whole() -> None:
        farm = Farm(embedded("max"), site, loop, seed=1, trace=trace)
        try:
            await farm.start()
            with loop.time_flows():
                chargers = await play(farm, COUNT, DURATION_S, away_s=AWAY_S)
            farm.check(final=True)
            names = sorted(one.name for one in chargers)
            seat: Any = farm.seats["CSMS"]
            backend = seat.device
            book = backend.book
            transactions = book.rows("transactions")
            assert sorted(row["charge_point"] for row in transactions) == names
            assert all(row["id_tag"] == row["charge_point"] and row["reason"] == "Local" for row in transactions)
            # 16 A on three phases for four minutes
            energies = {row["meter_stop_wh"] - row["meter_start_wh"] for row in transactions}
            assert all(abs(energy_wh - 16 * 690 * (DURATION_S - 70) / 3600) < 30 for energy_wh in energies)
            moments = Counter(
                (row["transaction_id"], row["at"])
                for row in book.rows("meter_values", measurand="Energy.Active.Import.Register", connector=1)
            )
            assert set(moments.values()) == {1}
            assert Counter(number for number, _ in moments) == dict.fromkeys(range(1, COUNT + 1), 3)
            calls = Counter(row["action"] for row in book.rows("messages", direction="in", kind="call"))
            assert calls["BootNotification"] == COUNT  # a new connection is no new boot
            assert [row["status"] for row in book.rows("connectors", connector=1)] == ["Available"] * COUNT
            assert sorted(backend.sessions) == names
            for one in chargers:
                await one.ocpp.stop()
        finally:
            farm.env.mute()
            await farm.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(whole())
    trace.close()
