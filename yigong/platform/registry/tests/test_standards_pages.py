"""The standards centre: what is registered is found, shown with its certainty, downloaded and counted."""

import csv
import io

import polars as pl
import pytest
import yaml
from django.urls import reverse

from yigong.platform.registry import standards_catalog as catalog
from yigong.platform.registry import standards_reads as reads
from yigong.platform.registry.models import StandardRead
from yigong.security.roles import install_roles
from yigong.security.services import make_user
from yigong.standards.api import load

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(client):
    """A data clerk who is logged in."""
    install_roles()
    client.force_login(make_user("standards-clerk", "冯磊", password="long-enough-1", role="data_clerk", org_code="A1"))
    return client


def text_of(answer) -> str:
    """The page as text."""
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def test_everything_registered_is_listed(clerk):
    """Without words the list holds every data set, element, value set, document, service, OID and form."""
    page = clerk.get(reverse("registry:standards"))
    assert page.context["total"] == 94 + 1686 + 320 + 73 + 96 + 341 + 31
    assert "患者基本信息" in text_of(clerk.get(reverse("registry:standards"), {"in": "data_set|WS 445"}))


@pytest.mark.feature("A02")
@pytest.mark.parametrize(
    ("branch", "number"),
    [("data_set", 94), ("data_set|trial-2009", 32), ("document|WS/T 483", 20), ("document|WS/T 500", 53)],
)
def test_the_tree_counts_what_its_branch_lists(clerk, branch, number):
    """A branch lists as many things as its count says."""
    nodes = {n.key: n for root in catalog.tree() for n in (root, *root.branches)}
    assert nodes[branch].count == number
    assert clerk.get(reverse("registry:standards"), {"in": branch}).context["total"] == number


@pytest.mark.parametrize(
    ("words", "kind", "id"),
    [
        ("DE02.01.040", "element", "DE02.01.040.00"),
        ("性别代码", "element", "DE02.01.040.00"),
        ("xbdm", "element", "DE02.01.040.00"),
        ("sex code", "element", "DE02.01.040.00"),
        ("2.16.156.10011.2.3.1.1", "value_set", "CV02.01.101"),
        ("HDSD00.02", "data_set", "HDSD00.02#患者基本信息"),
        ("laboratory_test_record", "data_set", "HDSD00.05.01"),
        ("C0001", "document", "C0001"),
        ("PatientInfoRegister", "service", "H0201"),
        ("居民身份证", "code", "01"),
        ("born_on", "field", "HDSD00.02.005"),
    ],
)
@pytest.mark.feature("A01")
def test_search_finds_by_number_name_and_initials(words, kind, id):
    """Numbers, Chinese, English and pinyin initials all lead to the thing, among the first hits of its kind."""
    hits = [e for e in catalog.look(words) if e.kind == kind]
    assert hits and (kind in catalog.INSIDE or id in [e.id for e in hits[:8]])


def test_nothing_found_says_why_and_what_next(clerk):
    """An empty answer names what was searched and offers a way on."""
    page = text_of(clerk.get(reverse("registry:standards"), {"q": "没有这样的标准吧"}))
    assert "没有查到这项标准" in page and "清除条件" in page


def test_filters_stand_in_the_address(clerk):
    """Kind, origin and certainty narrow the list together."""
    page = clerk.get(reverse("registry:standards"), {"kind": "value_set", "origin": "national"})
    assert {(e.kind, e.origin) for e in page.context["shown"]} == {("value_set", "national")}


