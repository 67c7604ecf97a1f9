"""Makes the declared standards into objects; elements, value sets and data sets at once, the large parts on first use."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from yigong.standards import model as m
from yigong.standards.formats import read as read_format
from yigong.standards.later import LaterMap, LaterRow
from yigong.standards.tables import DATA, Row, grouped, rows

IDENTIFIER = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
TRUE = "yes"
#: the two gathered editions; the regional set, written from the evaluation's own messages, with this platform's own services
SERVICES = ("", "regional_")
V = TypeVar("V")


@dataclass(frozen=True)
class Standards:
    """The national standards as data."""

    elements: Mapping[str, m.Element]
    value_sets: Mapping[str, m.ValueSet]
    data_sets: Mapping[str, m.DataSet]
    documents: Mapping[str, m.Document]
    oids: Mapping[str, m.Oid]
    services: Mapping[str, m.Service]
    forms: Mapping[str, tuple[m.FormField, ...]]

    def data_set(self, name: str) -> m.DataSet:
        """A data set by its identifier, key or number; KeyError when there is none."""
        found = self.data_sets.get(name) or next(
            (d for d in self.data_sets.values() if name in (d.key, d.subset_code or d.code)), None
        )
        if found is None:
            raise KeyError(name)
        return found


@lru_cache(maxsize=4)
def load(folder: Path = DATA) -> Standards:
    """The standards declared in *folder*; Misdeclared when a row is wrong."""
    value_sets = _value_sets(folder)
    elements = _elements(folder, value_sets)
    return Standards(
        elements=elements,
        value_sets=value_sets,
        data_sets=_data_sets(folder, elements, value_sets),
        documents=LaterMap(lambda: _documents(folder, elements, value_sets)),
        oids=LaterMap(lambda: _oids(folder)),
        services=LaterMap(lambda: _services(folder)),
        forms=LaterMap(lambda: grouped("form_fields", "form", lambda r: _form_field(r, elements), folder)),
    )


def _value_sets(folder: Path) -> Mapping[str, m.ValueSet]:
    found: dict[str, m.ValueSet] = {}
    seen: dict[str, int] = {}

    @cache
    def codes() -> Mapping[str, Mapping[str, m.Code]]:
        return _codes(folder, found)

    for r in rows("value_sets", folder):
        key = r.once(seen, r.must("id"))
        found[key] = m.ValueSet(
            id=key, name_zh=r.must("name_zh"), name_en=r["name_en"], oid=r["oid"], oid_certainty=r["oid_certainty"],
            standard=r["standard"], origin=r.one_of("origin", m.ORIGINS), format=r.format(),
            completeness=r["completeness"], note=r["note"], valid_from=r.day("valid_from"),
            replaced_by=r["replaced_by"], codes=_codes_of(codes, key),
            certainty=_completeness(r["completeness"]), sources=r["name_sources"],
        )  # fmt: skip
    return MappingProxyType(found)


def _codes_of(codes: Callable[[], Mapping[str, Mapping[str, m.Code]]], key: str) -> LaterMap[str, m.Code]:
    return LaterMap(lambda: codes().get(key, {}))


def _part(groups: Mapping[str, tuple[V, ...]], key: str) -> LaterRow[V]:
    return LaterRow(lambda: groups.get(key, ()))


def _completeness(word: str) -> str:
    return {"full": "agreed", "partial": "single", "ordered": "doubtful", "sample": "sample"}.get(word, "absent")


def _codes(folder: Path, value_sets: Mapping[str, m.ValueSet]) -> Mapping[str, Mapping[str, m.Code]]:
    found: dict[str, dict[str, m.Code]] = {}
    seen: dict[str, int] = {}
    for r in rows("codes", folder):
        key = r.one_of("value_set", value_sets)
        r.once(seen, f"{key} {r.must('code')}")
        found.setdefault(key, {})[r["code"]] = m.Code(
            value_set_id=key, code=r["code"], as_found=r["as_found"], name_zh=r["name_zh"], name_en=r["name_en"],
            other_wordings=r["other_wordings"], valid_from=r.day("valid_from"), valid_to=r.day("valid_to"),
            sources=r["sources"], certainty=r.one_of("certainty", m.CERTAINTIES),
        )  # fmt: skip
    return found


def _elements(folder: Path, value_sets: Mapping[str, m.ValueSet]) -> Mapping[str, m.Element]:
    found: dict[str, m.Element] = {}
    seen: dict[str, int] = {}
    for r in rows("elements", folder):
        key = r.once(seen, r.must("id"))
        found[key] = m.Element(
            id=key, name_zh=r.must("name_zh"), name_en=r["name_en"], type=r.one_of("type", m.KINDS), format=r.format(),
            value_set_id=r.one_of("value_set", value_sets, empty=True), format_agrees=r["format_agrees"],
            other_names=_parts(r["other_names"]), sources=r["sources"], certainty=r.one_of("certainty", m.CERTAINTIES),
        )  # fmt: skip
    return MappingProxyType(found)


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(part for part in re.split(r";\s*", cell) if part and part != "-")


def _data_sets(
    folder: Path, elements: Mapping[str, m.Element], value_sets: Mapping[str, m.ValueSet]
) -> Mapping[str, m.DataSet]:
    heads = {r["key"]: r for r in rows("data_sets", folder)}
    fields: dict[str, list[m.Field]] = {key: [] for key in heads}
    seen: dict[str, int] = {}
    for r in rows("fields", folder):
        key = r.one_of("data_set", heads)
        r.once(seen, f"{key} {_identifier(r)}")
        fields[key].append(_field(r, elements, value_sets))
    once: dict[str, int] = {}
    made = (_data_set(r, once, tuple(fields[key])) for key, r in heads.items())
    return MappingProxyType({d.identifier: d for d in made})


def _identifier(r: Row) -> str:
    """The name of a table or column; one that the waist already has is set apart by a prefix."""
    name = r.must("identifier")
    if not IDENTIFIER.match(name) or keyword.iskeyword(name) or len(name) > 48:
        raise r.wrong(f"列名“{name}”不合规则（小写英文、下划线、至多 48 个字符）", f"{name!r} is no name for a column")
    return f"standard_{name}" if name in m.WAIST else name


def _field(r: Row, elements: Mapping[str, m.Element], value_sets: Mapping[str, m.ValueSet]) -> m.Field:
    written = r.format()
    form = read_format(written)
    return m.Field(
        data_set=r["data_set"], seq=r.whole("seq"), inner_id=r["inner_id"],
        element_id=r.one_of("element", elements, empty=True), name_zh=r.must("name_zh"), name_en=r["name_en"],
        identifier=_identifier(r), type=r.one_of("type", m.KINDS), format=written,
        value_set_id=r.one_of("value_set", value_sets, empty=True) or _inherited(r, elements),
        min_length=form.least if form else None, max_length=form.most if form else None,
        digits=form.decimals if form else None, since=r.whole("since"), note=r["note"], sources=r["sources"],
        certainty=r.one_of("certainty", m.CERTAINTIES),
    )  # fmt: skip


def _inherited(r: Row, elements: Mapping[str, m.Element]) -> str:
    """The value set of the data element, for a coded field whose table names none."""
    element = elements.get(r["element"])
    return element.value_set_id if element and r["type"] in m.CODED else ""


def _data_set(r: Row, seen: dict[str, int], fields: tuple[m.Field, ...]) -> m.DataSet:
    identifier = r.once(seen, _identifier(r))
    if not fields:
        raise r.wrong(f"数据集 {r['key']} 没有字段", f"data set {r['key']} has no field")
    return m.DataSet(
        identifier=identifier, key=r["key"], code=r["code"], subset_code=r["subset_code"], name_zh=r.must("name_zh"),
        name_en=r["name_en"], standard=r["standard"], family=r["family"], origin=r.one_of("origin", m.ORIGINS),
        part_zh=r["part_zh"], document_code=r["document"], since=r.whole("since"), sources=r["sources"],
        certainty=r.one_of("certainty", m.CERTAINTIES), fields=fields,
    )  # fmt: skip


def _documents(
    folder: Path, elements: Mapping[str, m.Element], value_sets: Mapping[str, m.ValueSet]
) -> Mapping[str, m.Document]:
    sections = LaterMap(lambda: grouped("sections", "document", _section, folder))
    places = LaterMap(lambda: grouped("places", "document", lambda r: _place(r, elements, value_sets), folder))
    fields = LaterMap(lambda: grouped("record_fields", "document", lambda r: _record_field(r, elements), folder))
    found: dict[str, m.Document] = {}
    seen: dict[str, int] = {}
    for r in rows("documents", folder):
        key = r.once(seen, r.must("code"))
        found[key] = m.Document(
            code=key, name_zh=r.must("name_zh"), name_en=r["name_en"], standard=r["standard"], family=r["family"],
            origin=r.one_of("origin", m.ORIGINS), template_oid=r["template_oid"],
            data_sets=tuple(filter(None, r["data_sets"].split(";"))), name_variants=_parts(r["name_variants"]),
            sources=r["sources"], certainty=r.one_of("certainty", m.CERTAINTIES),
            sections=_part(sections, key),
            elements=_part(places, key),
            record_fields=_part(fields, key),
        )  # fmt: skip
    return MappingProxyType(found)


def _section(r: Row) -> m.Section:
    return m.Section(
        seq=r.whole("seq"), loinc=r["loinc"], display=r["display"], title_zh=r["title_zh"], title_en=r["title_en"],
        sources=r["sources"], certainty=r.one_of("certainty", m.CERTAINTIES),
    )  # fmt: skip


def _place(r: Row, elements: Mapping[str, m.Element], value_sets: Mapping[str, m.ValueSet]) -> m.Place:
    element = elements.get(r.one_of("element", elements, empty=True))
    return m.Place(
        seq=r.whole("seq"), part=r.one_of("part", ("header", "body")), section_loinc=r["section_loinc"],
        section_zh=r["section_zh"], element_id=r["element"], inner_id=r["inner_id"],
        name_zh=r["name_zh"] or (element.name_zh if element else ""),
        name_en=r["name_en"] or (element.name_en if element else ""), xpath=r["xpath"], cda_type=r["cda_type"],
        type=r["type"], format=r.format(), unit=r["unit"],
        value_set_id=r.one_of("value_set", value_sets, empty=True), code_system=r["code_system"],
        code_system_oid=r["code_system_oid"], cardinality=r["cardinality"], group_cardinality=r["group_cardinality"],
        group_zh=r["group_zh"], id_basis=r["id_basis"], sources=r["sources"],
        certainty=r.one_of("certainty", m.CERTAINTIES),
    )  # fmt: skip


def _record_field(r: Row, elements: Mapping[str, m.Element]) -> m.RecordField:
    return m.RecordField(
        seq=r.whole("seq"), section_zh=r["section_zh"], name_zh=r["name_zh"], name_en=r["name_en"],
        element_id=r.one_of("element", elements, empty=True), match=r["match"], type=r["type"],
        max_length=r["max_length"], required=r["required"] == TRUE, value_set_id=r["value_set"],
        sources=r["sources"], certainty=r.one_of("certainty", m.CERTAINTIES),
    )  # fmt: skip


def _form_field(r: Row, elements: Mapping[str, m.Element]) -> m.FormField:
    return m.FormField(
        form=r["form"], seq=r.whole("seq"), name_zh=r["name_zh"], name_en=r["name_en"], unit=r["unit"],
        options=r["options"], required=r["required"] == TRUE, element_id=r.one_of("element", elements, empty=True),
        match=r["match"], sources=r["sources"], certainty=r.one_of("certainty", m.CERTAINTIES),
    )  # fmt: skip


def _oids(folder: Path) -> Mapping[str, m.Oid]:
    seen: dict[str, int] = {}
    return MappingProxyType(
        {
            r.once(seen, r.must("oid")): m.Oid(
                oid=r["oid"], kind=r["kind"], name_zh=r["name_zh"], meaning=r["meaning"], seen=r["seen"],
                certainty=r.one_of("certainty", m.CERTAINTIES),
            )
            for r in rows("oids", folder)
        }
    )  # fmt: skip


def _services(folder: Path) -> Mapping[str, m.Service]:
    fields = LaterMap(lambda: {k: v for name in SERVICES for k, v in _service_fields(name, folder).items()})
    found: dict[str, m.Service] = {}
    seen: dict[str, int] = {}
    for r in (row for name in SERVICES for row in rows(f"{name}services", folder)):
        key = r.once(seen, r.must("action"))
        found[key] = m.Service(
            code=r["code"], action=key, name_zh=r["name_zh"], edition=r["edition"], origin=r.one_of("origin", m.ORIGINS),
            part_zh=r["part_zh"], request=r["request"], response=r["response"], operation=r["operation"], twin=r["twin"],
            note=r["note"], sources=r["sources"], certainty=r.one_of("certainty", m.CERTAINTIES),
            fields=_part(fields, key),
        )  # fmt: skip
    return MappingProxyType(found)


def _service_fields(name: str, folder: Path) -> Mapping[str, tuple[m.ServiceField, ...]]:
    return grouped(f"{name}service_fields", "action", _service_field, folder)


def _service_field(r: Row) -> m.ServiceField:
    """A message field; the services cite one element that no catalogue had, so the id is not checked."""
    return m.ServiceField(
        side=r["side"], seq=r.whole("seq"), name_zh=r["name_zh"], name=r["name"],
        element_id=r["element"], length=r["length"], xpath=r["xpath"],
    )  # fmt: skip
