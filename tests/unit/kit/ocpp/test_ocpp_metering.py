"""Meter values: which, when, and in what words."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.kit.host import NS_PER_S


def sampled(payload: dict[str, Any]) -> list[tuple[str, str | None, str, str | None]]:
    values = payload["meterValue"][0]["sampledValue"]
    return [(one["measurand"], one.get("phase"), one["value"], one.get("unit")) for one in values]


def measured(one: Any, entries: str) -> list[tuple[str, str | None, str, str | None]]:
    assert one.command("ChangeConfiguration", key="MeterValuesSampledData", value=entries)["status"] == "Accepted"
    one.forget().command("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
    return sampled(one.all("MeterValues")[0])


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("Energy.Active.Import.Register", [("Energy.Active.Import.Register", None, "1000", "Wh")]),
        (
            "Current.Import",
            [
                ("Current.Import", "L1", "16.00", "A"),
                ("Current.Import", "L2", "15.50", "A"),
                ("Current.Import", "L3", "0.00", "A"),
            ],
        ),
        ("Current.Import.L2", [("Current.Import", "L2", "15.50", "A")]),
        ("Voltage.L1", [("Voltage", "L1", "229.0", "V")]),
        ("Voltage.L1-N,Voltage.L3-N", [("Voltage", "L1-N", "229.0", "V"), ("Voltage", "L3-N", "231.0", "V")]),
        ("Voltage.L1-L2", [("Voltage", "L1-L2", "397.5", "V")]),
        (
            "Power.Active.Import",
            [
                ("Power.Active.Import", None, "7229", "W"),
                ("Power.Active.Import", "L1", "3664", "W"),
                ("Power.Active.Import", "L2", "3565", "W"),
                ("Power.Active.Import", "L3", "0", "W"),
            ],
        ),
        (
            "Current.Offered,Power.Offered",
            [("Current.Offered", None, "16.0", "A"), ("Power.Offered", None, "11040", "W")],
        ),
        ("Frequency,Temperature", [("Frequency", None, "50.02", "Hertz"), ("Temperature", None, "31.5", "Celsius")]),
    ],
)
def test_measurands(desk: Any, entries: str, expected: list[tuple[str, str | None, str, str | None]]) -> None:
    assert measured(desk().charge(), entries) == expected


def test_a_single_phase_station_tells_one_phase(desk: Any) -> None:
    from emulators.kit.ocpp.profiles.rates import StationSupply

    one = desk(supply=StationSupply(phases=1)).charge()
    assert measured(one, "Current.Import,Voltage") == [
        ("Current.Import", "L1", "16.00", "A"),
        ("Voltage", "L1-N", "229.0", "V"),
    ]


def test_a_single_phase_station_tells_the_phase_that_it_hangs_on(desk: Any) -> None:
    from emulators.kit.ocpp.profiles.rates import StationSupply

    one = desk(supply=StationSupply(phases=1))
    one.device.more = {"lines": ("L2",)}
    assert measured(one.charge(), "Current.Import,Voltage") == [
        ("Current.Import", "L2", "15.50", "A"),
        ("Voltage", "L2-N", "230.0", "V"),
    ]
    for entry in ("Current.Import.L1", "Voltage.L1-L2", "Voltage.L3-N"):
        assert one.command("ChangeConfiguration", key="MeterValuesSampledData", value=entry)["status"] == "Rejected"


def test_a_power_factor_of_all_phases_has_no_phase_and_a_temperature_is_the_bodys(desk: Any) -> None:
    one = desk()
    one.device.more = {"total_power_factor": 0.98}
    assert measured(one.charge(), "Power.Factor,Temperature") == [
        ("Power.Factor", None, "0.980", None),
        ("Temperature", None, "31.5", "Celsius"),
    ]
    factor, temperature = one.all("MeterValues")[0]["meterValue"][0]["sampledValue"]
    assert (factor["location"], temperature["location"]) == ("Outlet", "Body")


@pytest.mark.parametrize(
    ("key", "entries", "status"),
    [
        ("MeterValuesSampledData", "SoC", "Rejected"),
        ("MeterValuesSampledData", "Temperature,SoC", "Rejected"),
        ("MeterValuesAlignedData", "Power.Factor", "Rejected"),
        ("metervaluessampleddata", "Energy.Active.Export.Register", "Rejected"),
        ("StopTxnSampledData", "Frequency", "Rejected"),
        ("StopTxnAlignedData", "Current.Import,Frequency", "Rejected"),
        ("MeterValuesSampledData", "Frequency", "Accepted"),
        ("MeterValuesSampledData", "Energy.Active.Import.Interval,Voltage.L1-L2", "Accepted"),
        ("StopTxnSampledData", "", "Accepted"),
    ],
)
def test_a_key_takes_only_what_its_meter_tells(desk: Any, key: str, entries: str, status: str) -> None:
    assert desk().command("ChangeConfiguration", key=key, value=entries) == {"status": status}


def test_a_trigger_of_meter_values_that_would_not_come_is_rejected(desk: Any) -> None:
    one = desk(connectors=2)

    def trigger(**fields: int) -> tuple[str, list[int]]:
        answer = one.forget().command("TriggerMessage", requestedMessage="MeterValues", **fields)
        return str(answer["status"]), [sent["connectorId"] for sent in one.all("MeterValues")]

    assert trigger(connectorId=0) == ("Rejected", [])  # no meter at the inlet
    assert trigger(connectorId=1) == ("Accepted", [1])
    assert trigger() == ("Accepted", [1, 2])
    one.device.readings_at_inlet = True
    assert trigger(connectorId=0) == ("Accepted", [0])
    assert one.command("ChangeConfiguration", key="MeterValuesSampledData", value="")["status"] == "Accepted"
    assert trigger(connectorId=1) == ("Rejected", [])
    assert trigger() == ("Rejected", [])


def test_sampled_values_lie_whole_intervals_after_the_begin(desk: Any) -> None:
    one = desk(settings={"MeterValueSampleInterval": "60"}).wait(7).charge().wait(200)
    assert [at for at, action, _ in one.sent if action == "MeterValues"] == [67.0, 127.0, 187.0]
    value = one.all("MeterValues")[0]
    assert (value["transactionId"], value["connectorId"]) == (101, 1)
    assert value["meterValue"][0]["timestamp"] == "2026-06-01T06:01:07Z"
    assert value["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Periodic"
    one.command("ChangeConfiguration", key="MeterValueSampleInterval", value="0")
    assert not one.forget().wait(500).all("MeterValues")


def test_clock_aligned_values_count_from_midnight_of_the_device(desk: Any) -> None:
    one = desk(settings={"ClockAlignedDataInterval": "900", "MeterValueSampleInterval": "0"})
    one.device.readings_at_inlet = True
    one.wait(100)
    one.point.clock.ahead_ns += 400 * NS_PER_S  # 06:08:20 by its own clock
    one.point.changed()
    one.settle().wait(1400)
    values = [(at, payload["connectorId"]) for at, action, payload in one.sent if action == "MeterValues"]
    assert values == [(500.0, 0), (500.0, 1), (1400.0, 0), (1400.0, 1)]
    inlet, outlet = one.all("MeterValues")[:2]
    assert inlet["meterValue"][0]["sampledValue"][0]["location"] == "Inlet"
    assert outlet["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Clock"
    assert "transactionId" not in outlet


def test_an_interval_that_does_not_fill_the_day_begins_again_at_midnight(desk: Any) -> None:
    one = desk(settings={"ClockAlignedDataInterval": "50000", "MeterValueSampleInterval": "0"}).wait(2 * 86_400)
    since_midnight_s = [at + 6 * 3600 for at, action, _ in one.sent if action == "MeterValues"]
    assert since_midnight_s == [50_000, 86_400, 136_400, 172_800]


def test_values_without_a_transaction_are_not_kept_for_later(desk: Any) -> None:
    one = desk(settings={"ClockAlignedDataInterval": "60"}).cut().wait(300).connect()
    assert not one.all("MeterValues")


def test_the_stop_carries_what_the_keys_ask_for(desk: Any) -> None:
    settings = {
        "StopTxnSampledData": "Energy.Active.Import.Register,Frequency",
        "StopTxnAlignedData": "Current.Import.L1",
        "ClockAlignedDataInterval": "900",
        "MeterValueSampleInterval": "600",
    }
    one = desk(settings=settings).charge()
    one.device.energy_wh = 5000.6
    one.wait(1000).card("TAG")
    stop = one.all("StopTransaction")[0]
    assert stop["meterStop"] == 5001
    data = [(value["timestamp"][11:19], value["sampledValue"][0]) for value in stop["transactionData"]]
    assert [(at, value["context"], value["value"]) for at, value in data] == [
        ("06:00:00", "Transaction.Begin", "1000"),
        ("06:10:00", "Sample.Periodic", "5001"),
        ("06:15:00", "Sample.Clock", "16.00"),
        ("06:16:40", "Transaction.End", "5001"),
    ]
    assert all(len(value["sampledValue"]) == 1 for value in stop["transactionData"])  # no Frequency


def test_a_long_transactions_data_are_thinned_out(desk: Any) -> None:
    one = desk(settings={"MeterValueSampleInterval": "10"}).charge().wait(6000).card("TAG")
    data = one.all("StopTransaction")[0]["transactionData"]
    contexts = [value["sampledValue"][0]["context"] for value in data]
    assert contexts[0] == "Transaction.Begin" and contexts[-1] == "Transaction.End"
    assert 100 < len(data) <= 250


def test_energy_of_an_interval(desk: Any) -> None:
    settings = {"MeterValuesSampledData": "Energy.Active.Import.Interval", "MeterValueSampleInterval": "60"}
    one = desk(settings=settings).charge()
    one.device.energy_wh += 100
    one.wait(60)
    one.device.energy_wh += 40
    one.wait(60)
    assert [sampled(value)[0][2] for value in one.all("MeterValues")] == ["100", "40"]
