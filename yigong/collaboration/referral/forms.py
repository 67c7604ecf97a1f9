"""What users type into a referral, made into facts; a slip gets a sentence beside its field."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from yigong.collaboration.referral.words import FACTS, URGENCIES
from yigong.kit.ctx import Ctx
from yigong.platform.registry import api as registry

RECEIVING = (
    "county_hospital",
    "tcm_hospital",
    "maternal_hospital",
    "community_centre",
    "township_centre",
    "village_clinic",
)


def receivers(ctx: Ctx) -> list[tuple[str, str]]:
    """Institutions that a patient can be referred to, without the actor's own."""
    return [(i.code, i.name) for i in registry.institutions(*RECEIVING) if i.code not in ctx.orgs]


class DraftForm(forms.Form):
    """The application as the sender fills it in; only sending asks for everything."""

    to_org = forms.ChoiceField(label=_("接收机构"), required=False)
    to_department = forms.CharField(label=_("接收科室"), required=False, max_length=50)
    urgency = forms.ChoiceField(label=_("紧急程度"), choices=list(URGENCIES.items()), initial="ordinary")
    diagnosis_name = forms.CharField(label=_("初步诊断"), required=False, max_length=100)
    diagnosis_code = forms.CharField(label=_("诊断编码"), required=False, max_length=20, help_text=_("ICD-10，可不填"))
    reason = forms.CharField(label=_("转诊原因"), required=False, max_length=500, widget=forms.Textarea({"rows": 3}))
    history = forms.CharField(label=_("病史摘要"), required=False, max_length=4000, widget=forms.Textarea({"rows": 4}))
    treatment = forms.CharField(
        label=_("已作处理"), required=False, max_length=4000, widget=forms.Textarea({"rows": 3})
    )
    advice = forms.CharField(label=_("下一步建议"), required=False, max_length=4000, widget=forms.Textarea({"rows": 2}))
    from_department = forms.CharField(label=_("转出科室"), required=False, max_length=50)
    from_phone = forms.CharField(label=_("联系电话"), required=False, max_length=20)
    consent = forms.BooleanField(label=_("患者或家属已知情同意"), required=False)

    def __init__(self, *args: Any, ctx: Ctx, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to_org"].choices = [("", _("请选择")), *receivers(ctx)]  # type: ignore[attr-defined]


class MoveForm(forms.Form):
    """The facts that a move asks for."""

    reason = forms.CharField(
        label=FACTS["reason"][0], required=False, max_length=500, widget=forms.Textarea({"rows": 2})
    )
    clinic = forms.CharField(label=FACTS["clinic"][0], required=False, max_length=80)
    appointment_at = forms.DateTimeField(
        label=FACTS["appointment_at"][0], required=False, widget=forms.DateTimeInput({"type": "datetime-local"})
    )
    summary = forms.CharField(
        label=FACTS["summary"][0], required=False, max_length=4000, widget=forms.Textarea({"rows": 4})
    )
    to_org = forms.ChoiceField(label=FACTS["to_org"][0], required=False)
    to_department = forms.CharField(label=FACTS["to_department"][0], required=False, max_length=50)

    #: fields shown for a verb beyond those it needs
    BESIDE = {"accept": ("appointment_at",), "redirect": ("to_department",)}

    def __init__(self, *args: Any, ctx: Ctx, verb: str, needs: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = {*needs, *self.BESIDE.get(verb, ())}
        for name in list(self.fields):
            if name not in shown:
                del self.fields[name]
            elif name in needs:
                self.fields[name].required = True
        if "to_org" in self.fields:
            self.fields["to_org"].choices = [("", _("请选择")), *receivers(ctx)]  # type: ignore[attr-defined]
