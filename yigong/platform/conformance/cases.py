"""The cases of the interconnection evaluation, made from the declarations: what is sent, and what must come back. Pure.

A service is asked once so that it must accept, and several times so that it must refuse: without the number that says
whom it is about, with another service's message, with what is no XML. Further cases are about the endpoint as a whole:
who calls, repeated messages, hostile XML. Messages of an evaluation that lie in a folder are cases too; ``-T`` in the name
of a file means must succeed, ``-F`` must be refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from yigong.kit.idcard import complete
from yigong.platform.conformance import preparing
from yigong.platform.hl7v3.api import Spec, example, groups_of, invented, specs

#: what comes first in a run, since later cases ask for it
ORDER = ("add", "update", "merge", "query")
#: fields that say what a message is about: marked, so that each run has persons and documents of its own
MARKED = (
    "PatientID", "MergeID", "EncounterCardID", "SourcePatientID", "ProviderWorkNo", "DeptCode", "TermSetCode", "DocumentId",
    "AdmID", "OutPatientID", "OutpatientId", "HospitalizationId", "OrderId", "AppInfoID", "ExamAppInfoID", "SourceId",
    "RepositoryUniqueId",
)  # fmt: skip
#: of these the first that a service has is what it cannot do without
ESSENTIAL = (
    "PatientID", "ProviderWorkNo", "DeptCode", "TermSetCode", "DocumentUniqueId", "DocumentId", "SourcePatientID", "AdmID",
    "OrderId", "AppInfoID", "ExamAppInfoID",
)  # fmt: skip
_FILE = re.compile(r"^(EHR-PL-\d\d|H\d{4})(?:(?!-[TF]\d).)*(?:-([TF])\d+)?.*\.xml$")


@dataclass(frozen=True, slots=True)
class Case:
    """One case: what is sent to which service, and whether it must be accepted."""

    id: str
    item: str  # the service, or "endpoint"
    title_zh: str
    title_en: str
    must: str  # accept refuse
    kind: str  # accept before declared missing wrong_message no_xml unknown_action no_secret wrong_secret entity expansion repeated wsdl file
    action: str = ""
    message: str = ""
    root: str = ""  # of the reply that must come back; empty when any acknowledgement will do
    expects: Sequence[str] = ()  # words that the answer to a query must hold
    note: str = ""
    to: str = ""  # the service whose address is used, when it is not the item's own

    @property
    def service(self) -> str:
        """Whose address the message goes to."""
        return self.to or self.item


def of_services(mark: str, at: datetime, *, only: Sequence[str] = ()) -> Iterator[Case]:
    """The cases of the services, those first on which others build. *mark* tells the runs apart."""
    chosen = [s for s in specs().values() if not only or s.key in only]
    for spec in sorted(chosen, key=_rank):
        yield from _before(spec, mark, at)
        yield _kept_by_us(spec, mark, at) if spec.action.endswith("Custody") else _accepted(spec, mark, at)
        yield from _refused(spec, mark, at)


def _rank(spec: Spec) -> int:
    """Adding first; what ends a record last, for nothing can be asked of it afterwards."""
    return len(ORDER) if spec.action.endswith("Cancel") else ORDER.index(spec.verb)


def _said(spec: Spec, mark: str, at: datetime) -> dict[str, str]:
    """What a request of this run says: the two sets of services have persons and documents of their own."""
    own = f"{mark}{'N' if spec.edition == 'newer' else 'R'}"
    said = {k: f"{v}-{own}" if k in MARKED else v for k, v in invented(spec, at).items()}
    born, number = _numbered(own)
    return said | {k: v for k, v in (("IDCardNo", number), ("BirthTime", f"{born:%Y%m%d}")) if k in said}


def _numbered(own: str) -> tuple[date, str]:
    """A birth date and a resident number with its check sign, of no division that exists, for the persons of one run."""
    seed = int.from_bytes(sha256(own.encode()).digest()[:4])
    born = date(1940, 1, 1) + timedelta(days=seed % 20_000)
    return born, complete(f"532998{born:%Y%m%d}{2 * (seed // 20_000 % 500):03d}")


def _written(spec: Spec, message_id: str, at: datetime, said: Mapping[str, str]) -> str:
    return example(spec, message_id, at, said, groups_of(spec, said))


def _before(spec: Spec, mark: str, at: datetime) -> Iterator[Case]:
    """A merge needs the second record that goes into the first."""
    if spec.verb != "merge":
        return
    adding = next(
        s for s in specs().values() if s.verb == "add" and s.edition == spec.edition and s.root == "PRPA_IN201311UV02"
    )
    said = _said(adding, mark, at) | {"PatientID": _said(spec, mark, at).get("MergeID", f"M-{mark}")}
    yield Case(
        f"{spec.key}-0", spec.key, "预备：登记将被合并的一条", "to begin with: the record that is to be merged", "accept", "before",
        adding.action, _written(adding, f"{spec.key}-0-{mark}", at, said), adding.answer(True), to=adding.key,
    )  # fmt: skip


def _accepted(spec: Spec, mark: str, at: datetime) -> Case:
    said = _said(spec, mark, at)
    told = {f.name for f in spec.response}
    wanted = [said[n] for n in ESSENTIAL if n in said and n in told][:1] if spec.verb == "query" else []
    return Case(
        f"{spec.key}-1", spec.key, "规定的请求得到受理", "the declared request is carried out", "accept", "accept", spec.action,
        _written(spec, f"{spec.key}-1-{mark}", at, said), spec.answer(True), wanted,
    )  # fmt: skip


def _kept_by_us(spec: Spec, mark: str, at: datetime) -> Case:
    """Custody changes between institutions, and a run speaks for one: what it keeps already it cannot take over."""
    return Case(
        f"{spec.key}-1", spec.key, "本机构已管理的档案不能再变更到本机构", "what the institution keeps already cannot be taken over",
        "refuse", "declared", spec.action, _written(spec, f"{spec.key}-1-{mark}", at, _said(spec, mark, at)),
    )  # fmt: skip


def _refused(spec: Spec, mark: str, at: datetime) -> Iterator[Case]:
    said = _said(spec, f"{mark}m" if spec.verb == "add" else mark, at)  # nothing else may be the reason
    lacking = next((n for n in ESSENTIAL if n in said), "")
    if lacking and spec.verb in ("add", "update"):
        rest = {k: v for k, v in said.items() if k != lacking}
        yield Case(
            f"{spec.key}-2", spec.key, f"缺少 {lacking} 时拒绝并说明", f"refused with a reason when {lacking} is missing", "refuse",
            "missing", spec.action, _written(spec, f"{spec.key}-2-{mark}", at, rest), "", (), lacking,
        )  # fmt: skip
    other = next(s for s in specs().values() if s.root[:8] != spec.root[:8] and s.edition == spec.edition)
    yield Case(
        f"{spec.key}-3", spec.key, "消息不是本服务的请求时拒绝", "another service's message is refused", "refuse", "wrong_message",
        spec.action, _written(other, f"{spec.key}-3-{mark}", at, _said(other, f"{mark}x", at)), "", (), other.root,
    )  # fmt: skip


def of_endpoint(mark: str, at: datetime) -> Iterator[Case]:
    """The cases that hold for the endpoint whichever service is asked."""
    spec = next(s for s in specs().values() if s.verb == "add" and s.root == "PRPA_IN201311UV02")
    said = _said(spec, f"{mark}e", at)
    good = _written(spec, f"E-{mark}", at, said)

    def case(
        number: int, zh: str, en: str, must: str, kind: str, message: str = good, action: str = spec.action
    ) -> Case:
        return Case(f"E-{number:02d}", "endpoint", zh, en, must, kind, action, message)

    yield case(
        1, "提供 WSDL，操作为 HIPMessageServer", "a WSDL with the operation HIPMessageServer", "accept", "wsdl", ""
    )
    yield case(2, "不是 XML 的内容被拒绝", "what is no XML is refused", "refuse", "no_xml", "这不是 XML")
    yield case(
        3, "不存在的 action 被拒绝", "an unknown action is refused", "refuse", "unknown_action", good, "NoSuchService"
    )
    yield case(4, "没有凭据的调用被拒绝", "a call without credentials is refused", "refuse", "no_secret")
    yield case(5, "凭据错误的调用被拒绝", "a call with wrong credentials is refused", "refuse", "wrong_secret")
    yield case(6, "外部实体不被读取", "an external entity is not read", "refuse", "entity", _entity(spec))
    yield case(
        7,
        "实体膨胀不耗尽内存，及时拒绝",
        "entity expansion is refused in bounded time",
        "refuse",
        "expansion",
        _expansion(spec),
    )
    yield case(8, "同一消息重发得到相同应答", "a message sent twice is answered alike", "accept", "repeated")


def _entity(spec: Spec) -> str:
    return f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><{spec.root} xmlns="urn:hl7-org:v3"><id extension="&x;"/></{spec.root}>'


def _expansion(spec: Spec) -> str:
    names = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "0123456789"}">' for n in range(9)]
    return f'<!DOCTYPE a [{"".join(names)}]><{spec.root} xmlns="urn:hl7-org:v3"><id extension="&e8;"/></{spec.root}>'


def of_folder(folder: Path, at: datetime) -> Iterator[Case]:
    """The messages of an evaluation that lie in a folder, in the order of their names, each after what it builds on."""
    for file in sorted(folder.rglob("*.xml")):
        found = _FILE.match(file.name)
        spec = specs().get(found.group(1)) if found else None
        if found is None or spec is None:
            continue
        must = {"T": "accept", "F": "refuse"}.get(found.group(2) or "", "answer")
        message = file.read_text("utf-8-sig")
        for number, (service, before) in enumerate(preparing.before(spec, message, must, at)):
            yield Case(
                f"P-{file.stem}-{number}"[:80], spec.key, f"预备：用 {service.key} 登记评测消息所指的对象",
                f"to begin with: what the message is about, by {service.key}", "answer", "before", service.action, before,
                service.answer(True), (), file.name, service.key,
            )  # fmt: skip
        words = {
            "accept": ("评测消息，应当成功", "a message of the evaluation that must succeed"),
            "refuse": ("评测消息，应当拒绝", "a message of the evaluation that must be refused"),
            "answer": ("评测消息，应当应答", "a message of the evaluation that must be answered"),
        }[must]
        yield Case(
            f"F-{file.stem}"[:80], spec.key, *words, must, "file", spec.action, message, spec.answer(must != "refuse"), (), file.name,
        )  # fmt: skip


def counted(cases: Sequence[Case]) -> Mapping[str, int]:
    """How many cases each item has."""
    found: dict[str, int] = {}
    for case in cases:
        found[case.item] = found.get(case.item, 0) + 1
    return found
