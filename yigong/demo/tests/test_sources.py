"""The source systems hold the county's data in their own forms, readable by means that are not ours."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import psycopg
import pytest
from lxml import etree

from tests.shared import shared
from yigong.demo import dirt, truth
from yigong.demo.illness import MATERNAL, homes_of_care
from yigong.demo.sources import building, documents, feeds, hospital, maternal, messages, postgresql, township
from yigong.demo.tests.conftest import TODAY
from yigong.edge.mapping.plan import compile_mapping
from yigong.platform.exchange import stages

CDA = "{urn:hl7-org:v3}"


@pytest.fixture(scope="session")
def sources(county, tmp_path_factory, request):
    """All sources but the databases, built once."""
    folder = tmp_path_factory.mktemp("demo") / "sources"
    told = []
    for step in (building._centres, building._maternal, building._documents, building._laboratory):
        told += step(county, folder, TODAY)
    truth.keep(folder.parent, county.registrations, told)
    return folder


@pytest.fixture
def peoples(county, django_db_setup, django_db_blocker, worker_id="test"):
    """The people's hospital's database, under a name for tests."""
    make = replace(hospital.PEOPLES, database="source_of_a_test")
    tables = hospital.tables(county, hospital.PEOPLES, TODAY - documents.SINCE)
    tables, told = dirt.stained("peoples", tables, dirt.PEOPLES)
    postgresql.write(make.database, tables)
    with postgresql.connect(make.database) as db:
        yield db, tables, told
    with psycopg.connect(**_own(), autocommit=True) as db:
        db.execute("drop database source_of_a_test with (force)")


def _own():
    from django.conf import settings

    own = settings.DATABASES["default"]
    return {
        "host": own["HOST"],
        "port": own["PORT"],
        "user": own["USER"],
        "password": own["PASSWORD"],
        "dbname": own["NAME"],
    }


def test_hospital_database_has_pinyin_tables_with_every_row(peoples):
    """Ten tables under pinyin names; PostgreSQL counts as many rows as were generated."""
    db, tables, _told = peoples
    for name, frame in tables.items():
        assert re.fullmatch(r"[A-Z]{2}_[A-Z]+", name)
        assert db.execute(f"select count(*) from {name.lower()}").fetchone()[0] == len(frame)


@pytest.mark.feature("A16")
def test_hospital_dirt_is_as_declared(peoples):
    """The declared numbers of voided rows and impossible dates are in the tables, no more and no fewer."""
    db, _tables, told = peoples
    declared = Counter({(d.table, d.kind): d.count for d in told})
    assert (
        db.execute("select count(*) from mz_ghjl where zfbz = '1'").fetchone()[0] == declared["MZ_GHJL", "voided"] > 0
    )
    assert (
        db.execute("select count(*) from mz_ghjl where jzsj like '20260230%'").fetchone()[0]
        == declared["MZ_GHJL", "impossible_date"]
        > 0
    )
    assert (
        db.execute("select count(*) from jy_bgjg where bblx = 'ZZ'").fetchone()[0]
        == declared["JY_BGJG", "unknown_code"]
        > 0
    )


def test_each_centre_has_its_own_file(sources, county):
    """Seventeen SQLite files hold exactly the centres' visits and the declared dirty ones; sex is M or F."""
    told = truth.dirt(sources.parent)
    paths = sorted((sources / "centres").glob("*.db"))
    assert len(paths) == 17
    visits = 0
    for path in paths:
        db = sqlite3.connect(path)
        visits += db.execute("select count(*) from opd").fetchone()[0]
        assert {row[0] for row in db.execute("select distinct sex from pat")} <= {"M", "F"}
        db.close()
    dirty = sum(d.count for d in told if d.table == "opd")
    assert visits == len(county.visits.filter(pl.col("org") >= 3)) + dirty


