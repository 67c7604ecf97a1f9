"""The declared standards load whole, refer only to each other, and a wrong row says where it is."""

import shutil

import pytest

from yigong.standards.api import ORIGINS, WAIST, Misdeclared, load
from yigong.standards.formats import Format, read
from yigong.standards.tables import DATA


@pytest.mark.feature("A01")
def test_all_facts_are_there():
    """Elements, value sets, data sets, fields, documents, places, OIDs and services are all loaded."""
    found = load()
    assert (len(found.elements), len(found.value_sets), len(found.data_sets)) == (1686, 320, 94)
    assert sum(len(d.fields) for d in found.data_sets.values()) == 4707
    assert sum(len(v.codes) for v in found.value_sets.values()) == 3878  # 3880 rows, two codes listed twice
    assert (len(found.documents), len(found.oids), len(found.services)) == (73, 341, 96)
    assert sum(len(d.sections) for d in found.documents.values()) == 530
    assert sum(len(d.elements) for d in found.documents.values()) == 3334
    assert sum(len(s.fields) for s in found.services.values()) >= 2300
    assert sum(len(rows) for rows in found.forms.values()) == 1042


@pytest.mark.feature("A01")
def test_each_field_names_a_registered_element_or_none():
    """Every field of WS 445 stands under a data element that is registered."""
    for data_set in load().data_sets.values():
        for field in data_set.fields:
            assert not field.element_id or field.element_id in load().elements


def test_columns_never_meet_the_waist():
    """No data set has a column of the waist's name, and every name stands once in its table."""
    for data_set in load().data_sets.values():
        names = [f.identifier for f in data_set.fields]
        assert len(names) == len(set(names))
        assert not set(names) & set(WAIST)


@pytest.mark.feature("A08")
def test_each_standard_says_where_it_comes_from():
    """Every data set, document, value set and service has an origin of the ordered list."""
    found = load()
    everything = [*found.data_sets.values(), *found.documents.values(), *found.value_sets.values()]
    assert {thing.origin for thing in everything} <= set(ORIGINS)
    assert found.value_sets["GB/T 3304"].origin == "national"
    assert found.data_sets["personal_information_2009"].origin == "draft"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", None),
        ("A..50", Format("A", None, 50)),
        ("AN..20..20..20..20", Format("AN", None, 20)),
        ("N2", Format("N", 2, 2)),
        ("N1..3", Format("N", 1, 3)),
        ("N..10,2", Format("N", None, 10, 2)),
        ("N4..5,1", Format("N", 4, 5, 1)),
        ("N1..", Format("N", 1, None)),
        ("D8", Format("D", 8, 8)),
        ("DT15", Format("DT", 15, 15)),
        ("T/F", Format("L")),
    ],
)
def test_format_is_read(written, meant):
    """A written format becomes signs, least, most and decimals."""
    assert read(written) == meant


SPOILED = [
    ("fields", "DE01.00.009.00", "DE99.99.999.99", "没有登记", "is not registered"),
    ("fields", "AN..18", "AN..x", "无法识别", "cannot be read"),
    ("fields", "resident_health_record_no", "Health No", "不合规则", "no name for a column"),
    ("value_sets", "industry", "hearsay", "没有登记", "is not registered"),
    ("data_sets", "HDSB03.09,HDSB03.09", "HDSB01.01,HDSB03.09", "没有登记", "is not registered"),
]


@pytest.mark.parametrize(("name", "old", "new", "zh", "en"), SPOILED)
def test_a_wrong_row_names_file_line_and_reason(tmp_path, name, old, new, zh, en):
    """A spoiled row is refused with file, line and a sentence in both languages."""
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    text = (folder / f"{name}.csv").read_text(encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    (folder / f"{name}.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Misdeclared) as caught:
        load(folder)
    assert zh in caught.value.zh and en in caught.value.en
    if name != "data_sets":
        assert (caught.value.file, caught.value.line) == (f"{name}.csv", line)


def test_a_row_of_wrong_width_is_refused(tmp_path):
    """A row with a cell too many names its line."""
    folder = tmp_path / "data"
    shutil.copytree(DATA, folder)
    with (folder / "elements.csv").open("a", encoding="utf-8") as file:
        file.write("one,two\n")
    with pytest.raises(Misdeclared, match="1688"):
        load(folder)
