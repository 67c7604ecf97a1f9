"""A file is what it contains, whatever its name says."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tests.cda_samples import laboratory
from tests.shared import shared
from yigong.platform.exchange.recognise import DOCUMENT_LIMIT, recognise

CSV = "编号,姓名\n1,测试甲\n2,测试乙\n"
MESSAGE = "MSH|^~\\&|LIS|A|B|C|2026||ORU^R01|1|P|2.4\rPID|1\r"


def _archive(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return data.getvalue()


CASES = [
    (laboratory().encode(), "cda", ""),
    (laboratory().encode("gb18030"), "cda", ""),
    (laboratory().encode("utf-16"), "cda", ""),
    (f"<env><body>{laboratory(head='')}</body></env>".encode(), "cda", ""),
    (laboratory().replace("<ClinicalDocument", "<v3:ClinicalDocument").encode(), "cda", ""),
    (b"<PRPA_IN201311UV02/>", "none", "other_xml"),
    (b"<!DOCTYPE html><html></html>", "none", "doctype"),
    (b"<", "none", "xml_broken"),
    (MESSAGE.encode(), "hl7v2", ""),
    (b"\x0b" + MESSAGE.encode("gb18030") + b"\x1c\r", "hl7v2", ""),
    (("FHS|^~\\&|A\r" + MESSAGE).encode("utf-8-sig"), "hl7v2", ""),
    (CSV.encode(), "csv", ""),
    (CSV.encode("gb18030"), "csv", ""),
    (CSV.encode("utf-16"), "csv", ""),
    (CSV.replace(",", "\t").encode(), "csv", ""),
    (_archive("[Content_Types].xml", "xl/workbook.xml"), "excel", ""),
    (_archive("a.xml", "b.xml"), "none", "zip"),
    (_archive("word/document.xml"), "none", "no_reader"),
    (b"PK\x03\x04broken", "none", "zip_broken"),
    (b"%PDF-1.7 ...", "none", "no_reader"),
    (b"\x89PNG\r\n\x1a\n", "none", "no_reader"),
    (b"\xff\xd8\xff\xe0JFIF", "none", "no_reader"),
    (b"", "none", "empty"),
    (b"\n \n", "none", "empty"),
    (b'{"resourceType": "Patient"}', "none", "no_reader"),
    (bytes(range(256)) * 40, "none", "binary"),
    ("只是一段话，没有表格。\n第二行。\n".encode(), "none", "no_reader"),
]


@pytest.mark.feature("C15")
@pytest.mark.parametrize(("data", "kind", "rule"), CASES, ids=[str(n) for n in range(len(CASES))])
def test_kind_by_content(tmp_path: Path, data: bytes, kind: str, rule: str) -> None:
    """Each kind is recognised under a name that lies; what has no reader says why in both languages."""
    path = tmp_path / "file.pdf"
    path.write_bytes(data)
    found = recognise(path)
    assert (found.kind, found.rule) == (kind, rule)
    assert found.kind != "none" or (found.zh and found.en)


def test_long_files_are_recognised_by_their_head(tmp_path: Path) -> None:
    """A cut in the middle of a sign or line changes nothing; a document beyond the limit is refused by its size."""
    table = tmp_path / "long.csv"
    table.write_bytes((CSV + "3,测试丙丁戊\n" * 20_000).encode("gb18030"))
    assert recognise(table).kind == "csv"
    document = tmp_path / "long.xml"
    with document.open("wb") as out:
        out.write(laboratory().encode())
        out.truncate(DOCUMENT_LIMIT + 1)
    assert recognise(document).rule == "too_large"


def test_every_sample_is_recognised() -> None:
    """All sample documents and messages are what their folder says."""
    for folder, kind in (("cda", "cda"), ("hl7v2", "hl7v2")):
        for path in shared(f"samples/{folder}").iterdir():
            assert recognise(path).kind == kind, path.name
