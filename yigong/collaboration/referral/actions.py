"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

from yigong.collaboration.referral.words import VERBS

ACTIONS = {
    "referral.view": _("查看转诊"),
    "referral.draft": _("填写转诊申请"),
    "referral.export": _("导出转诊清单"),
    **{f"referral.{verb}": word for verb, word in VERBS.items()},
}
