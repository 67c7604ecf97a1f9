"""What travels: signed, packed, bounded."""

from __future__ import annotations

import subprocess
import sys

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from yigong.edge import wire
from yigong.kit.errors import Refused

HEAD = {
    "id": "0" * 32, "feed": "7", "stream": "s", "number": 1, "rows": 2, "columns": ("A", "_place"), "place": "门诊",
    "extracted_at": "2026-03-01T08:00:00+00:00", "configuration": 3,
}  # fmt: skip


def head(packed: bytes, length: int, **other: object) -> wire.Head:
    """A head that fits its packed rows, but for *other*."""
    return wire.Head(**{**HEAD, "plain": length, "sha256": wire.digest(packed), **other})  # type: ignore[arg-type]


@given(st.binary(max_size=5000))
def test_a_bundle_opens_as_it_was_closed(plain: bytes) -> None:
    """Whatever bytes: packed, bundled, opened and unpacked they are the same."""
    packed = wire.pack(plain)
    found, rows = wire.open_bundle(wire.bundle(head(packed, len(plain)), packed))
    assert found == head(packed, len(plain)) and wire.unpack(rows, found.plain) == plain


@pytest.mark.feature("G33")
@given(st.data())
def test_no_bit_of_a_signed_request_can_be_changed(data: st.DataObject) -> None:
    """Method, path, sender, count, time and body: another value of any of them breaks the signature."""
    key = Ed25519PrivateKey.generate()
    facts = ["POST", "/edge/v1/bundles", "n1", 7, 1000, b"body"]
    signature = wire.sign(key, wire.request_base(*facts))  # type: ignore[arg-type]
    assert wire.is_signed(wire.public_text(key), signature, wire.request_base(*facts))  # type: ignore[arg-type]
    at = data.draw(st.integers(0, 5))
    other = (
        data.draw(st.integers(0, 9))
        if isinstance(facts[at], int)
        else "x"
        if at < 3
        else data.draw(st.binary(max_size=9))
    )
    if other != facts[at]:
        changed = [*facts[:at], other, *facts[at + 1 :]]
        assert not wire.is_signed(wire.public_text(key), signature, wire.request_base(*changed))  # type: ignore[arg-type]


@given(st.binary(max_size=300))
def test_any_body_is_opened_or_refused(body: bytes) -> None:
    """No body brings anything but a bundle or a refusal."""
    with pytest.raises(Refused):
        wire.open_bundle(body)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"rows": -1}, "edge.malformed"),
        ({"rows": True}, "edge.malformed"),
        ({"rows": wire.MAX_ROWS + 1}, "edge.too_large"),
        ({"plain": wire.MAX_PLAIN + 1}, "edge.too_large"),
        ({"id": "zz"}, "edge.malformed"),
        ({"columns": ("A", "")}, "edge.malformed"),
        ({"sha256": "0" * 64}, "edge.broken"),
    ],
)
def test_a_head_that_cannot_be_is_refused(other: dict[str, object], code: str) -> None:
    """Each fact of a head has its kind and bound."""
    packed = wire.pack(b"x")
    with pytest.raises(Refused) as refused:
        wire.open_bundle(wire.bundle(head(packed, 1, **other), packed))
    assert refused.value.code == code


@pytest.mark.parametrize("expected", [10, 11, wire.MAX_PLAIN])
def test_rows_that_are_more_or_less_than_the_head_says_are_refused(expected: int) -> None:
    """What unpacks to another length is not what was signed for."""
    packed = zstandard.ZstdCompressor().compress(b"x" * 1000)
    with pytest.raises(Refused):
        wire.unpack(packed, expected)


BOMB = """
import resource, sys, zstandard
from yigong.edge import wire
from yigong.kit.errors import Refused
squeezer = zstandard.ZstdCompressor(level=3).compressobj()
bomb = b"".join(squeezer.compress(bytes(1024 * 1024)) for _ in range(4096)) + squeezer.flush()  # 4 GiB of nothing
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    wire.unpack(bomb, wire.MAX_PLAIN)
except Refused as refused:
    print(len(bomb), refused.code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.feature("G33")
def test_a_bomb_is_refused_in_bounded_memory() -> None:
    """Four gigabytes packed into some hundred kilobytes take no more memory than the bound of a bundle and its window."""
    done = subprocess.run([sys.executable, "-c", BOMB], capture_output=True, text=True, check=True)
    packed, code, grown_mb = done.stdout.split()
    assert int(packed) < wire.MAX_BODY and code == "edge.too_large" and int(grown_mb) < 100


def test_a_wide_window_is_refused() -> None:
    """A frame that would make the reader set aside gigabytes before its first byte is turned away."""
    wide = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    squeezer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    packed = squeezer.compress(b"x" * 100) + squeezer.flush()
    with pytest.raises(Refused):
        wire.unpack(packed, 100)


@pytest.mark.feature("G33")
def test_a_code_is_read_as_people_write_it() -> None:
    """Small letters, spaces, dashes and signs that look alike make the same code; another sign makes another key."""
    code = "7KQ1-0ABC-DEFG-HJKM-NPQR"
    assert wire.code_key(code) == wire.code_key("7kql oabc defg hjkm npqr")
    assert wire.code_key(code) != wire.code_key("7KQ1-0ABC-DEFG-HJKM-NPQS")
    for wrong in ("", "7KQ1", code + "X", "7KQ1-0ABC-DEFG-HJKM-NPQ!"):
        with pytest.raises(Refused):
            wire.code_key(wrong)


def test_proofs_of_the_two_sides_differ() -> None:
    """What the node shows cannot be sent back as the centre's word."""
    key = wire.code_key("7KQ10ABCDEFGHJKMNPQR")
    assert wire.is_proof(key, wire.proof(key, "node", "a", "b"), "node", "a", "b")
    assert not wire.is_proof(key, wire.proof(key, "node", "a", "b"), "centre", "a", "b")
