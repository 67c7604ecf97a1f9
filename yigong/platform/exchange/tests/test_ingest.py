"""``yigong ingest``: whatever lies in a folder is loaded or listed with its reason; nothing is lost, nothing doubles."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.cda_samples import laboratory, result
from tests.shared import shared
from yigong.kit.ctx import system
from yigong.platform.exchange import command, quarantine, services
from yigong.platform.exchange.ingest import FileReport, Report, ingest
from yigong.platform.exchange.models import Job, Quarantined
from yigong.platform.exchange.readers import reader
from yigong.platform.exchange.recognise import DOCUMENT_LIMIT
from yigong.platform.records import documents
from yigong.platform.registry import api as registry
from yigong.platform.registry.selectors import kept

ORG = "4409990001"
HEAD = f"MSH|^~\\&|LIS|{ORG}|YG|CENTRE|20260301100000||{{kind}}|{{number}}|P|2.4||||||{{charset}}"
PID = "PID|1||BR0001^^^HIS^PI~440999198001010014^^^CN^NI||{name}||19800101|F|||东街1号^^测试县^测试省||{phone}"
BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><ClinicalDocument>&b;</ClinicalDocument>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ClinicalDocument>&a;</ClinicalDocument>'


def message(
    kind: str, *segments: str, name: str = "测试乙", phone: str = "13900000001", number: str = "1", charset: str = ""
) -> str:
    """A message about one invented patient."""
    lines = [HEAD.format(kind=kind, number=number, charset=charset), PID.format(name=name, phone=phone), *segments]
    return "".join(f"{line}\r" for line in lines)


def segment(name: str, **fields: str) -> str:
    """A segment with the fields given as f1, f2, ..."""
    last = max(int(key[1:]) for key in fields)
    return "|".join([name, *(fields.get(f"f{n}", "") for n in range(1, last + 1))])


REPORT = (
    segment("PV1", f2="O", f3="内科", f19="MZ77"),
    segment("OBR", f2="SQ1", f3="BG1", f4="XCG^血常规", f7="20260301080000", f22="20260301093000"),
    "OBX|1|NM|WBC^白细胞||11.2|10*9/L|3.5-9.5|H|||F",
    "OBX|2|ST|UBG^尿胆原||阴性||阴性||||F",
)


Register = Callable[[str], None]


@pytest.fixture
def register(db: None, django_capture_on_commit_callbacks: Any) -> Iterator[Register]:
    """Registers an institution by its code, as a finished transaction would."""

    def one(code: str) -> None:
        rows = [{"code": code, "name": f"测试医院{code}", "short_name": "测试", "kind": "county_hospital"}]
        with django_capture_on_commit_callbacks(execute=True):
            registry.save_institutions(system(), pl.DataFrame(rows))

    kept.forget()
    yield one
    kept.forget()  # the test's institutions go with its transaction


@pytest.fixture
def county(settings: Any, tmp_path: Path, register: Register) -> Path:
    """A registered institution, documents kept in a folder of the test, and an empty inbox."""
    settings.LOCAL = tmp_path / "local"
    register(ORG)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return inbox


def _count(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _by_name(report: Report) -> dict[str, FileReport]:
    return {Path(file.path).name: file for file in report.files}


def _table(name: str, columns: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"select {columns} from {name} order by 1")
        return cursor.fetchall()


@pytest.mark.feature("A03", "C01")
def test_a_document_becomes_rows_person_event_and_original(county: Path) -> None:
    """A report of three results: three rows of one group, one registration, one event, the original under its digest."""
    text = laboratory()
    (county / "任何名字.dat").write_text(text, "utf-8")
    report = ingest(system(), [county])
    assert report.complete and (report.totals.inserted, report.totals.rejected) == (3, 0)
    rows = _table("records_laboratory_test_record", "source_key, group_key, laboratory_test_item_code")
    assert [r[2] for r in rows] == ["GLU", "CR", "K"] and len({r[1] for r in rows}) == 1
    assert _table("empi_registration", "full_name, id_no, local_id") == [
        ("测试甲", "440999198001010014", "MZ:MZ900001")
    ]
    assert _table("records_event", "kind, flag") == [("laboratory", "abnormal")]
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert _table("records_document", "sha256, document_code, author_name") == [(digest, "C0007", "测试医师")]
    assert documents.place_of(digest).read_bytes() == text.encode()
    assert [f["rule"] for f in report.files[0].findings][:1] == ["coverage"]


@pytest.mark.feature("C17")
def test_taking_the_same_folder_in_again_changes_nothing(county: Path) -> None:
    """The second run inserts and updates nothing, keeps one document, and waits with nothing twice."""
    (county / "a.xml").write_text(laboratory(), "utf-8")
    (county / "b.hl7").write_text(message("ORU^R01", *REPORT), "utf-8")
    (county / "c.xml").write_text("<ClinicalDocument><a>", "utf-8")
    (county / "d.xml").write_text(laboratory(org="9999999999"), "utf-8")
    tables = (
        "records_laboratory_test_record",
        "records_document",
        "records_event",
        "exchange_quarantine",
        "empi_registration",
    )
    first = ingest(system(), [county])
    before = {t: _count(f"select count(*) from {t}") for t in tables}
    second = ingest(system(), [county])
    assert (first.totals.inserted, first.totals.rejected) == (5, 4)
    assert (second.totals.inserted, second.totals.updated, second.totals.unchanged) == (0, 0, 5)
    assert second.totals.rejected == 4
    assert {t: _count(f"select count(*) from {t}") for t in tables} == before


BAD: dict[str, tuple[bytes, str, str]] = {
    "other.xml": (b"<html></html>", "not_read", "other_xml"),
    "cut.xml": (laboratory().encode()[:2000], "waiting", "xml_broken"),
    "bomb.xml": (BOMB.encode(), "waiting", "xml_doctype"),
    "external.xml": (EXTERNAL.encode(), "waiting", "xml_doctype"),
    "foreign.xml": (laboratory(org="9999999999").encode(), "waiting", "institution_unknown"),
    "no-org.xml": (laboratory(org="").encode(), "waiting", "org_missing"),
    "nobody.xml": (laboratory(outpatient="", id_no="", name="").encode(), "waiting", "patient_missing"),
    "scan.pdf": (b"%PDF-1.4 scan", "not_read", "no_reader"),
    "empty.xml": (b"", "not_read", "empty"),
    "noise.bin": (bytes(range(256)) * 20, "not_read", "binary"),
    "table.csv": ("编号,姓名\n1,甲\n2,乙\n".encode(), "not_read", "mapping_missing"),
    "message.hl7": (HEAD.format(kind="ORU^R01", number=1, charset="").encode(), "waiting", "hl7_person_missing"),
    "no-result.hl7": (message("ORU^R01").encode(), "waiting", "hl7_no_results"),
}


@pytest.mark.feature("A04", "C26", "C31")
def test_bad_input_is_listed_with_its_reason(county: Path) -> None:
    """Each kind of bad file is handled, named with rule and sentence in both languages, and its bytes are kept."""
    for name, (data, _, _) in BAD.items():
        (county / name).write_bytes(data)
    (county / "good.xml").write_text(laboratory(), "utf-8")
    report = ingest(system(), [county])
    files = _by_name(report)
    assert report.complete and files["good.xml"].state == "loaded"
    for name, (data, state, rule) in BAD.items():
        file = files[name]
        assert (file.state, file.reasons[0].rule) == (state, rule), name
        assert all(why.zh and why.en for why in file.reasons), name
        assert not data or documents.place_of(hashlib.sha256(data).hexdigest()).exists(), name


LENIENT: list[tuple[str, str, str, str]] = [
    ("wrong encoding", "xml_encoding_wrong", laboratory(name="王秀兰"), "gb18030"),
    ("impossible birthday", "date_impossible", laboratory(born="19801345"), "utf-8"),
    ("unknown code", "code_unknown", laboratory().replace('code="2" displayName="女性"', 'code="2" displayName="女性"').replace(
        "</patient>", "</patient><patientType><patienttypeCode code='77' displayName='外星'/></patientType>"), "utf-8"),
    ("no number", "number_unreadable", laboratory(results=(result("K", "钾", "偏多", "mmol/L"),)), "utf-8"),
    ("unknown type", "code_undeclared", laboratory(document="X001"), "utf-8"),
]  # fmt: skip


@pytest.mark.feature("A04")
@pytest.mark.parametrize(("name", "rule", "text", "encoding"), LENIENT, ids=[case[0] for case in LENIENT])
def test_a_careless_document_goes_in_with_a_finding(
    county: Path, name: str, rule: str, text: str, encoding: str
) -> None:
    """What is wrong with one value does not keep the document out: it is loaded or kept, and the finding is with it."""
    (county / "a.xml").write_bytes(text.encode(encoding))
    report = ingest(system(), [county])
    assert report.files[0].state in ("loaded", "kept") and not report.files[0].reasons
    ((kept,),) = _table("records_document", "findings::text")
    assert rule in {f["rule"] for f in json.loads(kept)}


@pytest.mark.feature("C31")
def test_an_unknown_institution_waits_until_it_is_registered(county: Path, register: Register) -> None:
    """Its documents wait in quarantine; after registration the same file goes in and nothing waits any longer."""
    (county / "a.xml").write_text(laboratory(org="4409990777"), "utf-8")
    (county / "b.xml").write_text(laboratory(org="4409990777", document="X001"), "utf-8")
    assert ingest(system(), [county]).totals.rejected == 4
    register("4409990777")
    again = ingest(system(), [county])
    assert again.totals.inserted == 3 and _count("select count(*) from records_document") == 2
    assert set(Quarantined.objects.values_list("state", flat=True)) == {"resent"}


@pytest.mark.feature("C31")
def test_a_waiting_document_is_read_again_from_its_original(county: Path) -> None:
    """The file may be gone: quarantine reads the kept original, with the institution that the clerk gave."""
    path = county / "a.xml"
    path.write_text(laboratory(org="9999999999"), "utf-8")
    ingest(system(), [path])
    path.unlink()
    waiting = Quarantined.objects.first()
    assert waiting is not None
    raw = {**waiting.raw, "org_code": ORG}
    (batch,) = reader("cda").again([raw], [waiting.place])
    assert batch.frame.get_column("org_code").to_list() == [ORG] * 3  # type: ignore[union-attr]


def test_the_institution_given_by_the_caller_counts(county: Path) -> None:
    """With --org the files are that institution's, whatever they say."""
    (county / "a.xml").write_text(laboratory(org="9999999999"), "utf-8")
    assert ingest(system(), [county], org_code=ORG).totals.inserted == 3


