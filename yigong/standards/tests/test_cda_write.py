"""Shared documents written from standard records: what goes in comes back, and the schema agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.shared import shared
from yigong.kit.errors import Refused
from yigong.standards.api import load
from yigong.standards.cda.api import open_document
from yigong.standards.cda.check import check_document
from yigong.standards.cda.command import main
from yigong.standards.cda.loss import carried, losses
from yigong.standards.cda.places import made_kinds
from yigong.standards.cda.plan import plan_of, probe
from yigong.standards.cda.write import write_document

S = load()
CODES = [document.code for document in made_kinds(S)]
#: declared fields that no place gives back: the standard has one node for two of them, or the reading takes another
LOST_AT_MOST = 0.05


def _rows(code: str, count: int = 1) -> dict[str, list[dict[str, str]]]:
    """A value in every field that the kind can carry."""
    plan = plan_of(code, S)
    rows = {}
    for data_set in plan.kind.data_sets:
        known = {name for d, name in (*plan.ways, *plan.units) if d == data_set.identifier and name != "age_months"}
        every = {k: v for k, v in probe(data_set, S).items() if k in known}
        rows[data_set.identifier] = [dict(every) for _ in range(count)]
    return rows


@pytest.mark.feature("A03", "A05")
@pytest.mark.parametrize("code", CODES)
def test_what_is_written_is_read_again(code: str) -> None:
    """Every carried field of every kind returns, and the bytes are the same each time."""
    facts = {"head": {"document_id": "D1"}, "rows": _rows(code)}
    data = write_document(code, facts, S)
    assert data == write_document(code, facts, S)
    assert losses(code, facts, S) == []
    opened = open_document(data, S)
    assert (opened.header.code, opened.header.document_id) == (code, "D1")


@pytest.mark.feature("A05")
def test_nearly_all_declared_fields_are_carried() -> None:
    """Of the fields that have a declared place at most one in twenty has none that gives it back."""
    placed = carried = 0
    for code in CODES:
        plan = plan_of(code, S)
        have = {(d, f.identifier) for place in plan.kind.places if "//" not in place.xpath for d, f in place.fields}
        placed, carried = placed + len(have), carried + len(have & {*plan.ways, *plan.units})
    assert carried / placed >= 1 - LOST_AT_MOST


@pytest.mark.feature("A03")
@pytest.mark.parametrize("code", CODES)
def test_the_schema_accepts_what_is_written(code: str) -> None:
    """The schema of shared documents holds for every kind, whole and with an empty set of rows."""
    schema = etree.XMLSchema(etree.parse(shared("samples/cda_xsd/sdschemas/SDA.xsd")))
    for rows in (_rows(code), {}):
        schema.assertValid(etree.fromstring(write_document(code, {"rows": rows}, S)))


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=2, max_size=20)


@pytest.mark.feature("A05")
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_rows_return_or_are_named_as_lost(data: Any) -> None:
    """Whatever words and numbers a report says: what the reading does not give back stands in the list of losses."""
    code = data.draw(st.sampled_from(["C0004", "C0007", "C0049", "C0053"]))
    rows: dict[str, list[dict[str, str]]] = _rows(code, 3 if code in ("C0004", "C0007") else 1)
    data_set = plan_of(code, S).kind.data_sets[0]
    for row in rows[data_set.identifier]:
        for field in data_set.fields:
            if field.identifier in row and field.type == "S1" and not field.identifier.endswith("_code"):
                row[field.identifier] = data.draw(TEXT)
    facts = {"rows": rows}
    lost = {(entry.row, entry.field) for entry in losses(code, facts, S)}
    back = open_document(write_document(code, facts, S), S).rows.by_data_set[data_set.identifier]
    for at, row in enumerate(rows[data_set.identifier]):
        for name, value in row.items():
            assert (at, name) in lost or back[at].values[name] == value


@pytest.mark.feature("A05")
def test_losses_say_why() -> None:
    """A field that is unknown, one without a place, and a second row of a kind without lines are each named."""
    rows = {"discharge_summary": [{"nonsense": "1"}]}
    data_set = plan_of("C0053", S).kind.data_sets[0]
    name = next(n for d, n in plan_of("C0053", S).ways if n.endswith("_name"))
    rows = {data_set.identifier: [{"nonsense": "1"}, {name: "测试"}]}
    because = {(loss.row, loss.field): loss.because for loss in losses("C0053", {"rows": rows}, S)}
    assert because == {(0, "nonsense"): "unknown_field", (1, name): "no_line"}


@pytest.mark.parametrize("facts", [{"rows": []}, {"rows": {"x": {}}}, {"head": []}])
def test_wrong_facts_are_refused(facts: dict[str, Any]) -> None:
    """Facts of another shape, or an unknown kind, give a refusal and no document."""
    with pytest.raises(Refused):
        write_document("C0007", facts, S)
    with pytest.raises(Refused):
        write_document("C9999", {}, S)


@pytest.mark.feature("A04")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written from JSON, checked into JSON; 1 for errors, 2 for what cannot be read."""
    facts, out, report = tmp_path / "f.json", tmp_path / "d.xml", tmp_path / "r.json"
    facts.write_text(json.dumps({"head": {"document_id": "D1"}, "rows": _rows("C0007")}), encoding="utf-8")
    assert main(["write", "C0007", "--facts", str(facts), "--out", str(out)]) == 0
    assert main(["check", str(out), "--lang", "en", "--json", str(report)]) == 1
    said = json.loads(report.read_text(encoding="utf-8"))[str(out)]
    assert said["document_code"] == "C0007" and {f["rule"] for f in said["findings"]} >= {"effective_time"}
    facts.write_text("no json", encoding="utf-8")
    assert main(["write", "C0007", "--facts", str(facts), "--out", str(out)]) == 2
    assert main(["check", str(facts)]) == 2
    assert main(["kinds"]) == 0
    assert "C0053" in capsys.readouterr().out


