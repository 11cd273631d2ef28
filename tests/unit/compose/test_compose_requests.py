"""The channel between the test runner and the run's own process, over its real socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.compose.requests import SOCKET, RequestServer, RunChannel
from hil.errors import BenchError, ScenarioError
from hil.process.containers import Act
from hil.run.session import build_site
from hil.site import Site, shipped_sites


class Engine:
    """Notes what it is asked for."""

    on_host = True

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.acts: list[tuple[str, str]] = []

    def need(self, site: Site) -> Mapping[str, IPv4Network]:
        self.sites.append(site)
        return {"lan": IPv4Network("198.18.7.0/24")}

    def act(self, what: Act, device: str) -> None:
        if device == "CP9":
            raise ScenarioError("there is no CP9")
        if device == "CP8":
            raise KeyError("a bug")
        self.acts.append((what, device))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="module")
def requests(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestServer]:
    """Return the channel in a folder whose name is longer than a socket's may be."""
    place = tmp_path_factory.mktemp("x" * 120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(place))
        one = RequestServer(engine)
    assert len(str(one.folder / SOCKET)) > 108
    assert one.folder.stat().st_mode & 0o777 == 0o700
    yield one
    one.close()
    assert list(place.iterdir()) == []


@pytest.fixture
def short(requests: RequestServer, tmp_path: Path) -> Iterator[Path]:
    """Return where the runner finds the socket: its folder is mounted at a short path."""
    link = Path(f"/tmp/hil-{id(requests)}")
    link.symlink_to(requests.folder)
    yield link / SOCKET
    link.unlink()


@pytest.mark.parametrize("ref", shipped_sites())
def test_a_site_arrives_as_it_was_sent(ref: str, short: Path, engine: Engine) -> None:
    site = build_site(ref, {"epoch": "2026-01-02T03:04:05Z"})
    assert RunChannel(short).need(site) == {"lan": IPv4Network("198.18.7.0/24")}
    assert (engine.sites[-1].sha256, engine.sites[-1].ref) == (site.sha256, ref)


def test_acts_are_done_and_errors_come_back_as_what_they_are(short: Path, engine: Engine) -> None:
    host = RunChannel(short)
    host.act("kill", "CP1")
    host.act("resume", "CP2")
    assert engine.acts == [("kill", "CP1"), ("resume", "CP2")]
    with pytest.raises(ScenarioError, match="there is no CP9"):
        host.act("kill", "CP9")
    with pytest.raises(BenchError, match="KeyError: 'a bug'"):
        host.act("kill", "CP8")
    with pytest.raises(BenchError, match="is no request"):
        host.act("explode", "CP1")  # type: ignore[arg-type]


@given(st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b'{"do": "site"}', b'{"do": "site", "ref": 1}']))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_gets_an_error_and_the_next_is_served(short: Path, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as guest:
        guest.connect(str(short))
        guest.sendall(line.replace(b"\n", b"") + b"\n")
        assert guest.makefile("rb").readline().startswith(b'{"error": ')
    RunChannel(short).act("pause", "CP1")
