"""The services of HL7 v3 as the register of the bus lists them."""

from __future__ import annotations

from typing import Any

from yigong.platform.hl7v3 import declared


def offers() -> list[dict[str, Any]]:
    """Each declared service, with the endpoint at which the bus keeps its messages."""
    return [
        {
            "code": spec.key, "version": spec.edition, "name": spec.service.name_zh, "name_en": spec.action,
            "kind": "hl7v3", "endpoint": f"v3/{spec.key}",
        }
        for spec in declared.specs().values()
    ]  # fmt: skip
