"""The declared world."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from yigong.demo import arrival, cartography, illness, world


@pytest.mark.parametrize(("body", "sign"), [("D2143569", "X"), ("00000000", "0"), ("A0000000", "3")])
def test_check_sign_follows_the_national_rule(body, sign):
    """The check sign of an organisation code is reckoned by GB 11714; D2143569-X is the example usually given."""
    assert world.check_sign(body) == sign


def test_every_institution_has_its_own_valid_code():
    """No two institutions share a code, and every code ends with its check sign."""
    codes = [i.code for i in world.institutions()]
    assert len(set(codes)) == len(codes)
    assert all(code == world.organisation_code(code[:8]) and len(code) == 10 for code in codes)


def test_twenty_institutions_treat_people():
    """Three hospitals, three community centres and fourteen township centres have systems of their own."""
    kinds = [i.kind for i in illness.homes_of_care()]
    assert kinds.count("township_centre") == 14
    assert kinds.count("community_centre") == 3
    assert len(kinds) == 20


@pytest.mark.feature("C09")
def test_the_map_is_drawn_from_its_seed():
    """The kept map is what the generator draws, fifteen closed areas that contain their seats."""
    kept = json.loads((world.DATA / "county.geojson").read_text("utf-8"))
    assert kept == json.loads(json.dumps(cartography.county(), ensure_ascii=False))
    names = [f["properties"]["name"] for f in kept["features"]]
    assert names == [p.name for p in world.places()]
    for shape in kept["features"]:
        ring = shape["geometry"]["coordinates"][0]
        assert ring[0] == ring[-1]
        assert inside(shape["properties"]["center"], ring)


def test_neighbours_share_their_border():
    """The winding border between two townships is the same line for both: every inner point belongs to two or three areas."""
    rings = [[tuple(p) for p in f["geometry"]["coordinates"][0][:-1]] for f in cartography.county()["features"]]
    shared = sum(1 for ring in rings for p in ring if sum(p in other for other in rings) > 1)
    assert shared > 400


def test_named_staff_work_in_declared_institutions():
    """Every member of the cast works where the world has an institution, clinics included."""
    assert all(s.institution in world.by_name() for s in world.staff())


def inside(point, ring):
    """Whether a point lies inside a ring (rays to the right)."""
    x, y = point
    crossings = 0
    for (ax, ay), (bx, by) in pairwise(ring):
        crossings += (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax
    return crossings % 2 == 1


@pytest.mark.feature("C09", "E13")
def test_a_fresh_installation_gets_the_map_and_keeps_its_own(tmp_path):
    """The demonstration puts its map where boards look for it, and never over one that is there."""
    target = tmp_path / "county.geojson"
    arrival.put_map(target)
    assert len(json.loads(target.read_text("utf-8"))["features"]) == 15
    target.write_text("{}", "utf-8")
    arrival.put_map(target)
    assert target.read_text("utf-8") == "{}"
