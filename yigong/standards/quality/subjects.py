"""What rules may read: the fields of the declared data sets, the columns of the waist, and two tables beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import polars as pl

from yigong.standards.loader import load

#: kind of a value -> the type of its column
DTYPES: Mapping[str, Any] = MappingProxyType(
    {
        "text": pl.String,
        "number": pl.Float64,
        "date": pl.Date,
        "instant": pl.Datetime("us", "UTC"),
        "time": pl.Time,
        "flag": pl.Boolean,
    }
)
WAIST = MappingProxyType(
    {
        "org_code": "text", "source_system": "text", "source_key": "text", "group_key": "text", "encounter_key": "text",
        "event_at": "instant", "local_id": "text", "document_id": "number", "version": "number",
        "extracted_at": "instant", "loaded_at": "instant",
    }
)  # fmt: skip
#: the register of persons, joined to stored records as person.NAME
PERSON = MappingProxyType(
    {"full_name": "text", "sex_code": "text", "born_on": "date", "id_no": "text", "phone": "text", "state": "text"}
)
WAIST_WORDS = {
    "event_at": ("发生时间", "Time of the event"), "org_code": ("来源机构", "Institution"),
    "source_key": ("来源主键", "Source key"), "group_key": ("单据号", "Group"), "encounter_key": ("就诊号", "Encounter"),
    "loaded_at": ("入库时间", "Loaded at"), "local_id": ("患者号", "Patient number"),
}  # fmt: skip
#: identifier -> (table, names, columns: (kind, zh, en)); tables that hold no data set and are judged all the same
OTHERS: Mapping[str, tuple[str, tuple[str, str], Mapping[str, tuple[str, str, str]]]] = {
    "registration": (
        "empi_registration",
        ("身份登记", "Registrations of persons"),
        {
            "full_name": ("text", "姓名", "Name"), "sex_code": ("text", "性别", "Sex"),
            "born_on": ("date", "出生日期", "Date of birth"), "id_type_code": ("text", "证件类型", "Kind of document"),
            "id_no": ("text", "证件号码", "Identity number"), "phone": ("text", "电话", "Phone"),
            "address": ("text", "地址", "Address"), "village_code": ("text", "村", "Village"),
            "health_card_no": ("text", "健康卡号", "Health card"), "contact_name": ("text", "联系人", "Contact"),
            "contact_phone": ("text", "联系人电话", "Phone of the contact"),
        },
    ),
    "document": (
        "records_document",
        ("共享文档", "Shared documents"),
        {
            "document_code": ("text", "文档类别", "Kind of document"), "title": ("text", "标题", "Title"),
            "sha256": ("text", "内容指纹", "Digest"), "media_type": ("text", "格式", "Media type"),
            "size": ("number", "大小", "Size"), "author_name": ("text", "作者", "Author"),
            "set_id": ("text", "文档集", "Set"), "text": ("text", "正文", "Text"),
        },
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that rules judge: a data set or one of the tables beside them."""

    identifier: str
    table: str
    name_zh: str
    name_en: str
    kinds: Mapping[str, str]  # column -> kind; extra.NAME is always text
    words: Mapping[str, tuple[str, str]]  # column -> names

    def kind(self, name: str) -> str | None:
        """The kind of a column, None when there is none."""
        if name.startswith("extra."):
            return "text" if self.identifier not in OTHERS else None
        if name.startswith("person."):
            return PERSON.get(name.removeprefix("person.")) if self.identifier != "registration" else None
        if name == "patient":
            return "text"
        return self.kinds.get(name)


@cache
def subject(identifier: str) -> Subject:
    """The subject of that identifier; KeyError when there is none."""
    if identifier in OTHERS:
        table, (zh, en), columns = OTHERS[identifier]
        kinds = {**WAIST, **{c: kind for c, (kind, _, _) in columns.items()}}
        words = {**WAIST_WORDS, **{c: (czh, cen) for c, (_, czh, cen) in columns.items()}}
        return Subject(identifier, table, zh, en, kinds, words)
    found = load().data_sets[identifier]
    kinds = {**WAIST, **{f.identifier: f.kind for f in found.fields}}
    words = {**WAIST_WORDS, **{f.identifier: (f.name_zh, f.name_en or f.name_zh) for f in found.fields}}
    return Subject(identifier, f"records_{identifier}", found.name_zh, found.name_en, kinds, words)
