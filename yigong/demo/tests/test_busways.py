"""What the demonstration sends over its bus changes nothing that the laboratory has corrected since."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from django.db import connection
from rich.console import Console

from yigong.demo import arrival, busways, dirt, loading
from yigong.demo.county import County
from yigong.demo.sources import feeds, messages
from yigong.kit.ctx import system
from yigong.kit.hl7v2.parse import split_messages
from yigong.platform.bus import api as bus


@pytest.fixture
def sources(county: County, tmp_path: Path) -> Path:
    """The laboratory's messages of those who had a potassium corrected, and what nobody should have sent."""
    results = messages.results(county)
    wrong = results.filter(pl.col("code") == "K", pl.col("first_value") == 4.6).select("org", "person").unique()
    mine = results.join(wrong, on=["org", "person"], how="semi", maintain_order="left")
    written, _told = dirt.strange(messages.files(messages.printed_first(mine)), "laboratory")
    messages.write(tmp_path / "laboratory", written)
    messages.write(tmp_path / "laboratory-corrected", messages.files(messages.corrections(mine), corrected=True))
    return tmp_path


def potassium(number: str) -> list[tuple[float, str]]:
    """What the records say of the potassium of one report."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select laboratory_test_quantitative_result, extra->>'结果状态' from records_laboratory_test_record
               where laboratory_test_report_no = %s and laboratory_test_item_code = 'K'""",
            [number],
        )
        return [(float(value), status) for value, status in cursor.fetchall()]


@pytest.mark.feature("C07", "C15")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whole", [False, True], ids=["as the demonstration sends", "the original too"])
def test_a_corrected_value_stands_after_the_bus_has_run(county: County, sources: Path, whole: bool) -> None:
    """Files first, then the bus: what is sent has no corrected report and no dirt; were it sent, the correction would stand."""
    arrival.register_world(system())
    loading.run_all(system(), feeds._laboratory(sources), Console(quiet=True))
    corrected = messages.results(county).filter(pl.col("code") == "K", pl.col("first_value") == 4.6)
    number, value = f"L{corrected['report'][0]:09d}", corrected["value"][0]
    assert (value, potassium(number)) == (3.2, [(3.2, "C")])
    sent = busways.latest(sources)
    assert sent and {busways.control_id(raw) for raw in sent}.isdisjoint({number, "S0"})
    assert not any(dirt.STRANGE_INSTITUTION.encode() in raw for raw in sent)
    if whole:
        files = (sources / "laboratory").glob("QH00*.hl7")
        sent = [raw for f in files for _at, raw in split_messages(f.read_bytes())]
        assert number in {busways.control_id(raw) for raw in sent}
    endpoint = bus.open_endpoint(system(), "lis-mllp", kind="mllp", version="2.5")
    assert bus.accept(endpoint.pk, [bus.open_envelope(raw) for raw in sent]) == len(sent)
    while bus.process():
        pass
    assert potassium(number) == [(3.2, "C")]
