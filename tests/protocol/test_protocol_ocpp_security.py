"""The four security profiles accept and refuse; each refusal is said on the side where a real device shows it."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import pytest
from cryptography import x509

from emulators.kit.ocpp.point.certificates import CertificateStore
from emulators.kit.ocpp.shell.security import (
    Authority,
    Certificate,
    OnFailure,
    Security,
    ServerSecurity,
    basic,
    names_in,
)
from emulators.kit.ocpp.shell.server import Server, StationHello
from emulators.kit.ocpp.shell.session import OcppSession, Unreachable, UpgradeRefused, connect
from tests.protocol.conftest import AUTHORITY, FakeHost
from tests.protocol.ocpp_peers import NOW

Run = Callable[[Coroutine[Any, Any, None]], None]
PASSWORD = b"0123456789abcdef"
HERE = AUTHORITY.issue("127.0.0.1")
STATION = AUTHORITY.issue("CP1")
STRANGER = Authority()
STATIONS: dict[int, Security] = {
    0: Security(),
    1: Security(profile=1, password=PASSWORD),
    2: Security(profile=2, password=PASSWORD, trusted=AUTHORITY.root),
    3: Security(profile=3, trusted=AUTHORITY.root, certificate=STATION),
}


def server_security(profile: int, certificate: Certificate = HERE) -> ServerSecurity:
    return ServerSecurity(
        profile=profile,  # type: ignore[arg-type]
        password_of={"CP1": PASSWORD}.get,
        certificate=certificate,
        trusted=AUTHORITY.root,
    )


async def attempt(
    host: FakeHost, server: ServerSecurity, station: Security, *, scheme: str = "", identity: str = "CP1"
) -> OcppSession:
    """Open a session, use it, and return it; the server is stopped afterwards."""
    running = Server(host, on_call=lambda *_: NOW, security=server)
    await running.start("127.0.0.1", 0)
    scheme = scheme or ("wss" if station.profile >= 2 else "ws")
    try:
        session = await connect(
            host,
            f"{scheme}://127.0.0.1:{running.port}/ocpp",
            identity=identity,
            on_call=lambda *_: {},
            security=station,
            open_timeout_s=5,
        )
        assert await session.call("Heartbeat", {}, timeout_s=5) == NOW
        return session
    finally:
        await running.stop()


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
def test_each_profile_accepts(run: Run, host: FakeHost, profile: int) -> None:
    async def scenario() -> None:
        session = await attempt(host, server_security(profile), STATIONS[profile])
        await session.closed()

    run(scenario())
    assert [event for event, _ in host.traced] == ["ocpp_connected", "ocpp_disconnected"]


Case = tuple[ServerSecurity, Security, dict[str, str], str, list[str]]
REFUSALS: list[tuple[str, ServerSecurity, Security, dict[str, str], str, list[str]]] = [
    ("1: wrong password", server_security(1), Security(profile=1, password=b"wrong"), {}, "HTTP 401", ["401"]),
    ("1: no password", server_security(1), Security(), {}, "HTTP 401", ["401"]),
    ("1: unknown", server_security(1), STATIONS[1], {"identity": "CP9"}, "HTTP 401", ["401"]),
    (
        "2: wrong password",
        server_security(2),
        Security(profile=2, password=b"wrong", trusted=AUTHORITY.root),
        {},
        "HTTP 401",
        ["401"],
    ),
    (
        "2: expired certificate",
        server_security(2, AUTHORITY.issue("127.0.0.1", expired=True)),
        STATIONS[2],
        {},
        "the certificate is refused: certificate has expired",
        ["certificate expired"],
    ),
    (
        "2: wrong host name",
        server_security(2, AUTHORITY.issue("other.example")),
        STATIONS[2],
        {},
        "the certificate is refused: IP address mismatch",
        ["bad certificate"],
    ),
    (
        "2: unknown root",
        server_security(2, STRANGER.issue("127.0.0.1")),
        STATIONS[2],
        {},
        "the certificate is refused: unable to get local issuer certificate",
        ["unknown ca"],
    ),
    (
        "2: plain against TLS",
        server_security(2),
        STATIONS[1],
        {},
        "no HTTP is spoken there; it may want TLS",
        ["plain HTTP, not TLS"],
    ),
    ("2: TLS against plain", server_security(1), STATIONS[2], {}, "it may speak plain ws://", ["no WebSocket"]),
    ("2: ws:// in the settings", server_security(2), STATIONS[2], {"scheme": "ws"}, "profile 2 needs wss://", []),
    (
        "3: no certificate",
        server_security(3),
        STATIONS[2],
        {},
        "the server wants a certificate of the client",
        ["the client showed no certificate"],
    ),
    (
        "3: certificate of a stranger",
        server_security(3),
        Security(profile=3, trusted=AUTHORITY.root, certificate=STRANGER.issue("CP1")),
        {},
        "tlsv1 alert unknown ca",
        ["unable to get local issuer certificate"],
    ),
    (
        "3: certificate of another station",
        server_security(3),
        STATIONS[3],
        {"identity": "CP2"},
        "HTTP 401",
        ["the certificate is for cp1"],
    ),
    (
        "3: expired certificate of the station",
        server_security(3),
        Security(profile=3, trusted=AUTHORITY.root, certificate=AUTHORITY.issue("CP1", expired=True)),
        {},
        "alert certificate expired",
        ["certificate has expired"],
    ),
    (
        "3: expired certificate of the server",
        server_security(3, AUTHORITY.issue("127.0.0.1", expired=True)),
        STATIONS[3],
        {},
        "the certificate is refused: certificate has expired",
        ["certificate expired"],
    ),
]


@pytest.mark.parametrize("case", [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_each_profile_refuses_in_words(run: Run, host: FakeHost, case: Case) -> None:
    server, station, how, told, traced = case

    async def scenario() -> None:
        with pytest.raises(UpgradeRefused) as error:
            await attempt(host, server, station, **how)
        assert told in error.value.reason
        assert error.value.status == (401 if "401" in told else None)

    run(scenario())
    found = [fields for _, fields in host.traced]
    assert len(found) == len(traced), found
    for text, fields in zip(traced, found, strict=True):
        assert text in str(fields).replace("_", " ")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_missing_certificate_is_told_in_either_version_of_tls(
    run: Run, host: FakeHost, version: ssl.TLSVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Security.context

    def pinned(self: Security, on_failure: OnFailure) -> ssl.SSLContext:
        context = made(self, on_failure)
        context.maximum_version = context.minimum_version = version
        return context

    monkeypatch.setattr(Security, "context", pinned)

    async def scenario() -> None:
        with pytest.raises(UpgradeRefused, match=r"wants? a certificate of the client"):
            await attempt(host, server_security(3), STATIONS[2])

    run(scenario())


@pytest.mark.parametrize(
    "station",
    [
        Security(profile=3, trusted=AUTHORITY.root, certificate=Certificate(b"no", b"certificate")),
        Security(profile=3, trusted=b"no root", certificate=STATION),
    ],
)
def test_a_station_that_has_no_use_for_what_it_was_given_says_so(run: Run, host: FakeHost, station: Security) -> None:
    async def scenario() -> None:
        with pytest.raises(UpgradeRefused):
            await attempt(host, server_security(3), station)

    run(scenario())


@pytest.mark.parametrize("identity", ["CP 1/ä%", "CP1"])
def test_a_signed_request_is_a_certificate_for_the_identity_that_was_proved(
    run: Run, host: FakeHost, identity: str
) -> None:
    """Its subject is what the station put into its request, here another station's identity; it counts for nothing."""
    store = CertificateStore(16, random.Random(1))
    chain = AUTHORITY.sign(store.request("CP9", "Operator"), identity)
    assert store.signed(chain)
    assert store.own is not None
    certificate = Certificate(*map(str.encode, store.own))
    station = Security(profile=3, trusted=AUTHORITY.root, certificate=certificate)

    async def scenario() -> None:
        await attempt(host, server_security(3), station, identity=identity)
        with pytest.raises(UpgradeRefused, match="HTTP 401"):
            await attempt(host, server_security(3), station, identity="CP9")

    run(scenario())
    assert x509.load_pem_x509_certificate(chain.encode()).subject.rfc4514_string() == "O=Operator,CN=CP9"
    assert host.traced[-1][1]["why"] == f"the certificate is for {identity}"


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        (None, ()),
        ({"subject": ((("organizationName", "O"),), (("commonName", "CP1"),))}, ("CP1",)),
        ({"subject": ((("commonName", "CP9"),),), "subjectAltName": (("DNS", "CP1"), ("IP Address", "::1"))}, ("CP1",)),
    ],
)
def test_for_whom_a_certificate_is(certificate: dict[str, Any] | None, names: tuple[str, ...]) -> None:
    assert names_in(certificate) == names


