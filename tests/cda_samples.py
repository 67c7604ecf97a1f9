"""Shared documents of invented patients, written for the tests."""

from __future__ import annotations

from collections.abc import Sequence

CATALOGUE = 'codeSystem="2.16.156.10011.2.2.1"'
ROOT = "2.16.156.10011.1"


def observation(element: str, name: str, value: str, inner: str = "") -> str:
    """One observation of a data element."""
    code = f'<code code="{element}" {CATALOGUE} displayName="{name}"/>'
    return f'<observation classCode="OBS" moodCode="EVN">{code}{value}{inner}</observation>'


def result(code: str, name: str, number: str, unit: str, low: str = "", high: str = "", mark: str = "") -> str:
    """One result of a laboratory report."""
    limits = f'<low value="{low}"/><high value="{high}"/>'
    span = f'<referenceRange><observationRange><value xsi:type="IVL_PQ">{limits}</value></observationRange></referenceRange>'
    related = "<entryRelationship typeCode='COMP'>{}</entryRelationship>"
    words = f'<value xsi:type="ST">{unit}</value>'
    parts = (
        observation("DE04.30.019.00", "检验项目代码", f'<value xsi:type="CD" code="{code}" displayName="{name}"/>'),
        observation("DE04.30.017.00", "检验结果代码", f'<value xsi:type="CD" code="1" displayName="{mark}"/>')
        if mark
        else "",
        observation(
            "DE04.30.015.00",
            "检验定量结果",
            f'<value xsi:type="REAL" value="{number}"/>',
            related.format(observation("DE04.30.016.00", "检验定量结果计量单位", words)) + (span if low else ""),
        ),
    )
    return f"<entry><organizer>{''.join(f'<component>{p}</component>' for p in parts if p)}</organizer></entry>"


RESULTS = (
    result("GLU", "葡萄糖", "7.8", "mmol/L", "3.9", "6.1", "偏高"),
    result("CR", "肌酐", "66", "umol/L", "41", "81"),
    result("K", "钾", "4.1", "mmol/L"),
)


def laboratory(
    *,
    org: str = "4409990001",
    number: str = "JY20260301001",
    document: str = "C0007",
    name: str = "测试甲",
    id_no: str = "440999198001010014",
    outpatient: str = "MZ900001",
    born: str = "19800101",
    reported: str = "20260301093000",
    results: Sequence[str] = RESULTS,
    namespace: str = 'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
    version: str = "1",
    set_id: str = "",
    head: str = '<?xml version="1.0" encoding="UTF-8"?>',
) -> str:
    """A laboratory report with three results."""
    return f"""{head}
<ClinicalDocument {namespace}>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_MT000040"/>
  <id root="{ROOT}.1" extension="{number}"/>
  <code code="{document}" codeSystem="2.16.156.10011.2.4"/>
  <title>检验报告</title>
  <effectiveTime value="{reported}"/>
  <setId extension="{set_id}"/><versionNumber value="{version}"/>
  <recordTarget><patientRole>
    <id root="{ROOT}.11" extension="{outpatient}"/>
    <id root="{ROOT}.33" extension="{number}"/>
    <telecom value="13900000000"/>
    <patient>
      <id root="{ROOT}.3" extension="{id_no}"/>
      <name>{name}</name>
      <administrativeGenderCode code="2" displayName="女性"/>
      <birthTime value="{born}"/>
      <age unit="岁" value="46"/>
    </patient>
  </patientRole></recordTarget>
  <author><time value="{reported}"/><assignedAuthor><id root="{ROOT}.7" extension="D01"/>
    <assignedPerson><name>测试医师</name></assignedPerson></assignedAuthor></author>
  <custodian><assignedCustodian><representedCustodianOrganization>
    <id root="{ROOT}.5" extension="{org}"/><name>测试县人民医院</name>
  </representedCustodianOrganization></assignedCustodian></custodian>
  <authenticator><time value="{reported}"/><assignedEntity><id root="{ROOT}.4" extension="T01"/>
    <code displayName="检验技师签名"/><assignedPerson><name>测试技师</name></assignedPerson></assignedEntity></authenticator>
  <component><structuredBody>
    <component><section><code code="29548-5" displayName="Diagnosis"/><entry>
      {observation("DE05.01.024.00", "诊断代码", '<value xsi:type="CD" code="E11.900" displayName="2型糖尿病"/>')}
    </entry></section></component>
    <component><section><code code="30954-2" displayName="STUDIES SUMMARY"/>
      <entry>{observation("DE04.30.018.00", "检验类别", '<value xsi:type="ST">生化</value>')}</entry>
      {"".join(results)}
    </section></component>
  </structuredBody></component>
</ClinicalDocument>"""
