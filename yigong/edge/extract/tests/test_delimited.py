"""Delimited files are read a part at a time; where a line ends and which quotes are signs does not depend on the parts."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yigong.edge.extract.formats import delimited
from yigong.edge.extract.formats.quotes import whole_lines
from yigong.kit.errors import Fault

TEXTS = st.text('a5",;\n医 ', max_size=6)


def read(path: Path, *, size: int = 1000) -> list[tuple[str | None, ...]]:
    """All rows without their places."""
    return [row[:-1] for frame in delimited.read(path, {"separator": ","}, size=size) for row in frame.iter_rows()]


@pytest.mark.feature("C01")
@pytest.mark.parametrize("part", [1, 7, 1 << 20])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_quote_within_a_field_is_a_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, line_end: str
) -> None:
    """5" tube stays as it is, at any place of an unquoted field, beside quoted fields with line breaks, doubled and stray quotes."""
    monkeypatch.setattr(delimited, "CHUNK", part)
    lines = [
        "no,what,more",
        '1,5" tube,x',
        '2,plain,5"',
        '3,"two\nlines",y',
        '4,"5"" tube","a, b"',
        '5,"5" tube",z',
        '6,"",',
    ]
    (tmp_path / "t.csv").write_bytes(line_end.join(lines).encode())
    assert read(tmp_path / "t.csv") == [
        ("1", '5" tube', "x"), ("2", "plain", '5"'), ("3", "two\nlines", "y"), ("4", '5" tube', "a, b"),
        ("5", '5" tube', "z"), ("6", None, None),
    ]  # fmt: skip


@pytest.mark.feature("C01")
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12), st.booleans(), st.integers(1, 40))
def test_what_another_program_wrote_is_read_as_it_was_meant(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], every: bool, part: int
) -> None:
    """Files of Python's own writer, quoted where need be or everywhere, in parts of any size: the same texts, nothing as null."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerows([("k", "a", "b"), *(("k", *row) for row in rows)])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_text(out.getvalue(), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "CHUNK", part)
        found = read(path, size=3)
    assert found == [("k", a or None, b or None) for a, b in rows]


@pytest.mark.feature("C01")
def test_a_quote_that_is_never_closed_is_told_with_its_place(tmp_path: Path) -> None:
    """The lines before it are read; the rest is refused with the file and the byte, not taken for one long field."""
    (tmp_path / "t.csv").write_text('a,b\n1,2\n3,"4\n5,6\n', "utf-8")
    with pytest.raises(Fault) as fault:
        read(tmp_path / "t.csv")
    assert fault.value.code == "exchange.quotes_unpaired"
    assert fault.value.facts == {"path": "t.csv", "byte": 8}


@pytest.mark.feature("C01")
def test_many_lines_with_signs_are_not_held_back(tmp_path: Path) -> None:
    """An odd number of signs keeps no line waiting: all but the last, unfinished line is given."""
    data = b'1,5" tube\n' * 1001 + b"2,unfinished"
    size, lines = whole_lines(data, ",")
    assert size == len(data) - len(b"2,unfinished")
    assert lines == b'1,"5"" tube"\n' * 1001
