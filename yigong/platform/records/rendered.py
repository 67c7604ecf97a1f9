"""What a document looks like once it is read for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HIGH, LOW, ABNORMAL = "high", "low", "abnormal"
#: words and signs of senders -> how a value is marked
MARKS = {"H": HIGH, "HH": HIGH, "↑": HIGH, "偏高": HIGH, "高": HIGH, "L": LOW, "LL": LOW, "↓": LOW, "偏低": LOW,
         "低": LOW, "A": ABNORMAL, "异常": ABNORMAL, "阳性": ABNORMAL}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One value with its name."""

    label: str
    value: str
    unit: str = ""
    flag: str = ""  # high low abnormal
    element_id: str = ""
    label_en: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class TableView:
    """Lines of one kind: results of a report, lines of a prescription, a table of the narrative."""

    columns: tuple[str, ...]
    columns_en: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    flags: tuple[str, ...] = ()  # of each row

    @property
    def flagged(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each row with its flag."""
        return list(zip(self.flags or ("",) * len(self.rows), self.rows, strict=True))


@dataclass(frozen=True, slots=True)
class SectionView:
    """One section in the order of the document."""

    title_zh: str
    title_en: str
    entries: tuple[Entry, ...] = ()
    tables: tuple[TableView, ...] = ()
    paragraphs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document ready to be shown."""

    title: str
    document_code: str
    patient: tuple[Entry, ...]
    institution: str
    author: str
    authored_at: Any  # datetime or None
    sections: tuple[SectionView, ...]
    signatures: tuple[Entry, ...] = ()
    findings: tuple[Any, ...] = field(default=(), repr=False)
