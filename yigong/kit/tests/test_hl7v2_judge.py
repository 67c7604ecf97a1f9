"""HL7 v2 beside hl7apy, a parser that is not ours: what it writes we read, and we cut the samples as it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hl7apy.core import Message as Written
from hl7apy.parser import parse_segment

from tests.shared import shared
from yigong.kit.hl7v2.charset import decode
from yigong.kit.hl7v2.parse import Message, split_messages


@pytest.mark.feature("C15")
@pytest.mark.parametrize("text", ["测试甲", "a|b", "x^y", "p&q", "r~s", "back\\slash", "，。"])
def test_what_another_writes_we_read(text: str) -> None:
    """Any sign in a name, escaped by hl7apy, is read as it was meant."""
    written = Written("ADT_A01", version="2.5")
    written.msh.msh_9 = "ADT^A01^ADT_A01"
    written.pid.pid_5.pid_5_1 = text
    for sign, word in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        text_er7 = written.pid.pid_5.to_er7()
        assert sign in text or f"\\{word}\\" not in text_er7
    message = Message(written.to_er7())
    assert message.kind == "ADT^A01"
    pid = message.first("PID")
    assert pid is not None
    assert pid.raw(5) == written.pid.pid_5.to_er7()


def _samples() -> list[Path]:
    return sorted(shared("samples/hl7v2").iterdir())


@pytest.mark.feature("C15")
def test_samples_are_cut_alike() -> None:
    """Every field of every standard segment of the samples is the same to both, repetitions joined."""
    compared = 0
    for path in _samples():
        for _, data in split_messages(path.read_bytes()):
            message = Message(decode(data).text)
            for segment in message:
                if segment.name in ("MSH", "OBX") or segment.name.startswith("Z") or "\n" in segment.line:
                    continue
                try:
                    theirs = parse_segment(segment.line, version="2.5")
                except Exception:  # a segment that hl7apy does not know
                    continue
                for number in range(1, len(segment.fields)):
                    name = f"{segment.name}_{number}".lower()
                    found = [f.to_er7() for f in theirs.children if f.name and f.name.lower() == name]
                    if not found:
                        continue
                    # components that version 2.5 does not have are left out by hl7apy
                    cut = [[part.rstrip("&") for part in f.split("^")[:4]] for f in found]
                    ours = [[part.rstrip("&") for part in r.split("^")[:4]] for r in segment.repetitions(number)]
                    if number == 1:
                        continue  # hl7apy writes numbers without leading zeros
                    assert [[p for p in f if p] for f in ours] == [[p for p in f if p] for f in cut], (path, name)
                    compared += 1
    assert compared > 500
