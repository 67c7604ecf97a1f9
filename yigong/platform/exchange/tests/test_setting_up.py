"""The pages on which the data office sets up feeds, mappings and filters."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from yigong.kit import ctx as actors
from yigong.platform.exchange import mappings, services
from yigong.platform.exchange.models import Feed, FeedState, Job
from yigong.platform.exchange.tests import lab
from yigong.platform.exchange.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db
OFFICE = ("exchange.view", "exchange.run", "exchange.configure", "exchange.map")
FORM = {
    "name": "县医院检验", "org_code": lab.HOSPITAL, "kind": "sqlite", "table": "lis_result", "way": "timestamp", "since_column": "XGSJ", "key": "BGDH,XMBH",
    "overlap_minutes": "60", "plan": "15 min", "attempts": "5", "buffer_days": "0",
}  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> tuple[Client, Path]:
    """A browser of the data office, and a hospital's database."""
    lab.hospital()
    rows = [*lab.good(4), lab.row(8, ZF="1"), lab.row(9, JG="高"), lab.row(10, BBLX="Q", DW="MMOL/L")]
    return signed_in(OFFICE), lab.source(tmp_path / "lis.db", rows)


@pytest.fixture
def feed(office: tuple[Client, Path]) -> Feed:
    """The feed as set up on its page, its mapping still empty."""
    client, path = office
    answer = client.post(reverse("exchange:new_feed"), FORM | {"url": str(path)})
    assert answer.status_code == 302, answer.content.decode()
    return Feed.objects.get()


def page(client: Client, feed: Feed, side: str, **more: str) -> str:
    """One side of the mapping's page."""
    answer = client.get(reverse("exchange:mapping", args=[feed.pk]), {"tab": side, **more})
    assert answer.status_code == 200
    return answer.content.decode()


def act(client: Client, feed: Feed, verb: str, **facts: object) -> None:
    """One change on it."""
    assert client.post(reverse("exchange:mapping_change", args=[feed.pk, verb]), facts).status_code == 302


@pytest.mark.feature("C02", "C05")
def test_a_feed_is_set_up_on_its_page(office: tuple[Client, Path], feed: Feed) -> None:
    """The form becomes reader, configuration, schedule and next moment; the source is asked whether it answers."""
    assert feed.reader == "sqlite" and feed.mode == "incremental" and feed.due_at is not None
    assert feed.config["since_column"] == ["XGSJ"] and feed.config["overlap_seconds"] == 3600
    client = office[0]
    told = client.post(reverse("exchange:steer", args=[feed.pk, "probe"]), follow=True).content.decode()
    assert "15 列" in told and "11 行" in told
    assert "每 15 分钟" in client.get(reverse("exchange:feed", args=[feed.pk])).content.decode()
    assert "lis_result" in client.get(reverse("exchange:edit_feed", args=[feed.pk])).content.decode()


