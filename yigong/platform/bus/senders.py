"""Sends one message to one endpoint over its protocol, and says what the answer means.

*delivered*: the receiver has it. *refused*: it will never take it as it is. *failed*: it did not take it now. *away*: nobody
answered, or the receiver says that it cannot work; then the message is not to blame.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from lxml import etree

from yigong.kit.errors import Fault, Refused
from yigong.kit.hl7v2.parse import Message as Parsed
from yigong.kit.hl7v2.parse import NotHl7
from yigong.outbox import api as outbox
from yigong.platform.bus.content import HL7V2, XML, Content
from yigong.platform.bus.mllp import Framer, TooLarge, frame
from yigong.platform.bus.models import Endpoint

DELIVERED, REFUSED, FAILED, AWAY = "delivered", "refused", "failed", "away"
ANSWER_BYTES = 1 << 20
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
#: the receiver itself cannot work; others of 400 and above speak of the message
AWAY_STATUS = frozenset({408, 429, 502, 503, 504})
NEVER_STATUS = frozenset({400, 403, 404, 405, 410, 413, 415, 422})
OWN_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "authorization", "idempotency-key"}
)


class Result(NamedTuple):
    """What became of one sending; *answer* is a short code, *body* what was answered (kept only where a process asks)."""

    word: str
    answer: str
    body: bytes = b""


class Parcel(NamedTuple):
    """What is sent: the message, and the names under which receivers know it."""

    content: Content
    key: str  # idempotency key
    kind: str
    partition_key: str


def send(endpoint: Endpoint, parcel: Parcel) -> Result:
    """Send and wait for the answer, at most the endpoint's time-out."""
    sender = SENDERS.get(endpoint.kind)
    if sender is None:
        return Result(REFUSED, "no_sender")
    try:
        return sender(endpoint, parcel)
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        return Result(AWAY, type(error).__name__[:60])


# ---- HTTP and SOAP ----


@lru_cache(maxsize=64)
def _session(timeout: int, verify: bool) -> httpx.Client:
    return httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False, verify=verify)


def _reachable(url: str) -> None:
    """Refuse what only this machine's own infrastructure answers (link-local addresses). Raises OSError."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    for *_, address in socket.getaddrinfo(parts.hostname or "", port, type=socket.SOCK_STREAM):
        if ipaddress.ip_address(address[0]).is_link_local:
            raise PermissionError("link-local address")


def secret_name(endpoint: Endpoint) -> str:
    """The variable of an endpoint's secret: hyphens and slashes of its code as underscores."""
    return "YIGONG_SECRET_BUS_" + "".join(c if c.isalnum() else "_" for c in endpoint.code).upper()


def secret_of(endpoint: Endpoint) -> str:
    """The secret of an endpoint."""
    return str(settings.SECRET_OF(secret_name(endpoint).removeprefix("YIGONG_SECRET_").lower()))


def _headers(endpoint: Endpoint, parcel: Parcel) -> dict[str, str]:
    given: Mapping[str, Any] = endpoint.options.get("headers", {})
    headers = {str(k): str(v) for k, v in given.items() if str(k).lower() not in OWN_HEADERS}
    headers |= {"Idempotency-Key": parcel.key, "X-Message-Type": parcel.kind.encode("ascii", "replace").decode()}
    headers.setdefault("Content-Type", parcel.content.media)
    if endpoint.options.get("auth") == "bearer":
        headers["Authorization"] = f"Bearer {secret_of(endpoint)}"
    return headers


