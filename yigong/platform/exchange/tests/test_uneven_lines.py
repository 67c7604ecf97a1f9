"""Lines with too few or too many fields wait in quarantine, are told with their counts, and go in once somebody mended them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse

from yigong.kit import ctx as actors
from yigong.platform.exchange import services
from yigong.platform.exchange.models import Job, Quarantined, RowState
from yigong.platform.exchange.tests import lab
from yigong.platform.exchange.tests.test_pages import CLERK, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C01", "C31")]


def run(path: Path, **config: str) -> Job:
    """Run the laboratory's feed over its file."""
    feed = lab.feed(path, reader="csv", config={"path": str(path), **config})
    return services.run(actors.system(), feed, size=7)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file in which one void line and another are cut short, and one has a comma in a text without quotes."""
    lab.hospital()
    good = [lab.line(lab.row(n)) for n in range(4)]
    cut = lab.line(lab.row(5, ZF="1")).rsplit(",", 2)[0], lab.line(lab.row(6)).split(",", 5)
    return lab.table(
        tmp_path / "lis.csv", [*good, cut[0], ",".join(cut[1][:5]), lab.line(lab.row(7, XMMC="葡萄糖,静脉血"))]
    )


def test_lines_that_are_uneven_are_turned_away_with_their_counts(file: Path) -> None:
    """Nothing of them is loaded with nulls, no filter takes them, the account balances; place, expected and found are told."""
    job = run(file)
    assert (job.read, job.filtered, job.rejected, job.inserted) == (7, 0, 3, 4) and job.balances
    told = {r.place: r.reasons[0] for r in Quarantined.objects.all()}
    assert set(told) == {"lis.csv 第 6 行", "lis.csv 第 7 行", "lis.csv 第 8 行"}
    assert "应有 15 列，实有 13 列" in told["lis.csv 第 6 行"]["zh"]
    assert "15 fields expected, 5 found" in told["lis.csv 第 7 行"]["en"]
    assert "应有 15 列，实有 16 列" in told["lis.csv 第 8 行"]["zh"]
    assert told["lis.csv 第 8 行"]["value"].startswith("2026-03-08 09:00")  # what would have been lost


def test_an_uneven_line_goes_in_only_once_it_was_mended(file: Path) -> None:
    """Sent again as it is it waits on; mended on its page it goes in. Read again, nothing waits twice."""
    run(file)
    job = run(file)
    assert job.rejected == 3 and Quarantined.objects.count() == 3
    row = Quarantined.objects.get(place="lis.csv 第 8 行")
    services.resend(actors.system(), [row.pk])
    assert Quarantined.objects.get(pk=row.pk).state == RowState.WAITING
    client = signed_in(CLERK)
    assert "_trouble" not in client.get(reverse("exchange:row", args=[row.pk])).content.decode()
    right = {f"f-{k}": v for k, v in lab.row(7).items()}
    assert client.post(reverse("exchange:mend", args=[row.pk]), {**right, "resend": "1"}).status_code == 302
    assert Quarantined.objects.get(pk=row.pk).state == RowState.RESENT


def test_a_source_that_leaves_empty_ends_away_is_read_as_it_means(file: Path) -> None:
    """With short lines filled only the long line is turned away, and the line without its key columns for what it lacks."""
    job = run(file, short_lines="fill")
    assert (job.read, job.filtered, job.rejected, job.inserted) == (7, 1, 2, 4)
    assert sorted(Quarantined.objects.values_list("rule", flat=True)) == ["local_id_missing", "ragged"]
