"""Over TLS with a certificate that the test makes: the node believes its authority and nobody else."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from yigong.edge import identity
from yigong.edge.client import open_http
from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange.edge.models import Bundle
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.feature("G33")]


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """A certificate for *address* that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "centre")])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), moment - timedelta(1), moment + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / f"{address}.pem", folder / f"{address}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(key.private_bytes(*form))
    return paths


@contextlib.contextmanager
def terminated(target: int, cert: Path, key: Path) -> Iterator[int]:
    """A TLS endpoint before the page server, as a reverse proxy is in an installation; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=[server, context, target], daemon=True).start()
        yield int(server.getsockname()[1])


def _accept(server: socket.socket, context: ssl.SSLContext, target: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            raw, _address = server.accept()
            threading.Thread(target=_serve, args=[raw, context, target], daemon=True).start()


def _serve(raw: socket.socket, context: ssl.SSLContext, target: int) -> None:
    with contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as near:
        far = socket.create_connection(("127.0.0.1", target))
        threading.Thread(target=_pump, args=[far, near], daemon=True).start()
        _pump(near, far)


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(16384):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def test_a_node_speaks_tls_with_a_county_of_its_own_authority(tmp_path: Path, live_server: Any) -> None:
    """Enrolled, read, sent and receipted over TLS; without the authority, or under another address, not a byte goes."""
    _node, code, _feed = place.centre(tmp_path / "lis.db", lab.good(10))
    port = int(live_server.url.rpartition(":")[2])
    good, other = certificate(tmp_path, "127.0.0.1"), certificate(tmp_path, "127.0.0.9")
    with terminated(port, *good) as right, terminated(port, *other) as wrong:
        for url, authority in [(right, ""), (wrong, str(other[0])), (right, str(other[0]))]:
            with pytest.raises(Fault, match="away"):
                identity.enrol(tmp_path / "node", f"https://127.0.0.1:{url}", code, authority=authority)
        identity.enrol(tmp_path / "node", f"https://127.0.0.1:{right}", code, authority=str(good[0]))
        machine = place.Machine(tmp_path / "node")
        machine.take_orders()
        machine.read()
        machine.send()
        assert sum(Bundle.objects.values_list("rows", flat=True)) == 20
        machine.close()


def test_nothing_goes_unencrypted_over_a_network() -> None:
    """Plain HTTP is for this machine itself."""
    with pytest.raises(Refused, match="not_https"):
        open_http("http://192.0.2.7:8000")
