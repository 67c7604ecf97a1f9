"""What an answer shows, case by case."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from yigong.platform.conformance import cases, papers
from yigong.platform.conformance.cases import Case
from yigong.platform.conformance.judging import Heard, judge
from yigong.platform.hl7v3.api import specs
from yigong.standards.api import load
from yigong.standards.cda.write import write_document

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
MESSAGE = '<PRPA_IN201311UV02 xmlns="urn:hl7-org:v3"><id extension="M1"/></PRPA_IN201311UV02>'


def _heard(inside: str, *, status: int = 200, seconds: float = 0.1) -> Heard:
    text = inside.replace("&", "&amp;").replace("<", "&lt;")
    body = (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><HIPMessageServerResponse xmlns="urn:hl7-org:v3">'
        f"<HIPMessageServerResult>{text}</HIPMessageServerResult></HIPMessageServerResponse></e:Body></e:Envelope>"
    )
    return Heard(status, body.encode(), seconds)


def _ack(code: str, said: str = "说明", *, root: str = "MCCI_IN000002UV01", target: str = "M1") -> str:
    return (
        f'<{root} xmlns="urn:hl7-org:v3"><id extension="Y1"/><acknowledgement typeCode="{code}"><targetMessage><id extension="{target}"/>'
        f'</targetMessage><acknowledgementDetail><text value="{said}"/></acknowledgementDetail></acknowledgement></{root}>'
    )


def _case(must: str, kind: str = "accept", *, root: str = "MCCI_IN000002UV01", expects: tuple[str, ...] = ()) -> Case:
    return Case("X-1", "H0201", "题", "title", must, kind, "A", MESSAGE, root, expects)


@pytest.mark.parametrize(
    ("case", "heard", "word", "failing"),
    [
        (_case("accept"), _heard(_ack("AA")), "pass", set()),
        (_case("accept"), _heard(_ack("AE")), "fail", {"accepted"}),
        (_case("accept"), _heard(_ack("AA", root="PRPA_IN201312UV02")), "fail", {"root"}),
        (_case("accept"), _heard(_ack("AA", target="M2")), "fail", {"target"}),
        (_case("accept", expects=("P1",)), _heard(_ack("AA")), "fail", {"holds"}),
        (_case("accept"), Heard(failure="ConnectError"), "fail", {"reached"}),
        (_case("accept"), Heard(200, b"<html>hello</html>"), "fail", {"reply"}),
        (_case("refuse", "missing"), _heard(_ack("AE", "缺少患者号")), "pass", set()),
        (_case("refuse", "missing"), _heard(_ack("AE", "")), "fail", {"reason"}),
        (_case("refuse", "missing"), _heard(_ack("AA")), "fail", {"refused"}),
        (_case("refuse", "no_secret"), Heard(401, b"<Fault/>"), "pass", set()),
        (_case("refuse", "no_secret"), Heard(200, b"<html/>"), "fail", {"refused"}),
        (_case("refuse", "expansion"), _heard(_ack("AR"), seconds=9.0), "fail", {"bounded"}),
    ],
)
@pytest.mark.feature("C22")
def test_an_answer_is_judged_by_what_the_case_asks(case: Case, heard: Heard, word: str, failing: set[str]) -> None:
    """A case passes when everything looked at is in order, and names what is not."""
    verdict = judge(case, heard)
    assert (verdict.word, {n.rule for n in verdict.notes if not n.ok}) == (word, failing)


@pytest.mark.feature("C22")
def test_a_message_sent_twice_must_be_answered_alike() -> None:
    """Two different answers to one message fail the case of the repeated message."""
    case = _case("accept", "repeated", root="")
    first = _heard(_ack("AA", "注册成功"))
    assert judge(case, first, again=first).word == "pass"
    assert judge(case, first, again=_heard(_ack("AE", "已登记"))).word == "fail"


@pytest.mark.feature("C22")
def test_every_service_has_a_case_that_must_succeed_and_one_that_must_be_refused() -> None:
    """No service of the declarations is left out, and ids are unique within a run."""
    listed = [*cases.of_endpoint("M", AT), *cases.of_services("M", AT)]
    for key in specs():
        musts = {c.must for c in listed if c.item == key}
        assert musts == {"accept", "refuse"}, key
    assert len({c.id for c in listed}) == len(listed)


@pytest.mark.feature("C22")
def test_two_runs_ask_for_different_persons() -> None:
    """What a run registers bears its mark, so that runs do not meet each other's records."""
    one, other = ({c.id: c.message for c in cases.of_services(m, AT, only=("H0201",))} for m in ("AA", "BB"))
    assert "P2026001-AAN" in one["H0201-1"] and "P2026001-AAN" not in other["H0201-1"]


@pytest.mark.feature("A04", "C22")
def test_documents_are_judged_by_kind_and_what_is_no_document_is_told() -> None:
    """Of several files of a kind the best counts; a file that cannot be read is named with its reason; the other kinds are absent."""
    good = write_document("C0002", {"head": {}, "rows": {}}, load())
    found = papers.judge_files([("a.xml", good), ("b.xml", b"not xml at all"), ("c.xml", b"")])
    kinds = {k.code: k for k in papers.by_kind(found)}
    assert len(kinds) == 53 and kinds["C0002"].best is not None and kinds["C0003"].word == "absent"
    assert [p.refused != "" for p in found] == [False, True, True]
