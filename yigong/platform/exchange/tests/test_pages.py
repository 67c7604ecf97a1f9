"""The pages of the exchange as a data clerk and as others see them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit import ctx as actors
from yigong.kit.ctx import Purpose, Reach
from yigong.kit.errors import Refused
from yigong.platform.exchange import nodes, quarantine, services
from yigong.platform.exchange.models import Job, Quarantined, RowState
from yigong.platform.exchange.tests import lab
from yigong.security.api import make_role, make_user, opaque_id


def signed_in(actions: tuple[str, ...]) -> Client:
    """A browser in which somebody with these actions is logged in."""
    make_role("clerk", "数据管理员", actions=actions, reach=Reach.COUNTY, purpose=Purpose.OPERATION)
    user = make_user("fenglei", "冯磊", password="a-long-password", role="clerk", org_code=lab.HOSPITAL)
    client = Client()
    client.force_login(user)
    return client


CLERK = ("exchange.view", "exchange.run", "exchange.mend", "exchange.resend")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A run with one row filtered and one turned away."""
    lab.hospital()
    rows = [*lab.good(4), lab.row(8, ZF="1"), lab.row(9, JG="高")]
    return services.run(actors.system(), lab.feed(lab.source(tmp_path / "lis.db", rows)))


@pytest.mark.django_db
@pytest.mark.feature("C08", "C10")
def test_the_monitor_shows_nodes_jobs_and_an_even_account(job: Job) -> None:
    """Legend with counts, the node in the list, the reconciliation of the day."""
    text = signed_in(CLERK).get(reverse("exchange:monitor"), {"view": "list", "node": lab.HOSPITAL}).content.decode()
    for words in ("静默/失败", "未接入", "青禾县人民医院", "县医院检验", "检验记录", "日对账", "部分成功"):
        assert words in text, words


@pytest.mark.django_db
@pytest.mark.feature("C08", "C10")
def test_a_failed_run_is_not_hidden_behind_even_figures(job: Job, tmp_path: Path) -> None:
    """No row was read, so nothing is missing: the day's line says that it is open all the same, and the map keeps itself up to date."""
    clerk = signed_in(CLERK)
    assert "未结" not in clerk.get(reverse("exchange:monitor")).content.decode()
    (tmp_path / "lis.db").unlink()
    services.run(actors.system(), job.feed)
    text = clerk.get(reverse("exchange:monitor")).content.decode()
    assert "未结" in text and 'hx-trigger="every 15s"' in text


@pytest.mark.django_db
@pytest.mark.feature("C26")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_run_shows_account_findings_batches_and_log(job: Job, language: str) -> None:
    """The page of a run says what became of every row and why, in both languages."""
    client = signed_in(CLERK)
    client.cookies["django_language"] = language
    text = client.get(reverse("exchange:job", args=[job.pk])).content.decode()
    assert "number_unreadable" in text and ("检验定量结果" in text if language == "zh-hans" else "not a number" in text)
    assert client.get(reverse("exchange:feed", args=[job.feed_id])).status_code == 200
    assert client.get(reverse("exchange:jobs")).status_code == 200


@pytest.mark.django_db
@pytest.mark.feature("C31")
def test_a_clerk_mends_a_row_on_its_page_and_sends_it_again(job: Job) -> None:
    """From the list to the row, corrected in the form, sent again, gone from what waits."""
    client, row = signed_in(CLERK), Quarantined.objects.get()
    assert "不是数字" in client.get(reverse("exchange:quarantine"), {"state": "waiting"}).content.decode()
    url = reverse("exchange:row", args=[row.pk])
    assert opaque_id(row.pk) in url and 'value="高"' in client.get(url).content.decode()
    form = {f"f-{k}": v or "" for k, v in row.raw.items()} | {"f-JG": "9.1", "resend": "1"}
    assert client.post(reverse("exchange:mend", args=[row.pk]), form).status_code == 302
    assert Quarantined.objects.get().state == RowState.RESENT


@pytest.mark.django_db
@pytest.mark.feature("C31")
def test_rows_are_given_up_together_only_with_a_reason(job: Job) -> None:
    """The batch act on the list needs a reason."""
    client = signed_in(CLERK)
    assert client.post(reverse("exchange:act"), {"verb": "discard", "reason": ""}).status_code == 409
    assert client.post(reverse("exchange:act"), {"verb": "discard", "reason": "重复送来"}).status_code == 302
    assert Quarantined.objects.get().state == RowState.DISCARDED


