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


RESULT = (
    "MSH|^~\\&|LIS|H|YG|C|20260301||ORU^R01|1|P|2.5||||||UNICODE UTF-8\rPID|||9||张^三\r"
    "OBR|1|O1|R1|ELE^电解质|||20260301080000|||||||||^李建国||||||20260301093000||||||||||&吴军亮\r"
    "OBX|1|NM|K^钾^LN||3.2|mmol/L|3.5-5.3|L|||C\rOBX|2|NM|NA^钠||139|mmol/L|137-147|N|||F\r"
    "OBX|3|SN|CRP^C反应蛋白||<^5|mg/L|||||F\rOBX|4|CE|HBV^乙肝表面抗原||N^阴性||||||F\r"
    f"OBX|5|TX|OP^意见||{'建议复查。' * 20}||||||F\rNTE|1||标本轻度溶血\rSPM|1|||SER^血清\r"
    "OBR|2|O2|R2|CBC^血常规\rOBX|1|NM|WBC^白细胞||6.1|10*9/L||||P\r"
)


@pytest.mark.feature("A03")
def test_a_result_message_is_shown_as_a_report() -> None:
    """Tests as rows with range, sign and status in words; long words and remarks below; each order its own section; no delimiter is seen."""
    shown = view(f"\x0b{RESULT}\x1c\r".encode(), load(), media_type=HL7)
    first, second = shown.sections
    assert (shown.title, first.title_zh, second.title_zh) == ("电解质", "电解质", "血常规")
    assert first.tables[0].rows == (
        ("钾", "3.2", "mmol/L", "3.5-5.3", "↓", "已更正"),
        ("钠", "139", "mmol/L", "137-147", "", "最终"),
        ("C反应蛋白", "<5", "mg/L", "", "", "最终"),
        ("乙肝表面抗原", "阴性", "", "", "", "最终"),
    )
    assert first.tables[0].flags == ("low", "", "", "")
    assert {e.label: e.value for e in first.entries} == {
        "报告单号": "R1", "申请单号": "O1", "采集时间": "2026-03-01 08:00", "报告时间": "2026-03-01 09:30", "申请医师": "李建国", "审核者": "吴军亮", "标本": "血清",
    }  # fmt: skip
    assert first.paragraphs == (f"意见：{'建议复查。' * 20}", "标本轻度溶血")
    assert not any(sign in str(shown.sections) for sign in ("|", "^"))
