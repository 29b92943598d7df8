"""One column of a contract as SQL: its cleaned text, its value, what is wrong with it.

Every column becomes a few expressions in layers. The layers are nested subqueries, so that an
expression is written, and computed, once; a later layer may use the aliases of the earlier ones.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestration.contracts.model import format_regex, utc_name
from orchestration.ingest.sql import is_one_of, quote_literal
from orchestration.ingest.zone_changes import local_clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestration.contracts.model import Column, Contract, Dialect
    from orchestration.ingest.zone_changes import Changes

UNCLASSIFIED = "UNCLASSIFIED"

_BLANKS = r" \t\r\n"
_WIDE_BLANKS = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_ZERO_WIDTH = r"[\x{AD}\x{180E}\x{200B}-\x{200F}\x{2060}\x{FEFF}]"
_TRIM_PLAIN = "' ' || chr(9) || chr(13) || chr(10)"
_UTF8_AS_CP1252 = r"[\x{C2}-\x{F4}][^\x00-\x7F]"
_TIME = r"(?:[01][0-9]|2[0-4]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?)?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_USUAL_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"
_USUAL_OFFSET = "[+-](?:0[0-9]|1[0-4]):[0-5][0-9]"
_OFFSET = "[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?"
_EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
_SOCIAL_SECURITY = r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"
_PHONE = r"\+[0-9][0-9 ()/.\-]{5,}[0-9]"
_CURRENCIES = "€£¥₹$"
_UNIT = (
    rf"[-+(]?\s*[0-9][0-9.,'\s\x{{A0}}\x{{202F}}]*\s*(?:[%‰‱°{_CURRENCIES}]|[A-Za-zµ%°][A-Za-zµ0-9²³/%°]*)\)?"
    rf"|[-+(]?\s*(?:[{_CURRENCIES}]|[A-Z]{{3}})\s*[-+(]?\s*[0-9][0-9.,'\s]*[-)]?"
)
_SEPARATED_DIGITS = r"[-+]?(?:[0-9]+(?:[.,'\s\x{A0}\x{202F}][0-9]+)+|[0-9]*[.,][0-9]+)-?"
_SCIENTIFIC = r"[-+]?[0-9]+(?:[.,][0-9]+)?[eE][-+]?[0-9]+"


@dataclass
class Layers:
    """Expressions by layer; a later layer may use the aliases of the earlier ones."""

    layers: list[dict[str, str]] = field(default_factory=lambda: [{} for _ in range(9)])
    sound: list[str] = field(default_factory=list)
    reasons: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    hashed: dict[str, str] = field(default_factory=dict)

    def add(self, layer: int, alias: str, expression: str) -> str:
        """Add one expression and return its alias."""
        self.layers[layer][alias] = expression
        return alias

    def require(self, condition: str) -> None:
        """Add a condition that sound records meet; only the others are asked for reasons.

        It may be stricter than the reasons, never laxer.
        """
        self.sound.append(condition)

    def reason(self, column: str, expression: str) -> None:
        """Add SQL that is the code of what is wrong with a column, or NULL."""
        self.reasons.append((column, expression))

    def note(self, code: str, column: str, condition: str) -> None:
        """Add a condition under which a code is told of a column."""
        self.notes.append((code, column, condition))


@dataclass(frozen=True)
class Context:
    """What the SELECT needs beside the contract.

    Attributes
    ----------
    plain : bool
        All text is ASCII without control characters: most regular expressions are left out.
    padded : bool
        A field may begin or end with a blank.
    site_zones : mapping
        Site to IANA zone.
    known_zones : tuple of str
        Values of zone columns in this file that are IANA zones.
    received_at, delivery_date : datetime, date
        UTC.
    fold : bool
        The file holds times that occur twice: their order in the file is looked at.
    zone_changes : mapping
        When clocks change, where a file is so large that asking the engine once pays.
    """

    plain: bool
    padded: bool
    site_zones: Mapping[str, str]
    known_zones: tuple[str, ...]
    received_at: dt.datetime
    delivery_date: dt.date
    fold: bool = False
    zone_changes: Changes = field(default_factory=dict)


def folds(column: Column) -> bool:
    """Return whether the spellings of a code become one."""
    return column.kind == "code" and (column.values is not None or bool(column.codes))


class ColumnSql:
    """Compiles one column."""

    def __init__(
        self, contract: Contract, context: Context, build: Layers, name: str, column: Column
    ) -> None:
        self.contract = contract
        self.dialect: Dialect = contract.dialect
        self.context = context
        self.build = build
        self.number = list(contract.columns).index(name)
        self.name = name
        self.column = column
        self.in_key = name in contract.key

    def alias(self, letter: str) -> str:
        """Return the alias of one of the column's expressions."""
        return f"_{letter}{self.number}"

    def compile(self, position: int | None) -> None:
        """Add all expressions of the column."""
        raw = self.alias("r")
        if self.column.is_constant:
            constant = self.column.constant
            self.build.add(0, raw, "null::varchar" if constant is None else quote_literal(constant))
        elif position is None:
            self.build.add(0, raw, "null::varchar")
        elif self.context.plain:
            self.build.add(0, raw, f"f{position}")
        else:
            self.build.add(0, raw, f"nfc_normalize(f{position})")
            self.build.note("NFC_NORMALISED", self.name, f"_m{self.number}")
            self.build.add(0, f"_m{self.number}", f"nfc_normalize(f{position}) <> f{position}")
        clean = self._clean(raw)
        self.build.add(1, self.alias("c"), clean)
        if not self.column.nullable:
            self.build.reason(
                self.name,
                f"case when {self.alias('c')} is null then 'REQUIRED_VALUE_MISSING' end",
            )
        getattr(self, f"_{self.column.kind}")(self.alias("c"))

    def _require(self, condition: str | None = None) -> None:
        """Declare what makes the column sound: a condition, or an empty value that may be."""
        c = self.alias("c")
        if condition is None:
            condition = "" if self.column.nullable else f"{c} is not null"
        elif self.column.nullable:
            condition = f"({c} is null or {condition})"
        if condition:
            self.build.require(condition)

    def _trimmed(self, raw: str) -> str:
        if self.context.plain:
            return f"trim({raw}, {_TRIM_PLAIN})"
        edge = f"[{_BLANKS}{_WIDE_BLANKS}]"
        return (
            f"regexp_replace(regexp_replace({raw}, {quote_literal(_ZERO_WIDTH)}, '', 'g'), "
            f"{quote_literal(f'^{edge}+|{edge}+$')}, '', 'g')"
        )

    def _clean(self, raw: str) -> str:
        """Keys are cut at their ends; every other value is kept as it is, unless it is blank."""
        trimmed = self._trimmed(self.build.layers[0][raw])
        trimmed = raw if not self.context.padded else self.build.add(0, self.alias("t"), trimmed)
        test = f"{trimmed} = ''"
        if self.dialect.nulls:
            test = is_one_of(trimmed, ("", *self.dialect.nulls))
        kept = trimmed if self.column.kind in {"key", "code", "bool", "flag"} else raw
        return f"case when {test} then null else {kept} end"

    # ------------------------------------------------------------------------------ text kinds

    def _key(self, c: str) -> None:
        self._key_notes(c)
        pattern = self.column.pattern
        self._require(
            None if pattern is None else f"regexp_full_match({c}, {quote_literal(pattern)})"
        )
        if pattern is not None:
            code = "NOT_A_RECORD" if self.in_key else "KEY_FORMAT"
            test = f"not regexp_full_match({c}, {quote_literal(pattern)})"
            if self.in_key:
                # A blank is no key either: the line is a total or a footer.
                test = f"{c} is null or {test}"
            self.build.reason(self.name, f"case when {test} then '{code}' end")
        self._value(c, c)

    def _key_notes(self, c: str) -> None:
        if self.context.padded:
            self.build.note("KEY_NORMALISED", self.name, f"{c} <> {self.alias('r')}")

    def _code(self, c: str) -> None:
        self._key_notes(c)
        self._require()
        if not folds(self.column):
            self._value(c, c)
            return
        mapped = {value.upper(): value for value in self.column.values or ()}
        mapped |= {code.upper(): value for code, value in self.column.codes.items()}
        exact = {*(self.column.values or ()), *self.column.codes}
        branches = " ".join(
            f"when {quote_literal(code)} then {quote_literal(value)}"
            for code, value in mapped.items()
        )
        known = f"case upper({c}) {branches} end"
        if self.column.values is None:
            # Only some codes are translated; the list of the others is not declared.
            known = f"coalesce({known}, {c})"
        v = self.build.add(2, self.alias("v"), known)
        final = f"case when {c} is null then null else coalesce({v}, '{UNCLASSIFIED}') end"
        self._value(final, f"case when {c} is null then null else coalesce({v}, '?' || {c}) end")
        self.build.note("UNKNOWN_CODE", self.name, f"{c} is not null and {v} is null")
        if self.column.values is not None:
            spelled = is_one_of(c, sorted(exact))
            self.build.note("CASE_FOLDED", self.name, f"{v} is not null and not {spelled}")

    def _text(self, c: str) -> None:
        self._require()
        self._value(c, c)
        self.build.note("FORMULA_INJECTION", self.name, is_one_of(f"left({c}, 1)", "=+-@"))
        if self.column.watch_personal_data:
            watched = f"{_EMAIL}|{_SOCIAL_SECURITY}|{_PHONE}"
            self.build.note(
                "PII_IN_FREE_TEXT", self.name, f"regexp_matches({c}, {quote_literal(watched)})"
            )
        if not self.context.plain:
            # Only candidates: whether the bytes are UTF-8 is decided record by record.
            self.build.note(
                "MOJIBAKE", self.name, f"regexp_matches({c}, {quote_literal(_UTF8_AS_CP1252)})"
            )

    def _json(self, c: str) -> None:
        self._value(c, c)
        self._require(f"json_valid({c})")
        self.build.reason(
            self.name, f"case when {c} is not null and not json_valid({c}) then 'KEY_FORMAT' end"
        )

    def _flag(self, c: str) -> None:
        yes, no = (
            is_one_of(f"lower({c})", [word.lower() for word in words])
            for words in (self.dialect.true_words, self.dialect.false_words)
        )
        v = self.build.add(
            2,
            self.alias("v"),
            f"case when {yes} then true when {no} then false end",
        )
        self.build.reason(
            self.name, f"case when {c} is not null and {v} is null then 'KEY_FORMAT' end"
        )
        self._require(f"{v} is not null")
        # A blank flag was not set; a blank bool is not known.
        blank_is_false = self.column.kind == "flag" and self.column.nullable
        value = f"case when {c} is null then false else {v} end" if blank_is_false else v
        self._value(value, f"({value})::varchar")

    _bool = _flag

    # ---------------------------------------------------------------------------------- numbers

    def _number(self, c: str) -> str:
        """Return SQL of the number in plain digits, or NULL."""
        d = self.dialect
        point = re.escape(d.decimal)
        simple = d.decimal == "." and not (d.thousands or d.currency or d.blanks_around_numbers)
        if simple and d.minus == ("leading",) and d.minus_signs == ("-",):
            exponent = "(?:[eE][-+]?[0-9]+)?" if d.scientific else ""
            shape = rf"[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+){exponent}"
            return f"case when regexp_full_match({c}, {quote_literal(shape)}) then {c} end"
        digits = rf"[0-9]+(?:{point}[0-9]+)?|{point}[0-9]+"
        if d.thousands:
            groups = "|".join(
                rf"[0-9]{{1,3}}(?:{re.escape(sign)}[0-9]{{3}})+" for sign in d.thousands
            )
            digits = rf"(?:{groups})(?:{point}[0-9]+)?|{digits}"
        blank = rf"[{_BLANKS}\x{{A0}}\x{{202F}}]*" if d.blanks_around_numbers else ""
        sign = "(?:" + "|".join(re.escape(sign) for sign in d.minus_signs) + ")"
        money = "|".join(re.escape(symbol) for symbol in d.currency)
        money = f"(?:(?:{money}){blank})?" if money else ""
        shapes = [rf"\+?{money}(?:{digits}){blank}{money}"]
        if "leading" in d.minus:
            shapes.append(
                rf"(?:{sign}{blank}{money}|{money}{sign}{blank})(?:{digits}){blank}{money}"
            )
        if "trailing" in d.minus:
            shapes.append(rf"{money}(?:{digits}){blank}{sign}")
        if "parentheses" in d.minus:
            shapes.append(rf"{money}\({blank}{money}(?:{digits}){blank}\)")
        shape = f"{blank}(?:{'|'.join(shapes)}){blank}"
        signs = "".join((*d.minus_signs, "("))
        inner = f"replace(regexp_replace({c}, '[^0-9{point}]', '', 'g'), '{d.decimal}', '.')"
        negative = f"regexp_matches({c}, {quote_literal('[' + re.escape(signs) + ']')})"
        return (
            f"case when regexp_full_match({c}, {quote_literal(shape)}) then "
            f"case when {negative} then '-' else '' end || {inner} end"
        )

    def _int(self, c: str) -> None:
        # Written out where it is used: most values take the first branch and need no more.
        n = f"({self._number(c)})"
        whole = f"case when regexp_full_match({n}, '[-+]?[0-9]+') then try_cast({n} as bigint) end"
        v = self.build.add(
            3,
            self.alias("v"),
            f"case when regexp_full_match({c}, '[0-9]{{1,18}}') then {c}::bigint else {whole} end",
        )
        self._require_number(v, integer=True)
        self.build.reason(
            self.name,
            f"case when {c} is null then null "
            f"when {n} is null then {self._not_a_number(c, integer=True)} "
            f"when not regexp_full_match({n}, '[-+]?[0-9]+') then 'NOT_AN_INTEGER' "
            f"when {v} is null then 'RANGE' {self._range(v, integer=True)} end",
        )
        self._value(v, f"{v}::varchar")

    def _require_number(self, v: str, *, integer: bool) -> None:
        low, high = self.column.min, self.column.max
        if low is None and integer:
            low = 0
        tests = [f"{v} is not null"] if low is None and high is None else []
        tests += [f"{v} >= {low}"] if low is not None else []
        tests += [f"{v} <= {high}"] if high is not None else []
        self._require(" and ".join(tests))

    def _dec(self, c: str) -> None:
        n = self.build.add(2, self.alias("n"), self._number(c))
        precision, scale = self.column.precision_and_scale
        cast = f"try_cast({n} as decimal({precision},{scale}))"
        if self.dialect.scientific:
            # An exponent is not read by the decimal cast.
            cast = (
                f"coalesce({cast}, "
                f"try_cast(try_cast({n} as double) as decimal({precision},{scale})))"
            )
        v = self.build.add(3, self.alias("v"), cast)
        self._require_number(v, integer=False)
        self.build.reason(
            self.name,
            f"case when {c} is null then null "
            f"when {n} is null then {self._not_a_number(c, integer=False)} "
            f"when {v} is null then 'RANGE' {self._range(v, integer=False)} end",
        )
        self._value(v, f"{v}::varchar")

    def _not_a_number(self, c: str, *, integer: bool) -> str:
        cases = f"when regexp_full_match({c}, {quote_literal(_UNIT)}) then 'UNIT_SUFFIX' "
        if integer:
            separated = f"{_SEPARATED_DIGITS}|{_SCIENTIFIC}"
            pattern = quote_literal(separated)
            cases = f"when regexp_full_match({c}, {pattern}) then 'NOT_AN_INTEGER' {cases}"
        else:
            pattern = quote_literal(_SCIENTIFIC)
            cases = f"when regexp_full_match({c}, {pattern}) then 'NOT_A_NUMBER' {cases}"
        return f"(case {cases} else 'NOT_A_NUMBER' end)"

    def _range(self, v: str, *, integer: bool) -> str:
        low, high = self.column.min, self.column.max
        cases = ""
        if low == 0 or (low is None and integer):
            cases += f"when {v} < 0 then 'NEGATIVE_QUANTITY' "
        if low is not None:
            cases += f"when {v} < {low} then 'RANGE' "
        if high is not None:
            cases += f"when {v} > {high} then 'RANGE' "
        return cases

    # ------------------------------------------------------------------------------------ dates

    def _formats(self, declared: tuple[str, ...]) -> list[tuple[str, str]]:
        formats = [*(self.column.format or declared)]
        if self.dialect.format in {"xlsx", "parquet"}:
            # Their cells are typed: a real date needs no declared spelling.
            formats += ["YYYY-MM-DD", "YYYY-MM-DDThh:mm:ss"]
        return [pair for text in formats if (pair := format_regex(text)) is not None]

    def _open_words(self) -> tuple[str, ...]:
        words = self.column.open_dates
        return self.dialect.open_dates if words is None else words

    def _iso(self, c: str, formats: list[tuple[str, str]]) -> str:
        """Return SQL that rewrites the first format that matches to ISO."""
        cases = " ".join(
            f"when regexp_full_match({c}, {quote_literal(shape)}) then "
            + (
                c
                if shape == "([0-9]{4})-([0-9]{2})-([0-9]{2})"
                else _two_digits(
                    f"regexp_replace({c}, {quote_literal(f'^{shape}$')}, {quote_literal(iso)})"
                )
            )
            for shape, iso in formats
        )
        return f"case {cases} end"

    def _date(self, c: str) -> None:
        iso = self.build.add(
            2, self.alias("i"), self._iso(c, self._formats(self.dialect.date_formats))
        )
        if self.column.century is not None:
            day = self._century(iso)
        else:
            day = self.build.add(
                3,
                self.alias("d"),
                f"case when length({iso}) = 10 then try_cast({iso} as date) "
                f"when try_cast(substr({iso}, 12) as time) is not null "
                f"then try_cast(left({iso}, 10) as date) end",
            )
        is_open = self._is_open(c, day)
        value = f"case when {is_open} then null else {day} end" if is_open else day
        self._value(value, f"({value})::varchar")
        cases = ""
        if is_open:
            self.build.note("OPEN_ENDED", self.name, is_open)
            cases = f"when {is_open} then " + (
                "null " if self.column.nullable else "'REQUIRED_VALUE_MISSING' "
            )
        earliest = self.column.min or self.dialect.earliest_date
        sound = f"{day} is not null"
        if self.column.century is None or self.column.min is not None:
            sound = f"{day} >= date '{earliest}'"
        if self.column.max is not None:
            sound += f" and {day} <= date '{self.column.max}'"
        if is_open and not self.column.nullable:
            sound += f" and not {is_open}"
        self._require(sound)
        cases += (
            f"when {iso} is null then "
            f"case when regexp_full_match({c}, '[0-9]{{1,5}}(?:[.,][0-9]+)?') "
            "then 'EXCEL_SERIAL_DATE' else 'TIMESTAMP_FORMAT' end "
            f"when {day} is null then 'INVALID_DATE' "
        )
        if self.column.century is None or self.column.min is not None:
            cases += f"when {day} < date '{earliest}' then 'IMPLAUSIBLE_DATE' "
        if self.column.max is not None:
            cases += f"when {day} > date '{self.column.max}' then 'IMPLAUSIBLE_DATE' "
        self.build.reason(self.name, f"case when {c} is null then null {cases} end")

    def _is_open(self, c: str, day: str) -> str:
        words = self._open_words()
        if not words:
            return ""
        tests = [is_one_of(c, words)]
        days = {parsed for word in words if (parsed := _as_date(word)) is not None}
        if days:
            listed = is_one_of(day, (one.isoformat() for one in sorted(days)), "date")
            tests.append(f"coalesce({listed}, false)")
        return "(" + " or ".join(tests) + ")"

    def _century(self, iso: str) -> str:
        century = self.column.century
        assert century is not None
        today = self.context.delivery_date
        options = []
        for prefix in ("19", "20"):
            day = f"try_cast('{prefix}' || {iso} as date)"
            # date_sub lets those born on 29 February turn a year older on the 28th.
            birthday_is_ahead = f"month({day}) * 100 + day({day}) > {today.month * 100 + today.day}"
            age = f"{today.year} - year({day}) - ({birthday_is_ahead})::int"
            options.append((day, f"{age} between {century.min_age} and {century.max_age}"))
        (old, is_old), (new, is_new) = options
        self.build.note("CENTURY_PIVOT", self.name, f"{self.alias('d')} is not null")
        return self.build.add(
            3,
            self.alias("d"),
            f"case when coalesce({is_old}, false) and not coalesce({is_new}, false) then {old} "
            f"when coalesce({is_new}, false) and not coalesce({is_old}, false) then {new} end",
        )

    def _duration(self, c: str) -> None:
        shape = f"{_DAY} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}"
        form = f"regexp_full_match({c}, {quote_literal(shape)})"
        v = self.build.add(
            2,
            self.alias("v"),
            f"case when {form} then epoch(try_cast({c} as timestamp))::bigint end",
        )
        self.build.reason(
            self.name,
            f"case when {c} is null then null when not {form} then 'TIMESTAMP_FORMAT' "
            f"when {v} is null then 'INVALID_DATE' when {v} < 0 then 'NEGATIVE_DURATION' end",
        )
        self._require(f"{v} >= 0")
        self.build.note("EPOCH_DURATION", self.name, f"{v} is not null")
        self._value(v, f"{v}::varchar")

    # ------------------------------------------------------------------------------- timestamps

    def _ts_text(self, c: str) -> str:
        """Return an alias of the text in ISO form, whatever form was declared."""
        formats = self.column.format or self.dialect.ts_formats
        cases = []
        for text in formats:
            if text == "iso":
                continue
            pair = format_regex(text)
            if pair is None:
                unit = {"epoch_s": 1, "epoch_ms": 1000}[text]
                cases.append(
                    f"when regexp_full_match({c}, '[0-9]{{9,16}}') then strftime(make_timestamp("
                    f"try_cast({c} as bigint) * {1_000_000 // unit}), '%Y-%m-%dT%H:%M:%S.%fZ')"
                )
                continue
            shape, iso = pair
            zone = f"(?: ?(Z|{_OFFSET}))?"
            iso += f"\\{len(re.findall(r'[(](?![?])', shape)) + 1}"
            cases.append(
                f"when regexp_full_match({c}, {quote_literal(shape + zone)}) then "
                + _two_digits(
                    f"regexp_replace({c}, {quote_literal(f'^{shape}{zone}$')}, "
                    f"{quote_literal(iso)})"
                )
            )
        if not cases:
            return c
        otherwise = f" else {c}" if "iso" in formats or self.dialect.format == "xlsx" else ""
        return self.build.add(2, self.alias("i"), f"case {' '.join(cases)}{otherwise} end")

    def _ts(self, c: str) -> None:
        text = self._ts_text(c)
        build, names = self.build, self.dialect.zone_abbreviations
        offsets = "|".join(("Z", _OFFSET, *map(re.escape, names)))
        full = f"{_DAY}[T ]{_TIME}"
        if self.dialect.format == "xlsx":
            # A real Excel date without a time is the start of that day.
            text = build.add(
                3,
                self.alias("j"),
                f"case when regexp_full_match({text}, '{_DAY}') then {text} || 'T00:00:00' "
                f"else {text} end",
            )
        # Second 60, 24:00, named zones, blanks and missing colons are rare: one test tells, and no
        # other text is rewritten. Where an offset must be there, the test tells that too.
        allowed = self.dialect.timestamps
        offset = {
            "offset": f"(?:Z|{_USUAL_OFFSET})",
            "local": "",
            "either": f"(?:Z|{_USUAL_OFFSET})?",
        }[allowed]
        usual = build.add(
            4,
            self.alias("y"),
            f"coalesce(regexp_full_match({text}, "
            f"{quote_literal(f'{_DAY}[T ]{_USUAL_TIME}{offset}')}), false)",
        )
        usual_form = {
            "offset": "2",
            "local": "1",
            "either": f"case when right({text}, 1) = 'Z' or left(right({text}, 6), 1) in "
            "('+', '-') then 2 else 1 end",
        }[allowed]
        form = build.add(
            5,
            self.alias("f"),
            f"case when {usual} then {usual_form} "
            f"when regexp_full_match({text}, {quote_literal(f'{full} ?(?:{offsets})')}) then 2 "
            f"when regexp_full_match({text}, {quote_literal(full)}) then 1 else 0 end",
        )
        fixed = f"regexp_replace({text}, ':60', ':59')"
        for name, offset in names.items():
            fixed = f"replace({fixed}, {quote_literal(name)}, {quote_literal(offset)})"
        fixed = f"regexp_replace({fixed}, ':([0-9.]+) ?([+-][0-9]{{2}})$', ':\\1\\2:00')"
        fixed = f"regexp_replace({fixed}, ' ?([+-][0-9]{{2}}):?([0-9]{{2}})$', '\\1:\\2')"
        fixed = f"regexp_replace({fixed}, ' Z$', 'Z')"
        s = build.add(5, self.alias("s"), f"case when {usual} then {text} else {fixed} end")
        # After that the zone is one character (Z), six (+02:00), or not there.
        zone_at = (
            f"case when {form} < 2 then length({s}) when right({s}, 1) = 'Z' then length({s}) - 1 "
            f"else length({s}) - 6 end"
        )
        wall = f"try_cast(left({s}, {zone_at}) as timestamp)"
        delivered = f"nullif(substr({s}, {zone_at} + 1), '')"
        if allowed != "offset":
            # Otherwise it is only asked for where a record has no zone, or is refused.
            wall = build.add(6, self.alias("w"), wall)
        zone = self._zone()
        if zone is not None:
            zone = build.add(6, self.alias("z"), zone)
        zoned = build.add(
            6, self.alias("a"), f"case when {form} = 2 then try_cast({s} as timestamptz) end"
        )
        instant = f"make_timestamp(epoch_us({zoned}))"
        local = "null::timestamp"
        if zone is not None and allowed != "offset":
            local = self._local_instant(wall, zone)
            if self.column.fold_by and self.context.fold:
                local = self._second_time_is_later(wall, zone, local)
        used = {
            "offset": instant,
            "local": f"case when {form} = 1 then {local} end",
            "either": f"case when {form} = 2 then {instant} when {form} = 1 then {local} end",
        }[allowed]
        u = build.add(8, self.alias("u"), used)
        self._ts_reasons(c, form, wall, u, zone)
        self._ts_values(form, delivered, wall, u, zone=zone)
        # A case, because the terms of a conjunction are all computed.
        rare = f"case when {usual} or {u} is null then false else"
        build.note("TIME_24H", self.name, f"{rare} substr({text}, 12, 2) = '24' end")
        build.note("LEAP_SECOND", self.name, f"{rare} contains({text}, ':60') end")

    def _ts_reasons(self, c: str, form: str, wall: str, u: str, zone: str | None) -> None:
        text = "coalesce(" + ", ".join((self._text_alias(c), c)) + ")"
        cases = f"when {form} = 0 then 'TIMESTAMP_FORMAT' "
        cases += f"when try_cast(left({text}, 10) as date) is null then 'INVALID_DATE' "
        cases += f"when {wall} is null then 'TIMESTAMP_FORMAT' "
        if self.dialect.timestamps == "offset" or zone is None:
            cases += f"when {form} = 1 then 'NAIVE_TIMESTAMP' "
        else:
            if self.dialect.timestamps == "local":
                cases += f"when {form} = 2 then 'TIMESTAMP_FORMAT' "
            cases += f"when {form} = 1 and {zone} is null then 'NAIVE_TIMESTAMP' "
            gap = f"timezone({zone}, timezone({zone}, {wall})) <> {wall}"
            cases += f"when {form} = 1 and {gap} then 'NONEXISTENT_LOCAL_TIME' "
            self.build.note(
                "AMBIGUOUS_LOCAL_TIME",
                self.name,
                f"{form} = 1 and {u} is not null and {self._is_ambiguous(wall, zone)}",
            )
        cases += f"when {u} is null then 'TIMESTAMP_FORMAT' "
        earliest = self.column.min or self.dialect.earliest_ts
        sound = f"{u} >= timestamp '{earliest}'"
        latest = self.context.received_at + dt.timedelta(
            minutes=self.dialect.future_tolerance_minutes
        )
        cases += f"when {u} < timestamp '{earliest}' then 'IMPLAUSIBLE_DATE' "
        if self.column.future == "refused":
            moment = f"timestamp '{latest:%Y-%m-%d %H:%M:%S.%f}'"
            cases += f"when {u} > {moment} then 'FUTURE_TIMESTAMP' "
            sound += f" and {u} <= {moment}"
        if self.column.max is not None:
            cases += f"when {u} > timestamp '{self.column.max}' then 'IMPLAUSIBLE_DATE' "
            sound += f" and {u} <= timestamp '{self.column.max}'"
        self._require(sound)
        self.build.reason(self.name, f"case when {c} is null then null {cases} end")

    def _text_alias(self, c: str) -> str:
        layers = self.build.layers
        for letter, layer in (("j", 3), ("i", 2)):
            if self.alias(letter) in layers[layer]:
                return self.alias(letter)
        return c

    def _ts_values(self, form: str, delivered: str, wall: str, u: str, *, zone: str | None) -> None:
        if zone is None:
            local, zone_text = f"case when {u} is not null then {wall} end", delivered
        else:
            local = (
                f"case when {u} is null then null when {form} = 1 or {zone} is null then {wall} "
                f"else {local_clock(zone, u, self.context.zone_changes)} end"
            )
            zone_text = f"coalesce({zone}, {delivered})"
        values = self.build.values
        values[f"{self.name}_utc"] = u
        values[f"{self.name}_local"] = local
        values[f"{self.name}_zone"] = f"case when {u} is null then null else {zone_text} end"
        self.build.hashed[self.name] = f"epoch_us({u})::varchar"

    def _zone(self) -> str | None:
        """Return SQL of the zone of this record's site, or None where none is declared."""
        declared = self.contract.time_zone
        if declared is None:
            return None
        if declared.zone is not None:
            return quote_literal(declared.zone)
        return self._zone_of(declared.site_column, declared.column)

    def _zone_of(self, site_column: str | None, zone_column: str | None) -> str | None:
        if zone_column is not None:
            alias = self._cleaned(zone_column)
            known = is_one_of(alias, self.context.known_zones)
            return f"(case when {known} then {alias} end)"
        assert site_column is not None
        alias = self._code_value(site_column)
        branches = " ".join(
            f"when {quote_literal(site)} then {quote_literal(zone)}"
            for site, zone in self.context.site_zones.items()
        )
        return f"(case {alias} {branches} end)" if branches else None

    def _cleaned(self, name: str) -> str:
        return f"_c{list(self.contract.columns).index(name)}"

    def _code_value(self, name: str) -> str:
        column = self.contract.columns[name]
        return self._cleaned(name).replace("_c", "_v") if folds(column) else self._cleaned(name)

    def _local_instant(self, wall: str, zone: str) -> str:
        """Return SQL of the UTC instant of a wall clock; a time that occurs twice is the first.

        The engine answers the later of the two, so the earlier is looked for an hour (or half an
        hour, on Lord Howe) before. A time that does not exist has no instant.
        """
        later = f"timezone({zone}, {wall})"
        back = " ".join(
            f"when timezone({zone}, {later} - interval {minutes} minute) = {wall} "
            f"then timezone('UTC', {later} - interval {minutes} minute)"
            for minutes in (60, 30)
        )
        return (
            f"case when timezone({zone}, {later}) <> {wall} then null {back} "
            f"else timezone('UTC', {later}) end"
        )

    def _second_time_is_later(self, wall: str, zone: str, first: str) -> str:
        """Return SQL in which a wall clock that occurred before is the later instant."""
        by = ", ".join((*map(self._cleaned, self.column.fold_by), wall))
        key = [name for name in self.contract.key if name not in {self.name, *self.column.fold_by}]
        again = f"row_number() over (partition by {by} order by _row_no) > 1"
        if key:
            # A record that is delivered twice happened once, so it is one instant.
            own = ", ".join((by, *map(self._cleaned, key)))
            again = (
                f"min(_row_no) over (partition by {own}) > min(_row_no) over (partition by {by})"
            )
        occurred = self.build.add(7, self.alias("o"), again)
        later = f"timezone({zone}, {wall})"
        return (
            f"case when {occurred} and {self._is_ambiguous(wall, zone)} "
            f"then timezone('UTC', {later}) else {first} end"
        )

    def _is_ambiguous(self, wall: str, zone: str) -> str:
        later = f"timezone({zone}, {wall})"
        return (
            "("
            + " or ".join(
                f"timezone({zone}, {later} - interval {minutes} minute) = {wall}"
                for minutes in (60, 30)
            )
            + ")"
        )

    def _localtime(self, c: str) -> None:
        column, build = self.column, self.build
        assert column.date_column is not None
        day = f"_d{list(self.contract.columns).index(column.date_column)}"
        zone = (
            self._zone_of(None, column.zone_column) if column.zone_column else self._zone()
        ) or "null::varchar"
        full = f"{_DAY}[T ]{_TIME}"
        clock = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\\.0+)?)?|24:00(?::00)?"
        own = build.add(
            4,
            self.alias("w"),
            f"case when regexp_full_match({c}, {quote_literal(clock)}) then {day}::timestamp "
            f"+ to_minutes(60 * left({c}, 2)::int + substr({c}, 4, 2)::int) "
            f"when regexp_full_match({c}, {quote_literal(full)}) "
            f"then try_cast({c} as timestamp) end",
        )
        wall = own
        if column.after is not None:
            start = f"_w{list(self.contract.columns).index(column.after)}"
            wall = build.add(
                5,
                self.alias("l"),
                f"case when {own} <= {start} then {own} + interval 1 day else {own} end",
            )
        u = build.add(8, self.alias("u"), self._local_instant(wall, zone))
        build.reason(
            self.name,
            f"case when {c} is null or {day} is null then null "
            f"when {own} is null then 'TIMESTAMP_FORMAT' "
            f"when {zone} is null then 'NAIVE_TIMESTAMP' "
            f"when {u} is null then 'NONEXISTENT_LOCAL_TIME' end",
        )
        self._require(f"{u} is not null")
        build.note(
            "AMBIGUOUS_LOCAL_TIME",
            self.name,
            f"{u} is not null and {self._is_ambiguous(wall, zone)}",
        )
        build.values[self.name] = wall
        build.values[utc_name(self.name)] = u
        build.hashed[self.name] = f"epoch_us({wall})::varchar"

    def _value(self, value: str, hashed: str) -> None:
        self.build.values[self.name] = value
        self.build.hashed[self.name] = hashed


def _two_digits(expression: str) -> str:
    """Cut the zero that one-digit months and days were given one too many of."""
    return f"regexp_replace({expression}, '-0([0-9]{{2}})', '-\\1', 'g')"


def _as_date(word: str) -> dt.date | None:
    for shape in ("%Y%m%d", "%d.%m.%Y", "%Y-%m-%d"):
        try:
            return dt.datetime.strptime(word, shape).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    return None
