"""What a clinician calls a message: the title under which it stands among a person's documents. Pure."""

from __future__ import annotations

from yigong.kit.hl7v2.parse import Message
from yigong.platform.exchange.readers.hl7v2 import appointments, imaging, texts

#: message type and event, or the type alone -> Chinese, English
TITLES = {
    "ADT": ("出入转信息", "Admission, discharge, transfer"),
    "ADT^A01": ("入院登记", "Admission"),
    "ADT^A02": ("转科转床", "Transfer"),
    "ADT^A03": ("出院登记", "Discharge"),
    "ADT^A04": ("门急诊登记", "Outpatient registration"),
    "ADT^A05": ("预约入院", "Planned admission"),
    "ADT^A06": ("门诊转住院", "Outpatient becomes inpatient"),
    "ADT^A07": ("住院转门诊", "Inpatient becomes outpatient"),
    "ADT^A08": ("就诊信息更新", "Visit updated"),
    "ADT^A11": ("取消入院", "Admission cancelled"),
    "ADT^A12": ("取消转科", "Transfer cancelled"),
    "ADT^A13": ("取消出院", "Discharge cancelled"),
    "ADT^A28": ("患者建档", "Patient registered"),
    "ADT^A31": ("患者信息更新", "Patient updated"),
    "ADT^A40": ("患者合并", "Patients merged"),
    "ORU": ("检验结果", "Laboratory results"),
    "imaging": ("检查报告", "Examination report"),
    "ORM": ("医嘱", "Order"),
    "OML": ("检验申请", "Laboratory order"),
    "OMG": ("检查申请", "Examination order"),
    "OMI": ("影像检查申请", "Imaging order"),
    "OMP": ("用药医嘱", "Medication order"),
    "RDE": ("用药医嘱", "Medication order"),
    "book": ("预约", "Appointment"),
    "reschedule": ("改约", "Appointment moved"),
    "cancel": ("取消预约", "Appointment cancelled"),
    "miss": ("爽约", "Appointment missed"),
    "arrive": ("预约到诊", "Appointment kept"),
    "SIU": ("预约变更", "Appointment changed"),
    "VXU": ("预防接种", "Vaccination"),
    "": ("业务消息", "Message"),
}
BETWEEN = "："
_ENGLISH = dict(TITLES.values())


def title_of(message: Message) -> str:
    """The title in Chinese; a report names what was examined."""
    kind = message.kind
    if kind in texts.KINDS:
        return texts.title_of(message)
    if kind in appointments.KINDS:
        return TITLES.get(appointments.verb_of(message), TITLES["SIU"])[0]
    obr = message.first("OBR")
    group = kind.partition("^")[0]
    if group == "ORU" and obr is not None:
        named = TITLES["imaging" if imaging.is_imaging(obr) else "ORU"][0]
        subject = (obr.value(4, 2) or obr.value(4)).strip()
        return f"{named}{BETWEEN}{subject[:60]}" if subject else named
    return (TITLES.get(kind) or TITLES.get(group) or TITLES[""])[0]


def english_title(title: str) -> str:
    """The same title for an English reader; what is no title of ours stays as it is."""
    named, between, subject = title.partition(BETWEEN)
    return f"{_ENGLISH[named]}{': ' if between else ''}{subject}" if named in _ENGLISH else title
