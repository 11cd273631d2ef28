"""Anything at all on a station's P1 port: it believes whole telegrams only, keeps little, and says little."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.alfen_ng9xx.meter import P1Port
from emulators.dsmr_p1.faults import SPOILS
from emulators.dsmr_p1.model import spoilt
from emulators.kit.host import NS_PER_S
from emulators.kit.p1 import MAX_TELEGRAM, telegram
from emulators.kit.phases import PerPhase

OWN_A = PerPhase.all(6)
KINDS = ("crc", "no_crc", "half", "noise", "oversize", "malformed")


def whole(amperes: int) -> bytes:
    """Return a telegram in which each phase takes so much."""
    lines = [f"1-0:{code}.7.0({amperes:03d}*A)" for code in (31, 51, 71)]
    return telegram(r"XMX5\2FARM", ["1-3:0.2.8(50)", *lines])


good = st.integers(0, 99).map(lambda amperes: (whole(amperes), amperes))
CRC = slice(-6, -2)


def is_spoilt(data: bytes) -> bool:
    """Return whether the text or its CRC is another one: noise may hit the line end or the case of a digit only."""
    return (data[:-6], data[CRC].upper()) != (whole(777)[:-6], whole(777)[CRC])


#: Nobody sends 777 A as a whole, so whoever believes in it is found out.
spoiled = (
    st.builds(
        lambda kind, seed: spoilt(whole(777), kind, random.Random(seed)),
        st.sampled_from(SPOILS.spellings),
        st.integers(0, 99),
    )
    .filter(is_spoilt)
    .map(lambda data: (data, None))
)
pieces_of = st.builds(lambda at, size: (whole(777)[at : at + size], None), st.integers(1, 90), st.integers(1, 40))
random_bytes = st.binary(max_size=400).map(lambda data: (data, None))
Line = Sequence[tuple[bytes, int | None]]
lines = st.lists(good | spoiled | pieces_of | random_bytes, max_size=25)


def heard(data: bytes, cuts: Sequence[int]) -> tuple[P1Port, list[float]]:
    """Return what a port makes of a line that arrives in such pieces, one each second."""
    port, found, at = P1Port(), [], 0
    for size in [*cuts, len(data) or 1]:
        found += [meter_a.l1 for meter_a, _ in port.receive(data[at : at + size], OWN_A)]
        at += size
    return port, found


@settings(derandomize=True, max_examples=300)
@given(lines, st.lists(st.integers(1, 700), max_size=30))
def test_only_whole_telegrams_are_believed_and_none_of_them_is_lost(line: Line, cuts: Sequence[int]) -> None:
    data = b"".join(part for part, _ in line)
    sent = [float(amperes) for _, amperes in line if amperes is not None]
    assert heard(data, cuts)[1] == sent
    assert heard(data, [])[1] == sent  # how the bytes were cut into pieces changes nothing


@settings(derandomize=True, max_examples=100)
@given(
    st.lists(st.tuples(st.binary(max_size=3000) | spoiled.map(lambda part: part[0]), st.integers(0, 3)), max_size=60)
)
def test_it_keeps_little_and_says_little(line: Sequence[tuple[bytes, int]]) -> None:
    port, now_ns, said = P1Port(), 0, 0
    for data, pause_s in line:
        now_ns += pause_s * NS_PER_S
        port.receive(data, OWN_A)
        complaints = port.complaints(now_ns)
        assert all(text.startswith("P1 Device failure: ") and text.isprintable() for text in complaints)
        said += len(complaints)
        assert port.pending_bytes <= MAX_TELEGRAM
    assert said <= len(KINDS) * (1 + now_ns // (10 * NS_PER_S))
    ((meter_a, _),) = port.receive(whole(16), OWN_A)[-1:]
    assert meter_a == PerPhase.all(16)
