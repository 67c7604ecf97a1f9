"""What travels between a node and its centre: signed requests, signed answers, bundles of rows. Known to both sides.

A request is signed by the node's Ed25519 key over its method, path, sender, count, time and the digest of its body; an
answer by the centre's key over the same count, its status, time and the digest of its body. So nothing can be altered,
answered by somebody else, or sent again: the count of a node only grows, and the time must be near the centre's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from yigong.kit.errors import Refused

VERSION = "1"
NODE, COUNT, TIME, SIGNATURE = (f"X-Yigong-{name}" for name in ("Node", "Count", "Time", "Signature"))
PREFIX = "/edge/v1/"
#: how far the time of a request may be from the centre's, in milliseconds
WINDOW_MS = 300_000
MAX_BODY = 8 * 1024 * 1024  # bytes of a request
MAX_PLAIN = 32 * 1024 * 1024  # bytes of a bundle's rows once unpacked
MAX_HEAD = 64 * 1024  # bytes of a bundle's head
MAX_ROWS = 200_000
_LEVEL = 6
_WINDOW = 8 * 1024 * 1024  # memory that unpacking may take, beside what it gives
#: signs of a code that is read out and typed: none looks like another
CODE_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_NAME, CODE_LENGTH = 4, 20  # the first signs name the invitation, the others (80 bits) are its secret


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def text64(data: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(data).decode("ascii")


def bytes64(text: str) -> bytes:
    """Bytes from their text. Raises Refused edge.malformed."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("edge.malformed", part="base64") from error


# ---- signatures ----


def request_base(method: str, path: str, node: str, count: int, time_ms: int, body: bytes) -> bytes:
    """What a node signs of a request."""
    return "\n".join(("yigong-edge", VERSION, method, path, node, str(count), str(time_ms), digest(body))).encode()


def answer_base(node: str, count: int, status: int, time_ms: int, body: bytes) -> bytes:
    """What the centre signs of an answer."""
    return "\n".join(("yigong-centre", VERSION, node, str(count), str(status), str(time_ms), digest(body))).encode()


def document_base(text: str) -> bytes:
    """What the centre signs of a configuration."""
    return b"yigong-configuration\n" + VERSION.encode() + b"\n" + text.encode()


def close_base(text: str) -> bytes:
    """What both sides sign of a day's close."""
    return b"yigong-close\n" + VERSION.encode() + b"\n" + text.encode()


def chained(chain: str, sha256: str) -> str:
    """The chain of a day's bundles with one more: equal on both sides only where all were the same, in the same order."""
    return digest(f"{chain}\n{sha256}".encode())


def key_base(node: str, public_key: str) -> bytes:
    """What a new key signs to show that the node holds it."""
    return f"yigong-key\n{VERSION}\n{node}\n{public_key}".encode()


def sign(key: Ed25519PrivateKey, base: bytes) -> str:
    """The signature of *base* as text."""
    return text64(key.sign(base))


def is_signed(public_key: str, signature: str, base: bytes) -> bool:
    """Whether *signature* over *base* was made with the key that belongs to *public_key*."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes64(public_key)).verify(bytes64(signature), base)
    except (InvalidSignature, Refused, ValueError):
        return False
    return True


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half of a key as text."""
    return text64(key.public_key().public_bytes_raw())


# ---- the one-time code: it is never sent; both sides show that they know it ----


def plain_code(code: str) -> str:
    """A code as it was typed, without spaces and dashes, in its own signs. Raises Refused edge.code_odd."""
    text = "".join(c for c in code.upper() if c not in " -").translate(str.maketrans("OIL", "011"))
    if len(text) != CODE_LENGTH or any(c not in CODE_SIGNS for c in text):
        raise Refused("edge.code_odd")
    return text


def code_key(code: str) -> bytes:
    """The key that both sides make of the secret part of a code."""
    return hashlib.sha256(b"yigong-code\n" + plain_code(code)[CODE_NAME:].encode()).digest()


def proof(key: bytes, who: str, *facts: str) -> str:
    """What only a side that knows the code can say of *facts*; *who* is ``node`` or ``centre``."""
    return hmac.digest(key, "\n".join((who, *facts)).encode(), "sha256").hex()


def is_proof(key: bytes, given: str, who: str, *facts: str) -> bool:
    """Whether *given* is that proof."""
    return hmac.compare_digest(proof(key, who, *facts), given)


