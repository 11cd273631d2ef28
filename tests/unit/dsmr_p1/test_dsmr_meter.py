"""What a DSMR meter says, version by version."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.dsmr_p1 import FAMILY
from emulators.dsmr_p1.faults import SPOILS
from emulators.dsmr_p1.model import Meter, Terminals, spoilt, timestamp
from emulators.dsmr_p1.versions import VERSIONS
from emulators.kit.family import families
from emulators.kit.host import SerialSettings
from emulators.kit.p1 import P1Reading, TelegramReader
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase

LOCAL = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 6, 1, 10, 0, tzinfo=UTC).astimezone(LOCAL)
NOTHING = PerPhase.zero()


def terminals(
    *currents_a: float, volts: float = 230.0, import_wh: PerPhase = NOTHING, export_wh: PerPhase = NOTHING
) -> Terminals:
    return Terminals(PerPhase(*currents_a), PerPhase.all(volts), import_wh, export_wh)


def meter(version: str = "5.0.2", phases: int = 3, **parameters: str) -> Meter:
    names = {"tariff": "Tariff", "rounding": "Current rounding", "total": "Total power", "refresh": "Refresh [s]"}
    names["identifier"] = "Equipment identifier"
    values = {names[name]: FAMILY.parameters.named(names[name]).parse(value) for name, value in parameters.items()}
    return Meter(VERSIONS[version], phases, "M1", ParameterStore(FAMILY.parameters, values))


def lines(one: Meter) -> Mapping[str, str]:
    body = one.telegram(NOON).decode().split("!")[0].split("\r\n")[2:-1]
    return {code: "(" + value for code, _, value in (line.partition("(") for line in body)}


def read(one: Meter) -> P1Reading:
    (reading,) = TelegramReader(require_crc=one.version.has_crc).feed(one.telegram(NOON))
    return reading


def test_the_family_is_found() -> None:
    assert families()["dsmr_p1"] is FAMILY
    assert (FAMILY.role, FAMILY.serial_ports, FAMILY.modbus_port) == ("meter", {"P1": SerialSettings()}, None)


def test_the_current_is_unsigned_and_the_power_has_the_sign() -> None:
    one = meter()
    one.sample(terminals(10, -12, 0))
    said = lines(one)
    assert [said[f"1-0:{code}.7.0"] for code in (31, 51, 71)] == ["(010*A)", "(012*A)", "(000*A)"]
    assert [said[f"1-0:{code}.7.0"] for code in (21, 41, 61)] == ["(02.300*kW)", "(00.000*kW)", "(00.000*kW)"]
    assert [said[f"1-0:{code}.7.0"] for code in (22, 42, 62)] == ["(00.000*kW)", "(02.760*kW)", "(00.000*kW)"]
    assert (said["1-0:1.7.0"], said["1-0:2.7.0"]) == ("(00.000*kW)", "(00.460*kW)")
    assert read(one).signed_currents_a() == PerPhase(10, -12, 0)


def test_totals_as_sums_of_phases() -> None:
    one = meter(total="sums of phases")
    one.sample(terminals(0, 0, 0))
    one.sample(terminals(10, -12, 0, import_wh=PerPhase(2000, 0, 0), export_wh=PerPhase(0, 3000, 0)))
    said = lines(one)
    assert (said["1-0:1.7.0"], said["1-0:2.7.0"]) == ("(02.300*kW)", "(02.760*kW)")
    assert (said["1-0:1.8.2"], said["1-0:2.8.2"]) == ("(000002.000*kWh)", "(000003.000*kWh)")


@pytest.mark.parametrize(
    ("version", "there", "absent", "version_line"),
    [
        ("5.0.2", ["1-0:32.7.0", "1-0:31.7.0", "0-0:1.0.0"], ["0-0:96.13.1", "0-0:17.0.0"], "(50)"),
        ("4.2.2", ["1-0:31.7.0", "0-0:96.13.1"], ["1-0:32.7.0", "0-0:17.0.0", "0-0:96.3.10"], "(42)"),
        ("4.0.4", ["1-0:31.7.0", "0-0:17.0.0", "0-0:96.3.10"], ["1-0:32.7.0"], "(40)"),
        ("3.0", ["1-0:1.7.0", "0-0:17.0.0"], ["1-0:31.7.0", "1-0:21.7.0", "1-0:32.7.0", "0-0:1.0.0"], None),
    ],
)
def test_lines_of_each_version(version: str, there: list[str], absent: list[str], version_line: str | None) -> None:
    one = meter(version)
    one.sample(terminals(6, 0, 0))
    said = lines(one)
    assert set(there) <= set(said)
    assert not set(absent) & set(said)
    assert said.get("1-3:0.2.8") == version_line


def test_three_point_zero_has_no_crc_and_steps_of_10_w() -> None:
    one = meter("3.0")
    one.sample(terminals(1.03, 0, 0))
    assert one.telegram(NOON).endswith(b"\r\n!\r\n")
    assert lines(one)["1-0:1.7.0"] == "(0000.24*kW)"
    assert lines(one)["0-0:17.0.0"] == "(999*A)"
    assert read(one).currents_a is None


def test_a_single_phase_meter_has_one_phase() -> None:
    one = meter(phases=1)
    one.sample(terminals(6, 99, 99))
    assert not [code for code in lines(one) if code.startswith(("1-0:5", "1-0:4", "1-0:6", "1-0:7"))]
    assert (read(one).phases, read(one).currents_a) == (1, PerPhase(6, 0, 0))
    assert lines(one)["1-0:1.7.0"] == "(01.380*kW)"


@pytest.mark.parametrize(
    ("current_a", "rounding", "said"),
    [(1.49, "nearest", 1), (1.5, "nearest", 2), (-2.5, "nearest", 3), (1.99, "down", 1), (-2.9, "down", 2)],
)  # fmt: skip
def test_rounding(current_a: float, rounding: str, said: int) -> None:
    one = meter(rounding=rounding)
    one.sample(terminals(current_a, 0, 0))
    assert read(one).currents_a == PerPhase(said, 0, 0)


def test_more_than_a_field_holds_shows_as_the_most() -> None:
    one = meter()
    one.sample(terminals(5000, -5000, 0, volts=2000))
    said = lines(one)
    assert (said["1-0:31.7.0"], said["1-0:32.7.0"]) == ("(999*A)", "(999.9*V)")
    assert (said["1-0:21.7.0"], said["1-0:42.7.0"]) == ("(99.999*kW)", "(99.999*kW)")


def test_energy_counts_into_the_tariff_net_of_the_phases_and_wraps() -> None:
    one = meter(tariff="1")
    one.sample(terminals(0, 0, 0, import_wh=PerPhase.all(7000)))  # what flowed before it had power is not counted
    one.sample(terminals(0, 0, 0, import_wh=PerPhase(8500, 7000, 7000), export_wh=PerPhase(0, 400, 0)))
    said = lines(one)
    assert [said[f"1-0:{code}"] for code in ("1.8.1", "1.8.2", "2.8.1")] == [
        "(000001.100*kWh)",
        "(000000.000*kWh)",
        "(000000.000*kWh)",
    ]
    assert said["0-0:96.14.0"] == "(0001)"
    one.sample(terminals(0, 0, 0, import_wh=PerPhase(8500 + 999_999_000, 7000, 7000), export_wh=PerPhase(0, 400, 0)))
    assert lines(one)["1-0:1.8.1"] == "(000000.100*kWh)"


def test_a_slow_meter_refreshes_every_ten_telegrams_and_a_frozen_one_never() -> None:
    one = meter(refresh="10")
    seen = []
    for current_a in range(21):
        one.sample(terminals(current_a, 0, 0))
        seen.append(round(read(one).currents_a.l1))  # type: ignore[union-attr]
    assert seen == [0] * 10 + [10] * 10 + [20]
    one = meter()
    one.sample(terminals(6, 0, 0))
    one.frozen = True
    one.sample(terminals(9, 0, 0))
    assert read(one).currents_a == PerPhase(6, 0, 0)
    one.frozen = False
    one.sample(terminals(9, 0, 0))
    assert read(one).currents_a == PerPhase(9, 0, 0)


@pytest.mark.parametrize(
    ("utc", "said"),
    [
        (datetime(2026, 6, 1, 6, 0, tzinfo=UTC), "260601080000S"),
        (datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC), "260101010005W"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "261025023000S"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "261025023000W"),  # the repeated hour
    ],
)
def test_the_time_is_local_with_s_or_w(utc: datetime, said: str) -> None:
    assert timestamp(utc.astimezone(LOCAL)) == said


def test_the_identifier_is_sent_in_hex_pairs() -> None:
    one = meter(identifier="K8EG004046395507")
    one.sample(terminals(0, 0, 0))
    assert lines(one)["0-0:96.1.1"] == "(4B384547303034303436333935353037)"
    assert read(one).equipment == "K8EG004046395507"


@pytest.mark.parametrize("kind", SPOILS.spellings)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_spoilt_telegram_is_refused_and_the_same_seed_spoils_alike(version: str, kind: str) -> None:
    one = meter(version)
    one.sample(terminals(6, 0, 0))
    good = one.telegram(NOON)
    bad = spoilt(good, kind, random.Random(1))
    assert bad != good
    assert bad == spoilt(good, kind, random.Random(1))
    reader = TelegramReader()
    readings = reader.feed(bad) + reader.feed(good if version != "3.0" else b"")
    assert len(readings) == (version != "3.0")


@given(
    st.lists(st.floats(-998, 998, allow_nan=False), min_size=3, max_size=3), st.floats(0, 500), st.sampled_from([1, 3])
)
def test_what_is_at_the_terminals_comes_through(currents_a: list[float], volts: float, phases: int) -> None:
    one = meter(phases=phases)
    one.sample(terminals(*currents_a, volts=volts))
    reading = read(one)
    signed = reading.signed_currents_a()
    assert signed is not None
    for phase, current_a in enumerate(currents_a[:phases]):
        is_fed_in = math.floor(-current_a * volts + 0.5) > 0
        assert signed[phase] == math.floor(abs(current_a) + 0.5) * (-1 if is_fed_in else 1)
    assert not any(i > 0 and e > 0 for i, e in zip(reading.power_import_w, reading.power_export_w, strict=True))
