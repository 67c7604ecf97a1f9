"""The further pages of the desk: two people, many at once, household, rules, quality, cleaning, marks."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.empi import api, batch, cleaning, measures, review, rules, ruling, services
from yigong.platform.empi.models import Candidate, Cleaning, Decision, Person, Registration, RuleSet
from yigong.platform.empi.tests.histories import clerk as ctx_of
from yigong.platform.empi.tests.histories import exactly
from yigong.platform.empi.tests.test_pages import BARE, alike, clerk, text
from yigong.platform.empi.tests.test_register import WANG, number, partition, rows
from yigong.security.api import make_user, opaque_id

__all__ = ["alike", "clerk"]


def several(count: int) -> list[Candidate]:
    """Waiting pairs, each of other people: same name, birth dates that differ in one sign."""
    names = ["王秀兰", "李桂英", "张秀英", "王桂英", "李秀兰"][:count]
    frame = [
        {**BARE, "full_name": name, "local_id": f"{n}-{m}", "born_on": date(1959, 3, day)}
        for n, name in enumerate(names)
        for m, day in enumerate((4, 14))
    ]
    api.register(system(), rows(*frame))
    return list(Candidate.objects.filter(state="open").order_by("pk"))


def grave() -> Candidate:
    """A waiting pair of high risk: one number under two names."""
    api.register(
        system(),
        rows(
            {}, {"local_id": "2", "full_name": "王秀莲", "phone": "13900001111", "address": "河西镇", "born_on": None}
        ),
    )
    return Candidate.objects.get(risk=3)


@pytest.mark.django_db
@pytest.mark.feature("A33")
def test_a_grave_pair_is_joined_by_two_people_only() -> None:
    """The first proposes, may not agree with himself, another joins; log and queue show both; undo brings the proposal back."""
    pair, before = grave(), partition()
    proposal = services.confirm(ctx_of(1), pair.pk, reason="曾用名")
    assert partition() == before
    assert Candidate.objects.get(pk=pair.pk).state == "pending"
    with pytest.raises(Refused) as refused:
        services.confirm(ctx_of(1), pair.pk)
    assert refused.value.code == "empi.second_person"
    joined = services.confirm(ctx_of(2), pair.pk)
    assert len(partition()) == len(before) - 1
    lines = dict(Decision.objects.filter(pk__in=[proposal, joined]).values_list("verb", "by_name"))
    assert lines == {"propose": "专员1", "confirm": "专员2"}
    services.undo(system(), joined, reason="x")
    assert (partition(), Candidate.objects.get(pk=pair.pk).state) == (before, "pending")
    services.reject(ctx_of(1), pair.pk)
    assert Candidate.objects.get(pk=pair.pk).state == "rejected"


@pytest.mark.django_db
@pytest.mark.feature("A33")
def test_the_desk_tells_the_second_person_who_proposed(clerk: Client) -> None:
    """The first sees that another is needed, the other sees who proposed and agrees."""
    pair = grave()
    place = f"{reverse('empi:review')}?pair={opaque_id(pair.pk)}"
    assert "提议合并" in text(clerk.get(place))
    assert "已提议合并，待另一位专员复核" in text(clerk.post(reverse("empi:same", args=[pair.pk]), follow=True))
    assert "您已提议，待另一位专员" in text(clerk.get(place))
    assert clerk.post(reverse("empi:same", args=[pair.pk])).status_code == 409
    second = Client()
    second.force_login(make_user("second", "陈立", password="one-of-a-test-7d", role="empi_clerk", org_code="QH01"))
    page = text(second.get(place))
    assert "吴倩 已提议合并" in page and "同意合并" in page
    second.post(reverse("empi:same", args=[pair.pk]))
    assert Candidate.objects.get(pk=pair.pk).state == "settled"


@pytest.mark.django_db
@pytest.mark.feature("A25")
@pytest.mark.parametrize(
    ("answer", "state", "fewer"), [("same", "settled", 3), ("different", "rejected", 0), ("later", "later", 0)]
)
def test_many_are_answered_and_taken_back_together(answer: str, state: str, fewer: int) -> None:
    """A batch does what its outlook says, one decision for each pair, and taken back all is as before to the byte."""
    pairs = [one.pk for one in several(3)]
    before, persons = exactly(), len(partition())
    outlook = batch.outlook(system(), pairs, answer)
    assert (outlook.pairs, outlook.joined) == (3, fewer)
    done = batch.answer_many(system(), pairs, answer, reason="同一批")
    assert (done.made, done.refused) == (3, {})
    assert set(Candidate.objects.values_list("state", flat=True)) == {state}
    assert len(partition()) == persons - fewer
    assert batch.undo_many(system(), done.batch, reason="看错") == 3
    assert exactly() == before


@pytest.mark.django_db
@pytest.mark.feature("A25")
def test_what_may_not_be_answered_so_stays_in_the_queue() -> None:
    """Twins of two trusted numbers are left out of a batch and counted; a grave pair is only proposed; nothing chosen is refused."""
    api.register(system(), rows({}, {"local_id": "2", "full_name": "王秀蓝", "id_no": number("19590304", 7)}))
    twins = Candidate.objects.get()
    outlook = batch.outlook(system(), [twins.pk], "same")
    assert (outlook.locked, outlook.joined) == (1, 0)
    done = batch.answer_many(system(), [twins.pk], "same", reason="")
    assert (done.batch, done.refused) == (0, {"empi.two_trusted_numbers": 1})
    for chosen, code in (([], "empi.none_chosen"), (list(range(201)), "empi.too_many")):
        with pytest.raises(Refused) as refused:
            batch.outlook(system(), chosen, "same")
        assert refused.value.code == code


@pytest.mark.django_db
@pytest.mark.feature("A25")
def test_the_batch_page_shows_before_it_does(clerk: Client) -> None:
    """Choosing, seeing the consequences with nothing changed, doing, taking back from the toast."""
    pairs = several(2)
    chosen = {"pair": [opaque_id(p.pk) for p in pairs], "kind": "birth", "answer": "same"}
    assert all(opaque_id(p.pk) in text(clerk.get(reverse("empi:many") + "?kind=birth")) for p in pairs)
    page = text(clerk.post(reverse("empi:many_preview"), chosen))
    assert "将把 2 对答为「同一人」" in page and Candidate.objects.filter(state="open").count() == 2
    done = text(clerk.post(reverse("empi:many_do"), {**chosen, "reason": "同一批"}, follow=True))
    line = Decision.objects.get(verb="batch")
    assert "已答 2 对" in done and reverse("empi:many_undo", args=[line.pk]) in done
    clerk.post(reverse("empi:many_undo", args=[line.pk]))
    assert Candidate.objects.filter(state="open").count() == 2


@pytest.mark.django_db
@pytest.mark.feature("A25", "A29")
def test_a_household_shows_who_may_be_whom(clerk: Client) -> None:
    """Everybody at one phone or address with why, and the pairs suspected among them with their answer."""
    husband = {"local_id": "3", "full_name": "赵德才", "sex_code": "1", "id_no": None, "born_on": date(1956, 2, 3)}
    done = api.register(
        system(), rows({}, {"local_id": "2", "full_name": "王秀蓝", "id_no": number("19590304", 7)}, husband)
    )
    page = text(clerk.get(reverse("empi:family", args=[done.row(0)[1]])))
    for word in ("赵德才", "王秀蓝", "同电话 · 同住址", "疑为双胞胎", "共 3 人"):
        assert word in page, word
    assert clerk.get(reverse("empi:family", args=[10**6])).status_code == 404


@pytest.mark.django_db
@pytest.mark.feature("A27")
def test_rules_are_tried_before_they_are_published() -> None:
    """A draft says what it would join, ask and no longer ask, changes nothing, and once published decides what arrives."""
    pairs = several(2)
    score = pairs[0].score
    present = rules.current()
    draft = ruling.save_draft(system(), {**present.body(), "auto": score - 0.5, "risk": {"birth": 3}}, "试行")
    change = ruling.preview(system(), rules.read(draft.version, draft.body))
    assert (change.joined, change.graver, change.two, change.waiting) == (2, 2, 2, 2)
    assert rules.current() == present
    ruling.publish(system(), draft.version)
    assert (rules.current().version, rules.current().risk["birth"]) == (draft.version, 3)
    more = {**BARE, "full_name": "周小芳", "local_id": "a"}
    done = api.register(system(), rows(more, {**more, "local_id": "b", "born_on": date(1959, 3, 14)}))
    assert done.get_column("person_id").n_unique() == 1
    with pytest.raises(Refused) as refused:
        ruling.publish(system(), draft.version)
    assert refused.value.code == "empi.no_draft"


@pytest.mark.django_db
@pytest.mark.feature("A27", "A28")
def test_what_the_preview_promises_is_what_cleaning_does() -> None:
    """A newborn under a placeholder, twins with numbers of their own, a birth date that differs: with a lower threshold
    the preview counts the pairs that cleaning then joins, and says nothing of twins, who are asked about as before."""
    home = {"id_no": None, "phone": "13911112222", "address": "石桥镇王家庄村三组12号", "born_on": date(2024, 5, 6)}
    api.register(
        system(),
        rows(
            {**home, "local_id": "n1", "full_name": "王芳之子", "sex_code": "1", "phone": None},
            {**home, "local_id": "n2", "full_name": "李浩然", "sex_code": "1", "contact_name": "李建国"},
        ),
    )
    twins = {**WANG, "full_name": "韩子雨", "id_no": number("20160506", 1), "born_on": date(2016, 5, 6)}
    api.register(
        system(), rows(twins, {**twins, "local_id": "t2", "full_name": "韩子语", "id_no": number("20160506", 2)})
    )
    several(1)
    kinds = set(Candidate.objects.filter(state="open").values_list("kind", flat=True))
    assert kinds == {"newborn", "twins", "birth"}
    before, lowest = (
        Person.objects.count(),
        min(Candidate.objects.exclude(kind="twins").values_list("score", flat=True)),
    )
    draft = ruling.save_draft(system(), {**rules.current().body(), "auto": lowest - 0.5}, "试行")
    change = ruling.preview(system(), rules.read(draft.version, draft.body))
    assert (change.joined, change.unasked, change.waiting) == (2, 0, 3)
    ruling.publish(system(), draft.version)
    job = cleaning.start(system())
    while cleaning.work():
        pass
    job.refresh_from_db()
    assert job.before["persons"] - job.after["persons"] == change.joined
    assert before > 0 and Candidate.objects.filter(kind="twins", state="open").count() == 1


@pytest.mark.django_db
@pytest.mark.feature("A27")
def test_a_draft_is_discarded_and_an_earlier_version_comes_back(clerk: Client) -> None:
    """Discarded, the draft is gone and the rules in force stay; the values of any earlier version, the built-in ones too,
    come back as a draft with its effect shown, and hold only once published."""
    built_in = rules.current()
    ruling.save_draft(system(), {**built_in.body(), "auto": 12}, "先严")
    assert "丢弃草稿" in text(clerk.get(reverse("empi:rules")))
    clerk.post(reverse("empi:rule_discard"))
    assert (ruling.draft(), rules.current()) == (None, built_in)
    assert clerk.post(reverse("empi:rule_discard")).status_code == 409
    for auto in (12, 14):
        ruling.publish(system(), ruling.save_draft(system(), {**built_in.body(), "auto": auto}, "改").version)
    first, second = RuleSet.objects.order_by("version")
    clerk.post(reverse("empi:rule_adopt", args=[first.version]))
    assert ruling.draft().body["auto"] == 12  # type: ignore[union-attr]
    assert rules.current().version == second.version
    clerk.post(reverse("empi:rule_adopt", args=[0]))
    assert ruling.draft().body["auto"] == built_in.auto  # type: ignore[union-attr]
    assert clerk.post(reverse("empi:rule_adopt", args=[99])).status_code == 409


@pytest.mark.django_db
@pytest.mark.feature("A25")
def test_the_queue_is_put_in_order_and_leafed_through(clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """By risk, score or time of waiting, page by page; after an answer the next pair of the same list is laid open."""
    several(3)
    monkeypatch.setattr(review, "QUEUE_SHOWN", 2)
    monkeypatch.setitem(review.queue.__kwdefaults__, "limit", 2)
    oldest = [c.pk for c in Candidate.objects.order_by("created_at", "pk")]
    page = text(clerk.get(reverse("empi:review") + "?order=oldest"))
    assert [page.find(f"pair={opaque_id(pk)}") > 0 for pk in oldest] == [True, True, False]
    assert "第 1 / 3 对" in page and "下一页" in page
    second = text(clerk.get(reverse("empi:review") + "?order=oldest&page=2"))
    assert f"pair={opaque_id(oldest[2])}" in second and "第 3 / 3 对" in second
    said = {"order": "oldest", "page": "1", "then": opaque_id(oldest[1])}
    after = text(clerk.post(reverse("empi:later", args=[oldest[0]]), said, follow=True))
    assert reverse("empi:same", args=[oldest[1]]) in after
    scores = [one.score for one in review.queue(system(), order="score")]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.django_db
@pytest.mark.feature("A29")
def test_neighbours_of_one_village_are_no_household() -> None:
    """Two who give only the same village share no household; two who give the same house do."""
    village, house = "东河镇柳树村", "东河镇柳树村2组17号"
    people = [("王秀兰", village), ("赵桂兰", village), ("李四", house), ("张三", house)]
    done = api.register(system(), rows(*({**BARE, "full_name": n, "local_id": n, "address": a} for n, a in people)))
    sizes = [len(review.household(system(), person).members) for person in done.get_column("person_id")]
    assert sizes == [1, 1, 2, 2]


@pytest.mark.django_db
@pytest.mark.feature("A27")
@pytest.mark.parametrize(
    ("field", "value"),
    [("auto", "x"), ("auto", -5), ("review", 99), ("two_from_risk", 9), ("risk", {"twins": 7}), ("ask_from", {"x": 1})],
)
def test_rules_that_are_none_are_not_kept(field: str, value: Any) -> None:
    """Words for numbers, thresholds in the wrong order, unknown kinds and risks are refused by name."""
    with pytest.raises(Refused) as refused:
        ruling.save_draft(system(), {**rules.current().body(), field: value}, "x")
    assert refused.value.code == "empi.rule_wrong"
    assert not RuleSet.objects.exists()


@pytest.mark.django_db
@pytest.mark.feature("A27")
def test_the_rules_page_edits_shows_and_publishes(clerk: Client) -> None:
    """Saved as a draft with its effect beside it, published with its reason, kept as a version."""
    score = several(2)[0].score
    form = {
        "auto": f"{score - 0.5:.2f}",
        "review": f"{score - 4:.2f}",
        "two_from_risk": "3",
        "note": "县级会议",
        "risk_birth": "2",
        "from_birth": "",
    }
    page = text(clerk.post(reverse("empi:rule_save"), form, follow=True))
    for word in ("第 1 版为草稿", "2 / 2", "将自动合并", "发布草稿"):
        assert word in page, word
    page = text(clerk.post(reverse("empi:rule_publish", args=[1]), follow=True))
    assert "第 1 版生效中" in page and "县级会议" in page


@pytest.mark.django_db
@pytest.mark.feature("A31")
def test_precision_and_recall_say_what_they_are_made_of() -> None:
    """Joins taken back count against precision, joins by people against recall; too few are withheld with their number."""
    api.register(system(), rows(*({"local_id": str(n), "full_name": "郑小玲"} for n in range(25))))
    pair = several(1)[0]
    services.confirm(system(), pair.pk)
    link = Decision.objects.filter(verb="link").last()
    assert link is not None
    services.undo(system(), link.pk, reason="冒用")
    precision, recall, agreement = measures.shares(system())
    assert (precision.numerator, precision.denominator, precision.value) == (23, 24, 23 / 24)
    assert (recall.numerator, recall.denominator) == (23, 24)
    agreed = 1 if pair.score >= 0 else 0  # a person said yes; so did the score only when it speaks for
    assert (agreement.numerator, agreement.denominator, agreement.value) == (agreed, 1, None)
    assert [(band.same, band.reviewed) for band in measures.bands(system())] == [(1, 1)]


@pytest.mark.django_db
@pytest.mark.feature("A28", "A31")
def test_pages_of_quality_and_cleaning(clerk: Client) -> None:
    """Figures are withheld with their reason; a run is begun and stopped from the page, its report stands there."""
    several(1)
    assert "数据不足" in text(clerk.get(reverse("empi:quality")))
    assert "正在清洗" in text(clerk.post(reverse("empi:clean"), follow=True))
    page = text(clerk.post(reverse("empi:clean_stop", args=[Cleaning.objects.get().pk]), follow=True))
    assert "已停止" in page and "待核登记对" in page


@pytest.mark.django_db
@pytest.mark.feature("A22", "A26")
def test_an_identity_is_marked_only_as_its_life_allows(clerk: Client) -> None:
    """Deceased, revived, cancelled, attested: by who may, from where it may, with log and undo."""
    done = api.register(system(), rows({**BARE}))
    person = done.row(0)[1]
    before = exactly()
    clerk.post(reverse("empi:mark", args=[person, "decease"]), {"reason": "死亡证明"})
    assert Person.objects.get(pk=person).state == "deceased"
    with pytest.raises(Refused) as refused:
        services.mark(system(), person, "cancel", reason="x")
    assert refused.value.code == "wrong_state"
    services.undo(system(), Decision.objects.get(verb="mark").pk, reason="x")
    assert exactly() == before
    for verb, state in (("attest", "verified"), ("cancel", "cancelled"), ("restore", "provisional")):
        services.mark(system(), person, verb, reason="x")
        assert Person.objects.get(pk=person).state == state, verb
    assert "核验属实" in text(clerk.get(reverse("empi:person", args=[person])))
    with pytest.raises(Refused) as refused:
        services.mark(system(), person, "explode", reason="x")
    assert refused.value.code == "empi.no_such_mark"


@pytest.mark.django_db
@pytest.mark.feature("A26")
def test_the_retired_id_of_an_institution_is_marked_and_comes_back() -> None:
    """After A40 the subsumed registration is merged; undoing makes it active again."""
    api.register(system(), rows({}, {"local_id": "2"}))
    one, two = (api.Key("QH01", "HIS", n) for n in ("1", "2"))
    decision = api.merge_registrations(system(), one, two, reason="A40")
    assert decision is not None
    assert Registration.objects.get(local_id="2").state == "merged"
    assert api.merge_registrations(system(), one, two, reason="A40") is None
    api.undo(system(), decision, reason="误发")
    assert Registration.objects.get(local_id="2").state == "active"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["review", "many", "history", "quality", "rules", "cleaning"])
def test_every_page_of_the_desk_speaks_english(clerk: Client, name: str) -> None:
    """The tabs are there in both languages."""
    assert "批量核对" in text(clerk.get(reverse(f"empi:{name}")))
    assert "Many at once" in text(clerk.get(reverse(f"empi:{name}"), headers={"accept-language": "en"}))
