"""Whole deadlines: a server that sends a byte now and then holds nobody, wherever it begins to be slow."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import api.cli.base.remote as cli_remote
import ledger.remote.http as http_module
import ledger.remote.log as log_module
import ledger.remote.witness as witness_http
from api.cli.base.remote import Remote
from ledger.chain.rpc import Rpc
from ledger.remote.deadline import Deadline, bounded, cut
from ledger.remote.http import HttpFiles
from ledger.remote.log import SaltClient
from ledger.remote.witness import HttpWitness
from verifier.errors import Unavailable

SHORT = 0.15
"""Seconds of a deadline here; a drop comes every twentieth of a second, so that no single read ever takes so long."""
HEAD = b"HTTP/1.1 200 OK\r\nX-Slow: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"


@contextmanager
def dripping(first: bytes) -> Iterator[str]:
    """A server that sends the beginning of an answer, and then one byte after another, for as long as it is heard."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(first)
                while not over.wait(SHORT / 20):
                    connection.sendall(b"a")
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


READERS: dict[str, Callable[[str], object]] = {
    "a log's files": lambda url: HttpFiles(url, sleep=lambda _seconds: None).read("checkpoint", 10_000),
    "a log's large files": lambda url: list(HttpFiles(url).stream("segment/00", 10_000)),
    "a witness": lambda url: HttpWitness(url).checkpoint("00" * 32),
    "a node": lambda url: Rpc(url, timeout=SHORT).call("eth_chainId"),
    "a server": lambda url: Remote(url).get("/v1/participants"),
}


@pytest.mark.parametrize("first", [HEAD, BODY], ids=["header", "body"])
@pytest.mark.parametrize("who", READERS)
def test_whoever_drips_is_given_up(who: str, first: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "ANSWER_SECONDS", SHORT)
    monkeypatch.setattr(http_module, "SLOWEST", 10**9)
    monkeypatch.setattr(witness_http, "ANSWER_SECONDS", SHORT)
    monkeypatch.setattr(cli_remote, "READ_SECONDS", SHORT)
    with dripping(first) as url, pytest.raises(Unavailable):
        READERS[who](url)


def test_a_salt_that_drips_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "ANSWER_SECONDS", SHORT)
    with dripping(HEAD) as url:
        assert SaltClient(url, "token")("0x" + "00" * 32) is None


def test_a_connection_serves_the_next_request_under_a_deadline_of_its_own() -> None:
    with dripping(HEAD) as url, bounded(httpx.Client(trust_env=False)) as client:
        for _ in range(2):
            deadline = Deadline(SHORT)
            with deadline.running(), pytest.raises(httpx.ReadTimeout):
                client.get(url)
            assert deadline.left == 0
        outer = Deadline(SHORT)
        with outer.running(), Deadline(3_600).running(), pytest.raises(httpx.ReadTimeout):
            client.get(url)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, which sign themselves."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    own = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = made.add_extension(own, critical=False).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem))
    return path


@pytest.mark.parametrize("silent", ["in plain", "in TLS", "before TLS"])
def test_who_ends_a_client_waits_for_no_silent_server(silent: str, certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    heard, over = threading.Event(), threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            if silent == "in TLS":
                connection = server.wrap_socket(connection, server_side=True)
            connection.recv(65_536)
            heard.set()
            over.wait(30)

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        ThreadPoolExecutor(2) as pool,
        bounded(
            httpx.Client(verify=ssl.create_default_context(cafile=certificate), trust_env=False, timeout=20)
        ) as client,
    ):
        serving = pool.submit(serve)
        scheme = "http" if silent == "in plain" else "https"
        asked = pool.submit(client.get, f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
        try:
            assert heard.wait(10)
            begun = time.monotonic()
            cut(client)
            with pytest.raises(httpx.TransportError):
                asked.result(30)
            assert time.monotonic() - begun < 10
        finally:
            over.set()
        serving.result(10)