# ---- bundles of rows ----


@dataclass(frozen=True, slots=True)
class Head:
    """What a bundle says of itself, before its packed rows."""

    id: str  # 32 hex signs, the node's own
    feed: str
    stream: str  # bundles of one stream are numbered without a gap, from 1
    number: int
    rows: int
    columns: tuple[str, ...]
    plain: int  # bytes of the rows once unpacked
    sha256: str  # of the packed rows
    place: str
    extracted_at: str
    configuration: int  # version under which the rows were read
    form: str = (
        "raw"  # raw: as they were read; standard: under the standard's names; run: no rows, the account of a run
    )
    mapping: int = 0  # version of the mapping that was applied at the node; 0 where none was
    counts: Mapping[str, Any] = field(default_factory=dict)  # filtered: {rule: rows}; of a run: its whole account


FORMS = ("raw", "standard", "run")
_LATER: Mapping[str, type] = {"form": str, "mapping": int, "counts": dict}  # a node of before does not say them
_KINDS: Mapping[str, type] = {
    "id": str, "feed": str, "stream": str, "number": int, "rows": int, "columns": list, "plain": int, "sha256": str,
    "place": str, "extracted_at": str, "configuration": int,
}  # fmt: skip


def pack(plain: bytes) -> bytes:
    """Rows packed."""
    return zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True).compress(plain)


def unpack(packed: bytes, expected: int) -> bytes:
    """Rows unpacked, never more than the *expected* bytes nor the limit. Raises Refused edge.too_large, edge.broken."""
    if expected > MAX_PLAIN:
        raise Refused("edge.too_large", limit=MAX_PLAIN)
    unpacker = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    try:
        with unpacker.stream_reader(io.BytesIO(packed)) as reader:
            data = reader.read(expected + 1)
    except zstandard.ZstdError as error:
        raise Refused("edge.broken", part="rows") from error
    if len(data) != expected:
        raise Refused("edge.broken" if len(data) < expected else "edge.too_large", part="rows", limit=expected)
    return data


def bundle(head: Head, packed: bytes) -> bytes:
    """A head and its packed rows as one body."""
    return json.dumps(asdict(head), ensure_ascii=False, separators=(",", ":")).encode() + b"\n" + packed


def open_bundle(body: bytes) -> tuple[Head, bytes]:
    """Head and packed rows of a body. Raises Refused edge.malformed, edge.broken, edge.too_large."""
    line, mark, packed = body[:MAX_HEAD].partition(b"\n")
    if not mark:
        raise Refused("edge.malformed", part="head")
    packed = body[len(line) + 1 :]
    head = _head(read_json(line))
    if head.rows > MAX_ROWS or head.plain > MAX_PLAIN:
        raise Refused("edge.too_large", limit=MAX_PLAIN)
    if digest(packed) != head.sha256:
        raise Refused("edge.broken", part="sha256")
    return head, packed


def _head(facts: Mapping[str, Any]) -> Head:
    for name, kind in _KINDS.items():
        value = facts.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, int) and value < 0):
            raise Refused("edge.malformed", part=name)
    if not all(isinstance(c, str) and c for c in facts["columns"]) or not _is_hex(facts["id"], 32):
        raise Refused("edge.malformed", part="columns")
    known = {name: facts[name] for name in _KINDS} | _later(facts)
    return Head(**{**known, "columns": tuple(facts["columns"])})


def _later(facts: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: facts[name] for name, kind in _LATER.items() if isinstance(facts.get(name), kind)}
    if found.get("form", "raw") not in FORMS or not are_counts(found.get("counts", {})):
        raise Refused("edge.malformed", part="counts")
    return found


def are_counts(given: Mapping[str, Any]) -> bool:
    """Whether all is what a node counts: whole numbers by name, one level deep, moments as text."""
    return len(given) <= 200 and all(
        are_counts(v) if isinstance(v, dict) else isinstance(v, str) or _is_count(v) for v in given.values()
    )


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and all(c in "0123456789abcdef" for c in text)


def read_json(data: bytes) -> dict[str, Any]:
    """An object as it was sent. Raises Refused edge.malformed."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused("edge.malformed", part="json") from error
    if not isinstance(found, dict):
        raise Refused("edge.malformed", part="json")
    return found
