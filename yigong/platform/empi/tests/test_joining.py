"""Persons joined by name: found by search, by an institution's message; grave ones only by two people; households; the log."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import Ctx, Purpose, Reach, system
from yigong.kit.errors import Refused
from yigong.platform.empi import api, joining, kin
from yigong.platform.empi.identities import Key
from yigong.platform.empi.models import Candidate, Decision, Registration
from yigong.platform.empi.tests.test_pages import clerk, text
from yigong.platform.empi.tests.test_register import WANG, number, partition, rows
from yigong.security.api import opaque_id
from yigong.security.models import Audit

__all__ = ["clerk"]
BARE = {"id_no": None, "phone": None, "address": None}
ZHAO = {**BARE, "local_id": "9", "full_name": "赵德才", "sex_code": "1", "born_on": date(1988, 1, 9)}


def ctx(actor: int) -> Ctx:
    """A clerk."""
    return Ctx(actor, f"专员{actor}", "empi_clerk", "QH01", ("QH01",), frozenset({"empi.decide", "empi.view"}),
               Reach.COUNTY, Purpose.OPERATION)  # fmt: skip


def persons() -> list[int]:
    """All persons, eldest first."""
    return sorted(set(Registration.objects.values_list("person_id", flat=True)))


@pytest.mark.django_db
@pytest.mark.feature("A25", "A26")
def test_alike_persons_are_joined_at_once_and_undone() -> None:
    """Two persons of low risk are one by one clerk's word; the pair that waited is settled; undo brings both back."""
    api.register(system(), rows(BARE, {**BARE, "local_id": "2", "born_on": date(1959, 3, 14)}))
    before, (one, other) = partition(), persons()
    done = joining.join(ctx(7), one, other, reason="同一张照片")
    assert (done.waits, len(partition()), Candidate.objects.get().state) == (False, 1, "settled")
    api.undo(ctx(7), done.decision, reason="看错了")
    assert (partition(), Candidate.objects.get().state) == (before, "open")


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_persons_whom_nothing_likens_need_two_people() -> None:
    """Who joins two unlike persons only proposes: the same clerk may not agree, another may; undone, no question stays."""
    api.register(system(), rows(BARE, ZHAO))
    before, (one, other) = partition(), persons()
    done = joining.join(ctx(7), one, other, reason="本人确认用过化名")
    waiting = Candidate.objects.get()
    assert (done.waits, partition() == before, waiting.state, waiting.kind) == (True, True, "pending", "unlike")
    with pytest.raises(Refused, match="second_person"):
        joining.join(ctx(7), one, other, reason="再点一次")
    api.undo(ctx(7), done.decision, reason="撤回提议")
    assert not Candidate.objects.exists()
    joining.join(ctx(7), one, other, reason="本人确认用过化名")
    agreed = joining.join(ctx(8), other, one, reason="看过户口簿")
    assert (agreed.waits, len(partition())) == (False, 1)


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_what_somebody_kept_apart_is_not_joined_by_one_word() -> None:
    """A pair once answered as two persons is joined only by two people, whatever its kind."""
    from yigong.platform.empi import services

    api.register(system(), rows(BARE, {**BARE, "local_id": "2", "born_on": date(1959, 3, 14)}))
    services.reject(ctx(6), Candidate.objects.get().pk, reason="姐妹")
    one, other = persons()
    assert joining.join(ctx(7), one, other, reason="同一张照片").waits
    assert Candidate.objects.get().state == "pending"


@pytest.mark.django_db
@pytest.mark.feature("A26", "A32")
def test_two_trusted_numbers_are_never_joined_by_hand() -> None:
    """Two sound numbers that differ refuse, by hand and by message."""
    api.register(system(), rows({}, {"local_id": "2", "id_no": number("19590304", 2)}))
    one, other = persons()
    with pytest.raises(Refused, match="two_trusted_numbers"):
        joining.join(ctx(7), one, other, reason="x")
    with pytest.raises(Refused, match="two_trusted_numbers"):
        api.merge_registrations(system(), Key("QH01", "HIS", "1"), Key("QH01", "HIS", "2"), reason="A40")


@pytest.mark.django_db
@pytest.mark.feature("A24", "A26")
def test_a_message_that_merges_borrowed_numbers_waits_for_a_clerk() -> None:
    """ADT A40 of two names under one number is the first word only: nobody moves, the retired id is marked, a clerk agrees."""
    api.register(system(), rows({}, {**ZHAO, "id_no": WANG["id_no"], "sex_code": "2"}))
    before = partition()
    assert len(before) == 2
    decision = api.merge_registrations(ctx(-3), Key("QH01", "HIS", "1"), Key("QH01", "HIS", "9"), reason="A40")
    assert (partition() == before, Decision.objects.get(pk=decision).verb) == (True, "propose")
    assert Registration.objects.get(local_id="9").state == "merged"
    from yigong.platform.empi import services

    services.confirm(ctx(8), Candidate.objects.get(state="pending").pk)
    assert len(partition()) == 1


