"""The roles an installation begins with; a county changes them or adds its own."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from fnmatch import fnmatch

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Purpose, Reach
from yigong.security.services import make_role


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role as declared: actions by name or by pattern (``referral.*``)."""

    code: str
    name: object
    patterns: tuple[str, ...]
    reach: Reach
    purpose: Purpose


CLINICAL = ("home.view", "person.*", "referral.*", "standards.view", "dicom.view", "document.issue")
ROLES = (
    RoleRow("clinician", _("医师"), CLINICAL, Reach.OWN, Purpose.TREATMENT),
    RoleRow("village_doctor", _("乡村医生"), CLINICAL, Reach.OWN, Purpose.TREATMENT),
    RoleRow(
        "record_keeper",
        _("病案管理员"),
        ("home.view", "person.*", "standards.view", "dicom.view", "document.*"),
        Reach.OWN,
        Purpose.OPERATION,
    ),
    RoleRow(
        "data_clerk",
        _("数据管理员"),
        (
            "home.view",
            "exchange.*",
            "bus.*",
            "empi.view",
            "standards.*",
            "registry.view",
            "terms.*",
            "hl7v3.view",
            "hl7v3.try",
            "supervision.view",
            "quality.*",
            "fhir.*",
            "dicom.list",
            "conformance.*",
            "dicom.manage",
        ),
        Reach.COUNTY,
        Purpose.OPERATION,
    ),
    RoleRow(
        "quality_clerk",
        _("机构质控员"),
        (
            "home.view",
            "standards.view",
            "quality.view",
            "exchange.view",
            "exchange.edge.confirm",
            "quality.rows",
            "quality.export",
            "quality.assign",
            "quality.release",
            "quality.fix",
            "quality.unfix",
            "quality.dispute",
            "quality.withdraw",
        ),
        Reach.OWN,
        Purpose.OPERATION,
    ),
    RoleRow("empi_clerk", _("主索引专员"), ("home.view", "empi.*", "standards.view"), Reach.COUNTY, Purpose.OPERATION),
    RoleRow(
        "manager",
        _("医共体管理者"),
        ("home.view", "supervision.*", "standards.view", "registry.view", "quality.view", "quality.export"),
        Reach.NONE,
        Purpose.SUPERVISION,
    ),
    RoleRow(
        "administrator",
        _("平台管理员"),
        (
            "home.view",
            "account.*",
            "audit.*",
            "standards.*",
            "registry.*",
            "terms.*",
            "hl7v3.*",
            "exchange.view",
        ),
        Reach.NONE,
        Purpose.OPERATION,
    ),
)


def action_words() -> dict[str, object]:
    """Every action of the house with its words, from the modules' own tables."""
    words: dict[str, object] = {}
    for path in settings.ACTION_TABLES:
        module, _sep, name = path.partition(":")
        words.update(getattr(importlib.import_module(module), name))
    return words


def actions_of(row: RoleRow) -> list[str]:
    """The actions a declared role holds now."""
    return sorted(a for a in action_words() if any(fnmatch(a, p) for p in row.patterns))


def install_roles() -> None:
    """Bring the declared roles into the database; a role changed by hand is brought back to its declaration."""
    for row in ROLES:
        make_role(row.code, str(row.name), actions=actions_of(row), reach=row.reach, purpose=row.purpose)
