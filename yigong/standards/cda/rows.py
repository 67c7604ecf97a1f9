"""The rows of a document: one for each line of a prescription or report, else one; nothing that was said is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from yigong.standards.cda.fill import Filled, fill
from yigong.standards.cda.findings import Finding, finding
from yigong.standards.cda.places import Kind
from yigong.standards.cda.reading import Read

#: element of a quantity -> element of its unit, where the data set keeps the two apart
UNITS = {"DE08.50.023.00": "DE08.50.024.00", "DE04.30.015.00": "DE04.30.016.00", "DE06.00.241.00": "DE08.50.034.00"}
#: element -> name under which the records know what its code or words say
KNOWN_EXTRAS = {
    "DE04.30.019.00": "item_name",
    "DE05.01.024.00": "diagnosis_name",
    "DE04.30.017.00": "abnormal_flag",
}
#: nodes of the head that the document's own facts keep
DOCUMENT = {("author", "time"), ("assignedPerson", "name"), ("representedCustodianOrganization", "id"),
            ("representedCustodianOrganization", "name")}  # fmt: skip


@dataclass(slots=True)
class Row:
    """One standard record: its fields, and under the document's own names what the standard has no field for."""

    values: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Coverage:
    """How many values a document says, and where they went."""

    found: int = 0
    fields: int = 0  # columns of the standard record
    head: int = 0  # registration of the person, facts of the document
    extra: int = 0  # kept under their own name

    @property
    def placed(self) -> int:
        """Values that arrived as standard facts."""
        return self.fields + self.head


@dataclass(slots=True)
class Rows:
    """What one document gives to its data sets."""

    by_data_set: dict[str, list[Row]]
    findings: list[Finding]
    coverage: Coverage


def rows_of(reads: list[Read], kind: Kind, standards: Any) -> Rows:
    """The rows of every data set of the document."""
    builder = _Builder(reads, kind, standards)
    for read in reads:
        builder.take(read)
    return builder.result()


class _Builder:
    def __init__(self, reads: list[Read], kind: Kind, standards: Any) -> None:
        self.kind = kind
        self.standards = standards
        self.count = 1 + max((read.line for read in reads), default=-1)
        self.common = {d.identifier: Row() for d in kind.data_sets}
        self.lines = {d.identifier: [Row() for _ in range(self.count)] for d in kind.data_sets}
        self.fields = {d.identifier: {f.element_id: f for f in reversed(d.fields)} for d in kind.data_sets}
        self.names: dict[tuple[str, int, str], str] = {}  # tag of the node that filled a field
        self.findings: list[Finding] = []
        self.coverage = Coverage(found=len(reads))

    def take(self, read: Read) -> None:
        """Put one value where it belongs."""
        if next(read.node.iterancestors("referenceRange"), None) is not None:
            self._range(read)
            return
        fields = [(d, f) for d, f in read.fields.items() if self._put(d, f, read)]
        if fields:
            self.coverage.fields += 1
        elif is_head(read):
            self.coverage.head += 1
        else:
            self.coverage.extra += 1
            if self.kind.data_sets:
                self._keep(self._row(self.kind.data_sets[0].identifier, read), read.label, _said(read))

    def _range(self, read: Read) -> None:
        """The limits of a result as one text: 3.9-6.1."""
        self.coverage.extra += 1
        extra = self._row(self.kind.data_sets[0].identifier, read).extra
        known = extra.get("reference_range", "")
        text = read.value.text or read.value.words
        extra["reference_range"] = f"{known}-{text}" if known and read.node.tag == "high" else known or text

    def _row(self, data_set: str, read: Read) -> Row:
        return self.common[data_set] if read.line < 0 else self.lines[data_set][read.line]

    def _put(self, data_set: str, field: Any, read: Read) -> bool:
        filled = self._filled(field, read)
        if filled.text is None:
            return False
        row = self._row(data_set, read)
        key = (data_set, read.line, field.identifier)
        before = row.values.get(field.identifier)
        if before is None or (self.names.get(key) == "id" and read.node.tag == "name"):
            if before is not None and before != filled.text:
                self._keep(row, f"{field.name_zh}代码", before)
            row.values[field.identifier] = filled.text
            self.names[key] = str(read.node.tag)
            self._beside(data_set, field, read, row)
        elif before != filled.text:
            self._keep(row, f"{read.label}代码" if read.node.tag == "id" else read.label, _said(read))
        return True

    def _filled(self, field: Any, read: Read) -> Filled:
        filled = fill(field, read.value, self.standards.value_sets.get(field.value_set_id))
        if filled.broken:
            names = (field.name_zh, field.name_en)
            said = read.value.code or read.value.text or read.value.display
            self.findings.append(finding(filled.broken, read.node, name=names, field=field.identifier, value=said))
        return filled

    def _beside(self, data_set: str, field: Any, read: Read, row: Row) -> None:
        """A unit in its own field, and the words of a code that no value set of ours explains."""
        unit = self.fields[data_set].get(UNITS.get(field.element_id, ""))
        if unit is not None and read.value.unit:
            row.values.setdefault(unit.identifier, read.value.unit)
        elif read.value.unit and field.type == "N" and read.value.unit not in field.name_zh and read.node.tag != "age":
            self._keep(row, f"{field.name_zh}单位", read.value.unit)
        value_set = self.standards.value_sets.get(field.value_set_id)
        text = row.values[field.identifier]
        if read.value.display and (known := KNOWN_EXTRAS.get(field.element_id)):
            row.extra.setdefault(known, read.value.display)
            return
        if read.value.display and read.value.display != text and not (value_set and text in value_set.codes):
            base = field.name_zh.removesuffix("代码").removesuffix("编码")
            self._keep(row, f"{base}名称", read.value.display)

    def _keep(self, row: Row, name: str, said: Any) -> None:
        before = row.extra.get(name)
        if before is None:
            row.extra[name] = said
        elif isinstance(before, list):
            before.append(said)
        elif before != said:
            row.extra[name] = [before, said]

    def result(self) -> Rows:
        """One row for each line, each with what all lines share."""
        made: dict[str, list[Row]] = {}
        for data_set, common in self.common.items():
            lines = self.lines[data_set] or [Row()]
            if made and not common.values and not any(line.values for line in lines):
                continue  # of the several data sets of a document this one has nothing
            made[data_set] = [Row({**common.values, **r.values}, {**common.extra, **r.extra}) for r in lines]
        return Rows(made, self.findings, self.coverage)


def is_head(read: Read) -> bool:
    """Whether the registration of the person or the facts of the document keep the value."""
    parents = [ancestor.tag for ancestor in read.node.iterancestors()]
    if "patientRole" in parents:
        tags = ("id", "name", "administrativeGenderCode", "birthTime", "telecom")
        own = parents[0] in ("patientRole", "patient") and read.node.tag in tags
        return own or (parents[0] == "addr" and parents[1] == "patientRole")
    top = parents[-2] if len(parents) > 1 else str(read.node.tag)
    if top in ("author", "custodian"):
        return (parents[0], str(read.node.tag)) in DOCUMENT
    return top == "componentOf" and read.node.get("root") == "2.16.156.10011.1.5"


def _said(read: Read) -> Any:
    """The value as it is kept beside the standard's fields."""
    value = read.value
    words = value.words if not value.unit else f"{value.text} {value.unit}"
    return {"code": value.code, "name": value.display} if value.code and value.display else words
