"""Queries gone on with: the next results of a list, counted, in the same order, by the application that asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lxml import etree

from yigong.kit import clock
from yigong.platform.hl7v3 import services
from yigong.platform.hl7v3.models import Application, Call
from yigong.platform.hl7v3.tests.hospital import Caller
from yigong.platform.hl7v3.tests.test_refusals import ask, complete, detail, fits, named, person, said, type_code

QUANTITIES = ("resultTotalQuantity", "resultCurrentQuantity", "resultRemainingQuantity")


def go_on(query: str, start: str, most: str = "", message_id: str = "K1") -> str:
    """A continuation as HL7 v3 has it."""
    wanted = f'<continuationQuantity value="{most}"/>' if most else ""
    first = f'<startResultNumber value="{start}"/>' if start else ""
    return f"""<QUQI_IN000003UV01 xmlns="urn:hl7-org:v3"><id root="2.16.156.10011.0" extension="{message_id}"/><controlActProcess>
<queryContinuation><queryId root="2.16.156.10011.0" extension="{query}"/><statusCode code="waitContinuedQueryResponse"/>{first}{wanted}
</queryContinuation></controlActProcess></QUQI_IN000003UV01>"""


def births(reply: etree._Element) -> list[str]:
    """Who is in an answer, in order."""
    return said(reply, "birthTime")


def counted(reply: etree._Element) -> tuple[int, ...]:
    """Total, current, remaining."""
    return tuple(int(said(reply, name)[0]) for name in QUANTITIES)


@pytest.fixture
def many(caller: Caller) -> Caller:
    """Seven persons of one name."""
    for n in range(7):
        born = f"19{30 + n}0725"
        facts = {
            "born": born,
            "id_no": complete(f"510107{born}{n:02}2"),
            "message_id": f"M{n}",
            "address": f"清溪村 {n + 1} 号",
        }
        assert type_code(caller("EHR-PL-01", person(f"P{n}", name="王秀兰", **facts))) == "AA"
    return caller


@pytest.mark.feature("C14")
def test_a_list_is_gone_on_with_to_its_end(many: Caller) -> None:
    """Each person once, in the order of the whole list; total, shown and left are right at each step; the query keeps its id."""
    whole = births(many("EHR-PL-04", ask(named("王秀兰"), message_id="Q0")))
    first = many("EHR-PL-04", ask(named("王秀兰"), "3", "Q1"))
    second = many("EHR-PL-04", go_on("ask-Q1", "4", "3", "K1"))
    third = many("EHR-PL-04", go_on("ask-Q1", "7", "", "K2"))
    assert [counted(reply) for reply in (first, second, third)] == [(7, 3, 4), (7, 3, 1), (7, 1, 0)]
    assert births(first) + births(second) + births(third) == whole and len(set(whole)) == 7
    assert set(said(second, "queryId", "extension")) == {"ask-Q1"}
    target = second.find(".//{urn:hl7-org:v3}targetMessage/{urn:hl7-org:v3}id")
    assert target is not None and target.get("extension") == "K1"
    fits(second)


@pytest.mark.feature("C14")
def test_one_continuation_may_ask_for_any_part(many: Caller) -> None:
    """Also back again, and without the name of the service: the query says which it was."""
    many("EHR-PL-04", ask(named("王秀兰"), "5", "Q1"))
    data = go_on("ask-Q1", "2", "2", "K3").encode()
    back = etree.fromstring(services.answer(Application.objects.get(), "", data).encode())
    assert (counted(back), births(back)) == ((7, 2, 4), ["19310725", "19320725"])


@pytest.mark.feature("C14")
@pytest.mark.parametrize(
    ("query", "start", "most", "because"),
    [
        ("ask-Q9", "2", "", "没有可以继续的查询"), ("ask-Q1", "8", "", "共 7 条结果，没有第 8 条"), ("ask-Q1", "0", "", "startResultNumber"),
        ("ask-Q1", "", "", "startResultNumber"), ("ask-Q1", "x", "1", "不是正整数"), ("ask-Q1", "2", "-1", "continuationQuantity"), ("", "2", "", "queryId"),
    ],
)  # fmt: skip
def test_what_cannot_be_gone_on_with_says_why(many: Caller, query: str, start: str, most: str, because: str) -> None:
    """AE with what and where, and the schema of the reply still fits."""
    many("EHR-PL-04", ask(named("王秀兰"), "3", "Q1"))
    reply = many("EHR-PL-04", go_on(query, start, most))
    assert (type_code(reply), because in detail(reply)) == ("AE", True)
    fits(reply)


@pytest.mark.feature("C14", "A03")
def test_a_query_is_gone_on_with_for_a_day_and_by_its_own_service(many: Caller) -> None:
    """What was asked of another service, or yesterday, is no query that goes on."""
    many("EHR-PL-04", ask(named("王秀兰"), "3", "Q1"))
    assert type_code(many("EHR-PL-10", go_on("ask-Q1", "4"))) == "AE"
    assert type_code(many("EHR-PL-04", go_on("ask-Q1", "4"))) == "AA"
    Call.objects.update(at=clock.now() - timedelta(hours=25))
    assert type_code(many("EHR-PL-04", go_on("ask-Q1", "4", "", "K9"))) == "AE"