@pytest.mark.feature("C02")
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": "mysql://reader:geheim@10.0.0.1/his"}, "地址里不能直接写口令"),
        ({"plan": "每天早上"}, "计划写法不对"),
        ({"way": "compare", "key": ""}, "主键列"),
        ({"since_column": ""}, "时间列"),
        ({"table": ""}, "地址和表"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(office: tuple[Client, Path], wrong: dict[str, str], words: str) -> None:
    """A password in the clear, a schedule nobody understands, a way without what it needs: refused with the remedy."""
    client, path = office
    answer = client.post(reverse("exchange:new_feed"), FORM | {"url": str(path)} | wrong)
    assert answer.status_code == 400 and words in answer.content.decode() and not Feed.objects.exists()


@pytest.mark.feature("C05", "A35")
def test_a_mapping_is_made_on_pages_tried_published_and_run(office: tuple[Client, Path], feed: Feed) -> None:
    """Data set by search, columns by suggestion, values by confirmation, a test run with before and after, a version, a run."""
    client, _path = office
    assert "检验记录" in page(client, feed, "fields", q="jyjl")  # by initials of the pinyin
    act(client, feed, "plain", data_set="laboratory_test_record")
    act(client, feed, "plain", source_system="LIS", key=["BGDH", "XMBH"], group=["BGDH"])
    act(client, feed, "line", section="event_at", name="event_at", how="from", column="BGRQ", parse="%Y-%m-%d %H:%M:%S")
    act(client, feed, "line", section="local_id", name="local_id", how="from", column="BRID")
    act(client, feed, "accept", name="laboratory_test_report_no", column="BGDH")
    act(
        client,
        feed,
        "line",
        section="fields",
        name="laboratory_test_quantitative_result",
        how="expr",
        expr="if(JG = '高', null, JG)",
        kind="number",
    )
    act(
        client,
        feed,
        "line",
        section="fields",
        name="laboratory_test_quantitative_result_unit",
        how="from",
        column="DW",
        codes="",
    )
    act(client, feed, "rules", rule_name=["作废"], rule_when=["ZF = '1'"], rule_then=["block"], otherwise="pass")
    told = page(client, feed, "trial")
    assert "可入库" in told and "R8" in told and "映射还不能用" not in told  # the filtered row stands first
    assert "作废" in page(client, feed, "filter")
    act(client, feed, "publish")
    services.run(actors.system(), feed.name)
    job = Job.objects.get()
    assert (job.read, job.filtered, job.rejected, job.inserted) == (11, 1, 0, 10) and job.state == FeedState.SUCCEEDED
    told = client.get(reverse("exchange:job", args=[job.pk])).content.decode()
    assert "过滤规则：作废" in told and "filter.作废" not in told


@pytest.mark.feature("A35")
def test_values_are_suggested_and_a_person_confirms(office: tuple[Client, Path], feed: Feed) -> None:
    """A unit written oddly is suggested in the house's writing; nothing is mapped before somebody confirms it."""
    client, _path = office
    mappings.publish(actors.system(), feed, lab.MAPPING)
    told = page(client, feed, "values", field="laboratory_test_quantitative_result_unit")
    assert "MMOL/L" in told and "同一计量单位" in told
    assert "codes" not in str(
        mappings.draft_of(Feed.objects.get())["fields"]["laboratory_test_quantitative_result_unit"]
    )
    act(client, feed, "codes", name="laboratory_test_quantitative_result_unit", section="fields", sure="1")
    draft = mappings.draft_of(Feed.objects.get())
    assert draft["codes"]["laboratory_test_quantitative_result_unit"] == {"mmol/L": "mmol/L", "MMOL/L": "mmol/L"}
    assert (
        draft["fields"]["laboratory_test_quantitative_result_unit"]["codes"]
        == "laboratory_test_quantitative_result_unit"
    )


@pytest.mark.feature("C05")
def test_versions_are_compared_and_gone_back_to(office: tuple[Client, Path], feed: Feed) -> None:
    """Each publishing is a version; two are shown line by line; going back makes a new one of the old text."""
    client, _path = office
    mappings.publish(actors.system(), feed, lab.MAPPING)
    mappings.publish(actors.system(), feed, lab.MAPPING.replace("source_system: LIS", "source_system: LIS2"))
    told = page(client, feed, "versions")
    assert "ex-minus" in told and "LIS2" in told
    act(client, feed, "back", version="1")
    newest = feed.mappings.order_by("-version")[0]
    assert newest.version == 3 and newest.text == lab.MAPPING


@pytest.mark.feature("C05")
def test_a_wrong_draft_is_kept_told_and_not_published(office: tuple[Client, Path], feed: Feed) -> None:
    """A draft with mistakes stays, each mistake is said with its line, and publishing is refused."""
    client, _path = office
    act(
        client,
        feed,
        "text",
        text=lab.MAPPING.replace("reporting_physician_signature: YSQM", "reporting_physician: YSQM"),
    )
    told = page(client, feed, "text")
    assert "映射还不能用" in told and "reporting_physician_signature" in told
    assert client.post(reverse("exchange:mapping_change", args=[feed.pk, "publish"])).status_code == 409
    assert not feed.mappings.exists()
    act(client, feed, "discard")
    assert Feed.objects.get().draft == ""


def test_who_may_only_look_cannot_set_up(office: tuple[Client, Path], feed: Feed) -> None:
    """Without the actions neither form nor mapping opens: a sample shows rows of persons."""
    client = Client()
    from yigong.kit.ctx import Purpose, Reach
    from yigong.security.api import make_role, make_user

    make_role("onlooker", "旁观", actions=("exchange.view",), reach=Reach.COUNTY, purpose=Purpose.OPERATION)
    client.force_login(make_user("kan", "看客", password="a-long-password", role="onlooker", org_code=lab.HOSPITAL))
    for name, args in (("new_feed", []), ("edit_feed", [feed.pk]), ("mapping", [feed.pk]), ("capture", [feed.pk])):
        assert client.get(reverse(f"exchange:{name}", args=args)).status_code == 403


@pytest.mark.feature("C02")
def test_capture_is_shown_before_it_is_made(office: tuple[Client, Path], feed: Feed) -> None:
    """The administrator sees the statements; without agreement nothing runs; removed, the source is as before."""
    client, path = office
    client.post(reverse("exchange:edit_feed", args=[feed.pk]), FORM | {"url": str(path), "way": "trigger"})
    url = reverse("exchange:capture", args=[feed.pk])
    import sqlite3

    def names() -> list[str]:
        with sqlite3.connect(path) as db:
            return [r[0] for r in db.execute("select name from sqlite_master where name like 'yg_%'")]

    assert "create trigger" in client.get(url).content.decode()
    assert client.post(url, {"verb": "make"}).status_code == 409 and not names()
    assert client.post(url, {"verb": "make", "agreed": "1"}).status_code == 302 and len(names()) == 4
    assert client.post(url, {"verb": "remove"}).status_code == 302 and not names()


@pytest.mark.feature("C05")
def test_a_column_whose_name_is_part_of_another_is_not_chosen_with_it(office: tuple[Client, Path], feed: Feed) -> None:
    """Key and source columns are preselected by their whole names: saving what the page shows changes nothing."""
    client, _path = office
    act(client, feed, "plain", data_set="laboratory_test_record", key=["BGDH", "XMBH"])
    act(client, feed, "line", section="local_id", name="local_id", how="from", column=["XMBH"])
    shown = page(client, feed, "fields", section="local_id", field="local_id")
    assert "<option selected>XMBH" in shown and "<option>XM<" in shown
    assert "<option selected>XM<" not in shown


@pytest.mark.feature("C05")
def test_an_empty_table_and_a_wrong_address_are_told(office: tuple[Client, Path], feed: Feed) -> None:
    """No sample rows is a sentence, not an error; neither is a number in the address that is none."""
    client, path = office
    with sqlite3.connect(path) as db:
        db.execute("delete from lis_result")
    mappings.save_text(actors.system(), feed, lab.MAPPING)
    assert "源库没有给出样例行" in page(client, feed, "trial", row="x")
    assert "还没有发布过版本" in page(client, feed, "versions", new="x")


@pytest.mark.feature("C08")
def test_a_refused_button_leads_back_to_its_page(office: tuple[Client, Path], feed: Feed) -> None:
    """Dates in the wrong order are told with the way back to the feed, never to another host."""
    client, _path = office
    url, home = reverse("exchange:steer", args=[feed.pk, "range"]), reverse("exchange:feed", args=[feed.pk])
    dates = {"start": "2026-03-05", "end": "2026-03-03"}
    told = client.post(url, dates, headers={"Referer": f"http://testserver{home}"})
    assert told.status_code == 409 and f'href="{home}">回到刚才的页面' in told.content.decode()
    assert (
        "回到刚才的页面" not in client.post(url, dates, headers={"Referer": f"http://elsewhere{home}"}).content.decode()
    )


@pytest.mark.feature("C08")
def test_a_run_and_a_feed_speak_in_words(office: tuple[Client, Path], feed: Feed) -> None:
    """A finding names its field by the standard's word; how far a source is read is a moment, not its stored form."""
    client, _path = office
    assert "还没有映射，先写映射再运行" in client.get(reverse("exchange:feed", args=[feed.pk])).content.decode()
    mappings.save_text(actors.system(), feed, lab.MAPPING)
    act(client, feed, "publish")
    services.run(actors.system(), feed.name)
    shown = client.get(reverse("exchange:job", args=[Job.objects.get().pk])).content.decode()
    assert '<td data-label="字段">检验定量结果</td>' in shown
    shown = client.get(reverse("exchange:feed", args=[feed.pk])).content.decode()
    assert "<dd>2026-03-" in shown and "mark" not in shown.partition("读到")[2][:80]


@pytest.mark.feature("C05")
def test_a_trial_says_in_english_where_the_row_stood(office: tuple[Client, Path], feed: Feed) -> None:
    """The place of a sample row is in the language of the page, and a paused feed is called paused."""
    client, _path = office
    mappings.save_text(actors.system(), feed, lab.MAPPING)
    client.cookies["django_language"] = "en"
    shown = client.get(reverse("exchange:mapping", args=[feed.pk]), {"tab": "trial"}).content.decode()
    assert "item_name 葡萄糖" in shown and "{&quot;" not in shown
    assert "lis_result row " in shown and "第" not in shown.partition("Source row")[2].partition("</table>")[0]
    with translation.override("en"):
        assert (FeedState.PAUSED.label, FeedState.RUNNING.label) == ("Paused", "Running")


@pytest.mark.feature("C08")
@pytest.mark.parametrize("name", ["feed", "job"])
def test_what_is_not_there_is_not_found(office: tuple[Client, Path], name: str) -> None:
    """The address of a feed or run that is not there answers 404, with a sentence."""
    answer = office[0].get(reverse(f"exchange:{name}", args=[999_999]))
    assert answer.status_code == 404 and "没有" in answer.content.decode()
