"""Another host's clock: the offset and its bound, whatever the way there and back takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.process.host_clocks import Offset, measure

_WAY_S = st.floats(0, 2)


class TwoHosts:
    """Two clocks, one ahead of the other, and a way between them that takes its time."""

    def __init__(self, ahead_s: float, ways_s: list[tuple[float, float]]) -> None:
        self.now_s, self.ahead_s, self._ways_s = 100.0, ahead_s, iter(ways_s)

    def here_s(self) -> float:
        return self.now_s

    def there_s(self) -> float:
        there_s, back_s = next(self._ways_s)
        self.now_s += there_s
        read_s = self.now_s + self.ahead_s
        self.now_s += back_s
        return read_s


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(_WAY_S, _WAY_S), min_size=4, max_size=4))
def test_the_bound_holds_however_slow_and_one_sided_the_way_is(
    ahead_s: float, ways_s: list[tuple[float, float]]
) -> None:
    hosts = TwoHosts(ahead_s, ways_s)
    found = measure(hosts.here_s, hosts.there_s, questions=4)
    assert abs(found.ahead_s - ahead_s) <= found.within_s + 1e-6
    assert found.within_s == pytest.approx(min(there_s + back_s for there_s, back_s in ways_s) / 2, abs=1e-6)


def test_a_clock_that_drifts_away_is_seen() -> None:
    hosts = TwoHosts(1000.0, [(0.001, 0.001)] * 3)
    first = measure(hosts.here_s, hosts.there_s, questions=1)
    assert first == Offset(pytest.approx(1000.0), pytest.approx(0.001))
    hosts.ahead_s += 0.25
    later = measure(hosts.here_s, hosts.there_s, questions=1)
    assert later.furthest_from_s(first.ahead_s) == pytest.approx(0.251)
