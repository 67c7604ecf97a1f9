"""What has to be known of a person first, from all places of the records that speak of it."""

from __future__ import annotations

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.platform.records import judge, places
from yigong.platform.records.facts import Allergy, Care, Claim, PersonSummary, Source
from yigong.platform.records.reading import fetch, reach
from yigong.platform.records.results import latest_results, medications
from yigong.platform.records.selectors import counts
from yigong.platform.records.words import code_word

#: how far back a summary reads prescriptions: a year and the longest supply before it
PRESCRIBED_DAYS = 460


def summary(ctx: Ctx, person_id: int) -> PersonSummary:
    """What has to be known of a person first: allergies, contradictions, problems, medication, latest results."""
    statements, blood, diagnoses, care = _facts(ctx, person_id)
    prescribed = medications(ctx, person_id, days=PRESCRIBED_DAYS)
    kinds, documents, first, last = counts(ctx, person_id)
    return PersonSummary(
        allergies=tuple(statements),
        allergy_state=judge.allergy_state(statements),
        blood_groups=tuple(blood),
        problems=tuple(judge.problems(diagnoses)),
        medications=tuple(judge.merged(prescribed, today())),
        prescribed=tuple(prescribed),
        latest=tuple(latest_results(ctx, person_id)),
        contradictions=tuple(judge.contradictions(blood, statements, prescribed, today())),
        counts=kinds,
        documents=documents,
        first_at=first,
        last_at=last,
        care=care,
    )


def _facts_sql() -> str:
    """One statement over all places that speak of allergies, blood group, diagnoses and care."""
    tail = "org_code, event_at, group_key, document_id"
    branches = []
    for a in places.ALLERGIES:
        told = " or ".join(f"{c} is not null" for c in (a.flag, a.words) if c)
        branches.append(f"""select 'allergy' as fact, {a.flag or "null::boolean"} as flag, {a.words} as code,
            null::text as name, '{a.data_set}' as data_set, {tail} from records_{a.data_set}
            where registration_id in (select id from reach) and ({told})""")
    for data_set in places.BLOOD_GROUPS:
        branches.append(f"""select 'blood', null::boolean, abo_blood_group_code, null, '{data_set}', {tail}
            from records_{data_set}
            where registration_id in (select id from reach) and abo_blood_group_code in ('1', '2', '3', '4')""")
    for d in places.DIAGNOSES:
        branches.append(f"""select 'diagnosis', null::boolean, {d.code}, {d.name or "null"}, '{d.data_set}', {tail}
            from records_{d.data_set} where registration_id in (select id from reach) and {d.code} is not null""")
    for data_set, code in places.CARE:
        branches.append(f"""select 'care', null::boolean, '{code}', responsible_physician_name, '{data_set}', {tail}
            from records_{data_set} where registration_id in (select id from reach)""")
    branches.append(f"""select 'past', null::boolean, past_disease_kind_code, null, 'personal_basic_information', {tail}
            from records_personal_basic_information
            where registration_id in (select id from reach) and past_disease_kind_code is not null""")
    return " union all ".join(branches)


_FACTS = _facts_sql()

_Facts = tuple[list[Allergy], list[Claim], list[tuple[str, str, Source]], Care | None]


def _facts(ctx: Ctx, person_id: int) -> _Facts:
    head, params = reach(ctx, person_id)
    statements: list[Allergy] = []
    blood: list[Claim] = []
    diagnoses: list[tuple[str, str, Source]] = []
    care: Care | None = None
    for fact, flag, code, name, data_set, org, at, group, document in fetch(f"{head} {_FACTS}", params):
        source = Source(org, at, data_set, group or "", document)
        match fact:
            case "allergy":
                statements += judge.allergies(flag, _allergen(code or "", data_set), source)
            case "blood":
                blood.append(Claim(BLOOD[code], source))
            case "past":
                diagnoses += [(*judge.PAST_DISEASES[c], source) for c in [code.lstrip("0")] if c in judge.PAST_DISEASES]
            case "care":
                diagnoses.append((code, "", source))
                if name and at and (care is None or at > care.at):
                    care = Care(name, org, at)
            case _:
                diagnoses.append((code, name or "", source))
    blood.sort(key=lambda c: c.source.at.timestamp() if c.source.at else 0.0, reverse=True)
    return statements, blood, diagnoses, care


BLOOD = {"1": "A", "2": "B", "3": "O", "4": "AB"}


def _allergen(text: str, data_set: str) -> str:
    """The words of an allergen: personal information of health records gives a code (CV05.01.038)."""
    if data_set != "personal_basic_information" or not text.strip().isdigit():
        return text
    return code_word("CV05.01.038", text) or text
