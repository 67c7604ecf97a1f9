"""What a registration may not say: refused by field, place and reason in two languages, in a reply that fits the schemas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.kit.idcard import complete
from yigong.platform.bus.models import Message
from yigong.platform.empi import api as empi
from yigong.platform.hl7v3.declared import specs
from yigong.platform.hl7v3.examples import example, invented
from yigong.platform.hl7v3.tests.hospital import Caller, detail, details, person, type_code
from yigong.platform.hl7v3.tests.test_samples_region import fits
from yigong.platform.registry.models import Staff

GOOD = "510107195603120021"  # born 1956-03-12, female
AT = datetime(2026, 3, 1, tzinfo=UTC)
TOMORROW = f"{clock.today() + timedelta(days=2):%Y%m%d}"
VILLAGES = ("青禾县城关镇东街", "青禾县石桥乡大坪村", "青禾县白水镇河口村", "青禾县双河乡梨园村", "青禾县高山镇云台村")
REFUSED = [
    ({"born": TOMORROW}, "晚于今天", "still to come"), ({"born": "18491231"}, "早于 1850 年", "before 1850"),
    ({"born": "19800230"}, "不是日期时间", "no date"), ({"id_no": "510107195603120022"}, "不是有效的身份证号码", "identity"),
    ({"id_no": GOOD, "id_root": "2.16.156.10011.9.99"}, "2.16.156.10011.1.3", "2.16.156.10011.9.99"),
    ({"name": ""}, "缺少必填项", "PatientName"), ({"name": "　 "}, "缺少必填项", "PatientName"), ({"sex": "7"}, "不在值域内", "GenderCode"),
]  # fmt: skip


@pytest.mark.feature("C14", "C15")
@pytest.mark.parametrize("service", ["EHR-PL-01", "EHR-PL-02"])
@pytest.mark.parametrize(("said", "zh", "en"), REFUSED)
def test_a_person_that_cannot_be_is_refused(
    caller: Caller, service: str, said: dict[str, str], zh: str, en: str
) -> None:
    """AE with the sentence in Chinese first and in English beside it; nothing is registered or changed, the message is kept."""
    root = "PRPA_IN201311UV02"
    if service == "EHR-PL-02":
        assert type_code(caller("EHR-PL-01", person("P1", name="王秀兰", message_id="before"))) == "AA"
        root = "PRPA_IN201314UV02"
    count = empi.search(system(), "王秀兰").total
    facts = {"id_no": "", "name": "王秀兰"} | said
    reply = caller(service, person("P1", message_id="M9", root=root, **facts))
    assert (type_code(reply), zh in detail(reply)) == ("AE", True), detail(reply)
    told = details(reply)
    assert [(kind, language) for kind, language, _ in told] == [("E", "en")] and en in told[0][2], told
    fits(reply)
    kept = Message.objects.get(control_id="M9")
    assert (kept.outcome, kept.error["zh"], kept.error["en"]) == ("refused", detail(reply), told[0][2])
    assert empi.search(system(), "王秀兰").total == count


@pytest.mark.feature("C14")
def test_a_number_that_contradicts_is_said_and_taken(caller: Caller) -> None:
    """Birth date and sex inside a valid number that differ are remarks beside AA: the evaluation's own messages do so and must succeed."""
    reply = caller("EHR-PL-01", person("P1", id_no=GOOD, born="19600101", sex="1"))
    assert (type_code(reply), detail(reply)) == ("AA", "注册成功")
    assert [(kind, language) for kind, language, _ in details(reply)] == [("W", "zh"), ("W", "en")] * 2
    assert "BirthTime" in details(reply)[0][2] and "GenderCode" in details(reply)[3][2]
    fits(reply)
    assert details(caller("EHR-PL-01", person("P2", id_no=GOOD, message_id="M2"))) == []


