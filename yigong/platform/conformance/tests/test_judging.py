"""What an answer shows, case by case."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yigong.kit.idcard import valid
from yigong.platform.conformance import cases, judging, papers
from yigong.platform.conformance.cases import Case
from yigong.platform.conformance.judging import Heard, judge
from yigong.platform.conformance.remedies import REMEDIES
from yigong.platform.hl7v3.api import example, specs
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
        # custody changes between two institutions, and a run speaks for one
        assert musts == ({"refuse"} if key == "YG-EHR-03" else {"accept", "refuse"}), key
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
    assert len(kinds) == 55 and kinds["C0002"].best is not None and kinds["C0003"].word == "absent"
    assert [p.refused != "" for p in found] == [False, True, True]


HEAD = {
    "document_id": "D1", "set_id": "S1", "org_code": "12330100470116614F", "org_name": "青禾县人民医院", "authored_at": "20260301080000", "author_name": "李明",
    "outpatient_no": "MZ1", "inpatient_no": "ZY1", "full_name": "王秀兰",
}  # fmt: skip


@pytest.mark.feature("A04", "C22")
@pytest.mark.parametrize("code", ["C0002", "C0005", "C0034", "C0053", "HSDC00.01"])
def test_a_document_that_knows_nothing_does_not_pass(code: str) -> None:
    """With a complete head, no error and every required place said to be unknown, a document fails and says which rule of ours it is."""
    paper = papers.judge_files([("a.xml", write_document(code, {"head": HEAD | {"nulls": True}, "rows": {}}, load()))])[
        0
    ]
    barring = [f for f in paper.findings if f["fails"]]
    assert (paper.refused, paper.errors, paper.passes) == ("", 0, False)
    assert barring and all("YG-CDA-0" in str(f["zh"]) and "YG-CDA-0" in str(f["en"]) for f in barring)


SAMPLE = "EHR-PL-{}某服务-{}01.xml"


def _folder(tmp_path: Path, number: str, sign: str, key: str) -> list[cases.Case]:
    """The cases of a folder with one message: that of the declared example."""
    spec = specs()[key]
    name = SAMPLE.format(number, sign)
    (tmp_path / name).write_text(example(spec, "M-1", AT), "utf-8")
    return list(cases.of_folder(tmp_path, AT))


@pytest.mark.feature("C22")
@pytest.mark.parametrize(
    ("number", "sign", "before", "must"),
    [
        ("01", "T", [], "accept"),
        ("01", "F", ["EHR-PL-01"], "refuse"),
        ("02", "T", ["EHR-PL-01"], "accept"),
        ("03", "T", ["EHR-PL-01", "EHR-PL-01"], "accept"),
        ("07", "T", ["EHR-PL-05"], "accept"),
        ("12", "T", ["EHR-PL-10"], "accept"),
        ("14", "T", ["EHR-PL-16"], "accept"),
        ("20", "T", ["EHR-PL-16"], "accept"),
    ],
)
def test_a_message_of_an_evaluation_comes_after_what_it_builds_on(
    tmp_path: Path, number: str, sign: str, before: list[str], must: str
) -> None:
    """-T and -F in the name of a file decide; what is updated, merged or asked for is registered first, by the services."""
    *prepared, case = _folder(tmp_path, number, sign, f"EHR-PL-{number}")
    assert [c.service for c in prepared] == before and {c.must for c in prepared} <= {"answer"}
    assert (case.must, case.kind, case.item) == (must, "file", f"EHR-PL-{number}")


@pytest.mark.feature("C22")
def test_what_is_prepared_is_what_the_message_speaks_of(tmp_path: Path) -> None:
    """The document that a fetch asks for is submitted under the numbers of the fetch; a repeated registration has an id of its own."""
    submitted, fetch = _folder(tmp_path, "20", "T", "EHR-PL-20")
    assert "HSDC00.02" in fetch.message and "HSDC00.02" in submitted.message and "SRC2026001" in submitted.message
    (tmp_path / "other").mkdir()
    first, again = reversed(_folder(tmp_path / "other", "01", "F", "EHR-PL-01"))
    assert "P2026001" in again.message and ('extension="M-1"' in first.message, 'extension="M-1"' in again.message) == (
        True,
        False,
    )


@pytest.mark.feature("C22")
def test_everything_that_can_be_wrong_has_a_remedy() -> None:
    """Each rule of the judgement has its sentence in both languages."""
    source = Path(judging.__file__).read_text("utf-8")
    rules = set(re.findall(r'look\(\s*"(\w+)"', source))
    assert rules and rules <= set(REMEDIES) and all(zh and en for zh, en in REMEDIES.values())


@pytest.mark.feature("C22")
def test_the_persons_of_each_run_have_numbers_of_their_own() -> None:
    """A run names persons by valid resident numbers that no other run has."""
    said = [cases._said(specs()["EHR-PL-05"], mark, AT) for mark in ("AA", "BB")]
    assert all(valid(s["IDCardNo"]) and s["IDCardNo"][6:14] == s["BirthTime"] for s in said)
    assert said[0]["IDCardNo"] != said[1]["IDCardNo"]
