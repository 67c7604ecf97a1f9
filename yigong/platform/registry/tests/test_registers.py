"""The registers as a clerk works with them: staff with papers and history, institutions by year, terms reviewed by another."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx, Purpose, Reach, system
from yigong.kit.errors import Refused
from yigong.outbox.models import OutboxEvent
from yigong.platform.registry import api, changes, departments, staff, terms
from yigong.platform.registry.models import Institution, Staff, TermVersion
from yigong.platform.registry.term_domain import LIFE, Side, TermState, same_version
from yigong.security.api import make_role, make_user

HOSPITAL, CENTRE = "100000001X", "1000000028"
DOCTOR = {"id_no": "510107195603120021", "full_name": "李医生", "org_code": HOSPITAL, "department": "内科"}
ACTIONS = (
    "registry.view",
    "registry.save",
    "registry.export",
    "terms.view",
    "terms.edit",
    "terms.submit",
    "terms.publish",
    "terms.return",
    "terms.retire",
)


@pytest.fixture
def county(db: None) -> None:
    """Two institutions."""
    rows = [
        {"code": HOSPITAL, "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital", "year": 2025},
        {"code": CENTRE, "name": "柳溪镇卫生院", "short_name": "柳溪", "kind": "township_centre", "year": 2025},
    ]
    api.save_institutions(system(), pl.DataFrame(rows))


def clerk(name: str = "冯磊", login: str = "fenglei", reach: Reach = Reach.COUNTY) -> Client:
    """A browser in which a clerk is logged in."""
    make_role(f"clerk-{reach}", "登记员", actions=ACTIONS, reach=reach, purpose=Purpose.OPERATION)
    user = make_user(login, name, password="a-long-password", role=f"clerk-{reach}", org_code=HOSPITAL)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.feature("A18", "A21")
def test_a_member_of_staff_is_registered_once_and_each_change_is_kept_and_told(county: None) -> None:
    """The identity number is the key; a change makes a version, a line of history and an event; no change makes none."""
    row = staff.register_staff(system(), DOCTOR)
    with pytest.raises(Refused, match="staff_known"):
        staff.register_staff(system(), DOCTOR)
    staff.update_staff(system(), row.pk, {"title": "主任医师"})
    same = staff.update_staff(system(), row.pk, {"title": "主任医师"})
    assert same.version == 2
    verbs = [(c.verb, [d[0] for d in changes.differences(c)]) for c in changes.history("staff", row.pk)]
    assert verbs[0] == ("update", ["title"]) and verbs[1][0] == "register"
    assert OutboxEvent.objects.filter(name="staff.changed").count() == 2


@pytest.mark.feature("A18")
@pytest.mark.parametrize("id_no", ["", "123", "510107195603120022", "510107195613120021"])
def test_a_wrong_identity_number_is_refused(county: None, id_no: str) -> None:
    """Empty, short, wrong check sign, a month that does not exist."""
    with pytest.raises(Refused):
        staff.register_staff(system(), {**DOCTOR, "id_no": id_no})


@pytest.mark.feature("A18")
@pytest.mark.parametrize(("days", "word"), [(None, "unknown"), (-1, "over"), (0, "soon"), (90, "soon"), (91, "good")])
def test_a_paper_is_judged_by_its_last_day(days: int | None, word: str) -> None:
    """Over the day after, soon within ninety days, unknown when nobody said."""
    assert staff.standing(None if days is None else today() + timedelta(days=days)) == word


@pytest.mark.feature("A18")
def test_staff_are_seen_by_their_institutions_and_where_they_practise_too(county: None) -> None:
    """A clerk of the centre sees its own staff and those of others who practise there."""
    staff.register_staff(system(), DOCTOR)
    ctx = Ctx(1, "x", "r", CENTRE, (CENTRE,), frozenset(ACTIONS), Reach.OWN, Purpose.OPERATION)
    assert staff.staff_list(ctx).count() == 0
    staff.update_staff(system(), Staff.objects.get().pk, {"sites": [{"org_code": CENTRE}]})
    assert staff.staff_list(ctx).count() == 1


@pytest.mark.feature("A17")
def test_a_year_is_copied_forward_without_touching_what_is_there(county: None) -> None:
    """The closed do not come along, those there already stay, copying again adds nothing."""
    departments.save_institution(system(), CENTRE, {"state": "closed"}, new=False)
    assert departments.copy_year(system(), 2025, 2026) == 1
    assert departments.copy_year(system(), 2025, 2026) == 0
    assert set(Institution.objects.filter(year=2026).values_list("code", flat=True)) == {HOSPITAL}


@pytest.mark.feature("A34")
def test_a_version_is_published_by_another_than_its_writer_and_replaces_the_one_before(county: None) -> None:
    """Draft, submitted, published; one published version of a set; its writer may not publish it; published is closed."""
    writer = system()
    reviewer = Ctx(2, "审核人", "r", HOSPITAL, (HOSPITAL,), frozenset(ACTIONS), Reach.COUNTY, Purpose.OPERATION)
    first = terms.register_terms(writer, "SEX", "性别", "1.0", [terms.Code("1", "男"), terms.Code("2", "女")])
    with pytest.raises(Refused, match="own_review"):
        terms.move(writer, first.pk, "publish", side=Side.REVIEWER)
    terms.move(reviewer, first.pk, "publish", side=Side.REVIEWER)
    with pytest.raises(Refused, match="version_closed"):
        terms.register_terms(writer, "SEX", "性别", "1", [terms.Code("9", "其他")], new=False)
    second = terms.register_terms(writer, "SEX", "性别", "2.0", [terms.Code("1", "男性")])
    terms.move(reviewer, second.pk, "publish", side=Side.REVIEWER)
    states = dict(TermVersion.objects.values_list("code", "state"))
    assert states == {"1.0": "retired", "2.0": "published"}
    found = terms.find_version("SEX")
    assert found is not None and [c.name for c in terms.codes_of(found)] == ["男性"]
    assert OutboxEvent.objects.filter(name="terms.published").count() == 2


@pytest.mark.feature("A34")
def test_the_life_of_a_version_has_one_way_in_and_one_end() -> None:
    """Every state is reached from the draft, and only retired is left by nothing."""
    assert LIFE.ends() == {TermState.RETIRED}
    assert set(LIFE.states()) == set(TermState)
    assert [same_version(a, b) for a, b in (("1.0", "01"), ("v2", "2"), ("1.1", "1.10"), ("", ""))] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.feature("A18")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_pages_of_staff_show_papers_and_mask_numbers(county: None, language: str) -> None:
    """List, page and form; the identity number is masked on the list and the page."""
    row = staff.register_staff(
        system(), {**DOCTOR, "full_name": "<b>李</b>", "license_ends_on": date(2020, 1, 1), "license_no": "L1"}
    )
    client = clerk()
    client.cookies["django_language"] = language
    shown = client.get(reverse("staff:list")).content.decode()
    assert "&lt;b&gt;李" in shown and "<b>李" not in shown and DOCTOR["id_no"] not in shown
    one = client.get(reverse("staff:one", args=[row.pk])).content.decode()
    assert ("已过期" if language == "zh-hans" else "expired") in one.lower() and DOCTOR["id_no"] not in one
    assert client.get(reverse("staff:edit", args=[row.pk])).status_code == 200
    assert client.get(reverse("staff:list"), {"ending": "over"}).content.decode().count("&lt;b&gt;李") == 1


@pytest.mark.feature("A18")
def test_staff_are_added_and_mended_by_the_form(county: None) -> None:
    """A slip stands beside its field; what is right is saved."""
    client = clerk()
    facts = {"id_no": "510107 19560312 0021", "full_name": "李医生", "org_code": HOSPITAL, "state": "active"}
    slip = client.post(reverse("staff:new"), {**facts, "id_no": "510107195603120022"})
    assert slip.status_code == 422 and "校验码" in slip.content.decode()
    assert client.post(reverse("staff:new"), facts).status_code == 302
    row = Staff.objects.get()
    assert row.id_no == DOCTOR["id_no"]
    assert client.post(reverse("staff:edit", args=[row.pk]), {**facts, "title": "主治医师"}).status_code == 302
    assert "主治医师" in client.get(reverse("staff:one", args=[row.pk])).content.decode()


@pytest.mark.feature("A17", "A18")
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_a_file_is_taken_row_by_row(county: None, encoding: str) -> None:
    """Good rows go in, each bad one is listed with its number in the file and its reason; the same file again changes nothing."""
    lines = [
        "身份证号,姓名,机构代码,执业有效期至",
        f"{DOCTOR['id_no']},李医生,{HOSPITAL},2030-01-01",
        f"123,王医生,{HOSPITAL},",
        "110101199003070310,赵医生,9999999999,坏",
    ]
    client = clerk()
    for found in ("新增 1，修改 0，没有变化 0，未导入 2", "新增 0，修改 0，没有变化 1，未导入 2"):
        sent = SimpleUploadedFile("staff.csv", "\r\n".join(lines).encode(encoding))
        text = client.post(reverse("staff:import"), {"file": sent}).content.decode()
        assert found in text, text[text.find("读取") : text.find("读取") + 80]
        assert "王医生" in text and "赵医生" in text
    rows = SimpleUploadedFile(
        "i.csv",
        f"组织机构代码,名称,类别,床位\n1000000036,新机构,乡镇卫生院,20\n{HOSPITAL},青禾县人民医院,不知道,\n".encode(),
    )
    text = client.post(reverse("institutions:import"), {"file": rows}).content.decode()
    assert "新增 1" in text and "没有 不知道 这一项" in text


@pytest.mark.feature("A17", "A34")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_pages_of_institutions_and_terms_open(county: None, language: str) -> None:
    """Lists, one institution with years, the years, a set of terms with its versions; a draft by form, submitted, published by another."""
    client = clerk()
    client.cookies["django_language"] = language
    for url in (
        reverse("institutions:list"),
        reverse("institutions:one", args=[HOSPITAL]),
        reverse("institutions:years"),
        reverse("institutions:new"),
        reverse("institutions:edit", args=[HOSPITAL]),
        reverse("terms:list"),
        reverse("terms:new"),
    ):
        assert client.get(url).status_code == 200, url
    facts = {"code": "DRUG", "name": "药品", "kind": "drug", "version": "1", "codes": "D1,阿莫西林\nD2,<i>布洛芬</i>"}
    assert client.post(reverse("terms:new"), facts).status_code == 302
    version = TermVersion.objects.get()
    page = client.get(reverse("terms:one", args=[version.term_set_id])).content.decode()
    assert "阿莫西林" in page and "&lt;i&gt;布洛芬" in page
    assert client.post(reverse("terms:move", args=[version.pk, "submit"])).status_code == 302
    assert client.post(reverse("terms:move", args=[version.pk, "publish"])).status_code == 409
    other = clerk("周敏", "zhoumin")
    assert other.post(reverse("terms:move", args=[version.pk, "publish"])).status_code == 302
    version.refresh_from_db()
    assert version.state == "published"


@pytest.mark.feature("A17")
def test_a_copy_by_the_page(county: None) -> None:
    """The year is copied by the button."""
    assert clerk().post(reverse("institutions:years"), {"source": "2025", "target": "2026"}).status_code == 302
    assert Institution.objects.filter(year=2026).count() == 2
