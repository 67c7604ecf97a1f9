"""The review desk in a browser's eyes: queue, pair, decisions, history, person."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from yigong.kit.ctx import system
from yigong.platform.empi import api
from yigong.platform.empi.models import Candidate, Decision, Registration
from yigong.platform.empi.tests.test_register import number, partition, rows
from yigong.platform.registry import api as registry
from yigong.security.api import make_user, opaque_id
from yigong.security.roles import install_roles

BARE = {"id_no": None, "phone": None, "address": None}


@pytest.fixture
def clerk(client: Client) -> Client:
    """A clerk of the index, logged in."""
    registry.save_institutions(
        system(),
        pl.DataFrame([{"code": "QH01", "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"}]),
    )
    install_roles()
    user = make_user("wuqian", "吴倩", password="one-of-a-test-7d", role="empi_clerk", org_code="QH01")
    client.force_login(user)
    return client


@pytest.fixture
def alike() -> Candidate:
    """A pair that waits."""
    api.register(system(), rows(BARE, {**BARE, "local_id": "2", "born_on": date(1959, 3, 14)}))
    return Candidate.objects.get()


def text(response: Any) -> str:
    """The page as text."""
    return response.content.decode()


@pytest.mark.django_db
@pytest.mark.feature("A25")
def test_the_queue_shows_the_pair_with_its_weights(clerk: Client, alike: Candidate) -> None:
    """The first pair is laid open: both names, prior and weights, thresholds, history, the three ways to decide."""
    page = text(clerk.get(reverse("empi:review")))
    for word in ("王秀兰 / 王秀兰", "先验", "自动合并", "复核下限", "生日不同", "首次登记", "不是同一人"):
        assert word in page, word
    assert reverse("empi:same", args=[alike.pk]) in page
    assert f"/{alike.pk}/" not in page


@pytest.mark.django_db
@pytest.mark.feature("A25", "A26")
def test_deciding_goes_to_the_next_and_can_be_taken_back(clerk: Client, alike: Candidate) -> None:
    """Same person, then undo from the toast: the pair waits again and two persons stand as before."""
    before = partition()
    page = text(clerk.post(reverse("empi:same", args=[alike.pk]), {"reason": "同一张照片"}, follow=True))
    decision = Decision.objects.get(verb="confirm")
    assert (decision.by_name, decision.reason, len(partition())) == ("吴倩", "同一张照片", 1)
    assert reverse("empi:undo", args=[decision.pk]) in page
    clerk.post(reverse("empi:undo", args=[decision.pk]))
    assert partition() == before
    assert Candidate.objects.get().state == "open"


@pytest.mark.django_db
@pytest.mark.feature("A25", "A26")
def test_an_undo_comes_back_to_the_queue_as_it_was(clerk: Client, alike: Candidate) -> None:
    """Filter, order and page of the queue stand after a decision was taken back, with the pair that waits again laid open."""
    asked = {"kind": alike.kind, "order": "oldest", "page": "1"}
    page = text(clerk.post(reverse("empi:different", args=[alike.pk]), asked, follow=True))
    undo = (
        f"{reverse('empi:undo', args=[Decision.objects.get(verb='reject').pk])}?kind={alike.kind}&order=oldest&page=1"
    )
    assert escape(undo) in page
    answer = clerk.post(undo)
    assert (
        answer["Location"]
        == f"{reverse('empi:review')}?kind={alike.kind}&order=oldest&page=1&pair={opaque_id(alike.pk)}"
    )
    assert f"{reverse('empi:same', args=[alike.pk])}" in text(clerk.get(answer["Location"]))


@pytest.mark.django_db
@pytest.mark.feature("A25")
def test_the_pair_shows_its_household_with_who_was_taken_for_whom(clerk: Client) -> None:
    """Generations with names as links, sex, age, ties, what is shared, and members once confused, without typing any id."""
    home = {"phone": "13800006620", "address": "东河镇柳树村2组17号", "health_card_no": None}
    son = {**home, "local_id": "3", "id_no": None, "full_name": "李建国", "sex_code": "1", "born_on": date(1984, 2, 2),
           "contact_name": "王秀兰"}  # fmt: skip
    twin = {**home, "local_id": "2", "full_name": "王秀蓝", "id_no": number("19590304", 7)}
    third = {**home, "local_id": "4", "full_name": "王秀莲", "id_no": number("19590304", 9)}
    done = api.register(system(), rows(home, twin, son, third))
    suspected = Candidate.objects.get(left_id=done.row(0)[0], right_id=done.row(1)[0])
    answered = Candidate.objects.get(pk=suspected.pk)
    answered.pk, answered.right_id, answered.state = None, done.row(3)[0], "rejected"
    answered.save()
    page = text(clerk.get(f"{reverse('empi:review')}?pair={opaque_id(suspected.pk)}"))
    tree = page.partition('class="empi-tree"')[2].partition("</ol>")[0]
    for word in (
        "第 2 代",
        "联系人 王秀兰",
        "同电话",
        "同住址",
        "男",
        "曾疑为 王秀莲，已答不是",
        reverse("empi:person", args=[done.row(2)[1]]),
    ):
        assert word in tree, word
    assert "疑与 王秀蓝 同人" not in tree, "the pair that is looked at is not said again"


@pytest.mark.django_db
@pytest.mark.feature("A25")
@pytest.mark.parametrize(("act", "state"), [("different", "rejected"), ("later", "later")])
def test_the_other_answers_leave_two_persons(clerk: Client, alike: Candidate, act: str, state: str) -> None:
    """Not the same, or later: the pair leaves the queue, who is who stays."""
    before = partition()
    page = text(clerk.post(reverse(f"empi:{act}", args=[alike.pk]), follow=True))
    assert Candidate.objects.get().state == state
    assert partition() == before
    assert "没有待核的登记对" in page


@pytest.mark.django_db
@pytest.mark.feature("A25", "A29")
def test_two_trusted_numbers_lock_the_button_and_the_service(clerk: Client) -> None:
    """Twins with numbers of their own: the page says why they cannot be joined, and posting anyway is refused."""
    api.register(system(), rows({}, {"local_id": "2", "full_name": "王秀蓝", "id_no": number("19590304", 7)}))
    pair = Candidate.objects.get(kind="twins")
    page = text(clerk.get(reverse("empi:review")))
    assert "不能合并" in page
    assert reverse("empi:same", args=[pair.pk]) not in page
    assert clerk.post(reverse("empi:same", args=[pair.pk])).status_code == 409
    assert len(partition()) == 2


@pytest.mark.django_db
@pytest.mark.feature("A26", "A30")
def test_the_history_lists_decisions_with_their_way_back(clerk: Client, alike: Candidate) -> None:
    """A decision stands in the history with who, why and undo; the count of possible duplicates and its trend too."""
    clerk.post(reverse("empi:different", args=[alike.pk]), {"reason": "两姐妹"})
    page = text(clerk.get(reverse("empi:history")))
    for word in ("两姐妹", "吴倩", "不是同一人", "现有疑似重复 0 对", "近 30 天"):
        assert word in page, word


@pytest.mark.django_db
@pytest.mark.feature("A26", "A32")
def test_a_person_page_shows_sources_and_splits(clerk: Client) -> None:
    """Golden fields name their institution; chosen registrations become a person of their own."""
    done = api.register(system(), rows({}, {"org_code": "DH02"}))
    person, registration = done.row(1)[1], done.row(1)[0]
    page = text(clerk.get(reverse("empi:person", args=[person])))
    assert "已核身份" in page and "县医" in page
    clerk.post(reverse("empi:split", args=[person]), {"registration": [opaque_id(registration)], "reason": "证件借用"})
    assert Registration.objects.get(pk=registration).person_id != person


@pytest.mark.django_db
def test_pages_speak_english(clerk: Client, alike: Candidate) -> None:
    """In English no Chinese sentence of the interface is left on the desk, only data."""
    page = text(clerk.get(reverse("empi:review"), headers={"accept-language": "en"}))
    for word in ("Queue", "Prior", "Not the same person", "Evidence"):
        assert word in page, word


@pytest.mark.django_db
def test_without_the_action_nobody_comes_in(client: Client, alike: Candidate) -> None:
    """A clinician has no business in the index."""
    install_roles()
    client.force_login(make_user("doc", "医生", password="one-of-a-test-7d", role="clinician", org_code="QH01"))
    assert client.get(reverse("empi:review")).status_code == 403
    assert client.post(reverse("empi:same", args=[alike.pk])).status_code == 403
