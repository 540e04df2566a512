"""The pinned connection: one authority vouches for the cloud, and whatever answers in its place is not believed."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from edge.core.errors import Rejected, Unreachable
from edge.sync.api import CloudApi, SessionEnded, decoded, failure_of
from edge.sync.settings import CloudSettings
from protocols.sync.codec import encode
from protocols.sync.messages import BatchAnswer, Fault, HeartbeatAnswer, LeasePage, ReplicaPage

ANSWER = LeasePage(1, 1, 0, ())


def make_certificate(folder: Path, name: str) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.with_suffix(".key").write_bytes(key.private_bytes(*pem))
    return path


@asynccontextmanager
async def answering(body: bytes, *, status: int = 200, certificate: Path | None = None) -> AsyncIterator[str]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    app = web.Application()
    app.router.add_route("*", "/edge/v1/leases", answer)
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask(url: str, *, ca_file: str = "", timeout_s: float = 3.0) -> LeasePage:
    api = CloudApi(CloudSettings(url=url, ca_file=ca_file, timeout_s=timeout_s))
    try:
        return await api.get("leases", LeasePage, after=0)
    finally:
        await api.close()


async def test_the_named_authority_is_trusted_and_no_other(tmp_path: Path) -> None:
    ours, other = make_certificate(tmp_path, "ours"), make_certificate(tmp_path, "other")
    async with answering(encode(ANSWER), certificate=ours) as url:
        assert await ask(url, ca_file=str(ours)) == ANSWER
        with pytest.raises(Unreachable, match="ertificate"):
            await ask(url, ca_file=str(other))
        with pytest.raises(Unreachable, match="ertificate"):
            await ask(url)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, encode(Fault("session_ended", "", retry=False)), SessionEnded),
        (409, encode(Fault("fork", "two copies", retry=False)), Rejected),
        (503, encode(Fault("busy", "", retry=True)), Unreachable),
        (502, b"<html>bad gateway</html>", Unreachable),
        (200, b"<html>log in to the wireless network</html>", Unreachable),
        (200, b"", Unreachable),
        (404, b"", Unreachable),
    ],
)
async def test_an_answer_is_typed_by_what_to_do(status: int, body: bytes, error: type[Exception]) -> None:
    async with answering(body, status=status) as url:
        with pytest.raises(error):
            await ask(url)


async def test_a_server_that_takes_the_call_and_says_nothing_is_given_up_in_time() -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Unreachable):
        await ask(f"http://127.0.0.1:{port}", timeout_s=1.0)
    server.close()


@given(st.binary(max_size=200))
def test_any_bytes_for_an_answer_end_as_a_typed_error_or_a_message(body: bytes) -> None:
    for kind in (BatchAnswer, HeartbeatAnswer, LeasePage, ReplicaPage):
        with suppress(Unreachable):
            assert isinstance(decoded(body, kind), kind)
    assert isinstance(failure_of(500, body), (Unreachable, Rejected))
