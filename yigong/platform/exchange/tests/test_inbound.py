"""Messages of the bus become standard records by the same way as files, and the pages show what became of them."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import Purpose, Reach, system
from yigong.platform.bus import api as bus
from yigong.platform.bus.models import Message
from yigong.platform.exchange.models import Job, Quarantined
from yigong.platform.exchange.tests import lab
from yigong.platform.records import api as records
from yigong.security.api import make_role, make_user

HEAD = "MSH|^~\\&|LIS|{org}|YG|C|20260301083000||{kind}|{control}|P|2.4||||||UNICODE UTF-8\r"
PID = "PID|1||P77^^^LIS||测试甲||19600101|M\r"
RESULT = "OBR|1|A1|B1|PNL^血常规|||20260301080000\rOBX|1|NM|WBC^白细胞||5.6|10*9/L|4-10|N|||F|||20260301080000\r"
MESSAGES = {
    "ORU^R01": (PID + RESULT, "loaded"),
    "ADT^A31": (PID, "loaded"),
    "BAR^P01": (PID, "kept"),
    "ORU^R03": ("", "waiting"),
}


def _journal() -> None:
    lab.hospital()
    endpoint = bus.save_endpoint(system(), "mllp")
    texts = [
        HEAD.format(org=lab.HOSPITAL, kind=kind, control=str(n)) + body
        for n, (kind, (body, _)) in enumerate(MESSAGES.items())
    ]
    bus.accept(endpoint.pk, [bus.open_envelope(text.encode()) for text in texts])


@pytest.mark.django_db
@pytest.mark.feature("C13", "C18")
def test_journalled_messages_become_records_and_say_what_became_of_them() -> None:
    """Results are rows, other types are kept, what names no patient waits in quarantine; once each, one job of the day."""
    _journal()
    while bus.process():
        pass
    found = {m.kind: (m.state, m.outcome) for m in Message.objects.all()}
    assert found == {kind: ("processed", outcome) for kind, (_, outcome) in MESSAGES.items()}
    assert records.model("laboratory_test_record").objects.count() == 1
    assert Quarantined.objects.count() == 1 and Job.objects.filter(kind="bus").count() == 1
    assert Job.objects.get(kind="bus").balances


@pytest.mark.django_db
@pytest.mark.feature("C13", "C21")
@pytest.mark.parametrize(
    ("born", "sex", "value", "places", "sex_code"),
    [
        ("19800230", "F", "5.6", ["PID-7"], "2"), ("20990101", "M", "5.6", ["PID-7"], "1"), ("19800101", "女", "5.6", ["PID-8"], "2"),
        ("19800101", "Q", "5.6", ["PID-8"], ""), ("19800101", "F", "abc", ["OBX-5"], "2"), ("19800101", "1", "<0.01", [], "1"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_told_to_the_operator(
    born: str, sex: str, value: str, places: list[str], sex_code: str
) -> None:
    """The row goes in, the original bears a finding with place and sentence, and the journal names the places without the value."""
    lab.hospital()
    endpoint = bus.save_endpoint(system(), "mllp")
    pid = PID.replace("19600101|M", f"{born}|{sex}")
    text = HEAD.format(org=lab.HOSPITAL, kind="ORU^R01", control="1") + pid + RESULT.replace("5.6", value)
    bus.accept(endpoint.pk, [bus.open_envelope(text.encode())])
    assert bus.process() == 1
    kept, row = Message.objects.get(), records.model("laboratory_test_record").objects.get()
    assert kept.outcome == "loaded" and (row.laboratory_test_quantitative_result or row.laboratory_test_report_result)
    assert str(row.laboratory_test_report_result or "") == ("" if value == "5.6" else value)
    with connection.cursor() as cursor:
        cursor.execute("select findings from records_document")
        findings = [f for (found,) in cursor.fetchall() for f in json.loads(found)]
        cursor.execute("select sex_code from empi_registration")
        assert (cursor.fetchone()[0] or "") == sex_code
    assert [
        f["field"] for f in findings if f["rule"] in ("date_impossible", "code_unknown", "number_impossible")
    ] == places
    said = (kept.error or {}).get("zh", "")
    assert all(place in said for place in places) and bool(said) == bool(places) and born not in said


@pytest.mark.django_db
@pytest.mark.feature("C21")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_a_clerk_finds_reads_and_replays_a_message(language: str) -> None:
    """List, search, masked content, dead letters, replay."""
    _journal()
    actions = ("bus.view", "bus.search", "bus.replay")
    make_role("clerk", "数据管理员", actions=actions, reach=Reach.COUNTY, purpose=Purpose.OPERATION)
    user = make_user("fenglei", "冯磊", password="a-long-password", role="clerk", org_code=lab.HOSPITAL)
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = language
    Message.objects.filter(kind="BAR^P01").update(state="dead")
    listed = client.get(reverse("bus:messages"), {"q": "P77", "state": "dead"}).content.decode()
    body = listed.split("<tbody")[1].split("</tbody")[0]
    assert "BAR^P01" in body and "ORU^R01" not in body and "P77" not in body
    one = Message.objects.get(kind="BAR^P01")
    shown = client.get(reverse("bus:message", args=[one.pk])).content.decode()
    assert "PID" in shown and "测试甲" not in shown
    assert client.post(reverse("bus:replay", args=[one.pk])).status_code == 302
    assert Message.objects.get(pk=one.pk).state == "received"