@pytest.mark.django_db
@pytest.mark.feature("A25")
def test_the_page_finds_two_persons_lays_them_side_by_side_and_joins(clerk: Client) -> None:
    """Search left and right, choose, see fields and weights, give a reason, join; without a reason nothing happens."""
    api.register(system(), rows(BARE, {**BARE, "local_id": "2", "born_on": date(1959, 3, 14)}, ZHAO))
    one, other, unlike = persons()
    place = reverse("empi:together")
    page = text(clerk.get(place, {"a": "王秀兰", "b": "赵德才"}))
    assert opaque_id(one) in page and opaque_id(unlike) in page and "王秀兰" in page
    both = {"one": opaque_id(one), "other": opaque_id(other)}
    page = text(clerk.get(place, both))
    for word in ("先验", "自动合并", "合并为同一人", "1959-03-14"):
        assert word in page, word
    assert "提议合并" in text(clerk.get(place, {"one": opaque_id(one), "other": opaque_id(unlike)}))
    clerk.post(reverse("empi:join"), both)
    assert len(partition()) == 3
    page = text(clerk.post(reverse("empi:join"), {**both, "reason": "同一张照片"}, follow=True))
    assert len(partition()) == 2 and "已合并为同一人" in page
    assert clerk.get(place, {"one": "0000000000000"}).status_code == 404


@pytest.mark.django_db
@pytest.mark.feature("A30")
def test_the_log_tells_what_moved_with_a_decision_and_exports_it(clerk: Client) -> None:
    """Each move stands with its documents, orders and events; filters by kind, source and name; the export is audited."""
    api.register(system(), rows(BARE, {**BARE, "local_id": "2", "born_on": date(1959, 3, 14)}))
    one, other = persons()
    moved = Registration.objects.get(person_id=other).pk
    with connection.cursor() as cursor:
        for key, kind in (("a", "order"), ("b", "outpatient"), ("c", "prescription")):
            cursor.execute(
                """insert into records_event (registration_id, event_at, kind, title, org_code, data_set, source_system,
                   group_key) values (%s, now(), %s, '门诊', 'QH01', 'x', 'HIS', %s)""",
                [moved, kind, key],
            )
    joining.join(ctx(7), one, other, reason="同一张照片")
    place = reverse("empi:log")
    rows_shown = _csv(clerk.get(place, {"export": "csv"}))
    assert [(r["决定"], r["登记数"], r["医嘱与处方"], r["全部事件"], r["由谁"], r["理由"]) for r in rows_shown] == [
        ("同一人", "1", "2", "3", "专员7", "同一张照片")
    ]
    assert Audit.objects.filter(action="empi.export").count() == 1
    rail = text(clerk.get(place)).partition("</nav>")[0]
    assert f'href="{reverse("empi:review")}" class="on" aria-current="page"' in rail, "the entry of the index is marked"
    for wanted, count in (({"verb": "confirm"}, 1), ({"verb": "split"}, 0), ({"source": "people"}, 1),
                          ({"source": "machine"}, 0), ({"q": "王秀兰"}, 1), ({"q": "赵"}, 0), ({"at": "1"}, 1)):  # fmt: skip
        assert text(clerk.get(place, wanted)).count("同一张照片") == count, wanted


def _csv(response: Any) -> list[dict[str, str]]:
    import csv
    import io

    body = b"".join(response.streaming_content) if response.streaming else response.content
    lines = body.decode("utf-8-sig").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("时间"))
    found = list(csv.DictReader(io.StringIO("\n".join(lines[start:]))))
    return [row for row in found if row.get("决定")]


@pytest.mark.feature("A25")
def test_a_household_is_laid_out_by_generations_and_only_written_ties_are_drawn() -> None:
    """Sixteen years make a generation; a newborn's placeholder name and a named contact are ties, a surname is none."""
    soul = kin.Soul
    found = kin.tree([
        soul(1, "李德才", "1", date(1950, 1, 1)), soul(2, "王秀兰", "2", date(1953, 5, 5), frozenset({"李德才"})),
        soul(3, "李建国", "1", date(1975, 6, 1)), soul(4, "王秀兰之子", "1", date(1976, 1, 1)), soul(5, "李某", "", None),
    ])  # fmt: skip
    assert [[s.person_id for s in row] for row in found.generations] == [[1, 2], [3, 4]]
    assert [s.person_id for s in found.undated] == [5]
    assert found.ties == [kin.Tie(2, 1, "contact"), kin.Tie(4, 2, "child")]


@pytest.mark.django_db
@pytest.mark.feature("A25")
def test_the_family_page_draws_the_tree(clerk: Client) -> None:
    """The household of a person shows generations and the contact that a registration names."""
    home = {"phone": "13800006620", "address": "东河镇柳树村2组17号"}
    son = {**home, "local_id": "3", "id_no": None, "full_name": "李建国", "sex_code": "1", "born_on": date(1984, 2, 2),
           "contact_name": "王秀兰"}  # fmt: skip
    api.register(system(), rows({}, son))
    page = text(clerk.get(reverse("empi:family", args=[persons()[0]])))
    assert "第 2 代" in page and "联系人 王秀兰" in page
