"""What a reader with other settings makes of a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.kit.host import SerialSettings
from hil.lines.serial import heard

P1 = SerialSettings()
OLD = SerialSettings(9600, 7, "E")
TEXT = b"/XMX5LGBBFG1009\r\n\r\n1-0:31.7.0(012*A)\r\n!3BD1\r\n"

settings = st.builds(
    SerialSettings,
    st.sampled_from([300, 1200, 2400, 9600, 19200, 115200, 921600]),
    st.sampled_from([7, 8]),
    st.sampled_from("NEO"),
    st.sampled_from([1, 2]),
)


def test_the_wire_takes_its_time() -> None:
    assert P1.wire_ns(1) == 86_806  # 86.8 us
    assert P1.wire_ns(1071) == 92_968_750
    assert OLD.wire_ns(960) == 1_000_000_000
    assert [P1.bytes_in(ns) for ns in (0, 86_805, 86_806, 92_968_749, 92_968_750)] == [0, 0, 1, 1070, 1071]
    assert (str(OLD), P1.format) == ("9600 7E1", "8N1")


@given(st.binary(max_size=300), settings, settings)
def test_garbage_is_the_same_each_time_and_bounded(data: bytes, sent: SerialSettings, read: SerialSettings) -> None:
    found = heard(data, sent, read)
    assert found == heard(data, sent, read)
    bits = len(data) * sent.bits_per_byte * read.baudrate / sent.baudrate
    assert len(found) <= bits / (read.bits_per_byte - 1) + 1
    if sent == read:
        assert found == data


@pytest.mark.parametrize("baudrate", [1200, 9600, 57600, 230400])
def test_another_speed_gives_garbage(baudrate: int) -> None:
    found = heard(TEXT, P1, SerialSettings(baudrate))
    assert found
    assert b"XMX5" not in found
    assert b"012*A" not in found


@given(st.binary(max_size=50).map(lambda data: bytes(byte & 0x7F for byte in data)))
def test_seven_bits_with_parity_fit_into_the_frame_of_eight(data: bytes) -> None:
    seven = SerialSettings(115200, 7, "E")
    assert heard(data, P1, seven) == data  # parity errors are let through
    assert bytes(byte & 0x7F for byte in heard(data, seven, P1)) == data
