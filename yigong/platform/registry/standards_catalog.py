"""Everything registered in the standards centre as one searchable catalogue with its tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from yigong.kit.text import initials, narrow
from yigong.standards.api import CERTAINTIES, ORIGINS, Standards, load

#: kind of entry -> (words, icon); the last two are found by search only
KINDS: dict[str, tuple[object, str]] = {
    "data_set": (_("数据集"), "table"),
    "element": (_("数据元"), "forms"),
    "value_set": (_("值域"), "list"),
    "document": (_("共享文档"), "file-text"),
    "service": (_("交互服务"), "plug-connected"),
    "oid": (_("OID"), "hash"),
    "form": (_("服务记录表"), "clipboard-list"),
    "field": (_("字段"), "columns"),
    "code": (_("代码"), "list"),
}
#: the same of many
LISTED: dict[str, object] = {
    "data_set": pgettext_lazy("list", "数据集"), "element": pgettext_lazy("list", "数据元"), "value_set": pgettext_lazy("list", "值域"),
    "document": pgettext_lazy("list", "共享文档"), "service": pgettext_lazy("list", "交互服务"), "oid": pgettext_lazy("list", "OID"),
    "form": pgettext_lazy("list", "服务记录表"), "field": pgettext_lazy("list", "字段"), "code": pgettext_lazy("list", "代码"),
}  # fmt: skip
INSIDE = ("field", "code")
ORIGIN_WORDS = {
    "national": _("国家标准"),
    "industry": _("行业标准"),
    "draft": _("试行与草案"),
    "international": _("国际标准"),
    "local": _("本地编码"),
}
#: certainty -> (tone, words, what it means)
CERTAINTY_WORDS: dict[str, tuple[str, object, object]] = {
    "agreed": ("ok", _("多源一致"), _("两个以上来源相同，未与纸质标准核对")),
    "single": ("idle", _("单一来源"), _("只有一个来源，未与纸质标准核对")),
    "derived": ("unk", _("按序推定"), _("由编号次序推定，与已见的各处都相符")),
    "sample": ("unk", _("仅见样例"), _("只在样例文档中见过，内容可能不全")),
    "doubtful": ("warn", _("存疑"), _("来源不一致，或只有一份未核对的清单")),
    "absent": ("unk", _("缺内容"), _("已知有此标准，内容没有得到")),
}

#: parts of WS 363 and WS 364: leading digits -> name
CHAPTERS = {
    "01.00": _("标识"),
    "02.01": _("人口学及社会经济学特征"),
    "02.10": _("健康史"),
    "03.00": _("健康危险因素"),
    "04.01": _("主诉与症状"),
    "04.10": _("体格检查"),
    "04.30": _("临床辅助检查"),
    "04.50": _("实验室检查"),
    "05.01": _("医学诊断"),
    "05.10": _("医学评估"),
    "06.00": _("计划与干预"),
    "07.00": _("卫生费用"),
    "07.10": _("卫生费用"),
    "08.10": _("卫生机构"),
    "08.30": _("卫生人员"),
    "08.50": _("药品、设备与材料"),
    "09.00": _("卫生管理"),
}
FAMILIES = {
    "WS 365": _("WS 365-2011 城乡居民健康档案"),
    "WS 445": _("WS 445-2014 电子病历"),
    "WS 37x": _("WS 371–376 疾病管理等"),
    "trial-2009": _("2009 试行数据集"),
    "WS/T 483": _("WS/T 483-2016 健康档案"),
    "WS/T 500": _("WS/T 500-2016 电子病历"),
    "newer": _("较新一版（医院平台交互）"),
    "older": _("较早一版（2014–2019）"),
    "regional": _("区域平台测评（EHR-PL）"),
    "local": _("本平台自定义"),
}
ROOTS = {
    "data_set": _("数据集 WS 365 / 37x / 445"),
    "element": _("数据元 WS 363"),
    "value_set": _("值域 WS 364 与国标"),
    "document": _("共享文档 WS/T 483 / 500"),
    "service": _("交互服务"),
    "oid": _("对象标识符 OID"),
    "form": _("公共卫生服务记录表"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered thing, as lists show it."""

    kind: str
    id: str
    name_zh: str
    name_en: str
    standard: object
    origin: str
    certainty: str
    count: int | None
    path: str
    url: str
    sought: str

    @property
    def kind_word(self) -> object:
        """The kind in words."""
        return KINDS[self.kind][0]


@dataclass(slots=True)
class Node:
    """A branch of the tree: the key filters the list, the children are smaller branches."""

    key: str
    label: object
    count: int = 0
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def branches(self) -> list[Node]:
        """The smaller branches, in order of appearance."""
        return list(self.children.values())


