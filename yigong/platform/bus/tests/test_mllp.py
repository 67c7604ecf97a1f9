"""Framing and acknowledgement: however the bytes are cut, the same messages; every answer is one a sender can read."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yigong.kit.hl7v2.parse import Message, NotHl7
from yigong.platform.bus import envelope
from yigong.platform.bus.mllp import Framer, TooLarge, frame

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
contents = st.lists(
    st.binary(min_size=1, max_size=60).map(lambda b: bytes(c for c in b if c not in b"\x0b\x1c\r\n \t")).filter(bool),
    max_size=6,
)
ORU = "MSH|^~\\&|LIS|100000001X|YG|C|20260301||ORU^R01|M7|P|2.4||||||{}\rPID|||P1^^^||测试甲\rOBR|1|A5|B6\r"


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({c % (len(data) + 1) for c in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


@pytest.mark.feature("C13")
@given(
    contents=contents, cuts=st.lists(st.integers(0, 10_000), max_size=40), tail=st.sampled_from([b"\r", b"", b"\r\n"])
)
@settings(deadline=None)
def test_any_cutting_of_the_bytes_gives_the_same_messages(contents: list[bytes], cuts: list[int], tail: bytes) -> None:
    """Messages are those that were framed, in their order, with or without the carriage return after the end sign."""
    stream = b"".join(b"\x0b" + content + b"\x1c" + tail for content in contents)
    framer = Framer()
    assert [m for piece in _cut(stream, cuts) for m in framer.feed(piece)] == contents
    assert not framer.waiting


@pytest.mark.feature("C13")
@given(noise=st.binary(max_size=300), cuts=st.lists(st.integers(0, 10_000), max_size=20))
@settings(deadline=None)
def test_noise_cut_anyhow_means_the_same(noise: bytes, cuts: list[int]) -> None:
    """Also bytes that keep no rule are understood alike whole and in pieces."""
    pieces = Framer()
    assert [m for piece in _cut(noise, cuts) for m in pieces.feed(piece)] == Framer().feed(noise)


def test_a_message_begun_anew_replaces_the_unfinished_one() -> None:
    """A start sign inside a frame: what came before was never finished and is no message."""
    assert Framer().feed(b"\x0bMSH|half\x0bMSH|whole\x1c\r") == [b"MSH|whole"]


@pytest.mark.parametrize("pieces", [[b"\x0b" + b"x" * 101], [b"x" * 60, b"x" * 60], [b"x" * 101 + b"\x1c\r"]])
def test_a_message_without_end_is_bounded(pieces: list[bytes]) -> None:
    """Beyond the bound the sender is refused, however it sends."""
    framer = Framer(limit=100)
    with pytest.raises(TooLarge):
        for piece in pieces:
            framer.feed(piece)


@pytest.mark.feature("C13", "C17")
@pytest.mark.parametrize(("declared", "charset"), [("UNICODE UTF-8", "utf-8"), ("GB 18030-2000", "gb18030")])
def test_the_envelope_names_who_what_and_in_which_order(declared: str, charset: str) -> None:
    """Sender, control id, type, patient and order stand in the journal; one patient's messages share one key."""
    opened = envelope.open_envelope(ORU.format(declared).encode(charset))
    assert opened.rows()[2:] == (
        "LIS^100000001X", "M7", "ORU^R01", charset, "100000001X", "P1", "B6", "100000001X|P1",
    )  # fmt: skip
    answer = Message(envelope.acknowledgement(opened.header, "AA", AT).decode(charset))
    assert [answer.get(p) for p in ("MSA-1", "MSA-2", "MSH-5", "MSH-9", "MSH-9.2", "MSH-18")] == [
        "AA", "M7", "LIS", "ACK", "R01", declared,
    ]  # fmt: skip


@pytest.mark.feature("C13")
def test_what_is_no_hl7_is_refused_in_words() -> None:
    """The answer is AR with an ERR segment: code of table 0357 and a sentence."""
    for raw in (b"hello", b"{}", b"MSH", b"MSH|^~\\&|A|B\r", b"MSH|^~\\&|A||||||ADT^A01|1\x00\r"):
        with pytest.raises(NotHl7):
            envelope.open_envelope(raw)
    answer = Message(envelope.acknowledgement(None, "AR", AT, error=envelope.NOT_READABLE).decode())
    assert (answer.get("MSA-1"), answer.get("ERR-3")) == ("AR", "100")
    assert "MSH" in answer.get("ERR-8")


def test_a_frame_is_read_back() -> None:
    """What is framed is what is read."""
    assert Framer().feed(frame(b"MSH|1") + frame(b"MSH|2")) == [b"MSH|1", b"MSH|2"]
