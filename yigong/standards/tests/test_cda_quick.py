"""The tables of the checker and the plain reading of its rules say the same of every document, right or damaged."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cda_samples import laboratory
from tests.shared import shared
from yigong.kit.errors import Refused
from yigong.standards.api import load
from yigong.standards.cda.check import check_document
from yigong.standards.cda.places import made_kinds
from yigong.standards.cda.plan import plan_of, probe
from yigong.standards.cda.write import write_document
from yigong.standards.tests.plain_check import plain_check

KINDS = [document.code for document in made_kinds(load())]
ATTRIBUTE = re.compile(r' ([\w:]+)="([^"]*)"')
WHOLE = re.compile(r"<[^!?/>][^>]*/>|<(\w+)[^>]*>[^<]*</\1>")
PART = re.compile(r"<(section|entry|component|recordTarget|author|custodian|participant|authenticator)\b")
VALUES = (
    "",
    "-",
    "20991345",
    "1",
    "999999999999",
    "七",
    "true",
    "00",
    "20120101",
    "女",
    "2012-01-01",
    "1.2.3",
    "-1.50",
)


@cache
def written(code: str) -> str:
    """A document of a kind with a value at every place that has one."""
    plan = plan_of(code, load())
    rows = {data_set.identifier: [probe(data_set, load())] for data_set in plan.kind.data_sets}
    return write_document(code, {"head": {"full_name": "测试甲"}, "rows": rows}, load()).decode()


def _said(check: Callable[..., object], text: str) -> object:
    """What a checker finds, or why it refuses."""
    try:
        return check(text.encode(), load())
    except Refused as refused:
        return refused.code, refused.facts


@pytest.mark.feature("A04")
@pytest.mark.parametrize("code", KINDS)
def test_every_kind_is_judged_alike(code: str) -> None:
    """A document of each of the kinds, filled from its declarations."""
    assert check_document(written(code).encode(), load()) == plain_check(written(code).encode(), load())


@pytest.mark.feature("A04")
def test_documents_that_know_nothing_are_judged_alike() -> None:
    """A document of each of the kinds with every required place said to be unknown."""
    for code in KINDS:
        data = write_document(code, {"head": {"nulls": True}, "rows": {}}, load())
        assert check_document(data, load()) == plain_check(data, load())


def test_samples_are_judged_alike() -> None:
    """Documents of other systems."""
    texts = [path.read_text("utf-8-sig") for path in sorted(Path(shared("samples/cda")).iterdir())]
    assert texts
    assert [_said(check_document, t) for t in texts] == [_said(plain_check, t) for t in texts]


def _drop(text: str, at: re.Match[str], other: re.Match[str], value: str) -> str:
    return text[: at.start()] + text[at.end() :]


def _double(text: str, at: re.Match[str], other: re.Match[str], value: str) -> str:
    return text[: at.end()] + at.group() + text[at.end() :]


def _resay(text: str, at: re.Match[str], other: re.Match[str], value: str) -> str:
    return text[: at.start(2)] + value + text[at.end(2) :]


def _swap(text: str, at: re.Match[str], other: re.Match[str], value: str) -> str:
    return text[: at.start(2)] + other.group(2) + text[at.end(2) :]


def _parts(text: str, at: re.Match[str], other: re.Match[str], value: str) -> str:
    end = text.find(f"</{at.group(1)}>", at.start())
    if end < 0:
        return text
    end += len(at.group(1)) + 3
    return text[:end] + text[at.start() : end] + text[end:] if value else text[: at.start()] + text[end:]


HARMS: list[tuple[re.Pattern[str], Callable[[str, re.Match[str], re.Match[str], str], str]]] = [
    (WHOLE, _drop), (WHOLE, _double), (ATTRIBUTE, _drop), (ATTRIBUTE, _resay), (ATTRIBUTE, _swap), (PART, _parts),
]  # fmt: skip


@pytest.mark.feature("A04")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_documents_are_judged_alike(data: st.DataObject) -> None:
    """Parts dropped, doubled, emptied, exchanged: the same findings in the same order, or the same refusal."""
    text = data.draw(st.sampled_from([laboratory(), *map(written, KINDS)]))
    for _ in range(data.draw(st.integers(1, 5))):
        pattern, harm = data.draw(st.sampled_from(HARMS))
        if places := list(pattern.finditer(text)):
            at, other = data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))
            text = harm(text, at, other, data.draw(st.sampled_from(VALUES)))
    assert _said(check_document, text) == _said(plain_check, text)
