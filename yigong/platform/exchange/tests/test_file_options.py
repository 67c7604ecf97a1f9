"""How a file is read, as the data office says it on the form of a feed: real files, from the form to the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.test import Client
from django.urls import reverse

from yigong.kit import ctx as actors
from yigong.platform.exchange import mappings, services
from yigong.platform.exchange.models import Feed, Job
from yigong.platform.exchange.tests import lab
from yigong.platform.exchange.tests.test_pages import signed_in
from yigong.platform.exchange.tests.test_setting_up import OFFICE

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C01", "C02", "C05")]
FORM = {"name": "县医院检验", "org_code": lab.HOSPITAL, "attempts": "5", "buffer_days": "0", "plan": ""}


@pytest.fixture
def office() -> Client:
    """A browser of the data office."""
    lab.hospital()
    return signed_in(OFFICE)


def saved(client: Client, **form: str) -> Feed:
    """The feed after its form was saved."""
    known = Feed.objects.filter(name=FORM["name"]).first()
    url = reverse("exchange:edit_feed", args=[known.pk]) if known else reverse("exchange:new_feed")
    answer = client.post(url, {**FORM, **form})
    assert answer.status_code == 302, answer.content.decode()
    return Feed.objects.get(name=FORM["name"])


def run(feed: Feed) -> Job:
    """Run the feed with the laboratory's mapping."""
    if not feed.mappings.exists():
        mappings.publish(actors.system(), feed, lab.MAPPING)
    return services.run(actors.system(), feed)


def test_an_old_systems_table_is_read_as_the_form_says(office: Client, tmp_path: Path) -> None:
    """GB18030, bars between, a title above the names, units below them, empty ends left away; the form shows what was said."""
    lines = [lab.line(lab.row(n)).replace(",", "|") for n in range(3)]
    short = lab.line(lab.row(5)).replace(",", "|").rpartition("|")[0]
    text = "\r\n".join(["检验结果日报", "|".join(lab.COLUMNS), "单位|行", *lines, short]) + "\r\n"
    (tmp_path / "a.csv").write_bytes(text.encode("gb18030"))
    form = {
        "kind": "csv", "path": str(tmp_path / "a.csv"), "encoding": "gb18030", "separator": "|", "header": "2", "first_row": "4", "sheet": "no",
    }  # fmt: skip
    feed = saved(office, **form)
    assert feed.config == {"path": form["path"], "encoding": "gb18030", "separator": "|", "header": 2, "first_row": 4}
    job = run(feed)
    assert (job.read, job.rejected, job.inserted) == (4, 1, 3)
    job = run(saved(office, **form, short_lines="fill"))
    assert (job.read, job.rejected, job.inserted, job.unchanged) == (4, 0, 1, 3)
    text = office.get(reverse("exchange:edit_feed", args=[feed.pk])).content.decode()
    assert '<option value="gb18030" selected>' in text and '<option value="fill" selected>' in text
    shown = office.get(reverse("exchange:feed", args=[feed.pk])).content.decode()
    assert "列名在第几行" in shown and "按空补齐" in shown


def test_one_sheet_of_a_workbook_is_read(office: Client, tmp_path: Path) -> None:
    """The sheet named, its names in row 2, its data from row 4."""
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        book.add_worksheet("说明").write(0, 0, "填报说明")
        sheet = book.add_worksheet("检验")
        sheet.write(0, 0, "检验结果日报")
        sheet.write_row(1, 0, lab.COLUMNS)
        sheet.write(2, 3, "mmol/L")
        for n in range(3):
            sheet.write_row(3 + n, 0, [lab.row(n)[c] for c in lab.COLUMNS])
    form = {
        "kind": "excel",
        "path": str(tmp_path / "a.xlsx"),
        "sheet": "检验",
        "header": "2",
        "first_row": "4",
        "separator": "|",
    }
    feed = saved(office, **form)
    assert feed.config == {"path": form["path"], "sheet": "检验", "header": 2, "first_row": 4}
    job = run(feed)
    assert (job.read, job.rejected, job.inserted) == (3, 0, 3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "csv", "path": "/x.csv", "header": "3", "first_row": "3"}, "数据行要在列名行之后"),
        ({"kind": "postgresql", "url": "postgresql://a@b/c", "table": "t", "encoding": "utf-16"}, "PostgreSQL 没有"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(office: Client, wrong: dict[str, str], words: str) -> None:
    """Data above the names, an encoding that the database does not speak."""
    answer = office.post(reverse("exchange:new_feed"), {**FORM, **wrong})
    assert answer.status_code == 400 and words in answer.content.decode()


def test_what_the_form_does_not_show_stays(office: Client, tmp_path: Path) -> None:
    """Fixed places of a text file, written elsewhere, are there after the form was saved; another kind of source begins anew."""
    widths: dict[str, Any] = {"BGDH": [1, 4]}
    feed = saved(office, kind="text", path=str(tmp_path / "a.txt"))
    Feed.objects.filter(pk=feed.pk).update(config={**feed.config, "widths": widths})
    assert saved(office, kind="text", path=str(tmp_path / "b.txt")).config == {
        "path": str(tmp_path / "b.txt"),
        "widths": widths,
    }
    assert saved(office, kind="csv", path=str(tmp_path / "b.csv")).config == {"path": str(tmp_path / "b.csv")}


def test_the_whole_is_offered_where_the_source_is_followed(office: Client, tmp_path: Path) -> None:
    """A folder has the button with what it does; a file that is read in whole each time has not."""
    folder = saved(office, kind="csv", folder=str(tmp_path))
    assert "从头读一遍" in office.get(reverse("exchange:feed", args=[folder.pk])).content.decode()
    file = saved(office, kind="csv", path=str(tmp_path / "a.csv"))
    assert "从头读一遍" not in office.get(reverse("exchange:feed", args=[file.pk])).content.decode()
