"""The certificates that a backend installs over OCPP (white paper "Improved security for OCPP 1.6-J", ed. 3). Sans-I/O.

They are kept, listed and deleted as the standard says, and outlive a restart. The next connection trusts the roots for
a central system beside those that the device was given, and shows the station's new certificate.
"""

from __future__ import annotations

from random import Random
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from emulators.kit.ocpp.wire.rpc import Payload

CENTRAL_ROOT: Final = "CentralSystemRootCertificate"
CURVE: Final = ec.SECP256R1()
#: The order of the curve's group (SEC 2, 2.4.2): a private key lies between 1 and it.
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class CertificateStore:
    """The certificates of one charge point.

    Args:
        longest: ``CertificateStoreMaxLength``.
        rng: Where the key of a signing request comes from: of a test device, so it is repeatable.

    Attributes:
        revision: Rises with each change.
    """

    def __init__(self, longest: int, rng: Random) -> None:
        self._longest, self._rng = longest, rng
        self._installed: list[tuple[str, str]] = []  # use, PEM
        self._own: tuple[str, str] | None = None
        self._key: ec.EllipticCurvePrivateKey | None = None
        self.revision = 0

    def install(self, use: str, pem: str) -> str:
        """Take an ``InstallCertificate``; return its status."""
        if not self.can_read(pem):
            return "Rejected"
        if (use, pem) not in self._installed:
            if len(self._installed) >= self._longest:
                return "Failed"
            self._installed.append((use, pem))
            self.revision += 1
        return "Accepted"

    @staticmethod
    def can_read(pem: str) -> bool:
        """Return whether a text is a certificate."""
        try:
            x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            return False
        return True

    def installed(self, use: str) -> list[Payload]:
        """Return the ``CertificateHashData`` of what is installed for a use."""
        return [hash_data(pem, "SHA256") for kept, pem in self._installed if kept == use]

    def delete(self, data: Payload) -> str:
        """Take a ``DeleteCertificate``; return its status."""
        rest = [one for one in self._installed if hash_data(one[1], data["hashAlgorithm"]) != _normal(data)]
        if len(rest) == len(self._installed):
            return "NotFound"
        self._installed = rest
        self.revision += 1
        return "Accepted"

    def request(self, serial: str, organisation: str) -> str:
        """Return a signing request as PEM, with a new key: CN is the station's serial number, O the operator."""
        self._key = ec.derive_private_key(self._rng.randrange(1, ORDER), CURVE)
        names = [x509.NameAttribute(NameOID.COMMON_NAME, serial)]
        if organisation:
            names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        signed = builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)
        return signed.public_bytes(Encoding.PEM).decode()

    def signed(self, chain: str) -> bool:
        """Take a ``CertificateSigned``; return whether it is the answer to the request of this station."""
        try:
            first = x509.load_pem_x509_certificates(chain.encode())[0]
        except ValueError:
            return False
        if self._key is None or _public(first.public_key()) != _public(self._key.public_key()):
            return False
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._own = chain, key.decode()
        self.revision += 1
        return True

    @property
    def own(self) -> tuple[str, str] | None:
        """Return chain and key of the station's own certificate as PEM, None as long as nobody has signed one."""
        return self._own

    @property
    def roots(self) -> str:
        """Return the roots that may have signed a central system's certificate as PEM."""
        found = [x509.load_pem_x509_certificate(pem.encode()) for use, pem in self._installed if use == CENTRAL_ROOT]
        return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)  # without what stands around them

    def as_json(self) -> Payload:
        """Return what outlives a restart; the key of a request that is not answered does not."""
        return {"installed": [list(one) for one in self._installed], "own": self._own}

    def restore(self, kept: Payload) -> None:
        """Take what :meth:`as_json` returned."""
        self._installed = [(use, pem) for use, pem in kept["installed"]]
        self._own = None if kept["own"] is None else (kept["own"][0], kept["own"][1])


def is_request(pem: str) -> bool:
    """Return whether a text is a signing request, signed with its own key."""
    try:
        return x509.load_pem_x509_csr(pem.encode()).is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        return False


def hash_data(pem: str, algorithm: str) -> Payload:
    """Return the ``CertificateHashData`` of a certificate; hashes and number in small hexadecimal digits."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    # The issuer's key is a root's own. As in RFC 6960 it is the bits of the key that are hashed.
    public = certificate.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        key = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    elif isinstance(public, rsa.RSAPublicKey):
        key = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    else:
        key = _public(public)
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": _digest(certificate.issuer.public_bytes(), algorithm),
        "issuerKeyHash": _digest(key, algorithm),
        "serialNumber": f"{certificate.serial_number:x}",
    }


def _digest(data: bytes, algorithm: str) -> str:
    digest = hashes.Hash({"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}[algorithm])
    digest.update(data)
    return digest.finalize().hex()


def _normal(data: Payload) -> Payload:
    small = {name: data[name].lower() for name in ("issuerNameHash", "issuerKeyHash", "serialNumber")}
    return {"hashAlgorithm": data["hashAlgorithm"], **small, "serialNumber": small["serialNumber"].lstrip("0") or "0"}


def _public(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
