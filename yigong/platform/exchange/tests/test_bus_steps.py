"""A result of HL7 v2 becomes a shared document on its way, and says the same."""

from __future__ import annotations

import pytest

from yigong.kit.errors import Refused
from yigong.platform.bus import steps
from yigong.platform.bus.api import Content
from yigong.standards.api import load
from yigong.standards.cda.api import open_document

ORU = (
    "MSH|^~\\&|LIS|100000001X|YG|C|20260301081500||ORU^R01|M7|P|2.4||||||UNICODE UTF-8\r"
    "PID|1||P1^^^H||测试^甲||19800102|1\rPV1|1|O|NK\rOBR|1|A5|B6|XT^血糖|||20260301080000|||||||||||||||20260301081000|||F\r"
    "OBX|1|NM|GLU^葡萄糖||5.6|mmol/L|3.9-6.1|N|||F\r"
)


@pytest.mark.feature("C16")
def test_a_result_becomes_a_laboratory_report() -> None:
    """Person, item and value of the message stand in the document; the same message gives the same bytes."""
    said = [{"step": "document", "document": "C0007"}]
    steps.check(said)
    made = steps.transform(Content(ORU.encode()), said, {"type": "ORU^R01"})
    assert made.form == "xml" and made.body == steps.transform(Content(ORU.encode()), said, {}).body
    read = open_document(made.body, load())
    assert (read.header.code, read.header.patient.full_name) == ("C0007", "测试甲")
    assert "5.6" in str([row.values for rows in read.rows.by_data_set.values() for row in rows])


@pytest.mark.feature("C16")
def test_what_brings_no_records_is_refused_with_the_step() -> None:
    """A message without results, another form, an unknown kind of document."""
    said = [{"step": "document", "document": "C0007"}]
    for body, document, code in (
        (ORU.replace("ORU^R01", "ADT^A28").encode(), "C0007", "bus.no_records"), (b"{}", "C0007", "bus.wrong_form"),
        (ORU.encode(), "C9999", "cda_kind_unknown"),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            steps.transform(Content(body), [said[0] | {"document": document}], {"type": "x"})
        assert (refused.value.code, refused.value.facts["number"]) == (code, 1)
