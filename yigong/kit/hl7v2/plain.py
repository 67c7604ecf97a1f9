"""Whether there is nothing to say of a message: the quick look that most messages pass. Pure.

It answers yes only where ``faults.faults_of`` and ``remarks.remarks_of`` are both empty, and no wherever it would have to
look closer: those two then say what it is. The raw fields are asked, each once, and only those that are there.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from yigong.kit.hl7v2.faults import CODE, LONGEST_KEPT, MERGES, NOBODY, ORDERS, VERSIONS
from yigong.kit.hl7v2.parse import Message, Separators
from yigong.kit.hl7v2.remarks import NO_NUMBER, PLAINLY, SEX, birth_of

USUAL = Separators()
#: of these types the number of what they are about stands in a place of its own, one of these
NUMBERED = {"SIU": ("SCH-1", "SCH-2"), "MDM": ("TXA-12",)}
_moment = PLAINLY.match
_suspect = NO_NUMBER.search
#: signs that mean something inside a field; a field without them says what it says
_marked = re.compile(r"[\^~\\&]").search
_number = re.compile(r"\s*([^\^~\\&]*)").match


def is_plain(message: Message, today: date) -> bool:
    """Whether nothing keeps the message from being used and nothing of it need be mended, seen at one glance."""
    if message.separators != USUAL:
        return False
    alike = message.alike
    return (
        _head(message.lines[0].split("|"), message)
        and _person(alike, today)
        and _times(alike)
        and ("OBX" not in alike or not _suspect(message.text))
    )


def _head(head: list[str], message: Message) -> bool:
    if len(head) < 12 or not head[9].strip() or head[9][0] in "^~\\&" or not _says(head[6]):
        return False
    kind, processing, version = head[8], head[10], head[11]
    if len(kind) > LONGEST_KEPT or processing != "P" or version not in VERSIONS:
        return False
    needs = _needs(kind)
    return needs is not None and needs.issubset(message.alike) and _numbered(kind, message)


@lru_cache(maxsize=1024)
def _needs(kind: str) -> frozenset[str] | None:
    """The segments without which a message of this type cannot be used; None for one that must be looked at closer."""
    code, _, event = kind.partition("^")
    if not CODE.match(code) or any(sign in kind for sign in "~\\&"):
        return None
    if code in ORDERS:
        return frozenset(("ORC",))
    return frozenset(("OBR", "OBX") if (code, event.partition("^")[0]) == ("ORU", "R01") else ())


def _numbered(kind: str, message: Message) -> bool:
    """Whether what the message is about has its number, where its type asks for one."""
    code = kind[:3]
    if code == "ADT" and kind[4:7] in MERGES:
        return bool(message.get("MRG-1"))
    return code not in NUMBERED or any(message.get(place) for place in NUMBERED[code])


def _person(alike: dict[str, list[str]], today: date) -> bool:
    if "PID" not in alike:
        return False
    pid = alike["PID"][0].split("|", 9)
    if len(pid) < 4:
        return False
    found = _number(pid[3])
    if found is None or not (number := found.group(1).strip()) or number in NOBODY or "\\" in pid[3]:
        return False
    if len(pid) > 7 and pid[7] and (_marked(pid[7]) or birth_of(pid[7], today) is None):
        return False
    return len(pid) < 9 or not pid[8] or pid[8] in SEX


def _times(alike: dict[str, list[str]]) -> bool:
    for line in alike.get("OBR", ()):
        fields = line.split("|", 23)
        if len(fields) > 7 and not (_says(fields[7]) and (len(fields) < 23 or _says(fields[22]))):
            return False
    if "EVN" in alike:
        fields = alike["EVN"][0].split("|", 7)
        if not all(_says(fields[n]) for n in (2, 6) if n < len(fields)):
            return False
    if "PV1" in alike:
        fields = alike["PV1"][0].split("|", 46)
        return all(_says(fields[n]) for n in (44, 45) if n < len(fields))
    return True


def _says(text: str) -> bool:
    """Whether a moment is plainly one, or not given."""
    return not text or _moment(text) is not None
