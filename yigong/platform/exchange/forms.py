"""The form of a feed, and its facts as configuration and back."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.exchange import schedule, selectors
from yigong.platform.exchange.models import Feed
from yigong.platform.registry import api as registry
from yigong.web.forms import Form

DATABASES = ("postgresql", "mysql", "mariadb", "mssql", "oracle", "sqlite")
KINDS = (
    ("postgresql", "PostgreSQL"), ("mysql", "MySQL"), ("mariadb", "MariaDB"), ("mssql", _("SQL Server（未在真实服务器上试过）")),
    ("oracle", _("Oracle（未在真实服务器上试过）")), ("sqlite", "SQLite"), ("csv", "CSV"), ("excel", "Excel"), ("xml", "XML"), ("text", _("文本行")), ("parquet", "Parquet"),
)  # fmt: skip
WAYS = (
    ("full", _("全量")), ("timestamp", _("时间戳增量")), ("trigger", _("触发器")), ("compare", _("全表比对")), ("log", _("日志")),
)  # fmt: skip
ENCODINGS = (
    ("", _("自动识别")),
    ("utf-8", "UTF-8"),
    ("gb18030", "GB18030 / GBK / GB2312"),
    ("big5", "Big5"),
    ("utf-16", "UTF-16"),
)
SEPARATORS = (("", _("自动识别")), (",", _("逗号 ,")), ("tab", _("制表符")), (";", _("分号 ;")), ("|", _("竖线 |")))
SHORT_LINES = (("", _("拒收，进隔离区")), ("fill", _("按空补齐")))
#: options of files, and the kinds of source that have them
OPTIONS = {
    "encoding": ("csv", "text", "postgresql"), "separator": ("csv", "text"), "short_lines": ("csv", "text"), "sheet": ("excel",),
    "header": ("csv", "excel", "text"), "first_row": ("csv", "excel", "text"),
}  # fmt: skip
#: what this form says of a source; whatever else a configuration has was written elsewhere, and stays
SAID = (
    "url",
    "table",
    "path",
    "folder",
    "pattern",
    "way",
    "key",
    "since_column",
    "overlap_seconds",
    "deleted_when",
    *OPTIONS,
)
_PASSWORD = re.compile(r"://[^:/@]*:(?!\$\{)[^@]+@")


def bares_password(url: str) -> bool:
    """Whether a password stands in an address as it is."""
    return bool(_PASSWORD.search(url))


class FeedForm(Form):
    """A feed as the data office sets it up."""

    name = forms.CharField(label=_("任务名称"), max_length=80)
    org_code = forms.ChoiceField(label=_("机构"))
    kind = forms.ChoiceField(label=_("来源种类"), choices=KINDS)
    url = forms.CharField(
        label=_("数据库地址"),
        required=False,
        max_length=300,
        help_text=_("如 mysql://reader:${HIS_PWD}@10.1.2.3/his；口令写在运行环境里，这里写 ${名字}"),
    )
    table = forms.CharField(
        label=_("表或视图"),
        required=False,
        max_length=120,
        help_text=_("可在“源库里有什么”里点选"),
        widget=forms.TextInput({"list": "ex-tables", "autocomplete": "off"}),
    )
    path = forms.CharField(label=_("文件"), required=False, max_length=300)
    folder = forms.CharField(label=_("监视的文件夹"), required=False, max_length=300)
    pattern = forms.CharField(label=_("文件名样式"), required=False, max_length=80, help_text=_("如 门诊_*.csv"))
    encoding = forms.ChoiceField(
        label=_("文字编码"), required=False, choices=ENCODINGS,
        help_text=_("自动识别；PostgreSQL 只在库未声明编码（SQL_ASCII）时要写"),
    )  # fmt: skip
    separator = forms.ChoiceField(label=_("分隔符"), required=False, choices=SEPARATORS, help_text=_("CSV、文本"))
    sheet = forms.CharField(label=_("工作表"), required=False, max_length=60, help_text=_("Excel；留空读全部工作表"))
    short_lines = forms.ChoiceField(
        label=_("列数不足的行"), required=False, choices=SHORT_LINES,
        help_text=_("CSV、文本；来源会省略行尾空列时才选“按空补齐”"),
    )  # fmt: skip
    header = forms.IntegerField(
        label=_("列名在第几行"), required=False, min_value=1, max_value=1000, help_text=_("CSV、Excel；留空为第 1 行")
    )
    first_row = forms.IntegerField(
        label=_("数据从第几行起"),
        required=False,
        min_value=2,
        max_value=1000,
        help_text=_("CSV、Excel；留空为列名的下一行"),
    )
    way = forms.ChoiceField(label=_("采集方式"), choices=WAYS, required=False)
    key = forms.CharField(
        label=_("主键列"), required=False, max_length=200, help_text=_("几列用逗号隔开；触发器、全表比对、日志必填")
    )
    since_column = forms.CharField(
        label=_("时间列"),
        required=False,
        max_length=200,
        help_text=_("几列用逗号隔开，取第一个不空的"),
        widget=forms.TextInput({"list": "ex-times", "autocomplete": "off"}),
    )
    overlap_minutes = forms.IntegerField(
        label=_("回看"),
        required=False,
        min_value=0,
        max_value=10080,
        initial=60,
        help_text=_("晚提交的行在这段时间内不会漏"),
    )
    deleted_when = forms.CharField(
        label=_("作废标志"), required=False, max_length=200, help_text=_("列=值,值；成立的行按删除处理，如 XGBZ=2,3")
    )
    plan = forms.CharField(
        label=_("计划"),
        required=False,
        max_length=80,
        help_text=_("15 min、2 h、daily 02:00、mon,thu 06:00；留空仅手工"),
    )
    needs = forms.MultipleChoiceField(
        label=_("须先完成的任务"), required=False, widget=forms.SelectMultiple({"size": 4})
    )
    attempts = forms.IntegerField(label=_("失败后连续重试"), min_value=0, max_value=20, initial=5)
    buffer_days = forms.IntegerField(
        label=_("缓冲保留"), min_value=0, max_value=90, initial=3, help_text=_("0 为不缓冲；到期自动清空")
    )
    quiet_minutes = forms.IntegerField(
        label=_("多久没有成功就告警"), required=False, min_value=1, max_value=100000, help_text=_("留空按计划推算")
    )
    units = {"overlap_minutes": _("分钟"), "buffer_days": _("天"), "attempts": _("次"), "quiet_minutes": _("分钟")}
    pairs = (
        ("org_code", "kind"), ("folder", "pattern"), ("encoding", "separator"), ("sheet", "short_lines"), ("header", "first_row"), ("way", "key"), ("since_column", "overlap_minutes"), ("attempts", "buffer_days"), ("plan", "quiet_minutes"),
    )  # fmt: skip

    def __init__(self, *args: Any, ctx: Ctx, feed: Feed | None = None, **kwargs: Any) -> None:
        if feed is not None and "initial" not in kwargs:
            kwargs["initial"] = initial(feed)
        super().__init__(*args, **kwargs)
        places = [(i.code, i.name) for i in registry.institutions() if i.kind not in ("authority",)]
        self.fields["org_code"].choices = places  # type: ignore[attr-defined]
        others = [f for f in selectors.feeds(ctx) if feed is None or f.pk != feed.pk]
        self.fields["needs"].choices = [(f.name, f.name) for f in others]  # type: ignore[attr-defined]
        self.is_new, self.feed = feed is None, feed
        if feed is not None:
            self.fields["name"].disabled = True

    def clean_name(self) -> str:
        """A name that no other feed has: else that one would be changed unseen."""
        name = str(self.cleaned_data["name"]).strip()
        if self.is_new and Feed.objects.filter(name=name).exists():
            raise forms.ValidationError(_("已有同名的任务：换一个名称，或到那个任务里修改"))
        return name

    def clean_url(self) -> str:
        """No password in the clear."""
        url = str(self.cleaned_data["url"]).strip()
        if bares_password(url):
            raise forms.ValidationError(_("地址里不能直接写口令：放进运行环境，这里写 ${名字}"))
        return url

    def clean_plan(self) -> str:
        """A schedule that is understood."""
        try:
            schedule.parse(self.cleaned_data["plan"])
        except Refused:
            raise forms.ValidationError(_("计划写法不对，可写：15 min、2 h、daily 02:00、mon,thu 06:00")) from None
        return str(self.cleaned_data["plan"]).strip().lower()

    def clean(self) -> dict[str, Any]:
        """What belongs together."""
        given = super().clean() or {}
        database = given.get("kind") in DATABASES
        if database and not (given.get("url") and given.get("table")):
            self.add_error("table", _("数据库来源要写地址和表"))
        if not database and not (given.get("path") or given.get("folder")):
            self.add_error("path", _("文件来源要写文件或文件夹"))
        if database and given.get("way") == "timestamp" and not given.get("since_column"):
            self.add_error("since_column", _("时间戳增量要写时间列"))
        if database and given.get("way") in ("trigger", "compare", "log") and not given.get("key"):
            self.add_error("key", _("这种方式要写主键列"))
        if given.get("first_row") and given["first_row"] <= (given.get("header") or 1):
            self.add_error("first_row", _("数据行要在列名行之后"))
        if given.get("kind") == "postgresql" and given.get("encoding") == "utf-16":
            self.add_error("encoding", _("这种编码 PostgreSQL 没有：请选别的"))
        return given

    def facts(self) -> dict[str, Any]:
        """What ``services.save_feed`` takes."""
        d = self.cleaned_data
        names = ("schedule", "needs", "attempts", "buffer_days", "quiet_minutes", "org_code")
        found = {n: d.get("plan" if n == "schedule" else n) for n in names}
        config = _database(d) if d["kind"] in DATABASES else {n: d[n] for n in ("path", "folder", "pattern") if d[n]}
        config |= {n: _option(n, d[n]) for n, kinds in OPTIONS.items() if d[n] and d["kind"] in kinds}
        config = {**self._kept(d["kind"]), **config}
        if void := _conditions(d["deleted_when"]):
            config["deleted_when"] = void
        incremental = d["way"] not in ("", "full") if d["kind"] in DATABASES else bool(d["folder"])
        return {**found, "reader": d["kind"], "config": config, "mode": "incremental" if incremental else "full"}

    def _kept(self, kind: str) -> dict[str, Any]:
        """What the configuration of the same kind of source says beyond this form: fixed places, elements of XML, a slot."""
        if self.feed is None or initial(self.feed)["kind"] != kind:
            return {}
        return {k: v for k, v in self.feed.config.items() if k not in SAID}


def _option(name: str, value: Any) -> Any:
    return "\t" if name == "separator" and value == "tab" else value


def _database(d: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = {"url": d["url"], "table": d["table"], "way": d["way"] or "full"}
    if key := _listed(d["key"]):
        config["key"] = key
    if since := _listed(d["since_column"]):
        config["since_column"] = since
    if d["way"] == "timestamp" and d["overlap_minutes"]:
        config["overlap_seconds"] = d["overlap_minutes"] * 60
    return config


def _shown(config: dict[str, Any], name: str) -> Any:
    """An option as the form has it."""
    value = config.get(name, "")
    if name == "encoding":
        known = {"utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030"}
        return known.get(str(value).lower(), str(value).lower())
    return "tab" if name == "separator" and value == "\t" else value


def _listed(text: str) -> list[str]:
    return [part.strip() for part in re.split("[,，、]", text or "") if part.strip()]


def _conditions(text: str) -> dict[str, list[str]]:
    column, _sign, values = (text or "").partition("=")
    return {column.strip(): _listed(values)} if column.strip() and values.strip() else {}


def initial(feed: Feed) -> dict[str, Any]:
    """A feed as its form shows it."""
    config = dict(feed.config)
    void = config.get("deleted_when") or {}
    return {
        "name": feed.name, "org_code": feed.org_code, "kind": feed.edge.kind if feed.reader == "edge" else feed.reader, "url": config.get("url", ""), "table": config.get("table", ""),
        "path": config.get("path", ""), "folder": config.get("folder", ""), "pattern": config.get("pattern", ""),
        "way": config.get("way") or ("timestamp" if config.get("since_column") else "full"), "key": _joined(config.get("key")),
        "since_column": _joined(config.get("since_column")), "overlap_minutes": int(config.get("overlap_seconds", 0)) // 60,
        **{name: _shown(config, name) for name in OPTIONS},
        "deleted_when": "".join(f"{c}={_joined(v)}" for c, v in list(void.items())[:1]), "plan": feed.schedule,
        "needs": [f.name for f in feed.needs.all()], "attempts": feed.attempts, "buffer_days": feed.buffer_days, "quiet_minutes": feed.quiet_minutes,
    }  # fmt: skip


def _joined(given: Any) -> str:
    return "" if not given else given if isinstance(given, str) else ",".join(map(str, given))
