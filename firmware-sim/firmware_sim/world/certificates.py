"""A certificate authority of the simulated network, kept in a folder."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Quartermaster simulated network")])


@dataclass(frozen=True)
class Authority:
    """A self-signed certificate for 127.0.0.1 that gateways are told to trust."""

    certificate: Path
    key: Path

    @classmethod
    def open(cls, folder: Path) -> "Authority":
        """Read the authority of `folder`, or make it there."""
        folder.mkdir(parents=True, exist_ok=True)
        authority = cls(folder / "network.pem", folder / "network.key")
        if not (authority.certificate.exists() and authority.key.exists()):
            authority._make()
        return authority

    def server_context(self) -> ssl.SSLContext:
        """TLS for the listening side."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_NAME)
            .issuer_name(_NAME)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.key.touch(mode=0o600)
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
