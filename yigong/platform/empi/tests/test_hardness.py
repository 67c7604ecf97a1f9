"""What happens at the same instant, with poisoned batches, and when the power goes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import psycopg
import pytest
from django.db import OperationalError, connection

from yigong.kit.ctx import system
from yigong.platform.empi import api, golden, pairs, services, stored
from yigong.platform.empi.models import Candidate, Decision, Registration
from yigong.platform.empi.tests.test_register import number, partition, rows
from yigong.security.models import Audit


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run acts in threads with connections of their own, from one starting shot; what each gave or raised."""
    shot, out = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        try:
            shot.wait(timeout=20)
            out[place] = act()
        except Exception as error:
            out[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n, act)) for n, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


@pytest.mark.django_db(transaction=True)
@pytest.mark.feature("A23")
def test_one_person_registered_at_five_places_at_once_is_one_person() -> None:
    """Five registrations of one person, each in its own transaction at the same instant, give one person."""
    done = at_once(*(lambda n=n: api.register(system(), rows({"org_code": f"ORG{n}"})) for n in range(5)))
    assert all(isinstance(one, pl.DataFrame) for one in done), done
    assert len(partition()) == 1
    assert sorted(one.row(0)[2] for one in done) == ["linked"] * 4 + ["new"]


@pytest.mark.django_db(transaction=True)
def test_one_key_registered_twice_at_once_is_one_registration() -> None:
    """The same key at the same instant is one registration, and both callers get its id."""
    done = at_once(*(lambda: api.register(system(), rows({})) for _ in range(5)))
    assert len({one.row(0)[:2] for one in done}) == 1
    assert Registration.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_batch_and_a_single_registration_at_once_agree() -> None:
    """A large batch and a single registration of somebody in it meet in one person."""
    batch = rows(
        *(
            {
                "local_id": str(n),
                "full_name": f"王{chr(0x4E00 + n)}",
                "id_no": number("19590304", n % 90 + 1, f"53{n:04d}"),
            }
            for n in range(400)
        )
    )
    lone = batch[[211]].with_columns(org_code=pl.lit("ZZ"))
    done = at_once(lambda: api.register(system(), batch), lambda: api.register(system(), lone))
    assert done[0].row(211)[1] == done[1].row(0)[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.feature("A26")
def test_a_registration_during_a_merge_lands_with_a_living_person() -> None:
    """Merging two persons while somebody is registered into one of them leaves nobody with a person merged away."""
    one, two = api.register(
        system(), rows({}, {"local_id": "2", "full_name": "李四", "id_no": None, "phone": "13700000000"})
    ).get_column("person_id")
    more = {"full_name": "李四", "id_no": None, "phone": "13700000000"}
    done = at_once(
        lambda: services.merge(system(), two, one, reason="x"),
        *(lambda n=n: api.register(system(), rows({**more, "local_id": f"n{n}"})) for n in range(4)),
    )
    assert not [one for one in done if isinstance(one, Exception)]
    assert len(partition()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.feature("A26")
@pytest.mark.fault
@pytest.mark.parametrize("act", ["register", "confirm"])
def test_killed_in_the_middle_nothing_has_happened(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the database connection is killed after everything but the end is written, nothing of it is there."""
    bare = {"id_no": None, "phone": None, "address": None}
    api.register(system(), rows(bare, {**bare, "local_id": "2", "born_on": date(1959, 3, 14)}))
    before = (
        partition(),
        Decision.objects.count(),
        Audit.objects.count(),
        list(Candidate.objects.values_list("state")),
    )

    def killed(persons: Any) -> int:
        with psycopg.connect(connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]) as other:
            other.execute("select pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        return 0

    monkeypatch.setattr(golden, "refresh", killed)
    with pytest.raises(OperationalError):
        if act == "register":
            api.register(system(), rows({"local_id": "3"}))
        else:
            services.confirm(system(), Candidate.objects.get().pk)
    connection.close()
    assert (
        partition(),
        Decision.objects.count(),
        Audit.objects.count(),
        list(Candidate.objects.values_list("state")),
    ) == before


@pytest.mark.django_db
@pytest.mark.feature("A29", "A23")
def test_a_number_on_a_whole_village_joins_nobody() -> None:
    """One number on 3,000 different people loses its trust: they stay 3,000 persons, with few comparisons, and few questions."""
    signs = [chr(0x4E00 + n * 5) for n in range(60)]
    village = rows(
        *(
            {
                "local_id": f"{a}-{b}",
                "full_name": f"{signs[a]}{signs[b]}",
                "phone": None,
                "born_on": None,
                "address": None,
            }
            for a in range(60)
            for b in range(50)
        )
    )
    done = api.register(system(), village)
    assert done.get_column("person_id").n_unique() == 3000
    assert set(Registration.objects.values_list("id_trust", flat=True)) == {"shared"}
    assert Candidate.objects.count() == 0
    later = api.register(system(), rows({"local_id": "later", "full_name": "何雨欣", "phone": None, "born_on": None}))
    assert later.row(0)[2] == "new"


@pytest.mark.parametrize("size", [stored.CAP, stored.CAP + 1, 50_000])
def test_comparisons_grow_with_the_rows_and_not_with_their_square(size: int) -> None:
    """A block of any size costs at most a fixed number of comparisons for each row."""
    keys = pl.DataFrame({"row": range(size), "rule": 1, "key": 7})
    assert pairs.within(keys).height <= size * stored.CAP / 2
    assert size <= stored.CAP or pairs.within(keys).height <= size * 3


@pytest.mark.django_db
@pytest.mark.feature("A29")
def test_a_newborn_under_the_mothers_number_is_not_the_mother() -> None:
    """A newborn with a placeholder name and the mother's number is a temporary person of its own, asked about at most."""
    done = api.register(
        system(), rows({}, {"local_id": "2", "full_name": "王秀兰之子", "sex_code": "1", "born_on": None})
    )
    assert done.get_column("person_id").n_unique() == 2
    assert Registration.objects.get(local_id="2").person.state == "temporary"


@pytest.mark.django_db
@pytest.mark.feature("A29")
def test_unknown_patients_are_never_joined_with_each_other() -> None:
    """Two unknown patients of one ward on one day are two persons."""
    unknown = {"full_name": "无名氏", "id_no": None, "phone": None, "born_on": None, "address": None}
    done = api.register(system(), rows(unknown, {**unknown, "local_id": "2"}))
    assert done.get_column("person_id").n_unique() == 2
