"""The FHIR interface as the register of the bus lists it."""

from __future__ import annotations

from typing import Any

#: the code of the service in the register; its quota, and those of its subscriptions, are held
SERVICE = "fhir-r4"


def offers() -> list[dict[str, Any]]:
    """One service: its applications and their scopes are managed on the pages of FHIR."""
    summary = "患者、就诊、检验、影像等资源的读取、查询、写入、批量导出与订阅，地址 /fhir/r4/"
    return [
        {
            "code": SERVICE,
            "version": "4.0.1",
            "name": "FHIR R4 资源接口",
            "name_en": "FHIR R4",
            "kind": "fhir",
            "summary": summary,
        }
    ]
