"""Who the server is, is proved or nothing is sent: expired, foreign, self-signed, another name's certificate (B9)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.i18n import LANGUAGES, translate
from common.kernel.command import Role
from common.protocol.messages import ClockNow, NotTrusted, SyncRequest
from common.tickets.field_work import AddNote
from field_app.store.outbox import counts
from field_app.sync.engine import SyncEngine
from field_app.sync.http import HttpExchange
from field_app.sync.plan import Line
from tests.support.served import Server, a_server, a_tablet, listening
from tests.support.tickets import a_ticket_for

NOW = datetime.now(UTC)  # noqa: TID251, DTZ005 - certificates are judged by the real clock
Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(
    name: str, *, by: Signed | None = None, begins_d: int = -1, ends_d: int = 30, address: str = "127.0.0.1"
) -> Signed:
    """Make a certificate; without `by` it signs itself and may sign others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = by[0].subject if by else subject
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=begins_d)).not_valid_after(NOW + timedelta(days=ends_d))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
    )  # fmt: skip
    return builder.sign(by[1] if by else key, hashes.SHA256()), key


def write(folder: Path, signed: Signed) -> tuple[str, str]:
    """Write certificate and key; returns their paths."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(signed[0].public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        signed[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(cert), str(key)


@contextmanager
def over_tls(server: Server, signed: Signed, folder: Path) -> Iterator[str]:
    """Serve with this certificate; yields the address."""
    cert, key = write(folder, signed)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = uvicorn.Server(
            uvicorn.Config(
                server.app,
                log_level="critical",
                ssl_certfile=cert,
                ssl_keyfile=key,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )  # fmt: skip
        )
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join()


@pytest.mark.fault("B9", "P5")
def test_only_a_good_certificate_is_believed_and_work_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, stranger = certificate("Office root"), certificate("Somebody's root")
    (tmp_path / "root.pem").write_bytes(root[0].public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    with a_server("", tmp_path) as server:
        engineer = server.person(Role.ENGINEER)
        with listening(server) as plain:
            tablet = a_tablet(server, plain, tmp_path / "tablet", engineer)
            ticket = a_ticket_for(server, engineer)
            tablet.engine.turn(asked=True)
            tablet.store.give(AddNote(ticket, "kept until somebody can be believed"))
        bad = {
            "expired": certificate("office", by=root, begins_d=-30, ends_d=-1),
            "not yet": certificate("office", by=root, begins_d=2),
            "foreign": certificate("office", by=stranger),
            "self-signed": certificate("office"),
            "another name": certificate("office", by=root, address="127.0.0.2"),
        }
        for name, signed in bad.items():
            with over_tls(server, signed, tmp_path) as url:
                exchange = HttpExchange(url, tablet.enrolled.device_id, tablet.key, server.clock)
                with pytest.raises(NotTrusted) as told:
                    exchange.sync(SyncRequest(tablet.enrolled.device_id, 1, "0" * 18, ClockNow(1, 1, "b")))
                assert told.value.code == "server_certificate", name
                engine = SyncEngine(tablet.store, exchange, server.clock, lambda: 0.5)
                engine.turn(asked=True)
                assert engine.last_error == "server_certificate", name
                exchange.close()
        with tablet.store.read() as session:
            assert counts(session).waiting == 1
        with over_tls(server, certificate("office", by=root), tmp_path) as url:
            exchange = HttpExchange(url, tablet.enrolled.device_id, tablet.key, server.clock)
            engine = SyncEngine(tablet.store, exchange, server.clock, lambda: 0.5, line=Line())
            engine.turn(asked=True)
            assert engine.last_error == ""
            exchange.close()
        with tablet.store.read() as session:
            assert counts(session).waiting == 0
    assert len({translate(language, "reason.server_certificate") for language in LANGUAGES}) == 3