#: what the sources call a standard -> how it is called here
STANDARDS = {
    "trial edition 2009, replaced by WS 365 and WS 371-376": _("2009 试行版（已由 WS 365、WS 371–376 代替）"),
    "(older draft, superseded by HDSD00.17)": _("较早草案（已由 HDSD00.17 代替）"),
    "WS 376.1-2013 (part number unverified)": _("WS 376.1-2013（部分号未核对）"),
    "WS 375.x (part number unverified)": _("WS 375（部分号未核对）"),
    "WS 445-2014 / WS 500-2016 annex": _("WS 445-2014 / WS/T 500-2016 附录"),
    "WS/T 500-2016 local code table": _("WS/T 500-2016 本地代码表"),
    "WS/T 483 local table": _("WS/T 483-2016 本地代码表"),
}
OID_KINDS = {
    "code system": _("编码系统"),
    "identifier": _("标识"),
    "service message (2.5.1…)": _("服务消息"),
    "identifier in service messages": _("服务消息中的标识"),
    "template": _("文档模板"),
    "model": _("模型"),
}


def standard_words(standard: str) -> object:
    """The standard as pages call it."""
    return STANDARDS.get(standard, standard)


def _sought(*words: str) -> str:
    return "\n".join(narrow(w).lower() for w in words if w)


def _path(*steps: str) -> str:
    return "|".join(steps)


@cache
def entries() -> tuple[Entry, ...]:
    """Everything registered, most looked-for kinds first; built once in a process."""
    found = load()
    makers = (_data_sets, _elements, _value_sets, _documents, _services, _oids, _forms)
    return tuple(entry for make in makers for entry in make(found))


@cache
def inside() -> tuple[Entry, ...]:
    """What search also looks through: fields of data sets and codes of value sets."""
    found = load()
    return (*_fields(found), *_codes(found))


def _chapter(id: str) -> str:
    return id[2:7].replace("02.00", "02.01")


def _data_sets(found: Standards) -> Iterator[Entry]:
    order = list(FAMILIES)
    for d in sorted(found.data_sets.values(), key=lambda d: order.index(d.family)):
        group = d.code if d.family == "WS 445" else d.code[:5] if d.family == "trial-2009" else ""
        yield Entry(
            "data_set", d.key, d.name_zh, d.name_en, standard_words(d.standard), d.origin, d.certainty,
            len(d.fields), _path("data_set", d.family, *([group] if group else [])),
            reverse("registry:standards_data_set", args=[d.identifier]),
            _sought(d.key, d.subset_code, d.identifier, d.name_zh, d.name_en, d.part_zh, initials(d.name_zh)),
        )  # fmt: skip


def _elements(found: Standards) -> Iterator[Entry]:
    for e in found.elements.values():
        yield Entry(
            "element", e.id, e.name_zh, e.name_en, "WS 363-2011", "industry", e.certainty, None,
            _path("element", _chapter(e.id)), reverse("registry:standards_element", args=[e.id]),
            _sought(e.id, e.name_zh, e.name_en, *e.other_names, initials(e.name_zh)),
        )  # fmt: skip


def _value_sets(found: Standards) -> Iterator[Entry]:
    for v in found.value_sets.values():
        group = _chapter(v.id) if v.id.startswith("CV") else v.origin
        yield Entry(
            "value_set", v.id, v.name_zh, v.name_en, standard_words(v.standard), v.origin, v.certainty, len(v.codes),
            _path("value_set", group), reverse("registry:standards_value_set", args=[v.id]),
            _sought(v.id, v.oid, v.name_zh, v.name_en, initials(v.name_zh)),
        )  # fmt: skip


def _documents(found: Standards) -> Iterator[Entry]:
    for d in sorted(found.documents.values(), key=lambda d: d.family):
        yield Entry(
            "document", d.code, d.name_zh, d.name_en, d.standard, d.origin, d.certainty, len(d.elements),
            _path("document", d.family), reverse("registry:standards_document", args=[d.code]),
            _sought(d.code, d.template_oid, d.name_zh, d.name_en, *d.name_variants, initials(d.name_zh)),
        )  # fmt: skip


def _services(found: Standards) -> Iterator[Entry]:
    for s in found.services.values():
        yield Entry(
            "service", s.code or s.action, s.name_zh, s.action, FAMILIES[s.edition], s.origin, s.certainty, len(s.fields),
            _path("service", s.edition), reverse("registry:standards_service", args=[s.action]),
            _sought(s.code, s.action, s.name_zh, s.request, s.response, initials(s.name_zh)),
        )  # fmt: skip


def _oids(found: Standards) -> Iterator[Entry]:
    for o in found.oids.values():
        origin = "national" if o.oid.startswith("2.16.156") else "international"
        yield Entry(
            "oid", o.oid, o.name_zh, "", OID_KINDS.get(o.kind, o.kind), origin, o.certainty, None, _path("oid"),
            reverse("registry:standards_oid", args=[o.oid]), _sought(o.oid, o.name_zh, o.meaning, initials(o.name_zh)),
        )  # fmt: skip