@pytest.mark.feature("C17")
def test_a_new_version_replaces_the_rows_and_keeps_both_originals(county: Path) -> None:
    """The same set id with a corrected number updates the row; both documents stay readable."""
    for version, number in (("1", "7.8"), ("2", "6.8")):
        text = laboratory(
            set_id="S1", version=version, number=f"N{version}", results=(result("GLU", "葡萄糖", number, "mmol/L"),)
        )
        (county / "a.xml").write_text(text, "utf-8")
        report = ingest(system(), [county])
    assert report.totals.updated == 1
    rows = _table("records_laboratory_test_record", "laboratory_test_quantitative_result, version")
    assert [(float(value), version) for value, version in rows] == [(6.8, 2)]
    assert _table("records_document", "version") == [(1,), (2,)]


@pytest.mark.feature("A04")
def test_a_file_of_200_mb_costs_no_memory(county: Path) -> None:
    """A shared document of 200 MB is refused by its size and kept, within 40 MB of memory."""
    path = county / "huge.xml"
    with path.open("wb") as out:
        out.write(laboratory().encode()[:-20])
        for _ in range(200):
            out.write(b"<a>" + b"x" * (1024 * 1024 - 7) + b"</a>")
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak counts from here
    before = _memory("VmRSS")
    report = ingest(system(), [path])
    assert _memory("VmHWM") - before < 40 * 1024
    assert report.files[0].reasons[0].rule == "too_large" and report.complete
    assert documents.place_of(report.files[0].sha256).stat().st_size == path.stat().st_size > DOCUMENT_LIMIT


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


