"""What people fill in: what a move needs, a threshold."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from yigong.quality.words import FACTS
from yigong.standards.quality import api as quality
from yigong.web.forms import Form


class MoveForm(Form):
    """The facts that a move needs, and no others."""

    assignee = forms.CharField(label=FACTS["assignee"][0], help_text=FACTS["assignee"][1], max_length=60)
    waived_until = forms.DateField(
        label=FACTS["waived_until"][0], help_text=FACTS["waived_until"][1], widget=forms.DateInput({"type": "date"})
    )
    reason = forms.CharField(
        label=FACTS["reason"][0], help_text=FACTS["reason"][1], max_length=500, widget=forms.Textarea({"rows": 4})
    )
    answer = forms.CharField(
        label=FACTS["answer"][0], help_text=FACTS["answer"][1], max_length=500, widget=forms.Textarea({"rows": 4})
    )

    def __init__(self, *args: Any, needs: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in list(self.fields):
            if name not in needs:
                del self.fields[name]


class ThresholdForm(Form):
    """New thresholds of a rule, and why."""

    least = forms.FloatField(label=_("不低于"))
    most = forms.FloatField(label=_("不高于"))
    reason = forms.CharField(label=_("为什么改"), max_length=300, widget=forms.Textarea({"rows": 2}))

    def __init__(self, *args: Any, rule: quality.Rule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, limit in (("least", rule.least), ("most", rule.most)):
            if limit is None or limit.lowest == limit.highest:
                del self.fields[name]
                continue
            self.fields[name].initial = limit.at
            self.fields[name].help_text = f"{limit.lowest:g} – {limit.highest:g}"
            self.fields[name].widget.attrs |= {"min": limit.lowest, "max": limit.highest, "step": rule.step}