@pytest.mark.feature("A03")
@pytest.mark.parametrize("code", CODES)
def test_sections_are_told_in_words(code: str) -> None:
    """Every section with entries has a text that says each of their values, and the reading is the same without it."""
    facts = {"head": {"document_id": "D1"}, "rows": _rows(code, 2)}
    with_words, without = (
        write_document(code, facts, S),
        write_document(code, facts | {"head": {"document_id": "D1", "narrative": False}}, S),
    )
    told, bare = open_document(with_words, S), open_document(without, S)
    assert [(r.label, r.value) for r in told.reads] == [(r.label, r.value) for r in bare.reads]
    for section in told.root.iter("section"):
        words = "".join(map(str, section.find("text").itertext()))
        values = [r.value for r in told.reads if section in r.node.iterancestors()]
        assert all((v.display or v.text or v.code) in words or v.text.isdigit() or v.kind == "BL" for v in values), (
            section.findtext("title")
        )


@pytest.mark.feature("A03")
def test_what_is_required_and_unknown_is_said_to_be_unknown() -> None:
    """A required observation of which the records say nothing stands with nullFlavor NI: blank, its section not missing."""
    empty, null = (
        check_document(write_document("C0003", {"head": {"nulls": nulls}, "rows": {}}, S), S) for nulls in (False, True)
    )
    assert "section_missing" in {f.rule for f in empty.findings}
    assert "section_missing" not in {f.rule for f in null.findings}
    assert {f.severity for f in null.findings if f.rule == "required_unknown"} == {"info"}
    assert null.unknown > 0 and null.satisfied + null.unknown == null.required
    assert empty.satisfied + empty.unknown < empty.required
    assert not [f for f in null.findings if f.rule == "required_blank"]


@pytest.mark.feature("A03")
def test_an_empty_place_without_a_word_is_not_unknown() -> None:
    """The same place without its nullFlavor is blank, a warning, and counts neither as filled nor as unknown."""
    data = write_document("C0003", {"head": {"nulls": True}, "rows": {}}, S)
    told, bare = check_document(data, S), check_document(data.replace(b' nullFlavor="NI"', b""), S)
    assert told.unknown > 0 and bare.unknown == 0
    assert {f.severity for f in bare.findings if f.rule == "required_blank"} == {"warning"}