@pytest.mark.feature("C01", "C15")
@pytest.mark.parametrize(
    ("wrap", "charset"),
    [
        (lambda text: text.encode(), "UNICODE UTF-8"),
        (lambda text: text.encode("gb18030"), "GB 18030-2000"),
        (lambda text: text.encode("gb18030"), ""),
        (lambda text: b"\x0b" + text.encode() + b"\x1c\r", ""),
        (lambda text: text.replace("\r", "\r\n").encode("utf-8-sig"), ""),
        (lambda text: f"FHS|^~\\&|A\rBHS|^~\\&|A\r{text}BTS|1\rFTS|1\r".encode(), ""),
    ],
    ids=["utf8", "gb", "undeclared gb", "mllp", "crlf bom", "batch"],
)
def test_results_of_a_message(county: Path, wrap: Callable[[str], bytes], charset: str) -> None:
    """ORU^R01 in every framing gives the same rows: numbers, words, ranges, marks, and a normal registration."""
    (county / "m").write_bytes(wrap(message("ORU^R01", *REPORT, charset=charset)))
    report = ingest(system(), [county])
    assert report.complete and report.totals.inserted == 2
    columns = "source_key, extra ->> 'item_name', laboratory_test_quantitative_result, laboratory_test_report_result, extra ->> 'abnormal_flag'"
    rows = [(r[1], r[2] and float(r[2]), r[3], r[4]) for r in _table("records_laboratory_test_record", columns)]
    assert rows == [("尿胆原", None, "阴性", None), ("白细胞", 11.2, None, "H")]
    assert _table("empi_registration", "full_name, id_no, local_id, sex_code") == [
        ("测试乙", "440999198001010014", "BR0001", "2")
    ]
    assert _table("records_event", "kind, title, flag") == [("laboratory", "血常规", "abnormal")]


