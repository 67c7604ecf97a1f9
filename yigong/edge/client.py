"""Talks to the centre: signs what goes out, believes only what the centre signed, keeps the centre's time."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from yigong.edge import wire
from yigong.kit.errors import Fault, Refused

ATTEMPTS = 4  # a count or a clock that the centre sets right is tried again at once
MAX_ANSWER = 16 * 1024 * 1024
#: codes by which the centre sets the node right
_COUNT, _CLOCK = "edge.replayed", "edge.clock"


@dataclass(slots=True)
class Drift:
    """How far this machine's clock is from the centre's; known only while the process lives."""

    anchor_ms: float = 0.0  # the centre's time less the steady clock
    known: bool = False
    drift_ms: int = 0  # this machine's clock less the centre's

    def now_ms(self) -> int:
        """The time of the centre as well as it is known; a clock that jumps here does not move it."""
        return int(self.anchor_ms + time.monotonic() * 1000) if self.known else int(time.time() * 1000)

    def learn(self, centre_ms: int, sent: float, came: float) -> None:
        """Take the time of a signed answer that came between two readings of the steady clock."""
        half = (came - sent) * 500
        self.anchor_ms, self.known = centre_ms + half - came * 1000, True
        self.drift_ms = int(time.time() * 1000 - (centre_ms + half))


class Client:
    """The centre as a node reaches it. Not shared between threads.

    ``call`` raises Fault edge.away when the centre does not answer as itself (network, proxy, not signed), and Refused
    with the centre's own code when it says no.
    """

    def __init__(
        self, url: str, node: str, key: Ed25519PrivateKey, centre_key: str, *, authority: str = "", timeout: float = 30.0
    ) -> None:  # fmt: skip
        self.node, self.key, self.centre_key = node, key, centre_key
        self.drift = Drift()
        self.count = int(time.time() * 1000)
        self._http = open_http(url, authority=authority, timeout=timeout)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def call(self, method: str, name: str, body: bytes = b"") -> dict[str, Any]:
        """Ask the centre. Raises Fault edge.away, Refused with the centre's code."""
        for attempt in range(ATTEMPTS):
            try:
                return self._once(method, wire.PREFIX + name, body)
            except Refused as refused:
                if refused.code not in (_COUNT, _CLOCK) or attempt == ATTEMPTS - 1:
                    raise
                if refused.code == _COUNT:
                    self.count = max(self.count, int(str(refused.facts.get("last", 0))))
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        self.count += 1
        moment = self.drift.now_ms()
        base = wire.request_base(method, path, self.node, self.count, moment, body)
        headers = {
            wire.NODE: self.node, wire.COUNT: str(self.count), wire.TIME: str(moment),
            wire.SIGNATURE: wire.sign(self.key, base), "Content-Type": "application/octet-stream",
        }  # fmt: skip
        sent = time.monotonic()
        answer, content = ask(self._http, method, path, body, headers)
        said = self._believed(answer, content)
        self.drift.learn(int(answer.headers[wire.TIME]), sent, time.monotonic())
        return _accepted(answer.status_code, said)

    def _believed(self, answer: httpx.Response, content: bytes) -> dict[str, Any]:
        moment, signature = answer.headers.get(wire.TIME, ""), answer.headers.get(wire.SIGNATURE, "")
        if not moment.isdigit() or not signature:
            raise Fault("edge.away", permanent=False, reason=f"HTTP {answer.status_code}")
        base = wire.answer_base(self.node, self.count, answer.status_code, int(moment), content)
        if not wire.is_signed(self.centre_key, signature, base):
            raise Fault("edge.away", permanent=False, reason="signature")
        return wire.read_json(content)


def open_http(url: str, *, authority: str = "", timeout: float = 30.0) -> httpx.Client:
    """A connection to *url*; plain HTTP only to this machine itself. Raises Refused edge.not_https, edge.url_odd, edge.authority_odd."""
    try:
        place = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Refused("edge.url_odd", url=url) from error
    if place.scheme not in ("http", "https") or not place.host:
        raise Refused("edge.url_odd", url=url)
    if place.scheme == "http" and place.host not in ("127.0.0.1", "::1", "localhost"):
        raise Refused("edge.not_https", url=url)
    verify: Any = _trusting(authority) if authority else True
    limits = httpx.Timeout(timeout, connect=min(10.0, timeout))
    return httpx.Client(base_url=url, timeout=limits, verify=verify, follow_redirects=False, trust_env=False)


def _trusting(authority: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # no such file, or no certificate in it
        raise Refused("edge.authority_odd", path=authority) from error


def ask(
    http: httpx.Client, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[httpx.Response, bytes]:
    """One request; the answer is read up to its bound. Raises Fault edge.away."""
    try:
        with http.stream(method, path, content=body, headers=dict(headers)) as answer:
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_ANSWER:
                    raise Fault("edge.away", permanent=False, reason="answer too large")
            return answer, bytes(content)
    except (httpx.HTTPError, OSError) as error:
        raise Fault("edge.away", permanent=False, reason=_why(error)) from error


def _why(error: BaseException | None) -> str:
    """The sign of what is wrong with the way to the centre: sentences.REASONS."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "timeout"
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return "certificate"
        if isinstance(error, socket.gaierror):
            return "host"
        if isinstance(error, ConnectionRefusedError):
            return "refused"
        error = error.__cause__ or error.__context__
    return "network"


def _accepted(status: int, said: Mapping[str, Any]) -> dict[str, Any]:
    if status >= 500:
        raise Fault("edge.away", permanent=False, reason=f"HTTP {status}")
    if code := said.get("refused"):
        raise Refused(str(code), **{str(k): v for k, v in dict(said.get("facts") or {}).items()})
    return dict(said)


def body_of(facts: Mapping[str, Any]) -> bytes:
    """Facts as the body of a request."""
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
