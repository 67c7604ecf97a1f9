"""Acknowledgements say what is wrong, where, and in words; hl7apy, which is not ours, reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hl7apy import parser

from yigong.kit.hl7v2.parse import Message
from yigong.platform.bus import envelope
from yigong.platform.bus.envelope import Unsupported, acknowledgement, open_envelope

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HEAD = "MSH|^~\\&|HIS|100000001X|YG|C|20260301||{kind}|M7|P|{version}||||||{charset}\r"
PID = "PID|1||P1^^^HIS^PI||测试甲\r"


def _answer(kind: str, body: str, *, version: str = "2.5", charset: str = "UNICODE UTF-8") -> bytes:
    """As the listener answers a message that could be kept."""
    raw = (HEAD.format(kind=kind, version=version, charset=charset) + body).encode(
        "gb18030" if "18030" in charset else "utf-8"
    )
    try:
        opened = open_envelope(raw)
    except Unsupported as refused:
        return acknowledgement(refused.header, "AR", AT, faults=refused.faults)
    return acknowledgement(opened.header, "AE" if opened.faults else "AA", AT, faults=opened.faults)


CASES = [
    ("ADT^A04", PID, "2.5", "AA", ""), ("ADT^A04", "", "2.5", "AE", "PID^1"), ("ADT^A04", "PID|1||^^^HIS\r", "2.5", "AE", "PID^1^3"),
    ("ADT^A40", PID, "2.5", "AE", "MRG^1^1"), ("ORM^O01", PID, "2.5", "AE", "ORC^1"), ("SIU^S12", PID + "SCH|\r", "2.5", "AE", "SCH^1^2"),
    ("MDM^T02", PID + "TXA|1\r", "2.5", "AE", "TXA^1^12"), ("ORU^R01", PID + "OBR|1\r", "2.5", "AE", "OBX^1"),
    ("", PID, "2.5", "AR", "MSH^1^9"), ("^A04", PID, "2.5", "AR", "MSH^1^9"), ("ADT^A04", PID, "3.0", "AR", "MSH^1^12^1^1"), ("Nonsense", PID, "2.5", "AR", "MSH^1^9^1^1"),
]  # fmt: skip


@pytest.mark.feature("C13", "C15")
@pytest.mark.parametrize(("kind", "body", "version", "code", "place"), CASES)
def test_an_answer_names_field_and_reason(kind: str, body: str, version: str, code: str, place: str) -> None:
    """AA for what can be used, AE and AR with an ERR for each fault: place, code of table 0357, sentence in both languages."""
    answer = Message(_answer(kind, body, version=version).decode())
    assert (answer.get("MSA-1"), answer.get("MSA-2"), answer.get("MSH-9")) == (code, "M7", "ACK")
    errors = answer.segments("ERR")
    assert [e.raw(2) for e in errors] == ([place] if place else [])
    for error in errors:
        assert error.value(3) in ("100", "101", "200", "203") and error.value(4) == "E" and " / " in error.value(8)


@pytest.mark.feature("C15")
@pytest.mark.parametrize("charset", ["UNICODE UTF-8", "GB 18030-2000"])
@pytest.mark.parametrize(("kind", "body", "version", "code", "place"), [c for c in CASES if c[2] == "2.5"])
def test_another_parser_reads_the_answer(
    kind: str, body: str, version: str, code: str, place: str, charset: str
) -> None:
    """hl7apy reads the acknowledgement by the standard's own structure of ACK, in the charset of the sender."""
    raw = _answer(kind, body, charset=charset)
    text = raw.decode("gb18030" if "18030" in charset else "utf-8")
    read = parser.parse_message(text, find_groups=False)
    assert (read.msa.msa_1.value, read.msa.msa_2.value, read.msh.msh_18.value) == (code, "M7", charset)
    if place:
        assert read.err.err_2.value.startswith(place.split("^", maxsplit=1)[0]) and read.err.err_4.value == "E"


def test_a_fault_is_journalled_too() -> None:
    """What is answered with AE is kept all the same: the envelope has all facts of the journal."""
    opened = open_envelope((HEAD.format(kind="ADT^A04", version="2.5", charset="") + "EVN|A04\r").encode())
    assert opened.faults and len(opened.rows()) == 10 and envelope.open_envelope(opened.raw).rows() == opened.rows()
