"""The buffer: position and rows in one commit, bounded, sealed, mended."""

from __future__ import annotations

import random
import sqlite3
import stat
from pathlib import Path

import pytest

from yigong.edge import backoff, configuration, keys, wire
from yigong.edge.buffer import Buffer, Part
from yigong.kit.errors import Refused

NOW = "2026-03-01T08:00:00+00:00"


def part(data: bytes = b"rows") -> Part:
    """A part of three rows."""
    return Part(3, {"columns": ["A"]}, data)


@pytest.fixture
def buffer(tmp_path: Path) -> Buffer:
    """An empty buffer with one feed."""
    found = Buffer(tmp_path / "node")
    found.feed("7")
    return found


def add(buffer: Buffer, *parts: Part, mark: int = 1) -> None:
    """Keep parts under the stream that is open."""
    buffer.add("7", buffer.feed("7").stream, parts, {"mark": mark}, NOW)


@pytest.mark.feature("G33")
def test_position_and_rows_are_one_commit(buffer: Buffer) -> None:
    """After each commit another connection sees both; when it fails it sees neither."""
    add(buffer, part(), part(), mark=5)
    beside = Buffer(buffer.folder)
    assert beside.feed("7").position == {"mark": 5} and beside.queue().rows == 6
    buffer.limit_bytes = 10
    with pytest.raises(Refused, match="buffer_full"):
        add(buffer, part(b"x" * 100), mark=9)
    assert beside.feed("7").position == {"mark": 5} and beside.queue().bundles == 2


def test_bundles_leave_in_the_order_in_which_they_came(buffer: Buffer) -> None:
    """The eldest first, numbered without a gap; a feed that is held back does not stop another."""
    buffer.feed("8")
    add(buffer, part(b"a"), part(b"b"))
    buffer.add("8", buffer.feed("8").stream, [part(b"c")], {}, NOW)
    first = buffer.next()
    assert first and (first.feed, first.number, buffer.packed(first)) == ("7", 1, b"a")
    other = buffer.next(["7"])
    assert other and (other.feed, other.number) == ("8", 1)
    buffer.receipted(first)
    second = buffer.next()
    assert second and (second.feed, second.number) == ("7", 2)


@pytest.mark.feature("G33")
def test_what_waits_is_sealed(buffer: Buffer) -> None:
    """The file shows nothing of the rows; the key file is its owner's; a changed byte is noticed."""
    add(buffer, part("测试甲".encode() * 50))
    raw = b"".join(p.read_bytes() for p in buffer.folder.glob("buffer.db*"))
    assert "测试甲".encode() not in raw
    assert stat.S_IMODE((buffer.folder / "seal.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((buffer.folder / "buffer.db").stat().st_mode) == 0o600
    with sqlite3.connect(buffer.folder / "buffer.db") as db:
        db.execute("update bundle set packed = zeroblob(length(packed))")
    kept = buffer.next()
    assert kept
    with pytest.raises(Refused, match="broken"):
        buffer.packed(kept)


def test_a_new_stream_numbers_from_one_and_forgets_who_read_under_the_old(buffer: Buffer) -> None:
    """What waits keeps its order under new numbers; a reading under way that knows the old stream is refused."""
    add(buffer, part(b"a"), part(b"b"), part(b"c"), mark=3)
    first = buffer.next()
    assert first
    buffer.receipted(first)
    old = buffer.feed("7").stream
    buffer.new_stream("7", again=True)
    kept = buffer.next()
    assert kept and (kept.number, buffer.packed(kept)) == (1, b"b") and kept.stream != old
    assert buffer.feed("7").position == {}
    with pytest.raises(Refused, match="begun_again"):
        buffer.add("7", old, [part()], {"mark": 4}, NOW)


def test_a_feed_begins_again_when_the_centre_says_so(buffer: Buffer) -> None:
    """A higher epoch takes the position back, the same or a lower one does not."""
    add(buffer, part(), mark=3)
    assert buffer.feed("7", epoch=0).position == {"mark": 3}
    assert buffer.feed("7", epoch=1).position == {}
    add(buffer, part(), mark=8)
    assert buffer.feed("7", epoch=1).position == {"mark": 8}


def test_orders_are_kept_with_those_before(buffer: Buffer) -> None:
    """The newest is in force, the one before is kept, older ones go."""
    for version in (1, 2, 3):
        buffer.apply(version, f"v{version}", "s", NOW)
    assert buffer.configuration() == (3, "v3", "s")
    with sqlite3.connect(buffer.folder / "buffer.db") as db:
        rows = db.execute("select version, state from configuration order by version").fetchall()
    assert rows == [(2, "previous"), (3, "current")]


def test_a_revoked_node_keeps_nothing_readable(buffer: Buffer) -> None:
    """Key and rows are gone."""
    add(buffer, part())
    buffer.destroy()
    assert buffer.queue().bundles == 0 and not (buffer.folder / "seal.key").exists()


@pytest.mark.feature("G33")
def test_the_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    """The key file is made 0600 and a key that others can read is refused."""
    key = keys.make_key(tmp_path / "n" / keys.KEY)
    path = tmp_path / "n" / keys.KEY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert wire.public_text(keys.load_key(path)) == wire.public_text(key)
    path.chmod(0o644)
    with pytest.raises(Refused, match="key_open"):
        keys.load_key(path)


def test_waiting_grows_with_failures_and_is_left_to_chance() -> None:
    """Doubled each time up to five minutes, and no two nodes alike."""
    dice = random.Random(1)
    pauses = [[backoff.pause(n, dice) for _ in range(200)] for n in (1, 2, 5, 9, 40)]
    assert all(0.5 <= p <= 1 for p in pauses[0]) and all(8 <= p <= 16 for p in pauses[2])
    assert all(128 <= p <= 256 for p in pauses[3]) and all(150 <= p <= 300 for p in pauses[4])
    assert len({round(p, 3) for p in pauses[2]}) > 150


@pytest.mark.feature("G33")
def test_orders_are_taken_whole_and_only_from_the_centre() -> None:
    """Unsigned, for another node, not newer, or wrong in any part: the orders before stay in force."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    centre, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()

    def opened(text: str, signer: Ed25519PrivateKey = centre, newer_than: int = 1) -> configuration.Configuration:
        signature = wire.sign(signer, wire.document_base(text))
        return configuration.open_document(text, signature, centre_key=wire.public_text(centre), node="n1", newer_than=newer_than)  # fmt: skip

    good = '{"version": 2, "node": "n1", "feeds": [{"name": "7", "source": {"kind": "sqlite"}}], "limits": {"buffer_mb": 5}}'
    assert opened(good).limits.buffer_mb == 5 and opened(good).feeds[0].rows == 2000
    for text, signer, newer, code in [
        (good, other, 1, "edge.configuration_unsigned"),
        (good.replace("n1", "n2"), centre, 1, "edge.configuration_foreign"),
        (good, centre, 2, "edge.configuration_old"),
        (good.replace('"name": "7", ', ""), centre, 1, "edge.configuration_wrong"),
        (good.replace("5}", '"x"}'), centre, 1, "edge.configuration_wrong"),
    ]:
        with pytest.raises(Refused) as refused:
            opened(text, signer, newer)
        assert refused.value.code == code
