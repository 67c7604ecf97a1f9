"""A stored document is shown as sections, entries and tables, and only ever as text."""

from __future__ import annotations

import pytest

from tests.cda_samples import laboratory, observation
from tests.shared import shared
from yigong.platform.records.rendering import HL7, view
from yigong.standards.api import load

ATTACK = "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.mark.feature("B03")
def test_a_report_is_shown_with_its_results_as_a_table() -> None:
    """Title, person, institution, author and signatures; results in one table with unit and mark."""
    shown = view(laboratory().encode(), load())
    assert (shown.title, shown.institution, shown.author) == ("检验报告", "测试县人民医院", "测试医师")
    patient = {entry.label: entry.value for entry in shown.patient}
    assert patient["患者姓名"] == "测试甲" and patient["性别"] == "女性"
    assert [(s.label, s.value) for s in shown.signatures] == [("检验技师签名", "测试技师")]
    diagnosis, results = shown.sections
    assert (diagnosis.entries[0].value, diagnosis.entries[0].code) == ("2型糖尿病", "E11.900")
    (table,) = results.tables
    assert len(table.rows) == 3 and table.flags == ("high", "", "")
    assert table.rows[0][table.columns.index("检验项目")] == "葡萄糖"
    assert all(table.columns_en) and results.title_en


def test_the_narrative_stands_in_where_nothing_is_coded() -> None:
    """A section with words only gives paragraphs and tables of text."""
    words = "<text>一般情况好<table><tr><th>项目</th></tr><tr><td>脉搏</td></tr></table></text>"
    text = laboratory(results=()).replace(
        "</structuredBody>",
        f'<component><section><code displayName="护理记录"/>{words}</section></component></structuredBody>',
    )
    last = view(text.encode(), load()).sections[-1]
    assert (last.title_zh, last.paragraphs) == ("护理记录", ("一般情况好",))
    assert (last.tables[0].columns, last.tables[0].rows) == (("项目",), (("脉搏",),))


def test_markup_in_a_value_stays_text() -> None:
    """A script in names and values arrives as the signs that were written, for the page to escape."""
    entry = observation("DE04.30.018.00", "检验类别", f'<value xsi:type="ST">{ATTACK}</value>')
    shown = view(laboratory(name=ATTACK, results=(f"<entry>{entry}</entry>",)).encode(), load())
    values = [e.value for s in shown.sections for e in s.entries]
    assert "<script>alert(1)</script>" in values
    assert all(type(v) is str for v in values)


def test_a_message_is_shown_line_by_line() -> None:
    """A message of HL7 v2 is shown as its segments."""
    shown = view(b"\x0bMSH|^~\\&|A\rPID|1||9\r\x1c\r", load(), media_type=HL7)
    assert [e.label for e in shown.sections[0].entries] == ["MSH", "PID"]


def test_every_sample_is_shown() -> None:
    """Each hospital document has a title, a person and sections with content."""
    for path in sorted(shared("samples/cda").iterdir()):
        shown = view(path.read_bytes(), load())
        assert shown.title and shown.patient and shown.sections, path.name
        assert all(s.entries or s.tables or s.paragraphs for s in shown.sections), path.name
