"""The language, the loader and the engine: what is wrong is said with file and line; every failing row is listed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.standards.quality import api, scan
from yigong.standards.quality.engine import bin_of
from yigong.standards.quality.forms import automaton
from yigong.standards.quality.language import Scope, compiled
from yigong.standards.quality.leaves import Alone, Leaf
from yigong.standards.quality.terms import Wrong
from yigong.standards.tables import Misdeclared

LAB = "laboratory_test_record"
GOOD = """code: {code}
name: {{zh: 试, en: try}}
dimension: validity
severity: warning
data_sets: [laboratory_test_record]
fields: [sex_code]
{body}
sentence: {{zh: 错, en: wrong}}
source: test
cases:
  - {{name: a, given: {{sex_code: "1"}}, holds: true}}
  - {{name: b, given: {{sex_code: "7"}}, holds: false}}
"""


@pytest.mark.feature("C23")
@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("holds: sex_kode == '1'", 7, "sex_kode"),
        ("holds: age_years > '3'", 7, "number"),
        ("holds: __import__('os')", 7, "__import__"),
        ("holds: sex_code.upper() == '1'", 7, "sex_code.upper()"),
        ("holds: sex_code", 7, ""),
        ("holds: rows() == 1", 7, "per"),
        ("holds: coded(sex_code, 'CV99.99.999')", 7, "CV99.99.999"),
        ("measure: age_years", 7, "least"),
        ("measure: age_years\nmost: {is: 9, from: 1, to: 5}", 8, "most"),
        ("holdz: true", 7, "holdz"),
        ("holds: sex_code ==", 7, "=="),
    ],
)  # fmt: skip
def test_a_wrong_rule_file_is_named_with_line_and_word(tmp_path: Path, body: str, line: int, words: str) -> None:
    """A clerk who writes a rule is told which file, which line and which word cannot be used."""
    path = tmp_path / "T-1.yaml"
    path.write_text(GOOD.format(code="T-1", body=body), "utf-8")
    with pytest.raises(Misdeclared) as wrong:
        api.read(path)
    assert (wrong.value.file, wrong.value.line) == ("T-1.yaml", line), str(wrong.value)
    assert words in str(wrong.value)


@pytest.mark.feature("C23")
def test_a_file_added_is_a_rule_added(tmp_path: Path) -> None:
    """One file with its cases is all that a new rule needs."""
    path = tmp_path / "T-2.yaml"
    path.write_text(
        GOOD.format(code="T-2", body="holds: coded(sex_code, 'GB/T 2261.1') or sex_code in ['1', '2']"), "utf-8"
    )
    try:
        rule = api.read(path)
    except Misdeclared as wrong:  # the value set bears another name in this declaration
        assert "GB/T 2261.1" in str(wrong)
        path.write_text(GOOD.format(code="T-2", body="holds: sex_code in ['1', '2']"), "utf-8")
        rule = api.read(path)
    for case in rule.cases:
        assert api.holds(rule, LAB, case.given) == list(case.holds)


@pytest.mark.parametrize(
    "text",
    ["open('/etc/passwd')", "(lambda: 1)()", "[x for x in 'a']", "sex_code[0]", "1 if True else 'a'", "f'{sex_code}'"],
)
def test_the_language_is_closed(text: str) -> None:
    """Nothing of Python but the declared notation is understood."""
    with pytest.raises(Wrong):
        compiled(text, Scope(api.subject(LAB), {}))


@pytest.mark.feature("C26")
def test_every_failing_row_is_listed_with_value_and_score() -> None:
    """All rules in one pass; rows by number, the value shown, the measured value kept."""
    taken = datetime(2026, 3, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "laboratory_test_item_code": ["K", "K", None],
            "laboratory_test_quantitative_result": [4.1, 41.0, 4.0],
            "specimen_collected_at": [taken] * 3,
            "event_at": [taken, datetime(2026, 3, 4, tzinfo=UTC), None],
        }
    )
    found = api.check(LAB, frame, [api.rule("QC-LAB-004"), api.rule("QC-LAB-006"), api.rule("QC-LAB-011")])
    assert found.schema == pl.Schema(api.FAILURES)
    assert found.select("row", "rule", "value", "score").rows() == [
        (1, "QC-LAB-004", "41.0", None), (1, "QC-LAB-006", "2026-03-04 00:00:00.000000 UTC", 72.0), (2, "QC-LAB-011", None, None),
    ] or found.select("row", "rule", "score").rows() == [(1, "QC-LAB-004", None), (1, "QC-LAB-006", 72.0), (2, "QC-LAB-011", None)]  # fmt: skip


@pytest.mark.feature("C27")
def test_measures_keep_the_value_from_which_any_threshold_is_counted() -> None:
    """The measured values of all judged rows; failing rows under any threshold follow from them."""
    taken = datetime(2026, 3, 1, tzinfo=UTC)
    frame = pl.DataFrame({"specimen_collected_at": [taken] * 60}).with_columns(
        event_at=pl.col("specimen_collected_at") + pl.duration(hours=pl.int_range(60))
    )
    rule = api.rule("QC-LAB-006")
    scores = api.measures(LAB, frame, [rule])
    assert scores.height == 60
    for most in (2.0, 24.0, 31.0, 59.0):
        moved = rule.limited(most=most)
        failing = api.check(LAB, frame, [moved]).height
        assert failing == scores.filter(pl.col("score") > most).height
        bins = scores.select(bin_of(pl.col("score"), rule.step).alias("bin"))
        assert failing == bins.filter(api.fails_beyond(moved)).height


@pytest.mark.parametrize(
    ("pattern", "simple"),
    [
        (r"^JY[0-9]{3}$", True), (r"^[A-Z][0-9]{2}(\.[0-9x]{1,3})?$", True), (r"^(1[3-9][0-9]{3}|0[0-9]{2,3}-?[0-9]{2})$", True),
        (r"^[A-Z]+-[0-9]*$", True), (r"^县[A-B]$", True), (r"^[AB†县](0.*x)?$", True), (r"JY[0-9]{3}", False), (r"^\d{3}$", False), (r"^[^A]$", False), (r"^a(?=b)b$", False),
    ],
)  # fmt: skip
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(st.text("JYABZa0139x.-县b", max_size=14), min_size=1, max_size=20))
def test_an_automaton_accepts_what_the_pattern_accepts(pattern: str, simple: bool, texts: list[str]) -> None:
    """Forms in machine code and regular expressions say the same of any text; what is not simple stays a pattern."""
    found = automaton(pattern)
    assert (found is not None) == simple
    if found is None:
        return
    for text in texts:
        state = 1
        for byte in text.encode():
            state = int(found.steps[state, byte])
        assert bool(found.accepts[state]) == bool(re.search(pattern, text)), text


TESTS = [
    ("given", ()),
    ("one_of", ("K", "", "JY01", "县县")),
    ("one_of", tuple(f"{a}{n}" for a in ("JY", "K", "", "县") for n in range(12))),
    ("length", (2, 5)),
    ("length", (13, 40)),
    ("form", (r"^JY[0-9]{1,3}$",)),
    ("form", (r"^[JY]Y[0-9]$",)),
    ("form", (r"^[A-JY0-4.][K县][019]$",)),
    ("form", (r"^(J|Y)*[0-9]*[A-K](县.*)?$",)),
]


@pytest.mark.feature("C26")
@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.one_of(st.none(), st.text("JYAK0139.县\U00020000", max_size=24)), min_size=1, max_size=60),
    st.integers(0, 9),
)
def test_leaves_say_the_same_in_machine_code_as_in_polars(texts: list[str | None], skipped: int) -> None:
    """Given, one of few or many codes, of a length, of a form: machine code agrees with Polars, for long texts and unknowns too."""
    many = (texts * (1 + (scan.MANY + 100) // len(texts)))[skipped:]
    frame = pl.DataFrame({"x": many}, schema={"x": pl.String}).slice(skipped % 3)
    leaves = [Leaf("x", kind, facts) for kind, facts in TESTS]
    assert scan.load()
    said = pl.DataFrame(scan.marks(frame, leaves))
    assert frame.height >= scan.MANY
    assert said.equals(frame.select(leaf.slow().alias(leaf.name) for leaf in leaves))


@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.integers(0, 130), st.sampled_from([0.0, 0.01, 0.5, 1.0]))
def test_the_rows_of_flags_are_listed_to_the_last(seed: int, skipped: int, share: float) -> None:
    """Rows listed from packed bits are those that Polars lists, wherever the column begins and ends."""
    assert scan.load()
    flags = pl.Series(np.random.default_rng(seed).random(scan.MANY + 200) < share).slice(skipped, scan.MANY + skipped)
    assert scan.rows_of(flags).to_list() == flags.arg_true().to_list()


def test_alone_finds_exactly_the_rows_that_stand_once() -> None:
    """Machine code with candidates by hash, verified, agrees with Polars over several keys, long texts and unknowns."""
    assert scan.load()
    size = scan.MANY * 2
    frame = pl.DataFrame(
        {
            "a": [str(i // 3) if i % 7 else None for i in range(size)],
            "b": [i % 5 for i in range(size)],
            "k": [str(i) for i in range(size)],
            "l": [f"LIS2026-{i // 2 * 7919 % 15013:09d}" for i in range(size)],
        }
    )
    for keys in (["a", "b"], ["a"], ["k"], ["b"], ["l"], ["l", "b"]):
        said = scan.marks(frame, [Alone(tuple(keys))])[0]
        assert said.to_list() == frame.select(keys).is_unique().to_list()


def test_machine_code_is_loaded_once_enough_rows_were_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small frames count for nothing; a frame alone, or many after each other, bring it in, and it says what Polars said."""
    frame = pl.DataFrame({"sex_code": ["1", "7", None] * (scan.MANY // 2)})
    monkeypatch.setattr(scan._Machine, "code", None)
    monkeypatch.setattr(scan._Machine, "judged", 0)
    monkeypatch.setattr(scan, "WORTH", 2 * frame.height)
    scan.expect(scan.MANY - 1)
    before = api.check("registration", frame)
    assert not scan.is_many(frame.height) and scan._Machine.judged == frame.height
    after = api.check("registration", frame)
    assert scan.is_many(frame.height) and not scan.is_many(scan.MANY - 1)
    assert before.equals(after) and before.height


@pytest.mark.feature("C23")
def test_rules_hold_the_glossary_of_severities_and_show_their_source() -> None:
    """Every rule has sentences without unknown places, a source, and thresholds on the grid of its step."""
    for rule in api.rules():
        assert set(re.findall(r"\{(\w+)\}", rule.sentence.zh + rule.sentence.en)) <= {
            "value",
            "score",
            "least",
            "most",
        }, rule.file
        assert rule.source and rule.weight > 0
        for said in (rule.name, rule.sentence):
            assert re.search("[一-鿿]", said.zh) and not re.search("[一-鿿]", said.en), rule.file
