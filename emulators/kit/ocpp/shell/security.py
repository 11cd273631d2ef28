"""The four security profiles of OCPP 1.6 (white paper "Improved security for OCPP 1.6-J"), of both sides.

0: trusted network. 1: HTTP Basic over a plain connection. 2: TLS, the server has a certificate, the station a password.
3: TLS, both have certificates. Certificates are made for a run (:class:`Authority`) and never kept in the sources.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

Profile = Literal[0, 1, 2, 3]
OnFailure = Callable[[ssl.SSLError], None]
#: OpenSSL looks at the machine's clock, devices at the site's: a valid certificate covers both, whatever they say.
VALID: Final = (datetime(2000, 1, 1), datetime(2999, 12, 31))
#: An expired one lies before both.
EXPIRED: Final = (datetime(1990, 1, 1), datetime(1991, 1, 1))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key and chain, as PEM."""

    chain: bytes
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What a charge point shows and trusts.

    Attributes:
        profile: 0 to 3; with 2 and 3 the URL has to be ``wss://``.
        password: AuthorizationKey, the password of HTTP Basic (profiles 1 and 2); the user is the identity.
        trusted: PEM of the roots that may have signed the central system's certificate (``wss://``).
        certificate: The station's own (profile 3).
    """

    profile: Profile = 0
    password: bytes = b""
    trusted: bytes = b""
    certificate: Certificate | None = None

    def context(self, on_failure: OnFailure) -> ssl.SSLContext:
        """Return the TLS settings of a client.

        Args:
            on_failure: Told why a handshake failed.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _watch(context, on_failure)
        if self.trusted:
            context.load_verify_locations(cadata=self.trusted.decode("ascii"))
        if self.profile == 3 and self.certificate is not None:
            _load(context, self.certificate)
        return context

    def headers(self, identity: str) -> dict[str, str]:
        """Return the headers by which a station of this identity proves itself."""
        if self.profile not in (1, 2):
            return {}
        shown = base64.b64encode(identity.encode() + b":" + self.password).decode("ascii")
        return {"Authorization": f"Basic {shown}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSecurity:
    """What a central system shows and wants to see.

    Attributes:
        profile: 0 to 3; with 3, a station's certificate has to be for its identity.
        password_of: Returns a charge point's password by its identity, None for one that has none (profiles 1 and 2).
        certificate: Of the server (profiles 2 and 3).
        trusted: PEM of the roots that may have signed a station's certificate (profile 3).
    """

    profile: Profile = 0
    password_of: Callable[[str], bytes | None] = lambda _identity: None
    certificate: Certificate | None = None
    trusted: bytes = b""

    def context(self, on_failure: OnFailure) -> ssl.SSLContext | None:
        """Return the TLS settings of a server, None for a plain one.

        Args:
            on_failure: Told why a handshake failed.
        """
        if self.profile not in (2, 3):
            return None
        if self.certificate is None:
            raise ValueError(f"security profile {self.profile} needs a certificate of the server")

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _watch(context, on_failure)
        _load(context, self.certificate)
        if self.profile == 3:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.trusted.decode("ascii"))
        return context

    def objection(self, identity: str, authorization: str, names: Collection[str] = ()) -> str:
        """Return why a station has not proved its identity, empty when it has.

        Args:
            identity: The one that it claims.
            authorization: Its header of HTTP Basic (profiles 1 and 2).
            names: For whom its certificate is (profile 3).
        """
        if self.profile == 3:
            is_for_it = identity.casefold() in map(str.casefold, names)  # an identity has any case, as a DNS name
            return "" if is_for_it else f"the certificate is for {', '.join(names) or 'nobody'}"
        if self.profile == 0:
            return ""
        user, password = basic(authorization)
        if user == identity and password is not None and password == self.password_of(identity):
            return ""
        return "user or password is wrong" if authorization else "no password"


