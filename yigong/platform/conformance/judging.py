"""What an answer shows: whether it is one, whether it fits the case, and each thing that does not, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lxml import etree

from yigong.kit.errors import Refused
from yigong.kit.xml import parse
from yigong.platform.conformance.cases import Case
from yigong.platform.hl7v3.api import OPERATION

#: longest that an endpoint may take over what is meant to exhaust it
HOSTILE_SECONDS = 5.0
ACCEPTED = {"AA", "CA"}
REFUSED = {"AE", "AR", "CE", "CR"}
#: statuses by which replies of the document services say the same (IHE XDS)
STATUS = {"success": "AA", "partialsuccess": "AA", "failure": "AE"}
Schema = Callable[[str], etree.XMLSchema | None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back over the network."""

    status: int = 0  # 0: nothing did
    body: bytes = b""
    seconds: float = 0.0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that was looked at."""

    rule: str
    ok: bool
    zh: str
    en: str


@dataclass(slots=True)
class Verdict:
    """The judgement of a case."""

    case: Case
    word: str = "unjudged"  # pass fail unjudged
    notes: list[Note] = field(default_factory=list)
    type_code: str = ""
    said: str = ""
    seconds: float = 0.0
    reply: str = ""

    def look(self, rule: str, ok: bool, zh: str, en: str) -> bool:
        """Write down one thing that was looked at; *ok* itself."""
        self.notes.append(Note(rule, ok, zh, en))
        return ok

    def close(self) -> Verdict:
        """Passed when everything looked at is in order."""
        self.word = "pass" if self.notes and all(n.ok for n in self.notes) else "fail" if self.notes else "unjudged"
        return self


def judge(case: Case, heard: Heard, *, again: Heard | None = None, schema: Schema | None = None) -> Verdict:
    """The verdict on a case from what came back; *again* is the second answer to a message sent twice."""
    verdict = Verdict(case, seconds=round(heard.seconds, 3))
    if not heard.status:
        verdict.look("reached", False, f"没有应答：{heard.failure}", f"no answer: {heard.failure}")
        return verdict.close()
    if case.kind == "wsdl":
        return _wsdl(verdict, heard).close()
    if case.kind in ("entity", "expansion"):
        _hostile(verdict, heard)
    reply = reply_of(heard)
    if case.must == "refuse":
        return _refusal(verdict, heard, reply).close()
    if not verdict.look(
        "reply", reply is not None, "应答是 SOAP 信封中的一条消息", "the answer is a message in a SOAP envelope"
    ):
        return verdict.close()
    assert reply is not None
    verdict.reply = etree.tostring(reply, encoding="unicode")[:20_000]
    _content(verdict, reply, schema)
    if again is not None:
        _same(verdict, reply, reply_of(again))
    return verdict.close()


def _wsdl(verdict: Verdict, heard: Heard) -> Verdict:
    try:
        root = parse(heard.body).root
    except Refused:
        root = None
    named = root is not None and any(e.get("name") == OPERATION for e in root.iter("operation"))
    verdict.look("wsdl", heard.status == 200 and named, f"WSDL 可读，含操作 {OPERATION}", f"the WSDL names {OPERATION}")
    return verdict


def _hostile(verdict: Verdict, heard: Heard) -> None:
    quick = heard.seconds < HOSTILE_SECONDS
    verdict.look("bounded", quick, f"{HOSTILE_SECONDS:.0f} 秒内应答", f"answered within {HOSTILE_SECONDS:.0f} s")


def reply_of(heard: Heard) -> etree._Element | None:
    """The message inside the envelope; None when there is none."""
    try:
        root = parse(heard.body).root
        result = next(root.iter(f"{OPERATION}Result"), None)
        inside = (result.text or "").strip() if result is not None else ""
        if result is not None and len(result):  # an element, not text: some sites answer so
            inside = etree.tostring(result[0], encoding="unicode")
        parse(inside.encode())
    except Refused:
        return None
    # bounded and free of entities by now; read again with its namespace, which a schema needs
    careful = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.fromstring(inside.encode(), careful)


def _refusal(verdict: Verdict, heard: Heard, reply: etree._Element | None) -> Verdict:
    if reply is None:  # a fault of the envelope, or a status of HTTP, refuses too
        fault = (heard.status in (400, 401, 403, 413, 415, 422, 500) and b"Fault" in heard.body) or heard.status in (
            401,
            403,
        )
        verdict.look("refused", bool(fault), f"被拒绝（HTTP {heard.status}）", f"refused (HTTP {heard.status})")
        return verdict
    verdict.type_code, verdict.said = type_code(reply), detail(reply)
    verdict.reply = etree.tostring(reply, encoding="unicode")[:20_000]
    verdict.look("refused", verdict.type_code in REFUSED, f"应答 {verdict.type_code or '无'}，应为 AE 或 AR", f"answered {verdict.type_code or 'nothing'}, AE or AR is due")  # fmt: skip
    verdict.look("reason", bool(verdict.said.strip()), "拒绝时说明原因", "the refusal gives its reason")
    return verdict


def _content(verdict: Verdict, reply: etree._Element, schema: Schema | None) -> None:
    case, name = verdict.case, etree.QName(reply).localname
    verdict.type_code, verdict.said = type_code(reply), detail(reply)
    if case.must == "accept":
        verdict.look("accepted", verdict.type_code in ACCEPTED, f"应答 {verdict.type_code or '无'}，应为 AA", f"answered {verdict.type_code or 'nothing'}, AA is due")  # fmt: skip
    else:
        verdict.look("answered", verdict.type_code in ACCEPTED | REFUSED, "给出应答码", "an acknowledgement is given")
    if case.root and verdict.type_code in ACCEPTED:
        verdict.look(
            "root",
            name == case.root,
            f"应答消息 {name}，规定为 {case.root}",
            f"the reply is {name}, {case.root} is declared",
        )
    asked = _message_id(case.message)
    if asked and verdict.type_code in ACCEPTED:
        answered = any(asked in e.attrib.values() for e in reply.iter())
        verdict.look("target", answered, "应答指明所答的消息号", "the reply names the message it answers")
    words = "".join(map(str, reply.itertext())) + "\n".join(str(v) for e in reply.iter() for v in e.attrib.values())
    for wanted in case.expects:
        verdict.look("holds", wanted in words, f"查询结果含 {wanted}", f"the result holds {wanted}")
    regional = case.item.startswith("EHR-PL")  # the schemas are of the regional set
    found = schema(name) if schema and regional else None
    if found is not None:
        valid = found.validate(reply)
        why = str(found.error_log).partition("\n")[0][-160:]
        verdict.look(
            "schema",
            bool(valid),
            f"符合架构{'：' + why if not valid else ''}",
            f"fits the schema{': ' + why if not valid else ''}",
        )


def _same(verdict: Verdict, first: etree._Element, second: etree._Element | None) -> None:
    alike = second is not None and (type_code(first), detail(first)) == (type_code(second), detail(second))
    verdict.look("alike", alike, "两次应答相同", "both answers are alike")


def _message_id(message: str) -> str:
    try:
        root = parse(message.encode()).root
    except Refused:
        return ""
    found = next((e for name in ("id", "ID", "Id") if (e := root.find(name)) is not None), None)
    return found.get("extension", "") if found is not None else ""


def type_code(reply: etree._Element) -> str:
    """AA, AE or AR of a reply in any of its writings: an acknowledgement, a status of the document services."""
    for element in reply.iter():
        name = etree.QName(element).localname
        if name == "acknowledgement" and element.get("typeCode"):
            return str(element.get("typeCode"))
    for element in reply.iter():
        status = (element.get("status") or "").rpartition(":")[2]
        if status in ACCEPTED | REFUSED:
            return status
        if status.lower() in STATUS:
            return STATUS[status.lower()]
    return ""


def detail(reply: etree._Element) -> str:
    """What a reply says in words."""
    named = (e for e in reply.iter() if etree.QName(e).localname in ("acknowledgementDetail", "Detail"))
    words = ("".join((*map(str, e.itertext()), *(c.get("value", "") for c in e.iter()))).strip() for e in named)
    return next((w for w in words if w), "")[:300]


def tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many passed, failed and could not be judged."""
    return {word: sum(v.word == word for v in verdicts) for word in ("pass", "fail", "unjudged")}