@pytest.mark.parametrize("kind", ["data_set", "element", "value_set", "document", "service", "oid", "form"])
@pytest.mark.feature("A01", "A02", "A03", "A06")
def test_each_kind_has_its_page(clerk, kind):
    """The pages of some things of every kind open and bear name and certainty."""
    entries = [e for e in catalog.entries() if e.kind == kind]
    for entry in entries[:: max(1, len(entries) // 5)]:
        assert entry.name_zh.replace("<", "&lt;") in text_of(clerk.get(entry.url)).replace("&#x27;", "'")


@pytest.mark.feature("A03")
def test_every_document_opens_and_says_what_lacks(clerk):
    """A document without elements says so instead of showing an empty table."""
    for code, document in load().documents.items():
        page = text_of(clerk.get(reverse("registry:standards_document", args=[code])))
        assert ("没有得到数据元素" in page) == (not document.elements)


def test_what_is_not_registered_is_not_found(clerk):
    """An unknown number answers 404."""
    for name in ("element", "value_set", "data_set", "document", "service", "oid", "form"):
        assert clerk.get(reverse(f"registry:standards_{name}", args=["nothing"])).status_code == 404


@pytest.mark.feature("A06")
def test_codes_of_a_day(clerk):
    """A code that came into force later is not among the codes of an earlier day."""
    address = reverse("registry:standards_value_set", args=["GB/T 2260"])
    assert "重庆" in text_of(clerk.get(address, {"on": "2020-01-01"}))
    assert "重庆" not in text_of(clerk.get(address, {"on": "1990-01-01"}))


@pytest.mark.feature("A07")
def test_a_data_set_is_downloaded_in_four_forms(clerk):
    """CSV, workbook, DDL and YAML hold every field."""
    data_set = load().data_sets["laboratory_test_record"]

    def fetch(form):
        answer = clerk.get(reverse("registry:standards_data_set_file", args=[data_set.identifier, form]))
        assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
        return answer.content

    rows = list(csv.reader(io.StringIO(fetch("csv").decode("utf-8-sig"))))
    assert len(rows) == len(data_set.fields) + 1 and rows[1][5] == data_set.fields[0].identifier
    sheet = pl.read_excel(io.BytesIO(fetch("xlsx")), has_header=False)
    assert sheet.height == len(data_set.fields) + 2
    assert len(yaml.safe_load(fetch("yaml"))["fields"]) == len(data_set.fields)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(fetch("sql").decode())
        cursor.execute(
            "select count(*) from pg_attribute where attrelid = 'laboratory_test_record'::regclass and attnum > 0"
        )
        assert cursor.fetchone()[0] == len(data_set.fields)


@pytest.mark.feature("A07")
def test_reading_and_downloading_are_counted(clerk):
    """Each page opened and each file taken is counted by day and institution."""
    clerk.get(reverse("registry:standards_value_set", args=["GB/T 3304"]))
    clerk.get(reverse("registry:standards_value_set", args=["GB/T 3304"]))
    clerk.get(reverse("registry:standards_value_set_file", args=["csv", "GB/T 3304"]))
    assert reads.readings_of("value_set", "GB/T 3304") == {"page": 2, "download": 1}
    assert StandardRead.objects.get(form="page").org_code == "A1"
    assert reads.reading_totals() == {"pages": 2, "downloads": 1, "items": 1, "institutions": 1}
    assert load().value_sets["GB/T 3304"].name_zh in text_of(clerk.get(reverse("registry:standards_report")))


@pytest.mark.feature("A08")
def test_origins_are_reported_in_order_of_priority(clerk):
    """The report lists national before industry before draft before international before local, and misses nothing."""
    rows = clerk.get(reverse("registry:standards_report")).context["origins"]
    assert [row[0] for row in rows] == ["national", "industry", "draft", "international", "local"]
    assert sum(row[3] for row in rows) == len(catalog.entries())


def test_downloading_needs_its_own_permission(client):
    """A clinician reads standards but is refused the download, with a reason."""
    install_roles()
    client.force_login(make_user("standards-doctor", "周敏", password="long-enough-1", role="clinician", org_code="A1"))
    assert client.get(reverse("registry:standards")).status_code == 200
    assert (
        client.get(reverse("registry:standards_data_set_file", args=["laboratory_test_record", "csv"])).status_code
        == 403
    )