def names_in(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return for whom a peer's certificate is: its alternative names, where it has none its common name (RFC 6125).

    Args:
        certificate: As :meth:`ssl.SSLObject.getpeercert` returns it.
    """
    shown = certificate or {}
    common = [value for part in shown.get("subject", ()) for name, value in part if name == "commonName"]
    others = [unquote(value) for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"]
    return tuple(others or common)


def basic(authorization: str) -> tuple[str, bytes | None]:
    """Return user and password of an ``Authorization`` header, an empty user and None when it has none."""
    scheme, _, shown = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", None
    try:
        user, colon, password = base64.b64decode(shown.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else ("", None)
    except (binascii.Error, UnicodeDecodeError):
        return "", None


class Authority:
    """A certificate authority of one run; what it signs is good on every bench.

    Args:
        pem: Certificate and key of one that was made before, None for a new one.
    """

    def __init__(self, pem: Certificate | None = None) -> None:
        self._ca = trustme.CA(organization_name="hilfarm") if pem is None else trustme.CA.from_pem(pem.chain, pem.key)

    @property
    def root(self) -> bytes:
        """Return its certificate as PEM, for those who trust it."""
        return self._ca.cert_pem.bytes()

    @property
    def pem(self) -> Certificate:
        """Return certificate and key, for a process that has to sign as well."""
        return Certificate(self.root, self._ca.private_key_pem.bytes())

    def issue(self, name: str, *further: str, expired: bool = False) -> Certificate:
        """Return a certificate for host names or addresses; the first is its common name too."""
        begins, ends = EXPIRED if expired else VALID
        made = self._ca.issue_cert(
            name, *further, common_name=name, organization_name="hilfarm", not_before=begins, not_after=ends
        )
        return Certificate(b"".join(one.bytes() for one in made.cert_chain_pems), made.private_key_pem.bytes())

    def sign(self, request: str, identity: str) -> str:
        """Return the certificate that a station asks for, as PEM.

        Its subject is the request's, where stations put their serial number; the identity that the station has proved
        is its alternative name.

        Args:
            request: Signing request as PEM.
            identity: The station's.
        """
        asked = x509.load_pem_x509_csr(request.encode())
        root = x509.load_pem_x509_certificate(self.root)
        key = load_pem_private_key(self.pem.key, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        begins, ends = VALID
        made = (
            x509.CertificateBuilder(root.subject, asked.subject, asked.public_key(), x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(quote(identity, safe=""))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return made.public_bytes(Encoding.PEM).decode()


def _watch(context: ssl.SSLContext, on_failure: OnFailure) -> None:
    """Tell of handshakes that fail, and let the peer know as well: asyncio closes before OpenSSL's alert is sent.

    A handshake that fails here asks for more bytes first, which sends what is to be sent; the peer closes on the alert.
    One that fails by the peer's alert, or because the peer speaks no TLS, ends at once.
    """

    class Watched(ssl.SSLObject):
        failure: ssl.SSLError | None = None

        def do_handshake(self) -> None:
            if self.failure is not None:
                raise self.failure
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                self.failure = error
                on_failure(error)
                if "ALERT" in str(error.reason) or error.reason in _NO_TLS:
                    raise
                raise ssl.SSLWantReadError from error

    context.sslobject_class = Watched


def in_words(error: ssl.SSLError) -> str:
    """Return why TLS failed, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    reason = str(error.reason or error).replace("_", " ").lower()
    return _REASONS.get(str(error.reason), f"TLS failed: {reason}")


_REASONS: Final = {
    "HTTP_REQUEST": "the client speaks plain HTTP, not TLS",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the client showed no certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a certificate of the client",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server broke the handshake off: it may want a certificate of the client",
    "WRONG_VERSION_NUMBER": "the server speaks no TLS",
    "RECORD_LAYER_FAILURE": "the server speaks no TLS",
}


#: Reasons that say that the peer speaks something else.
_NO_TLS: Final = ("HTTP_REQUEST", "WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads keys from files only
        file = Path(folder) / "certificate.pem"
        file.touch(mode=0o600)
        file.write_bytes(certificate.key + certificate.chain)
        context.load_cert_chain(file)
