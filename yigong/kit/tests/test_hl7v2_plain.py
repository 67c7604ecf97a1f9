"""The quick look at a message and the thorough one say the same, and what they say is what was said before."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from random import Random

import pytest

from yigong.kit.hl7v2.faults import faults_of
from yigong.kit.hl7v2.parse import Message
from yigong.kit.hl7v2.plain import is_plain
from yigong.kit.hl7v2.remarks import remarks_of
from yigong.kit.tests.oddities import message

TODAY = date(2026, 3, 2)
GOLDEN = Path(__file__).parent / "golden_findings.jsonl"


def _said(text: str) -> list[list[object]]:
    opened = Message(text)
    found = [*faults_of(opened), *remarks_of(opened, TODAY)]
    return [[f.place, f.code, f.rejects, f.warns, f.rule, f.zh] for f in found]


@pytest.mark.feature("C16")
@pytest.mark.parametrize("seed", range(4))
def test_a_message_that_passes_the_quick_look_has_no_findings(seed: int) -> None:
    """Of a thousand odd messages every one without a finding by the thorough look, and no other, may pass the quick one."""
    dice, passed = Random(seed), 0
    for _ in range(1000):
        text = message(dice)
        if is_plain(Message(text), TODAY):
            passed += 1
            assert not _said(text), text
    assert passed > 150


@pytest.mark.feature("C16")
def test_most_clean_messages_pass_the_quick_look() -> None:
    """What is clean in the commonest writing is not looked at twice: seven of ten clean messages of this odd county pass at once."""
    dice = Random(5)
    clean = [text for text in (message(dice) for _ in range(1500)) if not _said(text)]
    usual = [text for text in clean if text.startswith("MSH|^~\\&|")]
    passed = sum(is_plain(Message(text), TODAY) for text in usual)
    assert passed > 0.7 * len(usual) > 150


@pytest.mark.feature("C16")
def test_findings_are_those_of_before() -> None:
    """Two hundred and fifty messages with their findings, written down when each field was looked at one by one."""
    kept = [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]
    assert len(kept) == 250
    for text, said in kept:
        assert _said(text) == said, text
