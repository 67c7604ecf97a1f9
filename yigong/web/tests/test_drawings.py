"""Maps, charts, timeline and forms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise

import pytest
from django import forms
from hypothesis import given
from hypothesis import strategies as st

from yigong.web import charts, maps
from yigong.web.forms import Form
from yigong.web.parts import Lane, Mark, Threshold, Weight
from yigong.web.specimen_pages import county
from yigong.web.timeline import Axis, timeline
from yigong.web.waterfall import scale_for, waterfall

SQUARE = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]


@pytest.mark.parametrize(("value", "step"), [(None, None), (49.9, 0), (50, 1), (69.9, 3), (70, 4), (1000, 4)])
def test_value_falls_into_its_step(value: float | None, step: int | None) -> None:
    """A bound belongs to the step above it; no value has no step."""
    assert maps.step_of(value, (50, 58, 64, 70)) == step


@pytest.mark.feature("C09")
def test_missing_is_hatched_and_said() -> None:
    """An area without a value is hatched and worded, never drawn as the lowest step."""
    html = maps.county_map(county(), {"高坪镇": 62.2, "青山乡": None}, steps=(50, 58, 64, 70))
    assert (
        html.count("url(#yg-missing)") == 9
        and "数据不足" in html
        and "62.2" in html
        and html.count('class="area q') == 1
    )


def test_nodes_speak_by_shape_and_link() -> None:
    """Each state has its own shape; nodes are links with their words; a tie to nowhere is left out."""
    nodes = [maps.Node(t, t, 110.1 + n / 50, 31.1, t, url=f"/n/{t}") for n, t in enumerate(maps.TONES)]
    html = maps.county_map(county(), nodes=nodes, ties=[maps.Tie("ok", "bad", 5, "bad"), maps.Tie("ok", "nowhere")])
    assert all(f'href="/n/{t}"' in html and f"yg-nd {t}" in html for t in maps.TONES)
    assert html.count('class="link') == 1


@pytest.mark.feature("C09")
def test_labels_of_close_nodes_keep_clear_of_each_other() -> None:
    """Of nodes in a column no label lies on another or on a node; a node alone has its label below."""
    spots = {"石桥": (100, 60), "妇幼": (104, 105), "东街": (100, 141), "alone": (300, 100)}
    heights = maps.label_heights([maps.Node(k, k, 0, 0) for k in spots], spots)
    assert heights["alone"] == 124
    column = sorted([heights["石桥"], heights["妇幼"], heights["东街"]])
    assert all(later - earlier >= 14 for earlier, later in pairwise(column))
    assert not any(abs(label - 4 - y) < 14 for label in column for x, y in spots.values() if x < 200)


@given(st.lists(st.tuples(st.floats(100, 120), st.floats(20, 40)), min_size=3, max_size=30))
def test_projection_stays_inside_the_picture(points: list[tuple[float, float]]) -> None:
    """Every point falls inside the picture, north above south."""
    place = maps.projection(points, 640, 470, 10)
    assert all(-0.1 <= x <= 640.1 and -0.1 <= y <= 470.1 for x, y in map(place, points))
    north, south = max(points, key=lambda p: p[1]), min(points, key=lambda p: p[1])
    assert place(north)[1] <= place(south)[1]


def test_centre_and_extent_of_a_square() -> None:
    """A label stands in the middle of its area."""
    assert maps.centre(SQUARE) == (1.0, 1.0) and maps.extent(SQUARE) == 4.0
    assert maps.centre([(1.0, 1.0), (1.0, 1.0), (1.0, 1.0)]) == (1.0, 1.0)


def test_legend_words() -> None:
    """Five steps in words, the first and the last open."""
    assert maps.legend_words((50, 58, 64, 70), str) == ["< 50", "50–58", "58–64", "64–70", "≥ 70"]
    assert maps.legend_words((), str) == []


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=40))
def test_even_steps_rise(values: list[float | None]) -> None:
    """The bounds never fall."""
    bounds = maps.even_steps(values)
    assert len(bounds) == 4 and list(bounds) == sorted(bounds)


def test_chart_carries_its_table() -> None:
    """Behind each chart stand the same rows; the option cannot break out of its script."""
    html = charts.chart(
        "c", {"series": [{"name": "</script><b>"}]}, [["1月", 812]], head=["月", "上转"], title="双向转诊"
    )
    assert "数据表" in html and "812" in html and "</script><b>" not in html
    option = html.split('type="application/json">')[1].split("</script>")[0]
    assert json.loads(option)["series"][0]["name"] == "</script><b>"


def test_table_of_a_chart_is_square() -> None:
    """Rows that do not fit their head are a mistake of the page, found at once."""
    with pytest.raises(ValueError, match="differ"):
        charts.chart("c", {}, [["1月"]], head=["月", "上转"])


def test_timeline_shows_what_lies_inside() -> None:
    """Marks outside the time are left out, a stay that reaches in is drawn, planned ones are dashed and said."""
    marks = [
        Mark(date(2025, 1, 1), "visit", "太早"),
        Mark(date(2025, 12, 28), "stay", "跨年住院", until=date(2026, 1, 5)),
        Mark(date(2026, 2, 1), "lab", "已排", planned=True),
    ]
    lane = Lane({"kind": "county_hospital", "short_name": "县医"}, marks)
    html = timeline([lane], start=date(2026, 1, 1), end=date(2026, 3, 1), today=date(2026, 1, 20))
    assert "太早" not in html and "跨年住院" in html and "已排未到" in html and "今天" in html


@given(st.dates(), st.integers(1, 4000), st.dates())
def test_axis_holds_every_day(start: date, days: int, day: date) -> None:
    """No day falls outside the picture."""
    end = date.fromordinal(min(start.toordinal() + days, date.max.toordinal()))
    assert 96 <= Axis(start, end).x(day) <= 868


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=15), st.lists(st.floats(-50, 50), max_size=3))
def test_scale_holds_totals_and_lines(totals: list[float], lines: list[float]) -> None:
    """Every running total and every threshold lies inside the picture."""
    scale = scale_for(totals, lines)
    assert all(21.9 <= scale.y(v) <= 222.1 for v in [0.0, *totals, *lines])


class Vitals(Form):
    """A form of the tests."""

    systolic = forms.IntegerField(label="收缩压", min_value=40)
    diastolic = forms.IntegerField(label="舒张压", required=False)
    note = forms.CharField(label="备注", required=False)
    units = {"systolic": "mmHg"}
    pairs = (("systolic", "diastolic"),)


def test_form_marks_the_minority_and_shows_units() -> None:
    """Few required fields are marked 必填; the unit stands inside; labels are tied to their fields."""
    html = str(Vitals())
    assert (
        html.count("必填") == 1
        and "可不填" not in html
        and "mmHg" in html
        and 'for="id_systolic"' in html
        and "yg-pair" in html
    )


def test_form_errors_stand_below_and_above() -> None:
    """An error stands below its field, is tied to it, and is listed at the top with a link."""
    html = str(Vitals({"systolic": "12"}))
    assert 'href="#id_systolic"' in html and 'aria-invalid="true"' in html and 'id="id_systolic_error"' in html
    assert html.count("alert-octagon") == 1 and 'value="12"' in html


def test_wrong_words_in_a_number_field_stay_visible(drawn: Callable[..., str]) -> None:
    """What was typed is shown again, also when it is no number."""
    assert 'value="一百二"' in drawn("{{ form }}", form=Vitals({"systolic": "一百二"}))


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=11), st.floats(-10, 30))
def test_words_of_a_threshold_keep_clear_of_the_first_bar(weights: list[float], at: float) -> None:
    """Where the first bar or its number is in the way, the words of a threshold stand further right, if there is room."""
    html = waterfall([Weight(f"w{n}", weight) for n, weight in enumerate(weights)], [Threshold("自动合并", at, "ok")])
    x = float(re.findall(r'<text x="([\d.]+)" y="[-\d.]+" class="yg-l-ok"', html)[0])
    rects = [
        [float(n) for n in found]
        for found in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', html)
    ]
    line = float(re.findall(r'<line x1="34" x2="800" y1="([\d.]+)"', html)[0])
    in_the_way = [r for r in rects if r[0] < x + 80 and r[0] + r[2] > x and r[1] < line and r[1] + r[3] > line - 16]
    assert not in_the_way or x == 40
