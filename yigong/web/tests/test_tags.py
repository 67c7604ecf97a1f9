"""The components: what they show, and that nothing slips through unescaped."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.template import Context, Template
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from yigong.kit.clock import now, today
from yigong.kit.ids import reveal
from yigong.web import differences, marks, parts, specimens
from yigong.web.specimens import COUNTY, TOWN

EVIL = '<script>alert("1")</script>'
Draw = Callable[..., str]


@pytest.mark.parametrize("tone", marks.ICONS)
def test_state_is_tint_icon_and_word(drawn: Draw, tone: str) -> None:
    """A state never speaks by color alone."""
    html = drawn("{% yg_state tone '待接收' %}", tone=tone)
    assert f"yg-state {tone}" in html and f"ti-{marks.ICONS[tone]}" in html and "待接收" in html


def test_unknown_tone_is_unknown(drawn: Draw) -> None:
    """A tone nobody declared is drawn as not known, never as good."""
    assert "yg-state unk" in drawn("{% yg_state 'fine' 'x' %}")


@pytest.mark.parametrize(
    "source",
    [
        "{% yg_state 'ok' evil %}",
        "{% yg_tag evil href=evil %}",
        "{% yg_btn evil key=evil hx_post=evil off='' %}",
        "{% yg_btn 'x' off=evil %}",
        "{% yg_inst inst %}",
        "{% yg_person person %}",
        "{% yg_person person slim=True %}",
        "{% yg_card evil note=evil more=evil href=evil id=evil %}{{ evil }}{% endyg_card %}",
        "{% yg_doc evil meta=evil %}{{ evil }}{% endyg_doc %}",
        "{% yg_empty evil reason=evil action=evil href=evil %}",
        "{% yg_error evil happened=evil safe=evil number=evil %}",
        "{% yg_refused evil sentence=evil ways=ways %}",
        "{% yg_progress evil 1 2 evil evil note=evil %}",
        "{% yg_lifecycle steps side=words consequence=evil %}",
        "{% yg_waterfall weights %}",
        "{% yg_figure figure %}",
        "{% yg_diff rows evil evil %}",
        "{% yg_evidence sides %}",
        "{% yg_reconcile accounts %}",
        "{% yg_timeline lanes start end %}",
        "{% yg_toast evil undo='/x' %}",
        "{% yg_tabs tabs %}",
        "{% yg_chips chips %}",
        "{% yg_sort 'a' evil %}",
        "{{ evil|marked:'x' }}",
        "{% yg_node 'ok' evil href=evil %}",
    ],
)
def test_nothing_slips_through_unescaped(drawn: Draw, source: str) -> None:
    """Words that look like HTML stay words in every component."""
    html = drawn(
        source,
        evil=EVIL,
        inst={"kind": EVIL, "short_name": EVIL, "name": EVIL},
        person=parts.Person(
            EVIL,
            EVIL,
            date(1959, 1, 1),
            EVIL,
            note=EVIL,
            allergies=[parts.Allergy(EVIL, EVIL)],
            problems=[EVIL],
            risk=EVIL,
            due=[EVIL],
            conflicts=[EVIL],
            doctor=EVIL,
        ),
        ways=[parts.Way(EVIL, EVIL, EVIL, EVIL, EVIL)],
        steps=[parts.Step(EVIL, "now", EVIL, EVIL)],
        words=[EVIL],
        weights=[parts.Weight(EVIL, 2.0)],
        figure=parts.Figure(EVIL, EVIL, EVIL, 1, 2, EVIL, EVIL, None, EVIL, EVIL, EVIL),
        rows=[parts.Comparison(EVIL, EVIL, EVIL + "x", EVIL, EVIL, EVIL, EVIL)],
        sides=[parts.Evidence(EVIL, [EVIL], EVIL)],
        accounts=[parts.Account(EVIL, 1, 1, 0, 0, 5, EVIL)],
        lanes=[parts.Lane(TOWN, [parts.Mark(today(), "visit", EVIL, EVIL)], EVIL)],
        start=today() - timedelta(days=30),
        end=today(),
        tabs=[parts.Tab(EVIL, EVIL, 1, True)],
        chips=[parts.Chip(EVIL, EVIL, EVIL)],
    )
    assert "<script" not in html
    assert "&lt;script" in html


def test_unknown_allergies_are_never_blank(drawn: Draw) -> None:
    """Not asked, asked and none, and known are three different words."""
    said = [
        drawn("{% yg_allergy a %}", a=a) for a in (None, [], [parts.Allergy("青霉素", "皮试阳性", COUNTY)], ["磺胺"])
    ]
    assert (
        "过敏：未询问" in said[0]
        and "过敏：本人述无" in said[1]
        and "青霉素" in said[2]
        and "县医" in said[2]
        and "磺胺" in said[3]
    )


def test_rare_names_are_written_as_they_are(drawn: Draw) -> None:
    """A name outside the basic plane reaches the page sign by sign."""
    assert "𠮷㛃䶮" in drawn("{% yg_person p %}", p=specimens.RARE)


def test_banner_masks_the_number(drawn: Draw) -> None:
    """The full identity number never stands in a banner."""
    html = drawn("{% yg_person p %}{% yg_person p slim=True %}", p=specimens.PERSON)
    assert "532301195903120428" not in html and html.count("532***********0428") == 2


def test_blocked_button_says_why(drawn: Draw) -> None:
    """A button that cannot be pressed carries its reason as its text, stays in tab order and has no act."""
    html = drawn("{% yg_btn '合并' kind='p' key='S' hx_post='/x' off='须第二人复核' %}")
    assert "须第二人复核" in html and 'aria-disabled="true"' in html and "/x" not in html and " disabled" not in html


def test_institution_that_nobody_knows(drawn: Draw) -> None:
    """A mark without an institution says so instead of vanishing."""
    assert "未知" in drawn("{% yg_inst None %}")
    assert "县医" in drawn("{% yg_inst i %}", i={"kind": "county_hospital", "name": "县人民医院"})


def test_figure_without_value_is_withheld(drawn: Draw) -> None:
    """A figure that lacks data shows its reason, never 0; zero is a value."""
    held = drawn("{% yg_figure f %}", f=parts.Figure("占比", withheld="缺分母"))
    assert "数据不足，不显示" in held and "缺分母" in held
    assert "数据不足" not in drawn("{% yg_figure f %}", f=parts.Figure("占比", 0, "%", 0, 12))
    assert "84,216 / 136,270" in drawn("{% yg_figure f %}", f=parts.Figure("占比", "61.8", "%", 84216, 136270))


def test_account_is_checked_in_each_row() -> None:
    """Read = filtered + rejected + loaded; what the source holds and nobody read is missing."""
    assert parts.Account("a", 10, 2, 3, 5).missing == 0
    assert parts.Account("a", 10, 2, 3, 4).missing == 1
    assert parts.Account("a", 10, 2, 3, 5, source=15).missing == 5


def test_uneven_account_is_never_green(drawn: Draw) -> None:
    """A row that does not add up shows by how much, in either direction."""
    html = drawn("{% yg_reconcile a %}", a=[parts.Account("a", 10, 2, 3, 4), parts.Account("b", 10, 2, 3, 7)])
    assert "少1" in html and "多2" in html and "circle-check" not in html


@given(st.text(max_size=12), st.text(max_size=12))
def test_marking_differences_loses_no_sign(a: str, b: str) -> None:
    """The marked text holds exactly the signs of the text."""
    html = differences.marked(a, b).replace('<mark class="yg-mark">', "").replace("</mark>", "")
    unescaped = (
        html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#x27;", "'")
        .replace("&quot;", '"')
        .replace("&amp;", "&")
    )
    assert unescaped == a


@pytest.mark.parametrize(
    ("a", "b", "marked"),
    [
        ("何雨欣", "何雨馨", ["欣"]),
        ("4826", "4842", ["26"]),
        ("王", "王", []),
        ("", "王", []),
        ("2 组 17 号", "2组17号", [" ", " ", " "]),
    ],
)
def test_only_differing_signs_are_marked(a: str, b: str, marked: list[str]) -> None:
    """Numbers of one length are compared by place, other writings by their longest common run."""
    found = differences.marked(a, b).split('<mark class="yg-mark">')[1:]
    assert [f.partition("</mark>")[0] for f in found] == marked


@given(st.integers(0, 2**63 - 1))
def test_opaque_ids_lead_back(number: int) -> None:
    """The public form of an id leads back to the id and does not show it."""
    from django.conf import settings

    from yigong.web.templatetags.yg_filters import opaque

    assert reveal(settings.OPAQUE_KEY, opaque(number)) == number


def test_sort_head_turns_round(drawn: Draw, ask: Callable[..., object]) -> None:
    """The head of the sorted column says its direction and offers the other one; the page starts again."""
    html = drawn("{% yg_sort 'sent' '送出' %}", request=ask("/list/?sort=sent&page=3&state=open"))
    assert 'aria-sort="ascending"' in html and "sort=-sent" in html and "state=open" in html and "page=" not in html


def test_limit_is_counted_on_by_the_page(drawn: Draw) -> None:
    """The limit carries its moment for the script and reads right without it."""
    html = drawn(
        "{% yg_limit due since=since %}", due=now() + timedelta(minutes=18, seconds=5), since=now() - timedelta(hours=1)
    )
    assert "还剩 18 分" in html and "data-yg-due=" in html
    assert "无时限" in drawn("{% yg_limit None %}")


def test_waterfall_ends_at_the_sum(drawn: Draw) -> None:
    """The steps add up to the total that is written, and the same numbers stand in the table."""
    html = drawn(
        "{% yg_waterfall w t %}",
        w=[parts.Weight("姓名", 4.5), parts.Weight("生日", -1.0)],
        t=[parts.Threshold("自动", 12.0, "ok")],
    )
    assert html.count("+4.5") >= 2 and html.count("−1.0") >= 2 and "3.5" in html and "自动 12.0" in html


def test_fixed_words_are_in_the_language_of_each_reader() -> None:
    """One compiled template says its fixed words in whatever language is asked, time after time, and escapes what is not fixed."""
    drawing = Template("{% translate '工作台' %}|{% translate word %}|{% translate '工作台' as kept %}{{ kept }}")
    said = []
    for language in ("zh-hans", "en", "zh-hans", "en"):
        with translation.override(language):
            said.append(drawing.render(Context({"word": EVIL})))
    home = {line.split("|")[0] for line in said}
    assert len(home) == 2 and "工作台" in home
    assert said[0] == said[2] and said[1] == said[3]
    for line in said:
        first, middle, last = line.split("|")
        assert first == last and "<script>" not in middle