@pytest.mark.feature("C15")
def test_admission_and_change_of_person(county: Path) -> None:
    """ADT^A01 brings the stay, ADT^A08 brings the known person up to date, and a type without use is kept and named."""
    stay = segment("PV1", f2="I", f3="外科^301^12", f19="ZY88", f44="20260228090000")
    (county / "1.hl7").write_text(message("ADT^A01", stay), "utf-8")
    ingest(system(), [county])
    (county / "2.hl7").write_text(message("ADT^A08", stay, name="测试乙乙", phone="13900000099", number="2"), "utf-8")
    (county / "3.hl7").write_text(message("BAR^P01", number="3"), "utf-8")
    files = _by_name(ingest(system(), [county]))
    assert _table("empi_registration", "full_name, phone") == [("测试乙乙", "13900000099")]
    assert _table("records_health_event_summary", "inpatient_no, healthcare_organization_department_name") == [
        ("ZY88", "外科")
    ]
    assert files["3.hl7"].state == "kept" and files["3.hl7"].findings[0]["rule"] == "hl7_type_unused"
    assert _count("select count(*) from records_document") == 3


def test_a_table_goes_in_by_its_mapping(county: Path) -> None:
    """A CSV with --mapping is loaded by the columns that the mapping names; a wrong mapping is refused at once."""
    mapping = county.parent / "lab.yaml"
    mapping.write_text(
        """
data_set: laboratory_test_record
source_system: LIS
key: [BGDH, XMBH]
group: [BGDH]
event_at: {from: BGRQ}
local_id: BRID
person:
  full_name: {from: XM}
fields:
  laboratory_test_item_code: {from: XMBH}
  laboratory_test_quantitative_result: {from: JG, kind: number}
""",
        "utf-8",
    )
    (county / "检验.csv").write_bytes(
        "BGDH,XMBH,BGRQ,BRID,XM,JG\nB1,GLU,2026-03-01,P1,测试丙,5.1\nB1,K,2026-03-01,P1,测试丙,高\n".encode("gb18030")
    )
    report = ingest(system(), [county], org_code=ORG, mapping=mapping)
    assert report.complete and (report.files[0].loaded, report.files[0].waiting) == (1, 1)
    assert "第 3 行" in report.files[0].reasons[0].place


