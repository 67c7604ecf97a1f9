"""Rows of quarantine whose key came again and went in wait for nobody; all others wait on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from yigong.kit import ctx as actors
from yigong.platform.exchange import quarantine, services
from yigong.platform.exchange.models import Feed, Job, Quarantined
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C31")]
UNMAPPED = lab.MAPPING.replace("X: 血", "Y: 血")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> Iterator[None]:
    """Buffer and hashes of this test."""
    with override_settings(EXCHANGE_BUFFER=tmp_path / "buffer", EXCHANGE_HASHES=tmp_path / "hashes"):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A hospital's database of three reports and one row that cannot be read."""
    lab.hospital()
    return lab.source(tmp_path / "lis.db", [*lab.good(3), lab.row(9, JG="高")])


def run(feed: Feed) -> Job:
    """Run it as it now stands."""
    return services.run(actors.system(), Feed.objects.get(pk=feed.pk))


def states() -> list[str]:
    """The states of all rows in quarantine."""
    return sorted(Quarantined.objects.values_list("state", flat=True))


def test_a_buffer_processed_with_a_mended_mapping_settles_what_went_in(path: Path) -> None:
    """Codes without a counterpart wait; with the mapping mended and the buffer processed again only the unreadable row waits on."""
    feed = lab.feed(path, buffer_days=3, mapping=UNMAPPED)
    first = run(feed)
    assert (first.rejected, states()) == (7, ["waiting"] * 7)
    lab.feed(path, buffer_days=3)
    again = services.run_buffered(actors.system(), first.pk)
    assert (again.inserted, again.rejected) == (6, 1)
    assert states() == ["followed"] * 6 + ["waiting"]


def test_a_row_that_is_filtered_now_waits_no_longer(path: Path) -> None:
    """A rule that blocks what was turned away settles it when the buffer is processed again."""
    feed = lab.feed(path, buffer_days=3)
    first = run(feed)
    lab.feed(path, buffer_days=3, mapping=lab.MAPPING.replace('{ZF: "1"}', "{JG: 高}"))
    again = services.run_buffered(actors.system(), first.pk)
    assert (again.filtered, again.rejected, states()) == (1, 0, ["followed"])


def test_a_row_corrected_at_the_source_settles_the_one_that_waits(path: Path) -> None:
    """The next run brings the row of the same key: what it said wrongly before waits for nobody."""
    feed = lab.feed(path)
    run(feed)
    assert states() == ["waiting"]
    lab.source(path, [*lab.good(3), lab.row(9, JG="5.1")])
    assert run(feed).rejected == 0 and states() == ["followed"]


def test_what_a_clerk_has_mended_waits_for_the_clerk(path: Path) -> None:
    """A correction that somebody wrote down is not passed over by a later run."""
    feed = lab.feed(path)
    run(feed)
    [row] = Quarantined.objects.all()
    quarantine.mend(actors.system(), row.pk, {**row.raw, "JG": "5.2"})
    lab.source(path, [*lab.good(3), lab.row(9, JG="5.1")])
    run(feed)
    assert states() == ["mended"]


def test_an_old_buffer_does_not_settle_what_was_turned_away_since(path: Path) -> None:
    """The buffer of the first run holds an older word of the row: what a later run turned away waits on."""
    lab.source(path, [*lab.good(3), lab.row(9, JG="5.1")])
    feed = lab.feed(path, buffer_days=3)
    first = run(feed)
    lab.source(path, [*lab.good(3), lab.row(9, JG="高")])
    run(feed)
    services.run_buffered(actors.system(), first.pk)
    assert states() == ["waiting"]


@pytest.mark.feature("C31")
def test_a_row_that_the_source_spoils_again_waits_again(path: Path) -> None:
    """It had followed in order; sent unfit once more it is not passed over as settled, nor by a buffer that is older."""
    bad, good = [*lab.good(3), lab.row(9, JG="高")], [*lab.good(3), lab.row(9, JG="5.1")]
    feed = lab.feed(lab.source(path, bad), buffer_days=3)
    first = run(feed)
    lab.source(path, good)
    run(feed)
    assert states() == ["followed"]
    services.run_buffered(actors.system(), first.pk)
    assert states() == ["followed"]
    lab.source(path, bad)
    run(feed)
    assert states() == ["waiting"]


@pytest.mark.feature("C31")
def test_what_a_clerk_decided_holds_against_the_source(path: Path) -> None:
    """A row given up, and one that went in as mended, wait no more though the source sends them every night."""
    feed = lab.feed(lab.source(path, [*lab.good(3), lab.row(8, JG="低"), lab.row(9, JG="高")]))
    run(feed)
    low, high = Quarantined.objects.order_by("raw__BGDH")
    quarantine.discard(actors.system(), [low.pk], "重复")
    quarantine.mend(actors.system(), high.pk, {**high.raw, "JG": "5.2"})
    services.resend(actors.system(), [high.pk])
    run(feed)
    assert sorted(states()) == ["discarded", "resent"]
