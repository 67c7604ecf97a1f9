"""The pages of data quality as a clerk of an institution, the county's office and others see them."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile

import polars as pl
import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import Purpose, Reach, system
from yigong.quality import running
from yigong.quality.actions import ACTIONS
from yigong.quality.models import QualityIssue, QualityThreshold
from yigong.quality.tests.conftest import FOLLOW_UP, OFFICE, OWN, Cast, follow_ups
from yigong.security.api import make_role, make_user

INSTITUTION = (
    "quality.view",
    "quality.rows",
    "quality.fix",
    "quality.assign",
    "quality.dispute",
    "quality.unfix",
    "quality.export",
)
SWAPPED = {"systolic_blood_pressure_mmhg": 82.0, "diastolic_blood_pressure_mmhg": 138.0}


def signed_in(name: str, org: str, actions: tuple[str, ...], reach: Reach) -> Client:
    """A browser in which somebody with these actions is logged in."""
    make_role(f"role_{name}", name, actions=actions, reach=reach, purpose=Purpose.OPERATION)
    client = Client()
    client.force_login(make_user(name, name, password="a-long-password", role=f"role_{name}", org_code=org))
    return client


@pytest.fixture
def checked(cast: Cast) -> QualityIssue:
    """Sixty follow-ups of one institution, two with exchanged pressures, checked."""
    follow_ups(
        OWN, [SWAPPED if i in (3, 9) else {"hypertension_follow_up_evaluation_result_code": "1"} for i in range(60)]
    )
    running.run(system(), data_sets=[FOLLOW_UP])
    return QualityIssue.everything.get(rule="QC-FU-004")


@pytest.mark.feature("C24", "C26")
@pytest.mark.parametrize(("language", "words"), [("zh-hans", "收缩压"), ("en", "Systolic")])
def test_an_issue_shows_rule_rows_keys_and_statement(checked: QualityIssue, language: str, words: str) -> None:
    """The page says what the rule asks, which rows fail under which key, and the SQL that finds them, in both languages."""
    client = signed_in("clerk", OWN, INSTITUTION, Reach.OWN)
    client.cookies["django_language"] = language
    text = client.get(reverse("quality:issue", args=[checked.pk])).content.decode()
    for part in (
        words,
        "F9",
        "F3",
        "QC-FU-004",
        "systolic_blood_pressure_mmhg &gt; diastolic_blood_pressure_mmhg",
        "select x.id",
    ):
        assert part in text, part


@pytest.mark.feature("C24")
def test_a_clerk_reports_an_issue_as_mended_and_takes_it_back(checked: QualityIssue) -> None:
    """The form asks what was done; without words it stays; afterwards the act can be taken back."""
    client = signed_in("clerk", OWN, INSTITUTION, Reach.OWN)
    url = reverse("quality:act", args=[checked.pk, "fix"])
    assert client.post(url, {"reason": "", "version": "1"}).status_code == 200
    assert client.post(url, {"reason": "已改正", "version": "1"}).status_code == 302
    assert QualityIssue.everything.get(pk=checked.pk).state == "fixed"
    assert client.post(reverse("quality:act", args=[checked.pk, "unfix"])).status_code == 302
    assert QualityIssue.everything.get(pk=checked.pk).state == "open"


@pytest.mark.feature("C27")
def test_the_office_sees_the_effect_of_a_threshold_before_it_is_set(checked: QualityIssue) -> None:
    """The rule's page previews from measured values; setting it asks why; out of range it is refused."""
    client = signed_in("office", OFFICE, tuple(ACTIONS), Reach.COUNTY)
    url = reverse("quality:rule", args=["QC-FU-007"])
    text = client.get(url, {"most": "140"}).content.decode()
    assert "不合规由 <b>0</b> 变为 <b>0</b>（判定 58）" in text and "东河镇中心卫生院" in text
    assert client.get(url, {"most": "999"}).status_code == 409
    assert client.get(reverse("quality:rule", args=["QC-NONE-1"])).status_code == 404
    assert (
        client.post(reverse("quality:threshold", args=["QC-FU-007"]), {"most": "140", "reason": ""}).status_code == 400
    )
    assert (
        client.post(reverse("quality:threshold", args=["QC-FU-007"]), {"most": "140", "reason": "县里定"}).status_code
        == 302
    )
    assert QualityThreshold.objects.get().most == 140


@pytest.mark.feature("C25")
def test_the_overview_withholds_a_score_that_rests_on_too_little(cast: Cast) -> None:
    """Three rows are no score: the page says so with its reason; nothing run is said too."""
    client = signed_in("office", OFFICE, tuple(ACTIONS), Reach.COUNTY)
    assert "还没有运行过" in client.get(reverse("quality:overview")).content.decode()
    follow_ups(OWN, [{}] * 3)
    running.run(system(), data_sets=[FOLLOW_UP])
    text = client.get(reverse("quality:overview")).content.decode()
    assert "数据不足" in text and "判定的值不足 100 个" in text


@pytest.mark.feature("C25")
def test_scores_show_numerator_denominator_window_and_version(checked: QualityIssue) -> None:
    """The ranking names the institution with what its score is made of."""
    client = signed_in("office", OFFICE, tuple(ACTIONS), Reach.COUNTY)
    text = client.get(reverse("quality:overview")).content.decode()
    assert "东河镇中心卫生院" in text and "规则集" in text and "个判定" in text
    for name in ("quality:issues", "quality:rules"):
        assert client.get(reverse(name)).status_code == 200


def test_an_institution_sees_neither_the_ranking_of_others_nor_their_issues(checked: QualityIssue) -> None:
    """Another township finds nothing of it."""
    client = signed_in("stranger", "2000000202", INSTITUTION, Reach.OWN)
    assert "东河镇中心卫生院" not in client.get(reverse("quality:overview")).content.decode()
    assert client.get(reverse("quality:issue", args=[checked.pk])).status_code == 404
    assert client.post(reverse("quality:check", args=[checked.pk])).status_code == 403


@pytest.mark.feature("C25")
def test_the_monthly_report_opens_as_workbook_and_as_pdf_with_chinese_text(checked: QualityIssue) -> None:
    """A real workbook with its sheets; a real PDF whose text reads back in Chinese."""
    client = signed_in("office", OFFICE, tuple(ACTIONS), Reach.COUNTY)
    answer = client.get(reverse("quality:report", args=["2026-01", "xlsx"]))
    book = pl.read_excel(io.BytesIO(answer.content), sheet_name="机构得分", has_header=True)
    assert "东河镇中心卫生院" in book.get_column("机构").to_list()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as parts:
        assert "规则集" in parts.read("xl/sharedStrings.xml").decode()  # with which rules, and whether the month stands
        assert 'formatCode="0.0"' in parts.read("xl/styles.xml").decode()  # 98.0 as on paper, not 98
    assert client.get(reverse("quality:report", args=["1999-01", "pdf"])).status_code == 404
    answer = client.get(reverse("quality:report", args=["2026-01", "pdf"]))
    if answer.status_code == 409:
        pytest.skip("no CJK font on this machine (fonts-noto-cjk); the page says so")
    assert answer.content.startswith(b"%PDF-")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not on this machine (poppler-utils)")
    text = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=answer.content, capture_output=True, check=True
    ).stdout.decode()
    for words in ("数据质量月报 2026-01", "东河镇中心卫生院", "造假筛查", "收缩压", "office"):
        assert words in text, words
