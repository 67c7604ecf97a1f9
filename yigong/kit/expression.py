"""The small language of expressions in mappings, filters and routes: parsed by its own grammar, compiled to Polars. Pure and safe.

    either   = both { ("or" | "或") both }                       values  'text'  12.5  null
    both     = plain { ("and" | "且") plain }                    columns XM  [检验 结果]
    plain    = ("not" | "非") plain | compared                   case when A then B … else C end
    compared = sum [ ("=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") sum | ["not"] "in" (sum {"," sum}) | "is" ["not"] ("null" | "empty") ]
    sum      = product { ("+" | "-" | "||") product }            product = factor { ("*" | "/") factor }

Columns are text; arithmetic and comparison with a number read them as numbers, and what is no number becomes empty. There is
nothing in it that reads files, runs code or loops.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace

import polars as pl

from yigong.kit.functions import FUNCTIONS, LONGEST_GROWTH, Value, growth

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^']|'')*')|(?P<column>\[[^\]]+\]|\"[^\"]+\")"
    r"|(?P<word>[A-Za-z_\u4e00-\u9fff][\w\u4e00-\u9fff.$#]*)|(?P<sign><=|>=|<>|!=|\|\||[=<>+\-*/(),]))"
)
WORDS = {"或": "or", "且": "and", "非": "not"}
RESERVED = {"or", "and", "not", "in", "is", "null", "empty", "case", "when", "then", "else", "end"}
LONGEST = 2000
DEEPEST = 40
MOST_SIGNS = 100  # + - * / in one expression: each costs a step for every row


class Wrong(ValueError):  # noqa: N818  - reads as a sentence
    """The text is no expression: where, and why, in both languages."""

    def __init__(self, at: int, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.at, self.zh, self.en = at, zh, en


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number text column word sign end
    text: str
    at: int


def _tokens(source: str) -> list[_Token]:
    if len(source) > LONGEST:
        raise Wrong(LONGEST, f"表达式长于 {LONGEST} 个字符", f"the expression is longer than {LONGEST} signs")
    found, at = [], 0
    while source[at:].strip():
        match = TOKEN.match(source, at)
        if match is None:
            start = at + len(source[at:]) - len(source[at:].lstrip())
            if source[start] == "'":
                raise Wrong(start, "文本没有结束的单引号", "a text lacks its closing quote")
            raise Wrong(start, f"不认识的符号“{source[start]}”", f"the sign {source[start]} has no meaning here")
        kind = str(match.lastgroup)
        start = match.start(kind)
        text = WORDS.get(match[kind], match[kind])
        if kind == "word" and text.lower() in RESERVED:
            kind, text = "sign", text.lower()
        found.append(_Token(kind, text, start))
        at = match.end()
    return [*found, _Token("end", "", len(source))]


def compile_text(source: str) -> Value:
    """The expression in *source*. Raises Wrong."""
    parser = _Parser(_tokens(source))
    found = parser.either()
    parser.end()
    return found


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self.at, self.depth = tokens, 0, 0
        counted = [t.at for t in tokens if t.kind == "sign" and t.text in ("+", "-", "*", "/")]
        if len(counted) > MOST_SIGNS:
            raise Wrong(
                counted[MOST_SIGNS], f"四则运算多于 {MOST_SIGNS} 个", f"there are more than {MOST_SIGNS} of + - * /"
            )

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self, *signs: str) -> str:
        """The next sign if it is one of these, taken; else nothing."""
        token = self.next
        if token.kind == "sign" and token.text in signs:
            self.at += 1
            return token.text
        return ""

    def must(self, sign: str, zh: str, en: str) -> None:
        if not self.take(sign):
            raise Wrong(self.next.at, zh, en)

    def end(self) -> None:
        if self.next.kind != "end":
            raise Wrong(self.next.at, f"“{self.next.text}”放在这里多余", f"{self.next.text} is too much here")

    def either(self) -> Value:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Wrong(self.next.at, "括号嵌套太深", "the brackets are nested too deeply")
        found = self.both()
        while self.take("or"):
            found = Value(found.truth() | self.both().truth(), "truth")
        self.depth -= 1
        return found

    def both(self) -> Value:
        found = self.plain()
        while self.take("and"):
            found = Value(found.truth() & self.plain().truth(), "truth")
        return found

    def plain(self) -> Value:
        inverse = False
        while self.take("not"):
            inverse = not inverse
        found = self.compared()
        return Value(~found.truth(), "truth") if inverse else found

    def compared(self) -> Value:
        left = self.sum()
        if sign := self.take("=", "!=", "<>", "<", "<=", ">", ">="):
            return Value(_compare(sign, left, self.sum()), "truth")
        if self.take("is"):
            inverse = bool(self.take("not"))
            if not self.take("null", "empty"):
                raise Wrong(self.next.at, "is 后面应为 null 或 empty", "after is comes null or empty")
            empty = left.text().is_null() | (left.text() == "")
            return Value(~empty if inverse else empty, "truth")
        inverse = self.next.text == "not" and self.tokens[self.at + 1].text == "in" and bool(self.take("not"))
        if self.take("in"):
            inside = self._one_of(left)
            return Value(~inside if inverse else inside, "truth")
        return left

    def _one_of(self, left: Value) -> pl.Expr:
        self.must("(", "in 后面应为括号，如 in ('1', '2')", "after in comes a list in brackets, like in ('1', '2')")
        values = [self.sum()]
        while self.take(","):
            values.append(self.sum())
        self.must(")", "in 的括号没有结束", "the list lacks its closing bracket")
        said = [v.kind == left.kind == "text" and not v.expr.meta.root_names() for v in values]
        texts = [pl.select(v.text().fill_null("")).item() for v, plain in zip(values, said, strict=True) if plain]
        found = left.text().fill_null("").is_in(texts) if texts else pl.lit(False)  # one look for all plain texts
        for value, plain in zip(values, said, strict=True):
            if not plain:
                found = found | _compare("=", left, value).fill_null(False)
        return found

    def sum(self) -> Value:
        found = self.product()
        while sign := self.take("+", "-", "||"):
            right = self.product()
            if sign == "||":
                joined = pl.concat_str([found.text(), right.text()], ignore_nulls=True)
                found = Value(joined, "text", found.growth + right.growth)
            else:
                found = Value(
                    found.number() + right.number() if sign == "+" else found.number() - right.number(), "number"
                )
        return found

    def product(self) -> Value:
        found = self.factor()
        while sign := self.take("*", "/"):
            right = self.factor().number()
            by = pl.when(right != 0).then(right) if sign == "/" else right  # by zero: empty
            found = Value(found.number() * by if sign == "*" else found.number() / by, "number")
        return found

    def factor(self) -> Value:
        minus = 0
        while self.take("-"):
            minus += 1
        if minus:
            size = self.factor().number()
            return Value(-size if minus % 2 else size, "number")
        token = self.next
        self.at += 1
        match token.kind:
            case "number":
                return Value(pl.lit(float(token.text)), "number")
            case "text":
                return Value(pl.lit(token.text[1:-1].replace("''", "'")), "text")
            case "column":
                return Value(_column(token), "text")
            case "word":
                return self.called(token) if self.next.text == "(" else Value(pl.col(token.text), "text")
        match token.text:
            case "(":
                found = self.either()
                self.must(")", "括号没有结束", "a bracket is not closed")
                return found
            case "null":
                return Value(pl.lit(None, dtype=pl.String), "text")
            case "case":
                return self.case()
        self.at -= 1
        if token.kind == "end":
            raise Wrong(token.at, "表达式没有写完", "the expression breaks off")
        raise Wrong(token.at, f"“{token.text}”前面缺少值", f"a value is missing before {token.text}")

    def case(self) -> Value:
        branches: list[tuple[pl.Expr, Value]] = []
        while self.take("when"):
            condition = self.either().truth()
            self.must("then", "when 之后缺少 then", "then is missing after when")
            branches.append((condition, self.either()))
        if not branches:
            raise Wrong(self.next.at, "case 之后应为 when", "after case comes when")
        other = self.either() if self.take("else") else Value(pl.lit(None, dtype=pl.String), "text")
        self.must("end", "case 没有以 end 结束", "case lacks its end")
        found = other.text()
        for condition, value in reversed(branches):
            found = pl.when(condition).then(value.text()).otherwise(found)
        return Value(found, "text", max(v.growth for v in (other, *(v for _, v in branches))))

    def called(self, name: _Token) -> Value:
        self.take("(")
        given: list[Value] = []
        if not self.take(")"):
            given.append(self.either())
            while self.take(","):
                given.append(self.either())
            self.must(")", f"{name.text} 的括号没有结束", f"the bracket of {name.text} is not closed")
        found = FUNCTIONS.get(name.text.lower())
        if found is None:
            near = difflib.get_close_matches(name.text.lower(), FUNCTIONS, n=3, cutoff=0.4)
            zh, en = ("最接近", "nearest") if near else ("可用", "there are")
            names = near or sorted(FUNCTIONS)
            raise Wrong(
                name.at,
                f"没有函数 {name.text}；{zh}：{'、'.join(names)}",
                f"there is no function {name.text}; {en}: {', '.join(names)}",
            )
        if not found.least <= len(given) <= found.most:
            raise Wrong(name.at, f"{name.text} 的写法是 {found.form}", f"{name.text} is written {found.form}")
        grown = growth(name.text.lower(), given)
        if grown > LONGEST_GROWTH:
            raise Wrong(
                name.at, "结果可能比原文长一万倍以上", "the outcome may be over ten thousand times as long as the text"
            )
        return replace(found.build(given), growth=grown)


def _column(token: _Token) -> pl.Expr:
    """The column of that very name: a star or a pattern is not a name to the engine."""
    name = token.text[1:-1]
    if name == "*" or (name.startswith("^") and name.endswith("$")):
        raise Wrong(token.at, f"列名“{name}”不能用在表达式里", f"the name {name} cannot stand in an expression")
    return pl.col(name)


def _compare(sign: str, left: Value, right: Value) -> pl.Expr:
    if "number" in (left.kind, right.kind):
        a, b = left.number(), right.number()
    else:
        a, b = left.text(), right.text()
    match sign:
        case "=":
            # an empty text is empty: "= ''" asks for what is not there
            return (a.fill_null("") == b.fill_null("")) if "number" not in (left.kind, right.kind) else a == b
        case "!=" | "<>":
            return (a.fill_null("") != b.fill_null("")) if "number" not in (left.kind, right.kind) else a != b
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
    return a >= b


__all__ = ["FUNCTIONS", "Value", "Wrong", "compile_text"]
