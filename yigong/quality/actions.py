"""The acts of this module: name -> words. Permission, audit line, event and button bear the same name."""

from django.utils.translation import gettext_lazy as _

from yigong.quality.domain import LIFE, Side
from yigong.quality.words import VERBS

ACTIONS = {
    "quality.view": _("查看数据质量"),
    "quality.rows": _("查看不合规的行"),
    "quality.run": _("运行质量检查"),
    "quality.threshold": _("调整质量阈值"),
    "quality.export": _("导出质量问题清单和月报"),
    **{f"quality.{m.verb}": VERBS[m.verb] for m in LIFE.moves if m.side is not Side.PLATFORM},
}
