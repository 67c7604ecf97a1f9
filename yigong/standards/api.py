"""Doors of the standards: the declared facts and the checker."""

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
from yigong.standards.tables import Misdeclared

__all__ = [
    "CERTAINTIES", "ORIGINS", "WAIST", "Code", "DataSet", "Document", "Element", "Field", "FormField", "Misdeclared",
    "Oid", "Place", "RecordField", "Section", "Service", "ServiceField", "Standards", "ValueSet", "load",
]  # fmt: skip
