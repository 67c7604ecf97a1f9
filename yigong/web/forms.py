"""Forms: label above, 必填 as a word, unit inside, the error below its field with the remedy, a summary at the top.

    class Send(Form):
        reason = forms.CharField(label=_("转诊原因"), widget=forms.Textarea)
        temperature = forms.DecimalField(label=_("体温"), required=False)
        units = {"temperature": "℃"}
        widths = {"temperature": "w4"}
        pairs = (("systolic", "diastolic"),)

In the template ``{{ form }}`` draws all of it; ``{{ form.reason.as_field_group }}`` draws one field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import BaseRenderer, DjangoTemplates
from django.template import TemplateDoesNotExist
from django.template.loader import get_template

#: widgets that stand without a frame of their own around them
BARE = (forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple, forms.ClearableFileInput)


class Renderer(BaseRenderer):
    """The house's templates first, then Django's own for widgets."""

    form_template_name = "web/ui/form.html"
    field_template_name = "web/ui/field.html"

    def __init__(self) -> None:
        super().__init__()
        self._widgets = DjangoTemplates()

    def get_template(self, template_name: str) -> Any:
        """The template by its name."""
        if template_name.startswith("django/"):
            return self._widgets.get_template(template_name)
        try:
            return get_template(template_name)
        except TemplateDoesNotExist:
            return self._widgets.get_template(template_name)


class Form(forms.Form):
    """A form in the look of the house."""

    default_renderer = Renderer
    template_name = "web/ui/form.html"
    use_required_attribute = False  # the server says what is wrong, in words
    units: ClassVar[Mapping[str, object]] = {}
    widths: ClassVar[Mapping[str, str]] = {}
    pairs: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            dress(self, name, field)

    def get_context(self) -> dict[str, Any]:
        """The fields in their rows: pairs side by side, the others one below the other."""
        return super().get_context() | {"rows": list(self.rows()), "mostly_must": self.mostly_must()}

    def rows(self) -> Iterator[list[BoundField]]:
        """The visible fields, pairs together."""
        partner = dict(self.pairs)
        second = set(partner.values())
        for field in self.visible_fields():
            if field.name in partner:
                yield [field, self[partner[field.name]]]
            elif field.name not in second:
                yield [field]

    def mostly_must(self) -> bool:
        """Whether most fields must be filled; then the others are marked 可不填, for the minority is marked."""
        must = [f.field.required for f in self.visible_fields()]
        return sum(must) * 2 > len(must)


def dress(form: Form, name: str, field: forms.Field) -> None:
    """Give a field what its template needs: unit, width, whether it has a frame."""
    field.unit = form.units.get(name, "")  # type: ignore[attr-defined]
    field.width = form.widths.get(name, "")  # type: ignore[attr-defined]
    field.bare = isinstance(field.widget, BARE) or getattr(field.widget, "bare", False)  # type: ignore[attr-defined]
    field.many = isinstance(field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)  # type: ignore[attr-defined]
    if isinstance(field, forms.DecimalField | forms.FloatField | forms.IntegerField) and isinstance(
        field.widget, forms.NumberInput
    ):
        # a number field in a browser swallows what it does not understand; text with a number pad shows what was typed
        field.widget = forms.TextInput(attrs={"inputmode": "decimal", **field.widget.attrs})
    if isinstance(field.widget, forms.DateInput) and "type" not in field.widget.attrs:
        field.widget.input_type = "date"
        field.widget.format = "%Y-%m-%d"
    if isinstance(field.widget, forms.Textarea):
        field.widget.attrs |= (
            {"rows": 3} if str(field.widget.attrs.get("rows")) == "10" else {}
        )  # Django's own ten are too tall


class Identity(forms.CharField):
    """An identity number, written in groups of 6-8-4 or in one."""

    def to_python(self, value: Any) -> str:
        """The number without spaces, its last sign large."""
        return str(super().to_python(value) or "").replace(" ", "").upper()
