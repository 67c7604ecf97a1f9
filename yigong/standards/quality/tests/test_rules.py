"""Every declared rule says of its own cases what they say of it."""

from __future__ import annotations

import re

import polars as pl
import pytest

from yigong.standards.quality import api, engine, examples

CASES = [
    pytest.param(r, d, c, id=f"{r.code}:{d}:{c.name.en}")
    for r in api.rules()
    for d in r.data_sets
    for c in r.cases
    if not c.data_set or c.data_set == d
]


@pytest.mark.feature("C23")
@pytest.mark.parametrize(("rule", "data_set", "case"), CASES)
def test_rule_says_what_its_cases_say(rule: api.Rule, data_set: str, case: api.Case) -> None:
    """Each case of a rule file comes out as written there."""
    assert api.holds(rule, data_set, case.given) == list(case.holds), f"{rule.file} line {case.line}"


@pytest.mark.feature("C23")
def test_rules_cover_every_dimension_and_show_both_outcomes() -> None:
    """There are at least sixty rules over all eight dimensions, each with a case that holds and one that does not."""
    rules = api.rules()
    assert len(rules) >= 60
    assert {r.dimension for r in rules} == set(api.Dimension)
    for rule in rules:
        said = {h for case in rule.cases for h in case.holds}
        assert {True, False} <= said, rule.file


@pytest.mark.feature("C23")
@pytest.mark.parametrize("rule", api.rules(), ids=lambda r: r.code)
def test_a_rule_speaks_both_languages(rule: api.Rule) -> None:
    """Name, sentence, source and the name of each case stand in Chinese and in English, and no Chinese in the English."""
    said = [rule.name, rule.sentence, rule.source, *(c.name for c in rule.cases)]
    assert all(s.zh and s.en for s in said)
    assert [s.en for s in said if re.search("[\u4e00-\u9fff]", s.en)] == []
    assert len({c.name.en for c in rule.cases}) == len({c.name.zh for c in rule.cases}) == len(rule.cases)


@pytest.mark.parametrize("rule", api.rules(), ids=lambda r: r.code)
def test_a_rule_is_left_out_only_where_it_would_find_nothing(rule: api.Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column in which nothing is recorded may spare a rule its work, and never a failing row."""
    data_set = rule.cases[0].data_set or rule.data_sets[0]
    given = [row for case in rule.cases if case.data_set in ("", data_set) for row in case.given]
    frame = examples.framed(data_set, given)
    for name in [None, *frame.columns]:
        emptied = frame if name is None else frame.with_columns(pl.lit(None, frame.schema[name]).alias(name))
        spared = api.checker(data_set, [rule]).check(emptied)
        with monkeypatch.context() as whole:
            whole.setattr(engine, "_is_void", lambda name, frame: False)
            assert spared.equals(api.checker(data_set, [rule]).check(emptied)), name
