"""A message as text that a person can mend: its lines, what is wrong in them, and back to the bytes it is sent as. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

from yigong.kit.encoding import decode as decode_any
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.charset import decode as decode_hl7
from yigong.kit.hl7v2.parse import ENVELOPES, SEGMENT_START, NotHl7
from yigong.kit.xml import DECLARED_ENCODING
from yigong.kit.xml import parse as parse_xml
from yigong.platform.bus.content import HL7V2, JSON, OTHER, XML, form_of
from yigong.platform.bus.envelope import SAID, read_envelope

MOST_BYTES = 1 << 20  # of a message that is mended by hand
MOST_WRONG = 40
MOST_LINES = 4000  # compared line by line
AROUND = 60  # signs shown before and after a difference


class Wrong(NamedTuple):
    """One thing that is wrong: line (0: the whole), place, sentence; a grave one keeps the text from being read at all."""

    line: int
    place: str
    zh: str
    en: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """A message as a person reads it: lines end with a line feed, whatever ends them in the bytes."""

    form: str
    text: str
    charset: str
    ending: str = "\n"

    def encoded(self, text: str) -> bytes:
        """The bytes of a text in the charset and with the line ends of this message. Raises UnicodeEncodeError."""
        return plain(text).replace("\n", self.ending).encode(self.charset)


def plain(text: str) -> str:
    """The text with line feeds only, as browsers do not send it."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def writing_of(raw: bytes) -> Writing:
    """A message opened for a person. Raises Refused bus.correction_large, bus.correction_binary."""
    if len(raw) > MOST_BYTES:
        raise Refused("bus.correction_large", most=MOST_BYTES >> 10)
    form = form_of(raw)
    if form == HL7V2:
        read = decode_hl7(raw)
        text, charset, lossy = read.text, read.charset, read.lossy
    else:
        declared = DECLARED_ENCODING.match(raw[:400]) if form == XML else None
        found = decode_any(raw, declared.group(1).decode("ascii") if declared else "")
        text, charset, lossy = found.text, found.encoding, found.lossy
    if lossy or "\x00" in text:
        raise Refused("bus.correction_binary")
    ending = (
        "\r\n" if "\r\n" in text else "\r" if "\r" in text else "\r" if form == HL7V2 and "\n" not in text else "\n"
    )
    return Writing(form, plain(text), charset, ending)


def wrongs(kept: Writing, text: str) -> list[Wrong]:
    """What is wrong with a text that is to stand in place of *kept*, by line; empty when nothing is."""
    text = plain(text)
    try:
        data = kept.encoded(text)
    except UnicodeEncodeError as error:
        return [_no_sign(text, error, kept.charset)]
    form = form_of(data)
    if form == OTHER or (kept.form not in (OTHER, form)):
        zh = f"开头不是 {kept.form if kept.form != OTHER else 'HL7 v2、XML 或 JSON'} 消息"
        en = f"this does not begin as {kept.form if kept.form != OTHER else 'HL7 v2, XML or JSON'}"
        return [Wrong(1, "", zh, en, grave=True)]
    look = {HL7V2: _hl7, XML: _xml, JSON: _json}[form]
    return sorted(look(text, data))[:MOST_WRONG]


def _no_sign(text: str, error: UnicodeEncodeError, charset: str) -> Wrong:
    line = text.count("\n", 0, error.start) + 1
    sign = text[error.start : error.start + 1] if error.object == text else error.object[error.start : error.start + 1]
    zh, en = (
        f"字符“{sign}”不能用消息的字符集 {charset} 书写",
        f"“{sign}” cannot be written in {charset}, the charset of the message",
    )
    return Wrong(line, "", zh, en, grave=True)


def _json(text: str, _data: bytes) -> Iterator[Wrong]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        zh = f"第 {error.colno} 列不是正确的 JSON"
        yield Wrong(error.lineno, f":{error.colno}", zh, f"column {error.colno}: {error.msg}", grave=True)
    except RecursionError:
        yield Wrong(0, "", "嵌套过深", "nested too deeply", grave=True)


def _xml(_text: str, data: bytes) -> Iterator[Wrong]:
    try:
        parse_xml(data)
    except Refused as refused:
        line, column = (int(str(refused.facts.get(name) or 0)) for name in ("line", "column"))
        words = {
            "xml_doctype": ("不允许 DOCTYPE", "a DOCTYPE is not allowed"),
            "xml_empty": ("没有内容", "there is no content"),
        }
        zh, en = words.get(refused.code, (f"第 {column} 列不是正确的 XML", f"column {column}: no well-formed XML"))
        yield Wrong(line, f":{column}" if column else "", zh, en, grave=True)


def _hl7(text: str, data: bytes) -> Iterator[Wrong]:
    lines = text.split("\n")
    sign = lines[0][3:4]
    for number, line in enumerate(lines, start=1):
        if (
            line.strip()
            and not (line[3:4] in (sign, "") and SEGMENT_START.match(line[:3]))
            and line[:3] not in ENVELOPES
        ):
            zh, en = "不是段：会接在上一行之后", "this is no segment: it will continue the line before"
            yield Wrong(number, line[:3], zh, en)
    try:
        opened = read_envelope(data)
    except NotHl7:
        zh, _, en = SAID["100"].partition(" / ")
        yield Wrong(1, "MSH", zh, en, grave=True)
        return
    for fault in opened.faults:
        yield Wrong(_line_of(lines, fault.segment, fault.sequence), fault.spot, fault.zh, fault.en, grave=fault.rejects)


def _line_of(lines: list[str], segment: str, sequence: int) -> int:
    """The line of the n-th segment of a name; 0 where there is none."""
    theirs = [n for n, line in enumerate(lines, start=1) if line.startswith(segment)]
    return theirs[sequence - 1] if len(theirs) >= sequence else 0


class Change(NamedTuple):
    """One line before and after, cut to what differs; numbers are 0 where the line is only in one of both."""

    number_before: int
    before: str
    number_after: int
    after: str


def changes(before: str, after: str) -> list[Change]:
    """The lines that differ between two texts."""
    old, new = plain(before).split("\n"), plain(after).split("\n")
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    a, b = old[start : len(old) - end], new[start : len(new) - end]
    if len(a) + len(b) > MOST_LINES:
        return [Change(start + 1, f"… {len(a)}", start + 1, f"… {len(b)}")]
    found: list[Change] = []
    for kind, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind != "equal":
            found += _paired(a[a1:a2], start + a1, b[b1:b2], start + b1)
    return found


def _paired(old: list[str], at_old: int, new: list[str], at_new: int) -> Iterator[Change]:
    for n in range(max(len(old), len(new))):
        here, there = (old[n] if n < len(old) else None), (new[n] if n < len(new) else None)
        cut = _window(here or "", there or "") if here is not None and there is not None else (here or "", there or "")
        yield Change(
            at_old + n + 1 if here is not None else 0,
            cut[0][:2000],
            at_new + n + 1 if there is not None else 0,
            cut[1][:2000],
        )


def _window(before: str, after: str) -> tuple[str, str]:
    """Both lines cut to where they differ, with some signs around."""
    most = min(len(before), len(after))
    head = next((n for n in range(most) if before[n] != after[n]), most)
    tail = next((n for n in range(most - head) if before[-1 - n] != after[-1 - n]), most - head)
    start = max(0, head - AROUND)
    return tuple(  # type: ignore[return-value]
        ("…" if start else "") + text[start : len(text) - max(0, tail - AROUND)] + ("…" if tail > AROUND else "")
        for text in (before, after)
    )
