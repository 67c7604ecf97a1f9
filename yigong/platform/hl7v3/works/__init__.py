"""What each service does. A work is called ``(ctx, application, request) -> Answer`` and refuses by Refused."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache

from yigong.kit.ctx import Ctx
from yigong.platform.hl7v3.message import Request
from yigong.platform.hl7v3.models import Application
from yigong.platform.hl7v3.replies import Answer

Work = Callable[[Ctx, Application, Request], Answer]
#: beginning of an action -> module; its functions bear the verbs
WORKS = {
    "PatientInfo": "persons", "Person": "persons",
    "ProviderInfo": "staff", "Staff": "staff",
    "OrganizationInfo": "institutions", "Institution": "institutions",
    "Term": "terms",
    "Document": "documents", "RecordDocument": "documents", "RecordSubmit": "documents",
    "RecordPrejudge": "retrieval", "RecordCatalogue": "retrieval", "RecordFetch": "retrieval",
    "HealthRecord": "health_records", "ResourceDirectory": "health_records",
}  # fmt: skip


@cache
def work_of(key: str, action: str, verb: str) -> Work:
    """The function that carries a service out: by its action where the module names it so, else by its verb."""
    module = next((m for begin, m in sorted(WORKS.items(), reverse=True) if action.startswith(begin)), "kept")
    found = importlib.import_module(f"{__package__}.{module}")
    return getattr(found, "ACTIONS", {}).get(action) or getattr(found, verb)  # type: ignore[no-any-return]