@pytest.mark.feature("A03")
@pytest.mark.parametrize("code", [code for code in CODES if code.startswith("C")])
def test_every_kind_passes_its_own_standard(code: str) -> None:
    """With what its rows say and NI for the rest no required place of any kind is missing or blank, and the rows return."""
    rows = _rows(code)
    data = write_document(code, {"head": {"document_id": "D1", "nulls": True}, "rows": rows}, S)
    report = check_document(data, S)
    assert not {f.rule for f in report.findings} & {"required_missing", "required_blank", "section_missing"}
    assert report.satisfied + report.unknown == report.required
    back = open_document(data, S).rows.by_data_set
    for data_set, (row,) in rows.items():
        assert {name: back[data_set][0].values.get(name) for name in row} == row if row else True


@pytest.mark.feature("A03")
def test_a_later_version_names_the_one_before() -> None:
    """RPLC with number, set and version; the reading of the head knows it."""
    before = {"document_id": "D.1", "set_id": "D", "version": 1}
    opened = open_document(
        write_document(
            "C0007",
            {"head": {"document_id": "D.2", "set_id": "D", "version": 2, "replaces": before}, "rows": _rows("C0007")},
            S,
        ),
        S,
    )
    assert (opened.header.replaces, opened.header.version, opened.header.set_id) == ("D", 2, "D")
    assert all("D.1" not in str(row.extra) for rows in opened.rows.by_data_set.values() for row in rows)


#: fields of the 53 kinds of WS/T 500, and of the two of WS/T 483, that a document cannot carry: the numbers only fall
LOST = {"C": 227, "HSD": 110}


@pytest.mark.feature("A05")
@pytest.mark.parametrize("family", LOST)
def test_ever_fewer_fields_have_no_place(family: str) -> None:
    """What a kind cannot carry becomes less, never more."""
    rows = [carried(code, S) for code in CODES if code.startswith(family)]
    assert len(rows) == {"C": 53, "HSD": 2}[family]
    assert sum(row.without_place + row.not_given_back for row in rows) <= LOST[family]


@pytest.mark.feature("A03")
def test_all_kinds_are_listed_with_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """73 kinds; of 18 of WS/T 483 the facts have no elements, and it is said."""
    assert main(["kinds"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 73
    assert sum("没有数据元位置" in line for line in lines) == 18
    assert main(["loss", "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 55 + 1


@pytest.mark.feature("A03")
def test_the_command_tells_what_has_no_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``loss`` lists fields without a place; of given facts it lists the values, 1 when there are any."""
    assert main(["loss", "C0001"]) == 0
    assert "health_card_no" in capsys.readouterr().out
    facts = tmp_path / "facts.json"
    facts.write_text(
        json.dumps(
            {"rows": {"laboratory_test_record": [{"no_field": "2026-01-02", "laboratory_test_item_code": "GLU"}]}}
        )
    )
    assert main(["loss", "C0007", "--facts", str(facts)]) == 1
    assert capsys.readouterr().out.split("\t")[2:5:2] == ["no_field", "unknown_field\n"]
    assert main(["loss", "X1"]) == 2


@pytest.mark.feature("A05")
@pytest.mark.parametrize(
    "hidden", ['<translation nullFlavor="NI"/>', "<translation/>", '<originalText nullFlavor="UNK"/>']
)
def test_a_translation_that_says_nothing_hides_nothing(hidden: str) -> None:
    """A frequency whose translation is not known is read; a code without its leading zero is not too short."""
    name = "medication_frequency_code"
    rows = {"western_prescription": [{name: "9", "medication_name": "阿司匹林肠溶片"}]}
    text = write_document("C0004", {"head": {"document_id": "D1", "nulls": True}, "rows": rows}, S).decode()
    start = text.index("<rateQuantity")
    said = f'<rateQuantity value="9" unit="次/日">{hidden}</rateQuantity>'
    text = text[:start] + said + text[text.index("</rateQuantity>", start) + len("</rateQuantity>") :]
    assert open_document(text.encode(), S).rows.by_data_set["western_prescription"][0].values[name] == "9"
    assert "too_short" not in {f.rule for f in check_document(text.encode(), S).findings}
