"""Lines with more or fewer fields than the header are told apart from good ones, wherever they stand in the file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yigong.edge.extract.formats import delimited, lines


def troubles(path: Path, size: int = 1000, **config: Any) -> list[str | None]:
    """What is said against each row."""
    found: list[str | None] = []
    for frame in delimited.read(path, {"separator": ",", **config}, size=size):
        found += frame["_trouble"].to_list() if "_trouble" in frame.columns else [None] * frame.height
    return found


def table(tmp_path: Path, text: str) -> Path:
    """A file of this text."""
    (tmp_path / "t.csv").write_text(text, "utf-8", newline="")
    return tmp_path / "t.csv"


@pytest.mark.feature("C01", "C31")
@pytest.mark.parametrize("part", [1, 9, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_short_and_long_lines_say_what_was_wanted_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, end: str
) -> None:
    """With the counts, and what a line has too much; separators and line ends within quotes count for nothing."""
    monkeypatch.setattr(delimited, "CHUNK", part)
    rows = [
        "a,b,c",
        "1,2,",
        "1,2",
        "1",
        '1,"x,y",3',
        '1,"x,y"',
        '1,"x\ny",',
        "1,2,3,,5",
        '1,2,3,"4,4",5',
        "1,2,3,,",
        "1,2,3",
    ]
    path = table(tmp_path, end.join(rows) + end)
    assert troubles(path) == [
        None, "short:2:3", "short:1:3", None, "short:2:3", None, "ragged:5:3:,5", 'ragged:5:3:"4,4",5', None, None,
    ]  # fmt: skip


@pytest.mark.feature("C01")
def test_blank_lines_and_empty_fields_beyond_the_header_are_no_trouble(tmp_path: Path) -> None:
    """Nor is a header that ends by a separator where its lines do not."""
    assert troubles(table(tmp_path, "a,b,c\n\n1,2,3,\n  \n,\n1,2,\n")) == [None, None]
    assert troubles(table(tmp_path, "a,b,\n1,2\n1\n1,2,3\n")) == [None, "short:1:2", None]


@pytest.mark.feature("C01")
def test_a_source_that_cuts_empty_fields_at_the_end_may_do_so(tmp_path: Path) -> None:
    """With ``short_lines: fill`` short lines are read with nothing in what they leave away; long ones are trouble still."""
    assert troubles(table(tmp_path, "a,b,c\n1\n1,2,3,4\n"), short_lines="fill") == [None, "ragged:4:3:4"]


@pytest.mark.feature("C01")
@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.lists(st.text('a,"\n医', max_size=3), min_size=1, max_size=5), min_size=1, max_size=12),
    st.integers(1, 40),
)
def test_fields_are_counted_as_another_program_wrote_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], part: int
) -> None:
    """Lines of any number of fields by Python's own writer: each that has content beyond or lacks a field is marked, no other."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [["a", "b", "c"], *([["k", *r][:] for r in rows])]
    )
    path = table(tmp_path_factory.mktemp("csv"), out.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "CHUNK", part)
        said = [t and t.split(":")[0] for t in troubles(path, size=3)]
    wanted = ["short" if len(r) < 2 else "ragged" if any(t.strip(' \n",') for t in r[2:]) else None for r in rows]
    assert said == wanted


@pytest.mark.feature("C01")
def test_a_line_of_places_that_ends_too_early_is_marked(tmp_path: Path) -> None:
    """It ends before its last column begins; so is one that is not as the pattern says, with its text."""
    (tmp_path / "t.txt").write_text("0001王秀兰 5.6\n0002李\n", "utf-8")
    widths = {"no": [1, 4], "name": [5, 8], "value": [9, 12]}
    [frame] = lines.read(tmp_path / "t.txt", {"widths": widths}, size=10)
    assert frame["_trouble"].to_list() == [None, "short:2:3"]
    [filled] = lines.read(tmp_path / "t.txt", {"widths": widths, "short_lines": "fill"}, size=10)
    assert "_trouble" not in filled.columns
    [other] = lines.read(tmp_path / "t.txt", {"pattern_of_line": r"(?P<no>\d+)王(?P<rest>.*)"}, size=10)
    assert other["_trouble"].to_list() == [None, "unfit:0002李"]
