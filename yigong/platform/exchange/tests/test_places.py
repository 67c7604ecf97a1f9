"""Where a row stood and which field was wrong, in the language of the page."""

from __future__ import annotations

import polars as pl
import pytest
from django.utils import translation

from yigong.edge.mapping.api import compile_mapping, field_kinds
from yigong.platform.exchange import places
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.stages import prepare
from yigong.platform.exchange.tests import lab
from yigong.security.api import opaque_id

CASES = [
    ("/data/in/患者.csv 第 12 行", "患者.csv 第 12 行", "患者.csv row 12"),
    ("/data/in/QH.hl7 第 3 条消息", "QH.hl7 第 3 条消息", "QH.hl7 message 3"),
    ("/data/in/a.xml 第 2 条", "a.xml 第 2 条", "a.xml item 2"),
    ("lis_result", "lis_result", "lis_result"),
]


@pytest.mark.feature("C06")
@pytest.mark.parametrize(("kept", "zh", "en"), CASES)
def test_a_place_is_said_in_the_language_of_the_page(kept: str, zh: str, en: str) -> None:
    """The kind of thing counted is a word of the page; the name of a file is as it is."""
    with translation.override("zh-hans"):
        assert places.said(kept) == zh
    with translation.override("en"):
        assert places.said(kept) == en


@pytest.mark.feature("C06")
@pytest.mark.parametrize(("language", "word"), [("zh-hans", "总线消息"), ("en", "Bus message")])
def test_a_message_of_the_bus_is_named_by_the_token_of_its_page(language: str, word: str) -> None:
    """Not by the number that the database gave it."""
    with translation.override(language):
        assert places.said("bus/4 第 1 条消息") == f"{word} {opaque_id(4)}"


@pytest.mark.feature("C06")
def test_a_value_that_cannot_be_read_names_its_field_in_english_too() -> None:
    """Fields of the standard and of the registration by their names, in both languages."""
    plan = compile_mapping(lab.MAPPING, field_kinds(), "lab")
    raw = lab.row(1, JG="high", CSRQ="20261340", BBLX="?")
    ready = prepare(RawBatch(pl.DataFrame([raw]), "lis"), plan, lab.HOSPITAL, {lab.HOSPITAL})
    said = {r["en"] for row in ready.rejected for r in row.reasons}
    assert "Quantitative result: not a number" in said or any(s.endswith(": not a number") for s in said)
    assert not [s for s in said if any("一" <= c <= "鿿" for c in s)]
    assert any(s.startswith("date of birth: not a date") for s in said)
