"""Pages of persons, on a real database."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from yigong.kit import clock
from yigong.kit import ctx as actors
from yigong.platform.records import api as records
from yigong.security.models import Audit, Grant
from yigong.sharing.tests import county
from yigong.sharing.tests.conftest import Cast

Enter = Callable[..., Client]
PERSON_ROUTES = ("person", "one_page", "export", "trend")


def page(client: Client, route: str, *args: int, **query: str) -> str:
    """The text of a page that must be there."""
    answer = client.get(reverse(f"sharing:{route}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.feature("A24", "A15")
@pytest.mark.parametrize("words", ["王秀兰", "wang xiu lan", "wxl", "532301195903120427", "13987654321", "王秀蓝"])
def test_a_person_is_found_in_every_way(enter: Enter, cast: Cast, words: str) -> None:
    """姓名、拼音、首字母、身份证号、电话、错一个字都能找到，身份证号只显示头尾。"""
    text = page(enter(), "search", q=words)
    assert "王秀兰" in text
    assert "532***********0427" in text
    assert "19590312" not in text.replace("532301195903120427", "")


@pytest.mark.feature("B04")
def test_the_whole_history_on_one_page(enter: Enter, cast: Cast) -> None:
    """一页上有各机构的事件、过敏、三处矛盾、在用药及其来源，并说明已留痕。"""
    text = page(enter(), "person", cast.wang)
    for words in (
        "青霉素",
        "3 处矛盾",
        "血型",
        "磺胺过敏",
        "氨氯地平",
        "东河",
        "中医",
        "柳树",
        "断药",
        "缬沙坦",
        "本次查看已留痕",
    ):
        assert words in text
    summary = records.summary(actors.system(), cast.wang)
    kinds = {(c.kind, c.subject) for c in summary.contradictions}
    assert kinds == {("blood_group", ""), ("allergy", "磺胺"), ("dose", "氨氯地平片")}


@pytest.mark.feature("B04")
def test_a_trend_runs_over_institutions(enter: Enter, cast: Cast) -> None:
    """同一项目在三家机构的八次结果连成一条线，表里有每次的机构与参考范围。"""
    series = records.trend(actors.system(), cast.wang, "33914-3")
    assert [float(r.value or 0) for r in series] == [56, 54, 55, 52, 49, 38, 41, 41]
    assert {r.source.org_code for r in series} == {county.COUNTY, county.TCM, county.TOWN}
    assert {r.flag for r in series} == {"low"}
    assert "估算肾小球滤过率" in page(enter(), "person", cast.wang, tab="laboratory", item="33914-3")


@pytest.mark.feature("B04")
def test_nothing_known_is_said(enter: Enter, cast: Cast) -> None:
    """只有登记的人：过敏写未询问，并说明没有记录不等于没有看过病。"""
    text = page(enter(), "person", cast.newcomer)
    assert "过敏：未询问" in text
    assert "没有记录不等于没有看过病" in text


@pytest.mark.feature("B07", "B14")
def test_every_reading_is_written_down_once_and_shown(enter: Enter, cast: Cast) -> None:
    """每次查看恰好留一条痕迹，写明谁、哪家机构、用途，并在“谁看过”里看得到。"""
    client = enter()
    page(client, "person", cast.wang)
    line = Audit.objects.get(action="person.view")
    assert (line.actor_name, line.org_code, line.purpose) == ("周明", county.COUNTY, "treatment")
    assert line.registration_id in cast.wang_ids.values()
    assert "周明" in page(client, "person", cast.wang, tab="ledger")
    assert Audit.objects.filter(action="person.view").count() == 2


@pytest.mark.feature("B02", "B10")
def test_a_stranger_opens_only_for_a_reason(enter: Enter, cast: Cast) -> None:
    """没有关系的人：先要理由；说明后打开 24 小时并留痕；到期又关上。"""
    client = enter()
    url = reverse("sharing:person", args=[cast.stranger])
    closed = client.get(url)
    assert closed.status_code == 403
    assert "赵小燕" not in closed.content.decode()
    opening = reverse("sharing:open", args=[cast.stranger])
    assert client.post(opening, {"reason": "other", "text": "查"}).status_code == 422
    assert not Grant.objects.exists()
    assert client.post(opening, {"reason": "emergency"}).status_code == 302
    assert "赵小燕" in client.get(url).content.decode()
    assert Audit.objects.filter(action="person.open", after__reason="emergency").count() == 1
    with clock.fixed(clock.now() + timedelta(hours=24, minutes=1)):
        assert client.get(url).status_code == 403


@pytest.mark.feature("B02")
def test_a_whole_identity_number_tells_only_that_somebody_exists(enter: Enter, cast: Cast) -> None:
    """输完整身份证号只告诉有这个人，不给姓名和机构；输名字则什么都不说。"""
    client = enter()
    found = page(client, "search", q="532301199007010025")
    assert "全县有这个人" in found
    assert "赵小燕" not in found
    assert "没有找到" in page(client, "search", q="赵小燕")


def _document_of(cast: Cast, registration: int, org: str) -> int:
    facts = {"registration_id": registration, "org_code": org, "document_code": "C0002", "title": "门诊病历",
             "media_type": "application/xml", "set_id": f"s{registration}", "authored_at": clock.now()}  # fmt: skip
    return records.save_document(actors.system(), f"<x>{registration}</x>".encode(), facts)


@pytest.mark.feature("B15", "B03")
def test_no_role_reaches_a_foreign_person_by_any_route(enter: Enter, cast: Cast) -> None:
    """每条路由 × 每个角色 × 外人：没有关系就打不开，打印、导出、文书和原文下载也一样。"""
    stranger = county.register("赵小燕", [county.MATERNAL], sex_code="2", id_no="532301199007010025")[1]
    foreign = _document_of(cast, stranger[county.MATERNAL], county.MATERNAL)
    routes = [(r, [cast.stranger]) for r in PERSON_ROUTES]
    routes += [(r, [cast.stranger, foreign]) for r in ("event", "document", "original", "compose")]
    known = {str(p.name) for p in get_resolver("yigong.sharing.urls").url_patterns}
    assert known == {r for r, _ in routes} | {"search", "open"}
    for role in ("clinician", "village_doctor", "manager", "administrator", "empi_clerk", "data_clerk"):
        client = enter(role, county.TOWN)
        for route, args in routes:
            answer = client.get(reverse(f"sharing:{route}", args=args))
            assert answer.status_code in (403, 404), (role, route)
            assert "赵小燕" not in answer.content.decode()


@pytest.mark.feature("B15")
def test_a_document_opens_only_under_its_own_person(enter: Enter, cast: Cast) -> None:
    """拿别人的文书编号拼到自己能看的人名下，打不开；自己的文书逐字节下载。"""
    stranger = county.register("赵小燕", [county.MATERNAL], sex_code="2", id_no="532301199007010025")[1]
    foreign = _document_of(cast, stranger[county.MATERNAL], county.MATERNAL)
    own = _document_of(cast, cast.wang_ids[county.COUNTY], county.COUNTY)
    client = enter()
    for route in ("document", "original"):
        assert client.get(reverse(f"sharing:{route}", args=[cast.wang, foreign])).status_code == 404
    answer = client.get(reverse("sharing:original", args=[cast.wang, own]))
    assert answer.content == f"<x>{cast.wang_ids[county.COUNTY]}</x>".encode()
    assert Audit.objects.filter(action="person.original").count() == 1


@pytest.mark.feature("B11")
def test_an_export_says_who_took_it(enter: Enter, cast: Cast) -> None:
    """导出的末行写明谁、哪家机构、何时，并留痕；公式样的内容不会被当作公式。"""
    text = page(enter(), "export", cast.wang, what="medication")
    assert "由 周明（青禾县人民医院）" in text.splitlines()[-1]
    assert Audit.objects.filter(action="person.export").count() == 1


@pytest.mark.feature("B03")
def test_an_event_fills_the_dock(enter: Enter, cast: Cast) -> None:
    """点一条事件，右侧给出它的标准记录，代码已译成词；外人的事件打不开。"""
    system = actors.system()
    event = next(e for e in records.timeline(system, cast.wang) if e.kind == "laboratory")
    url = reverse("sharing:event", args=[cast.wang, event.id])
    text = enter().get(url, headers={"HX-Request": "true"}).content.decode()
    assert "肌酐" in text
    assert "41–81" in text
    other = reverse("sharing:event", args=[cast.newcomer, event.id])
    assert enter().get(other, headers={"HX-Request": "true"}).status_code == 404
