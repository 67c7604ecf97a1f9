"""A shared document made of a person's event: previewed, issued, signed, replaced; on a real database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import translation
from lxml import etree

from yigong.kit import ctx as actors
from yigong.kit.errors import Refused
from yigong.platform.documents import api as documents
from yigong.platform.documents.enveloping import Proof, holds, key_name
from yigong.platform.documents.models import IssuedDocument
from yigong.platform.records import api as records
from yigong.security.models import Audit
from yigong.sharing.papers import names
from yigong.sharing.templatetags.sharing import document_title
from yigong.sharing.tests import county
from yigong.sharing.tests.conftest import Cast
from yigong.standards.api import load
from yigong.standards.cda.api import open_document

Enter = Callable[..., Client]
LAB = "laboratory_test_record"


@pytest.fixture(autouse=True)
def own_folder(settings: LazySettings, tmp_path: Path) -> None:
    """Documents and keys of a test lie in its own folder."""
    settings.LOCAL = tmp_path


def event_of(person: int, kind: str, org: str) -> records.Event:
    """The newest event of a kind at an institution."""
    return next(e for e in records.timeline(actors.system(), person, kinds=[kind], limit=50) if e.org_code == org)


def issued(client: Client, person: int, event: int, code: str) -> Any:
    """The answer to a press of the button."""
    return client.post(reverse("sharing:compose", args=[person, event]), {"code": code})


@pytest.mark.feature("A03", "B03")
def test_an_event_becomes_a_document(enter: Enter, cast: Cast) -> None:
    """预览列出校验结果与损失；生成后签名有效，内容读回来与标准记录逐字段相同，留痕并可查阅。"""
    client, event = enter(), event_of(cast.wang, "laboratory", county.COUNTY)
    text = client.get(reverse("sharing:compose", args=[cast.wang, event.id])).content.decode()
    assert "检验报告" in text and "校验结果" in text and "生成并签名" in text and "标准没有位置的内容" in text
    answer = issued(client, cast.wang, event.id, "C0007")
    assert answer.status_code == 302, answer.content.decode()[:2000]
    made = IssuedDocument.objects.get()
    data = records.original(actors.system(), made.document_id)
    opened = open_document(data, load())
    rows = records.plain_rows(actors.system(), LAB, cast.wang, org_code=event.org_code, group_key=event.group_key)
    back = opened.rows.by_data_set[LAB]
    assert [r.values["laboratory_test_item_code"] for r in back] == [r["laboratory_test_item_code"] for r in rows]
    assert [float(r.values["laboratory_test_quantitative_result"]) for r in back] == [
        float(r["laboratory_test_quantitative_result"]) for r in rows
    ]
    assert (opened.header.patient.full_name, opened.header.org_code) == ("王秀兰", county.COUNTY)
    assert Audit.objects.filter(action="document.issue", subject_id=str(made.document_id)).exists()
    page = client.get(answer["Location"]).content.decode()
    assert "签名有效" in page and made.key_id in page


@pytest.mark.feature("A03")
def test_a_correction_takes_the_place_of_the_version_before(enter: Enter, cast: Cast) -> None:
    """内容不变不出新版；记录更正后出第二版并指向第一版，第一版仍可读并标明已替换，表只增不改。"""
    client, event = enter(), event_of(cast.wang, "laboratory", county.COUNTY)
    issued(client, cast.wang, event.id, "C0007")
    assert issued(client, cast.wang, event.id, "C0007").status_code == 409
    with connection.cursor() as cursor:
        cursor.execute(
            "update records_laboratory_test_record set laboratory_test_quantitative_result = 99 where group_key = %s",
            [event.group_key],
        )
    answer = issued(client, cast.wang, event.id, "C0007")
    first, second = IssuedDocument.objects.order_by("version")
    assert (second.version, second.replaces_id, second.set_id) == (2, first.document_id, first.set_id)
    root = etree.fromstring(records.original(actors.system(), second.document_id))
    names = {"h": "urn:hl7-org:v3"}
    assert root.xpath(
        "string(h:relatedDocument[@typeCode='RPLC']/h:parentDocument/h:id/@extension)", namespaces=names
    ) == (f"{first.set_id}.1")
    old = client.get(reverse("sharing:document", args=[cast.wang, first.document_id])).content.decode()
    assert "已被更正版替换" in old and "签名有效" in old
    assert "已被更正版替换" not in client.get(answer["Location"]).content.decode()
    with pytest.raises(DatabaseError), transaction.atomic():
        IssuedDocument.objects.filter(version=1).update(version=9)


@pytest.mark.feature("A03")
def test_a_changed_original_is_told(enter: Enter, cast: Cast, tmp_path: Path) -> None:
    """存储中的原件被改动一个字节，页面说签名无效。"""
    client, event = enter(), event_of(cast.wang, "laboratory", county.COUNTY)
    answer = issued(client, cast.wang, event.id, "C0007")
    stored = next(p for p in (tmp_path / "documents").rglob("*") if p.is_file())
    stored.write_bytes(stored.read_bytes().replace("王秀兰".encode(), "王秀蓝".encode()))
    assert "签名无效" in client.get(answer["Location"]).content.decode()


@pytest.mark.feature("A04")
def test_errors_stop_the_issue_unless_a_reason_is_given(enter: Enter, cast: Cast) -> None:
    """性别与身份证号码不符：医师不能签发，病案管理员写明理由后可以，理由留痕并显示在文书页。"""
    event = event_of(cast.wang, "laboratory", county.COUNTY)
    with connection.cursor() as cursor:
        cursor.execute("update empi_registration set sex_code = '1' where person_id = %s", [cast.wang])
    clinician = enter()
    assert "不能签发" in clinician.get(reverse("sharing:compose", args=[cast.wang, event.id])).content.decode()
    assert issued(clinician, cast.wang, event.id, "C0007").status_code == 409
    address = reverse("sharing:compose", args=[cast.wang, event.id])
    assert clinician.post(address, {"code": "C0007", "reason": "医师写了理由也不行"}).status_code == 409
    keeper = enter("record_keeper")
    assert keeper.post(address, {"code": "C0007", "reason": " "}).status_code == 409
    assert not IssuedDocument.objects.exists()
    answer = keeper.post(address, {"code": "C0007", "reason": "户籍性别登记有误，已报公安更正"})
    assert answer.status_code == 302
    made = IssuedDocument.objects.get()
    assert Audit.objects.filter(action="document.overrule", subject_id=str(made.document_id)).exists()
    assert "户籍性别登记有误，已报公安更正" in keeper.get(answer["Location"]).content.decode()


@pytest.mark.feature("A04")
def test_a_signed_copy_leaves_the_house(enter: Enter, cast: Cast) -> None:
    """带签名的副本可下载，离开平台也能验证；原件字节不变。"""
    client, event = enter(), event_of(cast.wang, "laboratory", county.COUNTY)
    issued(client, cast.wang, event.id, "C0007")
    made = IssuedDocument.objects.get()
    address = reverse("sharing:original", args=[cast.wang, made.document_id])
    original, signed = client.get(address).content, client.get(f"{address}?signed=1").content
    assert holds(signed) == key_name(Proof(made.xml_public_key, made.xml_signature))
    assert holds(original) is None and original == records.original(actors.system(), made.document_id)
    assert holds(signed.replace("王秀兰".encode(), "王秀蓝".encode())) is None


@pytest.mark.feature("A03")
def test_who_may_issue(enter: Enter, cast: Cast) -> None:
    """他院医师能预览不能签；没有权限的角色打不开；无关的人要先说明理由；不能由记录生成的类型被拒。"""
    event = event_of(cast.wang, "laboratory", county.COUNTY)
    town = enter(org=county.TOWN)
    page = town.get(reverse("sharing:compose", args=[cast.wang, event.id])).content.decode()
    assert "须由青禾县人民医院生成和签名" in page
    assert issued(town, cast.wang, event.id, "C0007").status_code in (403, 409)
    assert issued(enter(), cast.wang, event.id, "C0032").status_code == 409
    assert enter().get(reverse("sharing:compose", args=[cast.stranger, event.id])).status_code == 403
    assert enter("data_clerk").get(reverse("sharing:compose", args=[cast.wang, event.id])).status_code == 403
    assert not IssuedDocument.objects.exists()


@pytest.mark.feature("A05")
@pytest.mark.parametrize(
    "name",
    [
        d.identifier
        for d in load().data_sets.values()
        if any(d.key in k.data_sets for k in load().documents.values() if k.code.startswith("C"))
    ],
)
def test_every_data_set_makes_its_documents(cast: Cast, name: str) -> None:
    """每个数据集的一行记录都能生成它的共享文档，写入的值读回来相同，没有写入的逐条列出。"""
    from yigong.platform.documents.domain import as_text, gather
    from yigong.standards.cda.loss import canonical, losses
    from yigong.standards.cda.plan import probe
    from yigong.standards.cda.write import write_document

    data_set = load().data_sets[name]
    kind = next(k for k in load().documents.values() if data_set.key in k.data_sets and k.code.startswith("C"))
    row = {**probe(data_set, load()), "extra": {"备注": "无处可放"}}
    gathered = gather(kind, {name: [row]}, load())
    facts = {"head": {}, "rows": gathered.rows}
    back = open_document(write_document(kind.code, facts, load()), load()).rows.by_data_set[name][0].values
    lost = {loss.field for loss in losses(kind.code, facts, load())}
    for field in data_set.fields:
        said = as_text(row[field.identifier])
        if field.identifier not in lost:
            assert back[field.identifier] == canonical(field, said, load())
    assert (name, 0, "备注", "无处可放") in gathered.extras


def test_no_event_no_document(cast: Cast) -> None:
    """一条不存在的记录不能生成文档。"""
    with pytest.raises(Refused) as refusal:
        documents.compose(actors.system(), cast.wang, 10**9, "C0007")
    assert refusal.value.code == "documents.no_such_event"


@pytest.mark.feature("A03", "B03")
def test_in_english_the_standards_own_names_are_english(enter: Enter, cast: Cast) -> None:
    """Title of the document, data sets and fields that the standard has no place for; what a sender named by itself stays."""
    client, event = enter(), event_of(cast.wang, "laboratory", county.COUNTY)
    client.cookies["django_language"] = "en"
    text = client.get(reverse("sharing:compose", args=[cast.wang, event.id])).content.decode()
    head = text.partition('<article class="yg-card')[2].partition("</header>")[0]
    assert "Laboratory report" in head and "检验报告" not in head
    assert "检验记录" not in text and "Laboratory test record" in text
    assert names(LAB, "extra.床号")[1] == "床号"
    with translation.override("en"):
        assert document_title("检验报告") == "Laboratory report" and document_title("某院自拟文书") == "某院自拟文书"
    with translation.override("zh-hans"):
        assert document_title("检验报告") == "检验报告" and names(LAB, "")[0] == "检验记录"