@pytest.mark.feature("C17")
@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_on_the_way_loses_nothing(settings: Any, tmp_path: Path) -> None:
    """Every connection to the database is ended while files are read: the run goes on and ends complete."""
    settings.LOCAL = tmp_path / "local"
    rows = [{"code": ORG, "name": "测试县人民医院", "short_name": "测试", "kind": "county_hospital"}]
    registry.save_institutions(system(), pl.DataFrame(rows))
    path = tmp_path / "a.xml"
    path.write_text(laboratory(), "utf-8")
    ended = []

    def end_all(*_: object) -> None:
        given = django_settings.DATABASES["default"]
        facts = {"host": given["HOST"], "port": given["PORT"], "user": given["USER"], "password": given["PASSWORD"]}
        with psycopg.connect(**facts, dbname=connection.settings_dict["NAME"], autocommit=True) as other:
            kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            ended.extend(other.execute(kill).fetchall())

    report = ingest(system(), [path], progress=end_all)
    kept.forget()
    assert ended and report.complete and report.totals.inserted == 3


@pytest.mark.feature("C01")
def test_the_command_says_what_became_of_each_file(county: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with every file, reasons beneath, in Chinese and English; a JSON report; exit code 0 when all is handled."""
    (county / "a.xml").write_text(laboratory(), "utf-8")
    (county / "b.xml").write_text("<ClinicalDocument><a>", "utf-8")
    target = county.parent / "report.json"
    assert command.ingest([str(county), "--json", str(target), "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "已入库" in said and "xml_broken" in said and "请重新导出" in said and "Traceback" not in said
    assert command.ingest([str(county), str(county / "no such file"), "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert "loaded" in said and "export it again" in said and "no such file" in said
    kept = json.loads(target.read_text("utf-8"))
    assert kept["complete"] and Counter(f["state"] for f in kept["files"]) == {"loaded": 1, "waiting": 1}


def test_jobs_add_up(county: Path) -> None:
    """Each job's counts balance to the row, broken files included."""
    (county / "a.xml").write_text(laboratory(), "utf-8")
    (county / "b.xml").write_text("<ClinicalDocument><a>", "utf-8")
    ingest(system(), [county])
    job = Job.objects.get()
    assert job.balances and (job.read, job.rejected, job.inserted) == (4, 1, 3)


@pytest.mark.feature("A03")
@pytest.mark.parametrize("folder", ["cda", "hl7v2"])
def test_every_sample_is_loaded_or_listed(county: Path, register: Register, folder: str) -> None:
    """All sample files of hospitals end loaded, kept, or listed with a reason; none is lost and none is an error."""
    files = sorted(shared(f"samples/{folder}").iterdir())
    register("1234567890")
    report = ingest(system(), files, org_code="1234567890")
    assert report.complete and len(report.files) == len(files)
    assert all(f.loaded or f.documents for f in report.files), [
        (f.path, f.reasons) for f in report.files if not (f.loaded or f.documents)
    ]
    assert report.totals.rejected == 0


@pytest.mark.feature("C31")
def test_a_clerk_sends_a_waiting_document_again(county: Path) -> None:
    """The institution corrected in quarantine, the document goes in from its kept original, whole and once."""
    path = county / "a.xml"
    path.write_text(laboratory(org="9999999999"), "utf-8")
    ingest(system(), [path])
    path.unlink()
    for row in Quarantined.objects.all():
        quarantine.mend(system(), row.pk, {**row.raw, "org_code": ORG})
    services.resend(system(), list(Quarantined.objects.values_list("id", flat=True)))
    assert _count("select count(*) from records_laboratory_test_record") == 3
    assert _count("select count(*) from records_document") == 1
    assert set(Quarantined.objects.values_list("state", flat=True)) == {"resent"}
