"""Titles of documents that are HL7 v2 messages: words of a clinic, in both languages."""

from __future__ import annotations

import pytest

from yigong.kit.hl7v2.parse import Message
from yigong.platform.exchange.readers.hl7v2.titles import english_title, title_of

HEAD = "MSH|^~\\&|HIS|QH000101-2|YGT|QH000001-X|20260301080000||{}|1|P|2.5\r"
CASES = [
    ("ORU^R01", "OBR|1|P1|F1|CBC^血常规^L\r", "检验结果：血常规", "Laboratory results: 血常规"),
    ("ORU^R01", "OBR|1|P1|F1|C1^胸部CT^L" + "|" * 20 + "CT\r", "检查报告：胸部CT", "Examination report: 胸部CT"),
    ("ORU^R01", "", "检验结果", "Laboratory results"),
    ("ADT^A01", "", "入院登记", "Admission"),
    ("ADT^A02", "", "转科转床", "Transfer"),
    ("ADT^A99", "", "出入转信息", "Admission, discharge, transfer"),
    ("ORM^O01", "", "医嘱", "Order"),
    ("OML^O21", "", "检验申请", "Laboratory order"),
    ("RDE^O11", "", "用药医嘱", "Medication order"),
    ("SIU^S12", "SCH|1\r", "预约", "Appointment"),
    ("SIU^S15", "SCH|1\r", "取消预约", "Appointment cancelled"),
    ("MDM^T02", "TXA|1|DS\r", "出院小结", "出院小结"),
    ("VXU^V04", "", "预防接种", "Vaccination"),
    ("ZZZ^Z01", "", "业务消息", "Message"),
]


@pytest.mark.feature("C16")
@pytest.mark.parametrize(("kind", "rest", "chinese", "english"), CASES)
def test_a_message_has_a_title_that_a_clinician_knows(kind: str, rest: str, chinese: str, english: str) -> None:
    """No type of message and no trigger event stands in a title; English readers get English words."""
    title = title_of(Message(HEAD.format(kind) + rest, "utf-8"))
    assert (title, english_title(title)) == (chinese, english)


@pytest.mark.parametrize("title", ["", "出院小结", "某院自拟标题：附件"])
def test_titles_of_senders_stay(title: str) -> None:
    """What is no title of ours is shown as it came."""
    assert english_title(title) == title