@pytest.mark.feature("C14", "A18")
@pytest.mark.parametrize(
    ("old", "new", "zh"),
    [
        ('root="2.16.156.10011.1.3"', 'root="2.16.156.10011.9.99"', "2.16.156.10011.9.99"), ("19560312", TOMORROW, "晚于今天"),
        ("510107195603120021", "510107195603120031", "身份证"), ("示例医师", "", "缺少必填项"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("service", ["H0401", "EHR-PL-05"])
def test_staff_that_cannot_be_are_refused(caller: Caller, service: str, old: str, new: str, zh: str) -> None:
    """The same rules hold for members of staff, in both editions."""
    message = example(specs()[service], "S1", AT).replace(f'<birthTime value="{old}"', f'<birthTime value="{new}"')
    message = message if old == "19560312" else message.replace(old, new)
    reply = caller(service, message)
    assert (type_code(reply), zh in detail(reply)) == ("AE", True), (detail(reply), message)
    assert details(reply)[0][:2] == ("E", "en") and Staff.objects.count() == 0


@pytest.mark.feature("C14")
@pytest.mark.parametrize("service", ["H0201", "H0202"])
def test_the_newer_edition_is_refused_in_its_own_way(caller: Caller, service: str) -> None:
    """A wrong root in id/item is found as well; the sentences stand in value attributes."""
    if service == "H0202":
        assert type_code(caller("H0201", example(specs()["H0201"], "R1", AT))) == "AA"
    message = example(specs()[service], "R2", AT).replace('root="2.16.156.10011.1.3"', 'root="2.16.156.10011.9.99"')
    reply = caller(service, message)
    assert (type_code(reply), "2.16.156.10011.1.3" in detail(reply), details(reply)[0][:2]) == ("AE", True, ("E", "en"))


def _merge(stays: str, goes: str, message_id: str) -> str:
    facts = {**invented(specs()["EHR-PL-03"], AT), "PatientID": stays, "MergeID": goes}
    return example(specs()["EHR-PL-03"], message_id, AT, facts)


def ask(criterion: str, quantity: str = "", message_id: str = "Q1") -> str:
    """A query for persons in the regional writing."""
    first = f'<initialQuantity value="{quantity}"/>' if quantity else ""
    return f"""<PRPA_IN201305UV02 xmlns="urn:hl7-org:v3"><id root="2.16.156.10011.0" extension="{message_id}"/><controlActProcess>
<queryByParameter><queryId root="2.16.156.10011.0" extension="ask-{message_id}"/>{first}<parameterList>{criterion}</parameterList>
</queryByParameter></controlActProcess></PRPA_IN201305UV02>"""


def number(local_id: str) -> str:
    """A person by the sender's own number."""
    return f'<livingSubjectId><value root="2.16.156.10011.0.2.2" extension="{local_id}"/></livingSubjectId>'


def named(name: str) -> str:
    """Persons by name."""
    return f"<livingSubjectName><value>{name}</value></livingSubjectName>"


def said(reply: etree._Element, name: str, attribute: str = "value") -> list[str]:
    """An attribute of every element so called."""
    return [str(e.get(attribute)) for e in reply.iter(f"{{urn:hl7-org:v3}}{name}")]


@pytest.mark.feature("C14")
def test_a_query_gives_as_many_as_were_asked_for_and_says_how_many_there_are(caller: Caller) -> None:
    """initialQuantity bounds the answer, twenty is the most; total, current and remaining are said; sex and birth narrow before the bound."""
    for n in range(25):
        born = f"19{30 + n}0725"
        facts = {"born": born, "id_no": complete(f"510107{born}{n:02}2"), "message_id": f"M{n}"}
        facts["address"] = f"{VILLAGES[n % 5]}{n + 1} 号"
        assert type_code(caller("EHR-PL-01", person(f"P{n}", name="王秀兰", **facts))) == "AA"
    counted = []
    for at, asked in enumerate(("2", "", "999999999999", "25")):
        reply = caller("EHR-PL-04", ask(named("王秀兰"), asked, f"Q{at}"))
        fits(reply)
        names = ("resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity")
        counted.append((len(said(reply, "patient", "classCode")), *(int(said(reply, n)[0]) for n in names)))
    assert counted == [(2, 25, 2, 23), *[(20, 25, 20, 5)] * 3]
    last = f'<livingSubjectBirthTime><value value="19540725"/></livingSubjectBirthTime>{named("王秀兰")}'
    assert said(caller("EHR-PL-04", ask(last, "1", "Q9")), "resultTotalQuantity") == ["1"]
    for at, bad in enumerate(("0", "-1", "abc")):
        reply = caller("EHR-PL-04", ask(named("王秀兰"), bad, f"B{at}"))
        assert (type_code(reply), "initialQuantity" in detail(reply)) == ("AE", True)
        fits(reply)


@pytest.mark.feature("C14")
def test_a_query_that_finds_nothing_is_answered_as_the_samples_have_it(caller: Caller) -> None:
    """AE with NF and the query's id, no subject: the region's own negative replies say so."""
    reply = caller("EHR-PL-04", ask(named("查无此人")))
    assert (type_code(reply), said(reply, "queryResponseCode", "code"), said(reply, "subject", "typeCode")) == (
        "AE",
        ["NF"],
        [],
    )
    assert "没有查到" in detail(reply)
    fits(reply)


@pytest.mark.feature("C14", "A03")
def test_after_a_merge_the_old_number_answers_the_surviving_person(caller: Caller) -> None:
    """Both numbers give one platform id, that of the number which stays; a merge with an unknown one, or with itself, is refused."""
    facts = {"name": "王秀兰", "born": "19560312"}
    assert [type_code(caller("EHR-PL-01", person(p, message_id=f"R{p}", **facts))) for p in ("A1", "A2")] == [
        "AA",
        "AA",
    ]
    merged = caller("EHR-PL-03", _merge("A1", "A2", "G1"))
    assert type_code(merged) == "AA", detail(merged)
    fits(merged)
    platform = []
    for at, local in enumerate(("A1", "A2")):
        reply = caller("EHR-PL-04", ask(number(local), message_id=f"Q{at}"))
        ids = [e for e in reply.iter("{urn:hl7-org:v3}id") if e.get("root") == "2.16.156.10011.0.2.1"]
        platform.append([e.get("extension") for e in ids])
    assert platform[0] == platform[1] and len(platform[0]) == 1
    for at, (stays, goes, why) in enumerate((("A1", "NOBODY", "没有注册"), ("A1", "A1", "不能与自身合并"))):
        reply = caller("EHR-PL-03", _merge(stays, goes, f"G{at + 5}"))
        assert (type_code(reply), why in detail(reply)) == ("AE", True)
        fits(reply)


@pytest.mark.feature("C14")
def test_who_is_not_known_is_not_brought_up_to_date(caller: Caller) -> None:
    """An update of a number that was never registered is AE and registers nobody."""
    reply = caller("EHR-PL-02", person("NOBODY", root="PRPA_IN201314UV02", name="无名氏"))
    assert (type_code(reply), "没有注册" in detail(reply), details(reply)[0][1]) == ("AE", True, "en")
    assert empi.search(system(), "无名氏").total == 0
    fits(reply)
