"""Finding persons by what people type."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from django.db import connection

from yigong.kit.ctx import Ctx, Purpose, Reach, system
from yigong.platform.empi import api
from yigong.platform.empi import search as module
from yigong.platform.empi.tests.test_register import number, rows
from yigong.platform.empi.wanted import Token, tokens


def reader(org_code: str, reach: Reach = Reach.OWN) -> Ctx:
    """A doctor of one institution."""
    return Ctx(1, "医生", "doctor", org_code, (org_code,), frozenset({"empi.view"}), reach, Purpose.TREATMENT)


@pytest.fixture
def county() -> dict[str, int]:
    """A few persons: local id -> person."""
    frame = rows(
        {"local_id": "wang", "health_card_no": "YB532900418817"},
        {"local_id": "lan", "full_name": "王秀蓝", "born_on": date(1980, 1, 2), "id_no": number("19800102"),
         "phone": "13911112222", "address": "河西镇"},
        {"local_id": "ai", "full_name": "买买提·艾力", "born_on": date(1970, 5, 6), "id_no": None, "phone": "13777770000"},
        {"local_id": "li", "org_code": "DH02", "full_name": "李德才", "born_on": date(1966, 7, 8), "id_no": None,
         "phone": "13666660000", "address": "青禾县杨柳镇石桥村"},
    )  # fmt: skip
    done = api.register(system(), frame)
    return dict(zip(frame.get_column("local_id"), done.get_column("person_id"), strict=True))


@pytest.mark.django_db
@pytest.mark.feature("A24", "A15")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("王秀兰", ["wang", "lan"]),
        ("王秀蓝", ["lan", "wang"]),
        ("wangxiulan", ["wang", "lan"]),
        ("wxl", ["wang", "lan"]),
        ("ldc", ["li"]),
        ("王秀兰 1959", ["wang"]),
        ("wxl 东河", ["wang"]),
        ("李得才", ["li"]),
        ("李德材", ["li"]),
        ("李大才", ["li"]),
        ("买买提•艾力", ["ai"]),
        (number("19590304"), ["wang"]),
        (number("19590304")[:6] + number("19590304")[8:17], ["wang"]),
        (number("19590304")[-6:], ["wang"]),
        ("13800006620", ["wang"]),
        ("6620", ["wang"]),
        ("138000066", ["wang"]),
        ("yb532900418817", ["wang"]),
        ("６６２０　王", ["wang"]),
        ("石桥村", ["li"]),
        ("赵钱孙", []),
        ("%", []),
        ("' or 1=1 --", []),
    ],
)
def test_what_is_typed_finds_who_is_meant(county: dict[str, int], typed: str, expected: list[str]) -> None:
    """Name, homophone, one wrong sign, pinyin, initials, numbers whole or in part, and combinations; best first."""
    found = api.search(system(), typed, page=1, size=10)
    assert [hit.person_id for hit in found.rows] == [county[name] for name in expected]


@pytest.mark.django_db
@pytest.mark.feature("A24")
def test_a_reader_finds_only_whom_the_institution_knows(county: dict[str, int]) -> None:
    """Within the reader's reach, and nobody at all for a role without personal data."""
    assert [h.person_id for h in api.search(reader("DH02"), "ldc").rows] == [county["li"]]
    assert api.search(reader("DH02"), "王秀兰").rows == []
    assert api.search(reader("DH02", Reach.NONE), "ldc").rows == []


@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        ("王秀兰 1959", ["han", "year"]),
        ("1959", ["digits"]),
        ("19590304", ["digits"]),
        ("wxl 1959-3-4", ["latin", "born"]),
        ("53290119590304001x", ["id_no"]),
        ("", []),
        ("?!", []),
    ],
)
def test_words_are_read_for_what_they_can_be(typed: str, kinds: list[str]) -> None:
    """Every word gets the kind it can be, the most telling first."""
    assert [token.kind for token in tokens(typed)] == kinds


@pytest.mark.django_db
@pytest.mark.feature("A15")
@pytest.mark.parametrize(
    "word", ["id_no 532901199001010015", "phone 13800000042", "digits 0042", "han 赵秀英", "latin wxl"]
)
def test_no_search_reads_the_whole_table(word: str) -> None:
    """At 100,000 registrations every way of searching goes by an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            """with p as (insert into empi_person (state, origin, golden, created_at)
                   select 'provisional', 'register', '{}', now() from generate_series(1, 1000) returning id),
               numbered as (select id, row_number() over () as n from p)
               insert into empi_registration (org_code, source_system, local_id, person_id, full_name, name_key,
                   name_initials, id_no, id_trust, phone, address, health_card_no, state, hash)
               select 'A', 'H', g::text, p.id, chr(19968 + g % 997) || chr(20100 + g % 1009) || chr(21000 + g % 811),
                   md5(g::text), substr(md5(g::text), 1, 3), '5329011990' || lpad(g::text, 8, '0'), 'trusted',
                   '138' || lpad(g::text, 8, '0'), chr(22000 + g % 500) || '村' || g, 'C' || g, 'active', g
               from generate_series(1, 100000) g join numbered p on p.n = g % 1000 + 1"""
        )
        cursor.execute("analyze empi_registration")
        kind, text = word.split()
        for arms in (module._exact(Token(kind, text)), module._fuzzy(Token(kind, text))):
            for arm in arms:
                sql, values = module.compose([arm], "true")
                cursor.execute(f"explain (format json) {sql}", values)
                plan = str(cursor.fetchone()[0])
                assert "Seq Scan" not in plan, (arm.matched, arm.condition)


@pytest.mark.django_db
@pytest.mark.feature("A32")
def test_the_golden_person_and_its_sources_are_read_within_reach(county: dict[str, int]) -> None:
    """Golden fields name their institution; a person out of reach is not there."""
    person = api.golden(system(), county["wang"])
    assert (person.full_name, person.state, person.fields["phone"].org_code) == ("王秀兰", "verified", "QH01")
    assert [r.local_id for r in api.registrations(system(), county["wang"])] == ["wang"]
    assert [d.verb for d in api.decisions(system(), county["wang"])] == ["new"]
    assert api.registrations(reader("DH02"), county["wang"]) == []
    with pytest.raises(Exception, match=r"empi\.no_such_person"):
        api.golden(reader("DH02"), county["wang"])
    assert api.current(api.registrations(system(), county["wang"])[0].id) == county["wang"]
    assert isinstance(api.REGISTRATION["born_on"], type(pl.Date))
