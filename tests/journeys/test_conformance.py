"""A vendor's documents judged at the desk: many files on a phone, by kind, by rule, file by file, and the report taken along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.visitor import PHONE, Visitor
from yigong.standards.api import load
from yigong.standards.cda.places import made_kinds
from yigong.standards.cda.write import write_document

pytestmark = pytest.mark.journey
FILES, LONGEST = 30, 6_000


@pytest.fixture
def documents(tmp_path: Path) -> list[Path]:
    """Thirty documents without content, as a vendor's first export: each has its faults."""
    kinds = [d.code for d in made_kinds(load())][:FILES]
    made = []
    for code in kinds:
        path = tmp_path / f"{code}.xml"
        path.write_bytes(write_document(code, {"head": {}, "rows": {}}, load()))
        made.append(path)
    return made


@pytest.mark.feature("C24")
def test_many_documents_are_judged_and_read_on_a_phone(visit: Callable[..., Visitor], documents: list[Path]) -> None:
    """From nothing to the report: no page is endless, a rule leads to its files, a file to its findings, nothing scrolls sideways."""
    vendor = visit("fenglei", size=PHONE)
    page = vendor.open("/platform/conformance/")
    page.set_input_files("input[type=file]", [str(f) for f in documents])
    page.click("form[enctype] button")
    page.wait_for_selector("text=按文件")
    for view in ("按种类", "按文件", "按规则"):
        page.click(f".yg-seg >> text={view}")
        page.wait_for_load_state()
        assert vendor.overflow() <= 0, view
        assert page.evaluate("document.documentElement.scrollHeight") < LONGEST, view
    page.locator("main tbody a").first.click()
    page.wait_for_url("**rule=*")
    page.locator("main section details > summary").first.click()
    assert "第" in vendor.text("main section details[open]")
    with page.expect_download() as got:
        page.click(".yg-tools >> text=PDF")
    assert got.value.path().read_bytes()[:5] == b"%PDF-"
    assert vendor.faults == []