def test_maternal_files_are_gb18030_and_a_workbook(sources):
    """The CSV files decode as GB18030 and not as UTF-8; the workbook is a zip whose sheet has the mother's column."""
    raw = (sources / "maternal" / "患者.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(raw.decode("gb18030"))))
    assert len(rows) > 20
    assert {"男", "女"} == {r["性别"] for r in rows}
    with zipfile.ZipFile(sources / "maternal" / "出生医学证明.xlsx") as book:
        assert "母亲姓名" in book.read("xl/sharedStrings.xml").decode()


@pytest.mark.feature("A03", "A16")
def test_documents_keep_to_the_schema(sources):
    """Every document of every kind is valid by the schema of shared documents, but the declared truncated ones."""
    schema = etree.XMLSchema(etree.parse(shared("samples/cda_xsd") / "sdschemas" / "SDA.xsd"))
    paths = sorted(sources.rglob("*.xml"))
    cut = [p for p in paths if p.stem.endswith("断")]
    assert len(cut) == dirt.TRUNCATED_DOCUMENTS
    kinds = Counter()
    for path in set(paths) - set(cut):
        tree = etree.parse(path)
        assert schema.validate(tree), (path, schema.error_log.last_error)
        kinds[tree.find(f"{CDA}code").get("code")] += 1
    assert set(kinds) == {"C0002", "C0007", "C0053"}
    for path in cut:
        with pytest.raises(etree.XMLSyntaxError):
            etree.parse(path)


def test_document_carries_the_patient_as_registered(sources, county):
    """A laboratory report names the patient, the number of the report, and every item with its value."""
    known = county.registrations.filter(pl.col("org") == MATERNAL)
    path = sorted((sources / "maternal" / "检验报告").glob("*.xml"))[0]
    tree = etree.parse(path)
    number = int(path.stem.split("-")[1])
    results = county.results.filter((pl.col("report") == number) & (pl.col("org") == MATERNAL))
    name = tree.find(f".//{CDA}patient/{CDA}name").text
    assert name == known.filter(pl.col("person") == results["person"][0])["name"][0]
    assert len(tree.findall(f".//{CDA}organizer")) == len(results)


def test_messages_come_in_both_charsets(sources, county):
    """Files of HL7 messages decode by what MSH-18 says, and carry as many results as the centres had sent away."""
    said = Counter()
    items = 0
    for path in (sources / "laboratory").glob("*.hl7"):
        raw = path.read_bytes()
        charset = raw.split(b"\r", 1)[0].split(b"|")[17].decode()
        text = raw.decode({"UNICODE UTF-8": "utf-8", "GB18030": "gb18030"}[charset])
        said[charset] += text.count("MSH|")
        items += text.count("\rOBX|")
        assert re.search(r"\rPID\|1\|\|[^|]+\^\^\^QH", text)
    assert set(said) == {"UNICODE UTF-8", "GB18030"}
    assert items == len(messages.results(county)) + dirt.STRANGE_MESSAGES


@pytest.mark.feature("C07")
def test_laboratory_corrects_what_it_reported_wrong(sources, county):
    """A report with a mistake comes twice: first with the wrong number, then corrected, marked C where it differs."""
    wrong = messages.corrections(messages.results(county))
    mistakes = wrong.filter(pl.col("first_value").is_not_null())
    text = "".join(
        path.read_bytes().decode("gb18030" if b"GB18030" in path.read_bytes() else "utf-8")
        for path in (sources / "laboratory-corrected").glob("*.hl7")
    )
    assert text.count("\rOBX|") == len(wrong) > len(mistakes) > 0
    assert text.count("|||C|||20") == len(mistakes)
    potassium = messages.printed_first(wrong).filter(pl.col("code") == "K", pl.col("first_value") == 4.6)
    assert potassium["text"].to_list() == ["4.6"]
    assert potassium["flag"].to_list() == [""]


def test_message_escapes_what_means_something():
    """A sign that separates fields is written as its escape sequence."""
    assert messages.escape("a|b^c&d~e\\f") == "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f"


def test_truth_tells_the_dirt_of_every_source(sources):
    """What was put in is kept beside the sources with the fate it must have."""
    told = json.loads((sources.parent / "dirt.json").read_text("utf-8"))
    assert {d["source"] for d in told} >= {"maternal", "peoples", "laboratory"}
    assert {d["fate"] for d in told} <= {"filtered", "rejected", "merged", "nameless"}


@pytest.mark.parametrize("path", sorted(feeds.MAPPINGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_mapping_names_only_what_exists(path: Path, county):
    """A mapping names only fields of its data set and columns that its source has."""
    plan = compile_mapping(path.read_text("utf-8"), stages.field_kinds(), path.name)
    assert plan.used <= set(_columns(path.stem, county))


def _columns(name: str, county):
    system, _, table = name.partition("_")
    if system == "centre":
        return township.tables(county)[table].columns
    if system == "maternal":
        return maternal.files(county, TODAY)[feeds._MATERNAL_FILES[table]].columns
    make = hospital.PEOPLES if system == "peoples" else hospital.CHINESE
    return [c.lower() for c in hospital.tables(county, make, TODAY)[make.tables[table]].columns]


@pytest.mark.feature("A16")
def test_clean_rows_pass_and_only_declared_rows_are_rejected(sources, county):
    """Through the exchange's own stages, a centre's tables lose exactly the rows declared as dirt."""
    institutions = {o.code for o in homes_of_care()}
    told = [d for d in truth.dirt(sources.parent) if d.source == "QH000201"]
    counted = Counter()
    for plan in feeds.plans(sources):
        if plan.org_code.startswith("QH000201") and plan.reader == "sqlite":
            from yigong.platform.exchange.readers import reader

            compiled = compile_mapping(plan.mapping, stages.field_kinds(), plan.name)
            for batch in reader("sqlite").read(plan.config, since=None, size=100_000):
                ready = stages.prepare(batch, compiled, plan.org_code, institutions)
                counted["filtered"] += ready.filtered
                counted["rejected"] += len(ready.rejected)
    for fate in ("filtered", "rejected"):
        assert counted[fate] == sum(d.count for d in told if d.fate == fate)
    assert counted["filtered"] > 0