def _forms(found: Standards) -> Iterator[Entry]:
    for name, rows in found.forms.items():
        yield Entry(
            "form", name, name, "", "国家基本公共卫生服务规范", "industry", "single", len(rows), _path("form"),
            reverse("registry:standards_form", args=[name]), _sought(name, initials(name)),
        )  # fmt: skip


def _fields(found: Standards) -> Iterator[Entry]:
    for d in found.data_sets.values():
        url = reverse("registry:standards_data_set", args=[d.identifier])
        for f in d.fields:
            yield Entry(
                "field", f.inner_id or f.identifier, f.name_zh, f.name_en, d.name_zh, d.origin, f.certainty, None,
                _path("data_set", d.family), f"{url}#{f.identifier}",
                _sought(f.inner_id, f.identifier, f.name_zh, f.name_en, initials(f.name_zh)),
            )  # fmt: skip


def _codes(found: Standards) -> Iterator[Entry]:
    for v in found.value_sets.values():
        url = reverse("registry:standards_value_set", args=[v.id])
        for c in v.codes.values():
            yield Entry(
                "code", c.code, c.name_zh, c.name_en, v.name_zh, v.origin, c.certainty, None, _path("value_set"),
                f"{url}#c-{c.code}", _sought(c.code, c.name_zh, c.name_en, initials(c.name_zh)),
            )  # fmt: skip


# ---- looking ----


def rank(entry: Entry, text: str) -> int:
    """How near an entry is to what was typed; the smaller the nearer."""
    words = entry.sought.split("\n")
    if text in words:
        return 0 if words[0] == text else 1
    return 2 if any(word.startswith(text) for word in words) else 3


def look(text: str, path: str = "") -> list[Entry]:
    """The entries that hold all words of *text*, nearest first; inside fields and codes too when there is a text."""
    words = narrow(text).lower().split()
    pool: Iterable[Entry] = (*entries(), *inside()) if words else entries()
    found = [e for e in pool if (not path or _within(e.path, path)) and all(w in e.sought for w in words)]
    if words:
        whole = " ".join(words)
        found.sort(key=lambda e: (rank(e, whole), e.kind in INSIDE, len(e.name_zh)))
    return found


def _within(path: str, branch: str) -> bool:
    return path == branch or path.startswith(branch + "|")


@cache
def tree() -> tuple[Node, ...]:
    """The tree of everything registered; each branch counts what is below it."""
    roots = {kind: Node(kind, label) for kind, label in ROOTS.items()}
    for entry in entries():
        steps = entry.path.split("|")
        node = roots[steps[0]]
        node.count += 1
        for at in range(1, len(steps)):
            key = "|".join(steps[: at + 1])
            node = node.children.setdefault(key, Node(key, _label(steps[: at + 1])))
            node.count += 1
    return tuple(roots.values())


@cache
def parts() -> dict[str, str]:
    """Number of a part of WS 445 -> its name."""
    return {d.code: d.part_zh for d in load().data_sets.values() if d.family == "WS 445"}


TRIAL = {"HRA00": _("个人信息"), "HRB01": _("儿童保健"), "HRB02": _("妇女保健"), "HRB03": _("疾病控制"), "HRB04": _("疾病管理"), "HRC00": _("医疗服务")}  # fmt: skip


def _label(steps: list[str]) -> object:
    last = steps[-1]
    if steps[0] in ("element", "value_set"):
        return CHAPTERS.get(last) or ORIGIN_WORDS.get(last, last)
    if last in parts():
        return f"{last} {parts()[last]}"
    return FAMILIES.get(last) or TRIAL.get(last, last)


def branch_words(branch: str) -> object:
    """The name of a branch; empty when there is none of that key."""
    steps = branch.split("|")
    if steps[0] not in ROOTS:
        return ""
    return ROOTS[steps[0]] if len(steps) == 1 else _label(steps)


def counted(found: Iterable[Entry]) -> dict[str, Counter[str]]:
    """How many of a list there are by kind, origin and certainty."""
    sums: dict[str, Counter[str]] = {"kind": Counter(), "origin": Counter(), "certainty": Counter()}
    for entry in found:
        for name, counter in sums.items():
            counter[getattr(entry, name)] += 1
    return sums


def by_origin() -> list[tuple[str, object, Counter[str], int]]:
    """The registered things by origin in order of priority: (origin, words, counts by kind, sum) (A08)."""
    rows: list[tuple[str, object, Counter[str], int]] = []
    for origin in ORIGINS:
        kinds = Counter(e.kind for e in entries() if e.origin == origin)
        rows.append((origin, ORIGIN_WORDS[origin], kinds, sum(kinds.values())))
    return rows


def by_certainty() -> list[tuple[str, Counter[str], int]]:
    """The registered things by how sure they are."""
    rows = []
    for level in CERTAINTIES:
        kinds = Counter(e.kind for e in entries() if e.certainty == level)
        rows.append((level, kinds, sum(kinds.values())))
    return rows
