"""Doors of the standards: the declared facts and the checker."""

from yigong.standards.check import FINDINGS, Finding, check_batch, check_row, check_value
from yigong.standards.loader import Standards, load
from yigong.standards.model import (
    CERTAINTIES,
    ORIGINS,
    WAIST,
    Code,
    DataSet,
    Document,
    Element,
    Field,
    FormField,
    Oid,
    Place,
    RecordField,
    Section,
    Service,
    ServiceField,
    ValueSet,
)
from yigong.standards.rules import RULES, Rule
from yigong.standards.tables import Misdeclared

__all__ = [
    "CERTAINTIES",
    "FINDINGS",
    "ORIGINS",
    "RULES",
    "WAIST",
    "Code",
    "DataSet",
    "Document",
    "Element",
    "Field",
    "Finding",
    "FormField",
    "Misdeclared",
    "Oid",
    "Place",
    "RecordField",
    "Rule",
    "Section",
    "Service",
    "ServiceField",
    "Standards",
    "ValueSet",
    "check_batch",
    "check_row",
    "check_value",
    "load",
]