def _post(endpoint: Endpoint, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    _reachable(endpoint.address)
    login = str(endpoint.options.get("login", ""))
    auth = (login, secret_of(endpoint)) if endpoint.options.get("auth") == "basic" else None
    session = _session(endpoint.timeout_seconds, bool(endpoint.options.get("verify", True)))
    method = str(endpoint.options.get("method", "POST")).upper()
    with session.stream(method, endpoint.address, content=body, headers=headers, auth=auth) as answer:
        kept = b""
        for piece in answer.iter_bytes():
            kept += piece
            if len(kept) > ANSWER_BYTES:
                break  # an answer of that size is nobody's receipt
        return answer.status_code, kept[:ANSWER_BYTES]


def _meaning(status: int) -> str:
    if status < 300:
        return DELIVERED
    if status in AWAY_STATUS:
        return AWAY
    return REFUSED if status in NEVER_STATUS or status < 400 else FAILED


def _http(endpoint: Endpoint, parcel: Parcel) -> Result:
    status, body = _post(endpoint, parcel.content.body, _headers(endpoint, parcel))
    return Result(_meaning(status), str(status), body)


def _soap(endpoint: Endpoint, parcel: Parcel) -> Result:
    """SOAP 1.2; a fault of the sender (our fault) is a refusal, every other is tried again."""
    action = str(endpoint.options.get("action", ""))
    headers = _headers(endpoint, parcel)
    headers["Content-Type"] = "application/soap+xml; charset=utf-8" + (f'; action="{action}"' if action else "")
    status, body = _post(endpoint, _in_envelope(parcel.content), headers)
    fault = _fault(body)
    if fault:
        return Result(REFUSED if fault == "Sender" else FAILED, f"Fault {fault}"[:60], body)
    return Result(_meaning(status), str(status), body)


def _in_envelope(content: Content) -> bytes:
    if content.form != XML:
        raise Refused("bus.wrong_form", wanted="XML", form=content.form)
    if b"Envelope" in content.body[:400]:
        return content.body
    # parsed without entities by content.tree; here the namespaces have to stay
    inner = etree.fromstring(content.body, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    envelope = etree.Element(f"{{{SOAP_12}}}Envelope", nsmap={"soap": SOAP_12})
    etree.SubElement(envelope, f"{{{SOAP_12}}}Body").append(inner)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def _fault(body: bytes) -> str:
    """The code of a SOAP fault without its prefix; empty where there is none."""
    answered = Content(body, XML)
    code = answered.value("//Fault/Code/Value") or answered.value("//Fault/faultcode")
    return code.rpartition(":")[2]


# ---- MLLP ----

_links = threading.local()


def _mllp(endpoint: Endpoint, parcel: Parcel) -> Result:
    """HL7 v2 with the acknowledgement waited for; a receiver knows a message again by MSH-10."""
    if parcel.content.form != HL7V2:
        raise Refused("bus.wrong_form", wanted="HL7 v2", form=parcel.content.form)
    link, fresh = _link(endpoint)
    try:
        return _exchange(link, endpoint, parcel)
    except (OSError, TimeoutError):
        _drop(endpoint)
        if fresh:
            raise
    link, _fresh = _link(endpoint)  # the receiver had closed a connection that was kept
    try:
        return _exchange(link, endpoint, parcel)
    except (OSError, TimeoutError):
        _drop(endpoint)
        raise


def _link(endpoint: Endpoint) -> tuple[socket.socket, bool]:
    known: dict[str, socket.socket] = _links.__dict__.setdefault("known", {})
    if endpoint.address in known:
        return known[endpoint.address], False
    host, _sep, port = endpoint.address.rpartition(":")
    known[endpoint.address] = socket.create_connection((host.strip("[]"), int(port)), endpoint.timeout_seconds)
    return known[endpoint.address], True


def _drop(endpoint: Endpoint) -> None:
    link = _links.__dict__.get("known", {}).pop(endpoint.address, None)
    if link is not None:
        link.close()


def close_links() -> None:
    """Close the connections this thread keeps."""
    for link in _links.__dict__.pop("known", {}).values():
        link.close()


def _exchange(link: socket.socket, endpoint: Endpoint, parcel: Parcel) -> Result:
    link.settimeout(endpoint.timeout_seconds)
    link.sendall(frame(parcel.content.body))
    framer = Framer(ANSWER_BYTES)
    while True:
        data = link.recv(65536)
        if not data:
            raise ConnectionResetError
        try:
            answers = framer.feed(data)
        except TooLarge:
            raise ConnectionAbortedError from None
        if answers:
            return _acknowledged(answers[0], parcel)


def _acknowledged(answer: bytes, parcel: Parcel) -> Result:
    try:
        ack = Parsed(answer.decode("utf-8", "replace"))
    except NotHl7:
        return Result(FAILED, "not_hl7")
    code, control = ack.get("MSA-1"), ack.get("MSA-2")
    if control and control != parcel.content.value("MSH-10"):
        raise ConnectionAbortedError("an acknowledgement of another message")
    word = {"AA": DELIVERED, "CA": DELIVERED, "AR": REFUSED, "CR": REFUSED}.get(code, FAILED)
    return Result(word, code[:10] or "no_msa", answer)


# ---- Kafka and files ----


def _kafka(endpoint: Endpoint, parcel: Parcel) -> Result:
    headers = {"idempotency-key": parcel.key, "message-type": parcel.kind, "content-type": parcel.content.media}
    try:
        outbox.publish(endpoint.address, parcel.partition_key, parcel.content.body, headers, endpoint.timeout_seconds)
    except Fault as fault:
        return Result(REFUSED if fault.permanent else AWAY, fault.code[:60])
    return Result(DELIVERED, "kafka")


ENDINGS = {"hl7v2": "hl7", "xml": "xml", "json": "json", "other": "bin"}


def _file(endpoint: Endpoint, parcel: Parcel) -> Result:
    """A file of its own in a folder, whole or not at all; sent again it is the same file."""
    folder = Path(endpoint.address)
    if not folder.is_dir():
        return Result(AWAY, "no_folder")
    place = folder / f"{parcel.key}.{ENDINGS[parcel.content.form]}"
    under_way = folder / f".{parcel.key}.{os.getpid()}.{threading.get_ident()}"
    try:
        with under_way.open("wb") as file:
            file.write(parcel.content.body)
            file.flush()
            os.fsync(file.fileno())
        under_way.replace(place)
    finally:
        under_way.unlink(missing_ok=True)
    return Result(DELIVERED, "file")


SENDERS = {"http": _http, "fhir": _http, "soap": _soap, "mllp": _mllp, "kafka": _kafka, "file": _file}
