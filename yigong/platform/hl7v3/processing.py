"""What a message says of its processing: production, training or debugging (processingCode), and its mode. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from yigong.kit.hl7v2.faults import PROCESSING, Fault
from yigong.platform.hl7v3.message import Head

#: HL7 v3 vocabulary ProcessingID, those that are no production
TESTS = {"T": ("培训", "training"), "D": ("调试", "debugging")}
#: ProcessingMode: archive, initial load, restore from archive, current
MODES = "AIRT"


def faults_of(head: Head) -> tuple[Fault, ...]:
    """What keeps a message from being carried out: codes that are none, and that it is a test (this is a warning where tests are taken)."""
    return tuple(_faults(head))


def _faults(head: Head) -> Iterator[Fault]:
    code, mode = head.processing.upper(), head.mode.upper()
    if code and code != "P" and code not in TESTS:
        yield _unknown("processingCode", head.processing, "P、T、D", "P, T or D")
    if mode and mode not in MODES:
        yield _unknown("processingModeCode", head.mode, "A、I、R、T", "A, I, R or T")
    if code in TESTS:
        zh, en = TESTS[code]
        yield Fault(
            "processingCode", 0, 0, PROCESSING,
            f"processingCode 为 {code}（{zh}）：本服务只接收生产数据，消息已保存并标记为测试，没有执行；生产数据请填 P",
            f"processingCode is {code} ({en}): this service takes production only; the message is kept and marked as a test and "
            "was not carried out; production data say P",
            warns=True,
        )  # fmt: skip


def _unknown(name: str, value: str, zh: str, en: str) -> Fault:
    shown = value[:10]
    return Fault(
        name, 0, 0, PROCESSING, f"{name} 的代码“{shown}”无效，应为 {zh}", f"{name}: “{shown}” is no such code, use {en}", rejects=True
    )  # fmt: skip