def test_an_identity_that_is_not_admitted_gets_404_before_any_password(run: Run, host: FakeHost) -> None:
    asked: list[StationHello] = []

    def admit(hello: StationHello) -> HTTPStatus | None:
        asked.append(hello)
        return HTTPStatus.NOT_FOUND if hello.identity != "CP1" else None

    async def scenario() -> None:
        server = Server(host, on_call=lambda *_: NOW, admit=admit, security=server_security(1))
        await server.start("127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.port}/a/b"
        with pytest.raises(UpgradeRefused, match="HTTP 404") as error:
            await connect(host, url, identity="CP2", on_call=lambda *_: {}, security=STATIONS[1])
        assert error.value.status == 404
        session = await connect(host, url, identity="CP1", on_call=lambda *_: {}, security=STATIONS[1])
        await session.close()
        await server.stop()

    run(scenario())
    assert asked == [StationHello("CP2", "/a/b", "CP2"), StationHello("CP1", "/a/b", "CP1")]


def test_valid_certificates_cover_every_epoch_and_expired_ones_none() -> None:
    for expired, begins, ends in ((False, 2000, 2999), (True, 1990, 1991)):
        certificate = x509.load_pem_x509_certificate(AUTHORITY.issue("CP1", expired=expired).chain)
        assert (certificate.not_valid_before_utc.year, certificate.not_valid_after_utc.year) == (begins, ends)


def test_another_process_signs_with_the_same_authority(run: Run, host: FakeHost) -> None:
    again = Authority(AUTHORITY.pem)
    assert again.root == AUTHORITY.root

    async def scenario() -> None:
        session = await attempt(host, server_security(2, again.issue("127.0.0.1")), STATIONS[2])
        await session.closed()

    run(scenario())


def test_no_password_is_no_password() -> None:
    """A station without one is not proved by a header without one."""
    server = server_security(1)
    assert not server.objection("CP1", "Basic Q1AxOjAxMjM0NTY3ODlhYmNkZWY=")
    for identity, header in (("", ""), ("CP9", "Basic Q1A5Og=="), ("CP9", ""), ("", "Bearer x")):
        assert server.objection(identity, header), (identity, header)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Basic Q1AxOnM6dA==", ("CP1", b"s:t")),
        ("basic Q1AxOnM=", ("CP1", b"s")),
        ("Basic Q1Ax", ("", None)),
        ("Basic !!!!", ("", None)),
        ("Bearer Q1AxOnM=", ("", None)),
        ("Basic /zpz", ("", None)),
        ("", ("", None)),
    ],
)
def test_the_header_of_http_basic(header: str, found: tuple[str, bytes | None]) -> None:
    assert basic(header) == found


def test_a_dead_port_is_unreachable_with_tls_too(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        with pytest.raises(Unreachable, match="Connection refused"):
            await connect(host, "wss://127.0.0.1:1", identity="CP1", on_call=lambda *_: {}, security=STATIONS[2])
        await asyncio.sleep(0)

    run(scenario())
