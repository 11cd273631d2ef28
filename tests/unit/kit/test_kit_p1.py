"""P1 telegrams: written from the table, read from a noisy line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import emulators.dsmr_p1
from emulators.kit.p1 import MAX_TELEGRAM, ObisTable, TelegramReader, telegram
from emulators.kit.phases import PerPhase

TABLE = ObisTable.load(Path(emulators.dsmr_p1.__file__).parent / "obis.csv")
ROWS = TABLE.of_version("5.0")

# The sample of DSMR v5.0.2 P1 Companion Standard (26-02-2016) section 6.13, value by value.
SAMPLE_TEXT = "0123456789:;<=>?" * 5
SAMPLE: list[tuple[str, float | str]] = [
    ("p1_version", "50"), ("timestamp", "101209113020W"), ("equipment_id", "K8EG004046395507"),
    ("energy_import_t1", 123456.789), ("energy_import_t2", 123456.789),
    ("energy_export_t1", 123456.789), ("energy_export_t2", 123456.789), ("tariff", "0002"),
    ("power_import", 1.193), ("power_export", 0), ("power_failures", 4), ("long_power_failures", 2),
    ("failure_log", "(2)(0-0:96.7.19)(101208152415W)(0000000240*s)(101208151004W)(0000000301*s)"),
    ("sags_l1", 2), ("sags_l2", 1), ("sags_l3", 0), ("swells_l1", 0), ("swells_l2", 3), ("swells_l3", 0),
    ("message_text", SAMPLE_TEXT), ("voltage_l1", 220.1), ("voltage_l2", 220.2), ("voltage_l3", 220.3),
    ("current_l1", 1), ("current_l2", 2), ("current_l3", 3),
    ("power_import_l1", 1.111), ("power_import_l2", 2.222), ("power_import_l3", 3.333),
    ("power_export_l1", 4.444), ("power_export_l2", 5.555), ("power_export_l3", 6.666),
]  # fmt: skip
SAMPLE_GAS = [
    "0-1:24.1.0(003)",
    "0-1:96.1.0(3232323241424344313233343536373839)",
    "0-1:24.2.1(101209112500W)(12785.123*m3)",
]


def small(current_a: int = 12, export_kw: float = 0.0, *, has_crc: bool = True) -> bytes:
    values = {"p1_version": "50", "current_l1": current_a, "power_import_l1": 0, "power_export_l1": export_kw}
    return telegram("XMX5EMU", [ROWS[name].line(value) for name, value in values.items()], has_crc=has_crc)


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ([], b"!8BE1\r\n"),
        (["1-3:0.2.8(50)", "1-0:31.7.0(012*A)"], b"!3BD1\r\n"),
    ],
)
def test_crc(lines: list[str], end: bytes) -> None:
    assert telegram("XMX5EMU", lines).endswith(end)


def test_the_crc_is_over_the_line_ends_as_they_came() -> None:
    (reading,) = TelegramReader().feed(b"/XMX5EMU\n\n1-3:0.2.8(50)\n1-0:31.7.0(012*A)\n!F8D4\n")
    assert reading.currents_a == PerPhase(12, 0, 0)


def test_the_sample_of_the_standard_is_written_byte_for_byte() -> None:
    """1071 bytes; the printed CRC EF2F does not fit the printed text, E47C does."""
    sample = telegram("ISk5\\2MT382-1000", [ROWS[name].line(value) for name, value in SAMPLE] + SAMPLE_GAS)
    assert len(sample) == 1071
    assert sample.endswith(b"\r\n!E47C\r\n")
    assert TelegramReader().feed(sample)[0].equipment == "K8EG004046395507"
    reader = TelegramReader()
    assert reader.feed(sample.replace(b"!E47C", b"!EF2F")) == []
    assert reader.last_reason == {"crc": "CRC EF2F should be E47C"}


@pytest.mark.parametrize(
    ("version", "name", "value", "line"),
    [
        ("5.0", "current_l1", 6, "1-0:31.7.0(006*A)"),
        ("4.2", "current_l3", 999, "1-0:71.7.0(999*A)"),
        ("5.0", "power_import", 2.027, "1-0:1.7.0(02.027*kW)"),
        ("3.0", "power_import", 1.19, "1-0:1.7.0(0001.19*kW)"),
        ("5.0", "energy_import_t1", 1581.123, "1-0:1.8.1(001581.123*kWh)"),
        ("3.0", "energy_import_t1", 1.001, "1-0:1.8.1(00001.001*kWh)"),
        ("5.0", "voltage_l1", 230.05, "1-0:32.7.0(230.1*V)"),
        ("3.0", "switch_position", 1, "0-0:96.3.10(1)"),
        ("5.0", "message_text", "", "0-0:96.13.0()"),
        ("5.0", "failure_log", "(0)(0-0:96.7.19)", "1-0:99.97.0(0)(0-0:96.7.19)"),
        ("5.0", "timestamp", "260601080000S", "0-0:1.0.0(260601080000S)"),
    ],
)
def test_a_line_is_written_as_the_table_says(version: str, name: str, value: float | str, line: str) -> None:
    assert TABLE.of_version(version)[name].line(value) == line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("current_l1", 1000), ("current_l1", -1), ("power_import", 100), ("power_import", -0.5),
        ("timestamp", "260601080000"), ("tariff", "1"), ("equipment_id", "x" * 49),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(name: str, value: float | str) -> None:
    row = ROWS[name]
    with pytest.raises(ValueError, match="does not fit"):
        row.line(value)


def test_the_power_of_a_phase_gives_its_current_the_sign() -> None:
    (away,) = TelegramReader().feed(small(12, export_kw=2.76))
    (home,) = TelegramReader().feed(small(12))
    assert (away.currents_a, away.signed_currents_a()) == (PerPhase(12, 0, 0), PerPhase(-12, 0, 0))
    assert home.signed_currents_a() == PerPhase(12, 0, 0)
    assert (home.phases, home.version, home.voltages_v) == (1, "50", None)


def test_a_single_phase_meter_without_phase_powers_takes_the_totals() -> None:
    lines = [ROWS["current_l1"].line(5), ROWS["power_import"].line(0), ROWS["power_export"].line(1.15)]
    (reading,) = TelegramReader().feed(telegram("FLU5\\253770234_A", lines))
    assert reading.signed_currents_a() == PerPhase(-5, 0, 0)


def test_decimals_seen_in_the_field_are_read() -> None:
    (reading,) = TelegramReader().feed(
        telegram("Ene5X", ["1-0:31.7.0(0.48*A)", "1-0:51.7.0(005.1*A)", "1-0:71.7.0(7*A)"])
    )
    assert reading.currents_a == PerPhase(0.48, 5.1, 7)


@pytest.mark.parametrize("value", ["9" * 400, "1.2.3", "-5", "0x10", "", "12*kV", "1e9"])
def test_a_value_that_is_no_number_is_missing(value: str) -> None:
    (reading,) = TelegramReader().feed(telegram("Ene5X", ["1-3:0.2.8(50)", f"1-0:31.7.0({value})"]))
    assert reading.currents_a is None


@pytest.mark.parametrize("value", ["()", "((ER11))", "(5.1*kV)", "(-5*A)"])
def test_a_current_that_cannot_be_read_is_not_0_amperes(value: str) -> None:
    reader = TelegramReader()
    lines = [f"1-0:31.7.0{value}", "1-0:51.7.0(005*A)", "1-0:71.7.0(007*A)", "1-0:21.7.0(01.000*kW)"]
    (reading,) = reader.feed(telegram("Ene5X", lines))
    assert (reading.currents_a, reading.signed_currents_a()) == (None, None)
    assert reading.power_import_w == PerPhase(1000, 0, 0)
    assert reader.last_reason == {"unreadable": "1-0:31.7.0 cannot be read"}


def test_blanks_after_the_identification_and_an_empty_total_do_no_harm() -> None:
    """As an ELS5 sends them (dsmr-reader issue 853)."""
    lines = ["1-0:1.7.0()", "1-0:31.7.0(001*A)", "1-0:51.7.0(005*A)", "1-0:71.7.0(007*A)"]
    (reading,) = TelegramReader().feed(telegram("Ene5\\ELS5  ", lines))
    assert (reading.header, reading.signed_currents_a()) == ("Ene5\\ELS5", PerPhase(1, 5, 7))


def test_a_telegram_without_currents_has_none() -> None:
    (reading,) = TelegramReader(require_crc=False).feed(telegram("ISk5X", ["1-0:1.7.0(001.19*kW)"], has_crc=False))
    assert (reading.currents_a, reading.signed_currents_a(), reading.phases) == (None, None, 0)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (small().replace(b"012*A", b"013*A"), "crc"),
        (small()[:-3] + b"\r\n", "crc"),
        (small(has_crc=False), "no_crc"),
        (small()[:40], "half"),
        (b"\xff\x00\x80 7", "noise"),
        (b"/" + b"x" * (MAX_TELEGRAM + 1), "oversize"),
        (telegram("", ["1-0:31.7.0(012*A)"]), "malformed"),
        (telegram("XMX5EMU", []), "malformed"),
    ],
)
def test_what_is_wrong_is_counted_and_the_next_telegram_found(data: bytes, kind: str) -> None:
    reader = TelegramReader()
    found = reader.feed(data) + reader.feed(small(7))
    assert [reading.currents_a for reading in found] == [PerPhase(7, 0, 0)]
    assert reader.rejected == {kind: 1}
    assert reader.last_reason[kind]


def test_a_crc_without_leading_zeros_is_read() -> None:
    whole = next(data for amperes in range(1000) if (data := small(amperes))[-6:-5] == b"0")
    short = whole[:-6] + whole[-6:-2].lstrip(b"0") + b"\r\n"
    assert len(short) < len(whole)
    assert len(TelegramReader().feed(short)) == 1


noise = st.binary(max_size=200) | st.lists(
    st.sampled_from([b"/", b"!", b"!12", b"!8BE1", b"\r\n", b"/XMX5EMU\r\n\r\n", b"(", small()[:30], small()[30:]])
).map(b"".join)


@given(st.lists(st.tuples(noise, st.integers(0, 999)), min_size=1, max_size=5), st.integers(1, 97))
def test_noise_between_telegrams_never_loses_one(parts: list[tuple[bytes, int]], piece: int) -> None:
    reader = TelegramReader()
    line = b"".join(before + small(current) for before, current in parts)
    found = [reading for at in range(0, len(line), piece) for reading in reader.feed(line[at : at + piece])]
    sent = [float(current) for _, current in parts]
    seen = [reading.currents_a.l1 for reading in found if reading.currents_a is not None]
    # noise may contain whole telegrams of its own; those sent are all there, in order
    remaining = iter(seen)
    assert all(current in remaining for current in sent)


@given(st.lists(st.binary(max_size=3000) | noise, max_size=20))
def test_it_never_grows_without_bound(pieces: list[bytes]) -> None:
    reader = TelegramReader()
    for data in pieces:
        reader.feed(data)
        assert reader.pending_bytes <= MAX_TELEGRAM


def test_a_line_that_never_ends_is_bounded_and_cheap() -> None:
    reader = TelegramReader()
    for _ in range(100):
        reader.feed(b"/" * 5000 + b"x" * 5000)
        assert reader.pending_bytes <= MAX_TELEGRAM
    reader.feed(b"/" + b"a" * 1_000_000 + b"!")
    assert reader.pending_bytes <= MAX_TELEGRAM
    assert len(reader.feed(small())) == 1
