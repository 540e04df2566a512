"""The installation's own certificates: made once, made anew when names change or the end is near."""

from datetime import timedelta
from pathlib import Path

from cryptography import x509

from cloud.core.clock import ManualClock
from cloud.core.tls import ensure_tls

NAMES = ("core.example", "10.0.0.5")


def test_the_same_certificate_serves_until_names_change(tmp_path: Path, clock: ManualClock) -> None:
    files = ensure_tls(tmp_path, NAMES, clock)
    first, authority = files.certificate.read_bytes(), files.authority.read_bytes()
    ensure_tls(tmp_path, NAMES, clock)
    assert files.certificate.read_bytes() == first
    ensure_tls(tmp_path, (*NAMES, "other.example"), clock)
    assert files.certificate.read_bytes() != first
    assert files.authority.read_bytes() == authority, "edges trust the authority: it stays"


def test_the_certificate_is_renewed_a_month_before_its_end(tmp_path: Path, clock: ManualClock) -> None:
    files = ensure_tls(tmp_path, NAMES, clock)
    first = files.certificate.read_bytes()
    clock.move(timedelta(days=366))
    ensure_tls(tmp_path, NAMES, clock)
    assert files.certificate.read_bytes() == first
    clock.move(timedelta(days=2))
    ensure_tls(tmp_path, NAMES, clock)
    assert files.certificate.read_bytes() != first


def test_the_server_is_no_authority_and_keys_are_for_their_owner(tmp_path: Path, clock: ManualClock) -> None:
    files = ensure_tls(tmp_path, NAMES, clock)
    server = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    server.verify_directly_issued_by(authority)
    assert server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("*.key")} == {0}