@pytest.mark.django_db
@pytest.mark.feature("C31")
def test_a_row_given_up_says_who_and_why_and_can_be_taken_back(job: Job) -> None:
    """Its page tells the reason; it is restored with a reason of its own, mended as it was, and can be sent again."""
    client, row = signed_in(CLERK), Quarantined.objects.get()
    quarantine.mend(actors.system(), row.pk, {**row.raw, "JG": "9.1"})
    client.post(reverse("exchange:act"), {"verb": "discard", "reason": "重复送来"})
    url = reverse("exchange:row", args=[row.pk])
    text = client.get(url).content.decode()
    assert "重复送来" in text and "冯磊" in text
    again = reverse("exchange:restore", args=[row.pk])
    assert client.post(again, {"reason": ""}).status_code == 409
    assert client.post(again, {"reason": "并非重复"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.mended["JG"], [a["verb"] for a in row.acts]) == (
        "mended",
        "9.1",
        ["mend", "discard", "restore"],
    )
    assert client.post(again, {"reason": "再一次"}).status_code == 409
    services.resend(actors.system(), [row.pk])
    row.refresh_from_db()
    assert row.state == RowState.RESENT


@pytest.mark.django_db
@pytest.mark.feature("C31")
def test_nobody_mends_gives_up_or_sends_rows_of_another_institution(job: Job) -> None:
    """Behind the pages too: a row is looked for among the feeds of the actor's institutions only."""
    row = Quarantined.objects.get()
    stranger = replace(actors.system(), actor_id=9, orgs=("2000000202",), reach=Reach.OWN, purpose=Purpose.OPERATION)
    for act in (
        lambda: quarantine.mend(stranger, row.pk, row.raw),
        lambda: quarantine.restore(stranger, row.pk, "…"),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "exchange.row_unknown"
    assert quarantine.discard(stranger, [row.pk], "…") == 0 and services.resend(stranger, [row.pk]) is None
    row.refresh_from_db()
    assert row.state == RowState.WAITING


@pytest.mark.django_db
@pytest.mark.feature("C31")
def test_a_row_of_a_document_shows_only_what_a_person_may_mend(job: Job) -> None:
    """Where the platform keeps the original is no column to be edited, and no path of the server leaves it; it is kept."""
    raw = {"path": "/srv/original.hl7", "offset": 4, "sha256": "ab" * 32, "org_code": "X"}
    Quarantined.objects.update(raw=raw)
    client, row = signed_in(CLERK), Quarantined.objects.get()
    text = client.get(reverse("exchange:row", args=[row.pk])).content.decode()
    assert 'name="f-org_code"' in text
    assert "/srv/original" not in text and "f-offset" not in text and raw["sha256"] not in text
    client.post(reverse("exchange:mend", args=[row.pk]), {"f-org_code": "Y"})
    row.refresh_from_db()
    assert row.mended == {**raw, "org_code": "Y"}


@pytest.mark.django_db
def test_who_may_only_look_cannot_run_or_mend(job: Job) -> None:
    """Without the actions the buttons are missing and the addresses refuse."""
    client, row = signed_in(("exchange.view",)), Quarantined.objects.get()
    assert "保存并重送" not in client.get(reverse("exchange:row", args=[row.pk])).content.decode()
    assert client.post(reverse("exchange:mend", args=[row.pk]), {}).status_code == 403
    assert client.post(reverse("exchange:steer", args=[job.feed_id, "run"])).status_code == 403


@pytest.mark.feature("C08")
@pytest.mark.parametrize(
    ("states", "share", "tone"),
    [
        ([], 0.0, "idle"),
        (["succeeded"], 0.0, "ok"),
        (["succeeded", "failed"], 0.0, "bad"),
        (["running", "succeeded"], 0.0, "run"),
        (["succeeded"], 0.2, "low"),
        (["paused"], 0.0, "hold"),
        (["paused", "succeeded"], 0.0, "ok"),
    ],
)
def test_a_node_shows_the_worst_of_its_feeds(states: list[str], share: float, tone: str) -> None:
    """The tone of a node follows from the states of its feeds and the share of rows turned away."""
    assert nodes.judge(states, share) == tone
