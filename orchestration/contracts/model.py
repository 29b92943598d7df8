"""What a feed promises and how a system's export differs from it: the models of the YAML files.

A `Contract` says everything the guard needs to judge one file. A `Profile` says where one
company's system leaves its files and in which dialect, names and codes; laid over the canonical
contract it gives the effective contract of a `Form`. Nothing here reads a file or runs SQL.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_DECIMAL_DIGITS = 38

_TYPE = re.compile(
    r"(?P<kind>key|text|code|int|dec|date|ts|localtime|bool|flag|money|json|duration)"
    r"(?:\(\s*(?P<precision>[0-9]+)\s*,\s*(?P<scale>[0-9]+)\s*\))?(?P<null>\?)?"
)
_FORMAT_PART = re.compile(r"YYYY|YY|MM|M|DD|D|hh|mm|ss|\[\.f\]|T|[-/. :]|.")
_SEPARATORS = frozenset("T-/. :")
_NUMBER_WIDTHS = {"YYYY": 4, "YY": 2, "MM": 2, "DD": 2, "hh": 2, "mm": 2, "ss": 2}


class Strict(BaseModel):
    """A declaration in which a misspelt word is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


# --------------------------------------------------------------------------------------- dialect


class Dialect(Strict):
    """How a file is written. It is declared, never sniffed; a deviation is a finding."""

    format: Literal["csv", "json", "jsonl", "shdr", "xlsx", "parquet"] = "csv"
    # Text
    encoding: str = "utf-8"
    fallback_encoding: str | None = "cp1252"
    delimiter: str = ","
    quote: str | None = '"'
    record_end: str = "\n"
    header: bool = True
    layout: tuple[str, ...] | None = Field(
        default=None,
        description="Names by position of a file without header; names that are no column of "
        "the contract are read over. Default: the columns of the contract.",
    )
    preamble_lines: int = Field(default=0, ge=0, description="Most title lines above the header.")
    trailer: bool = Field(default=True, description="A last line T|nnnnnnnn is a record count.")
    unknown_columns: Literal["warn", "ignore"] = "warn"
    max_bytes: int | None = Field(default=None, gt=0)
    may_fill_row_limit: bool = Field(
        default=False,
        description="A file of exactly 65,536 or 1,048,576 lines is no sign of truncation.",
    )
    # Other containers
    sheet: str | None = Field(default=None, description="Excel sheet; default: the first.")
    records: str | None = Field(default=None, description="JSON: dotted path to the records.")
    # Values
    nulls: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    thousands: tuple[str, ...] = ()
    minus: tuple[Literal["leading", "trailing", "parentheses"], ...] = ("leading",)
    minus_signs: tuple[str, ...] = ("-",)
    scientific: bool = Field(default=False, description="1.5E-3 is a number.")
    blanks_around_numbers: bool = False
    currency: dict[str, str] = Field(default_factory=dict, description="Sign: ISO currency code.")
    date_formats: tuple[str, ...] = ("YYYY-MM-DD", "YYYY-MM-DDThh:mm:ss")
    ts_formats: tuple[str, ...] = ("iso",)
    timestamps: Literal["offset", "local", "either"] = Field(
        default="offset",
        description="offset: a naive time is refused; local: times are wall clock of the zone of "
        "`time_zone`; either: wall clock unless an offset is given.",
    )
    zone_abbreviations: dict[str, str] = Field(
        default_factory=lambda: {"EDT": "-04:00", "EST": "-05:00"}
    )
    open_dates: tuple[str, ...] = Field(default=(), description="Values that mean: no end yet.")
    true_words: tuple[str, ...] = ("X", "true")
    false_words: tuple[str, ...] = ("false",)
    earliest_date: dt.date = dt.date(1950, 1, 1)
    earliest_ts: dt.date = dt.date(2015, 1, 1)
    future_tolerance_minutes: int = 5
    max_field_characters: int = 10_000

    @field_validator("date_formats", "ts_formats")
    @classmethod
    def _formats_are_readable(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for text in formats:
            format_regex(text)
        return formats

    @field_validator("zone_abbreviations")
    @classmethod
    def _offsets(cls, zones: dict[str, str]) -> dict[str, str]:
        for name, offset in zones.items():
            if not re.fullmatch(r"[+-][0-9]{2}:[0-9]{2}", offset):
                raise ValueError(f"{name}: {offset!r} is no offset like -04:00")
        return zones

    @field_validator("encoding", "fallback_encoding")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        if name is not None:
            "".encode(name)
        return name


def format_regex(text: str) -> tuple[str, str] | None:
    r"""Return the regular expression of a date or time format and its rewriting to ISO.

    Parameters
    ----------
    text : str
        `YYYY YY MM M DD D hh mm ss [.f]` and separators, or `iso`, `epoch_s`, `epoch_ms`.

    Returns
    -------
    tuple of str or None
        Expression and replacement (``\\1`` groups); None for the three special names.

    Raises
    ------
    ValueError
        If the text holds anything else or lacks a year, month or day.

    Examples
    --------
    >>> format_regex("DD.MM.YYYY")[1]
    '\\3-\\2-\\1'
    """
    if text in {"iso", "epoch_s", "epoch_ms"}:
        return None
    pieces: list[str] = []
    groups: dict[str, int] = {}
    one_digit: set[str] = set()
    for part in _FORMAT_PART.findall(text):
        if part in {"M", "D"}:
            groups[part * 2] = len(groups) + 1
            one_digit.add(part * 2)
            pieces.append("([0-9]{1,2})")
        elif part in _NUMBER_WIDTHS:
            groups["YYYY" if part == "YY" else part] = len(groups) + 1
            pieces.append(f"([0-9]{{{_NUMBER_WIDTHS[part]}}})")
        elif part == "[.f]":
            groups["f"] = len(groups) + 1
            pieces.append(r"(\.[0-9]{1,9})?")
        elif part in _SEPARATORS:
            pieces.append("\\." if part == "." else part)
        else:
            raise ValueError(f"{text!r} is no date format; use YYYY YY MM M DD D hh mm ss [.f]")
    if not {"YYYY", "MM", "DD"} <= groups.keys():
        raise ValueError(f"{text!r} is no date format: it lacks a year, a month or a day")
    # One-digit months and days get a leading zero, which the rewriting takes off two-digit ones.
    iso = f"\\{groups['YYYY']}" + "".join(
        f"-{'0' * (name in one_digit)}\\{groups[name]}" for name in ("MM", "DD")
    )
    if "hh" in groups:
        iso += f"T\\{groups['hh']}:" + (f"\\{groups['mm']}" if "mm" in groups else "00")
        iso += f":\\{groups['ss']}" if "ss" in groups else ":00"
        iso += f"\\{groups['f']}" if "f" in groups else ""
    return "".join(pieces), iso


# --------------------------------------------------------------------------------------- columns


class Century(Strict):
    """Which century a two-digit birth year belongs to: the one that gives a plausible age."""

    min_age: int = 14
    max_age: int = 90


class Column(Strict):
    """One column: its type, its limits and, in a form, its name and spelling in the file."""

    type: str
    description: str = ""
    pattern: str | None = None
    values: tuple[str, ...] | None = None
    min: int | float | dt.date | None = None
    max: int | float | dt.date | None = None
    unit: str | None = None
    in_header: Literal["required", "optional"] = "required"
    sensitivity: Literal["public", "internal", "confidential", "personal", "restricted"] = (
        "internal"
    )
    format: str | tuple[str, ...] | None = None
    open_dates: tuple[str, ...] | None = None
    future: Literal["refused", "allowed"] = "refused"
    century: Century | None = None
    watch_personal_data: bool = False
    fold_by: tuple[str, ...] = Field(
        default=(),
        description="A wall clock that occurs twice: its second occurrence for these columns, in "
        "file order, is after the clock was put back.",
    )
    # localtime: the wall clock of a day that another column names
    date_column: str | None = None
    zone_column: str | None = None
    after: str | None = None
    # set by a profile
    name_in_file: str | None = None
    constant: str | None = None
    is_constant: bool = False
    codes: dict[str, str] = Field(default_factory=dict)

    @field_validator("type")
    @classmethod
    def _type_is_known(cls, text: str) -> str:
        match = _TYPE.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is no type; use key, text, code, int, dec(p,s), date, ts, localtime, "
                "bool, flag, money, json or duration, with ? if it may be empty"
            )
        if match["precision"] and (
            match["kind"] != "dec"
            or not int(match["scale"]) <= int(match["precision"]) <= MAX_DECIMAL_DIGITS
        ):
            raise ValueError(f"{text!r}: only dec takes (precision, scale), with at most 38 digits")
        return text

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"{text!r} is no regular expression: {error}") from error
        return text

    @field_validator("format")
    @classmethod
    def _format_is_readable(cls, value: str | tuple[str, ...] | None) -> tuple[str, ...] | None:
        formats = (value,) if isinstance(value, str) else value
        for text in formats or ():
            format_regex(text)
        return formats

    @cached_property
    def kind(self) -> str:
        """The type's name without nullability; money is dec(18,4), flag stays flag."""
        match = _TYPE.fullmatch(self.type)
        assert match is not None
        return "dec" if match["kind"] == "money" else match["kind"]

    @cached_property
    def nullable(self) -> bool:
        """Whether the value may be empty."""
        return self.type.endswith("?")

    @cached_property
    def precision_and_scale(self) -> tuple[int, int]:
        """Digits of a dec; a bare `dec` has (28,10)."""
        match = _TYPE.fullmatch(self.type)
        assert match is not None
        if match["kind"] == "money":
            return 18, 4
        return (int(match["precision"]), int(match["scale"])) if match["precision"] else (28, 10)

    def typed(self, name: str) -> dict[str, str]:
        """Return the DuckDB columns that this column becomes, in order."""
        if self.kind == "ts":
            return {
                f"{name}_utc": "TIMESTAMP",
                f"{name}_local": "TIMESTAMP",
                f"{name}_zone": "VARCHAR",
            }
        if self.kind == "localtime":
            return {name: "TIMESTAMP", utc_name(name): "TIMESTAMP"}
        if self.kind == "dec":
            return {name: "DECIMAL({},{})".format(*self.precision_and_scale)}
        return {
            name: {
                "int": "BIGINT",
                "duration": "BIGINT",
                "date": "DATE",
                "bool": "BOOLEAN",
                "flag": "BOOLEAN",
            }.get(self.kind, "VARCHAR")
        }


def utc_name(name: str) -> str:
    """Return the name of the instant beside a wall-clock column: `start_local` to `start_utc`."""
    return f"{name.removesuffix('_local')}_utc"


# ---------------------------------------------------------------------------------------- checks


class PeriodInName(Strict):
    """A name that ends `_YYYYMMDD.<ext>` promises rows of that day; refused when most are not."""

    kind: Literal["period_in_name"]
    column: str
    before_days: int = 60
    after_days: int = 1


class Late(Strict):
    """Rows dated more than `days` before the delivery are noted."""

    kind: Literal["late"]
    column: str
    days: int


class EndsAfterStart(Strict):
    """A row whose end lies before its start is set aside."""

    kind: Literal["ends_after_start"]
    from_: str = Field(alias="from")
    to: str


class NoOverlap(Strict):
    """Intervals with the same key do not overlap; an empty end is open.

    Days are inclusive: two intervals that share a day overlap. Instants are half open.
    """

    kind: Literal["no_overlap"]
    key: tuple[str, ...]
    from_: str = Field(alias="from")
    to: str
    when: str | None = Field(default=None, description="Only rows where this flag is true.")
    on_overlap: Literal["quarantine", "warn"] = "quarantine"
    on_gap: Literal["warn", "ignore"] = "ignore"


class Counter(Strict):
    """A running total; a value below the one before it in the file is a reset, noted."""

    kind: Literal["counter"]
    column: str
    by: tuple[str, ...]


class CollapseRepeats(Strict):
    """A record whose `by` has the same `value` as its previous record says nothing: dropped."""

    kind: Literal["collapse_repeats"]
    by: tuple[str, ...]
    value: str


class Product(Strict):
    """A delivered product farther than `tolerance` from its factors is recomputed."""

    kind: Literal["product"]
    column: str
    factors: tuple[str, ...]
    tolerance: float = 0.01


class AtMostOne(Strict):
    """Rates above one are noted, never clipped."""

    kind: Literal["at_most_one"]
    columns: tuple[str, ...]


class Hierarchy(Strict):
    """Parents exist, one row has none, and nobody is above himself."""

    kind: Literal["hierarchy"]
    id: str
    parent: str
    one_root: bool = True
    roots_by: Literal["id", "row"] = "id"
    parents_in_history: bool = False


class OneNamePerId(Strict):
    """One id with different names was given to somebody else."""

    kind: Literal["one_name_per_id"]
    id: str
    name: str


class Volume(Strict):
    """A full snapshot with fewer records than this share of the last one is refused."""

    kind: Literal["volume"]
    min_ratio: float = 0.9


class Retroactive(Strict):
    """A date that history lacks and that lies more than `days` before the delivery is noted."""

    kind: Literal["retroactive"]
    column: str
    days: int = 31


class Reference(Strict):
    """Values that the reference list does not know are noted; the row is kept."""

    kind: Literal["reference"]
    column: str
    reference: str


class Distribution(Strict):
    """A median far from that of all earlier deliveries is noted (a unit may have changed)."""

    kind: Literal["distribution"]
    column: str
    factor: float = 10
    min_rows: int = 3


class ScaleDoubt(Strict):
    """Most values outside the range but inside it after times `factor`: the format is in doubt."""

    kind: Literal["scale_doubt"]
    column: str
    factor: int = 1000


class DateOrder(Strict):
    """Values possible only in the other order of day and month, none only in the declared one."""

    kind: Literal["date_order"]
    column: str


class Consent(Strict):
    """In these countries anything but a true consent sets the row aside."""

    kind: Literal["consent"]
    column: str
    country_column: str
    countries: tuple[str, ...]


class NotBlank(Strict):
    """A value that may be empty by type is demanded by a rule of governance."""

    kind: Literal["not_blank"]
    column: str
    code: str = "REQUIRED_VALUE_MISSING"


class SmallCell(Strict):
    """Groups with fewer rows must not be published."""

    kind: Literal["small_cell"]
    by: tuple[str, ...]
    min_rows: int = 3
    except_: dict[str, tuple[str, ...]] = Field(default_factory=dict, alias="except")


Check = Annotated[
    PeriodInName
    | Late
    | EndsAfterStart
    | NoOverlap
    | Counter
    | CollapseRepeats
    | Product
    | AtMostOne
    | Hierarchy
    | OneNamePerId
    | Volume
    | Retroactive
    | Reference
    | Distribution
    | ScaleDoubt
    | DateOrder
    | Consent
    | NotBlank
    | SmallCell,
    Field(discriminator="kind"),
]


def check_columns(check: BaseModel) -> Iterator[str]:
    """Yield the names of the columns that a check speaks of."""
    for name in (
        "column",
        "country_column",
        "from_",
        "to",
        "when",
        "id",
        "parent",
        "name",
        "value",
    ):
        value = getattr(check, name, None)
        if value is not None:
            yield value
    for name in ("columns", "by", "key", "factors", "except_"):
        yield from getattr(check, name, ())


# -------------------------------------------------------------------------------------- contract


class Delivery(Strict):
    """How and when a feed arrives and what a delivery replaces."""

    mode: Literal["snapshot", "delta", "append", "correction"]
    cadence: str = "daily"
    latency_days: int = Field(default=0, ge=0)
    late_after_days: int | None = Field(default=None, ge=0)
    scope: tuple[str, ...] = ()
    may_be_empty: bool = False


class TimeZone(Strict):
    """Whose wall clock a time without offset means, and the local times beside UTC."""

    site_column: str | None = None
    zone: str | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> TimeZone:
        if sum(value is not None for value in (self.site_column, self.zone, self.column)) != 1:
            raise ValueError("give exactly one of site_column, zone, column")
        if self.zone is not None:
            known_zone(self.zone)
        return self


def known_zone(name: str) -> str:
    """Return the name of an IANA time zone.

    Raises
    ------
    ValueError
        If there is no such zone.
    """
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone such as Europe/Berlin")
    ZoneInfo(name)
    return name


class Touches(Strict):
    """Which production days a changed row can change.

    Attributes
    ----------
    from_ : tuple of str
        Columns of the first day; of several the earliest that is given.
    to : str or None
        Column of the last day; without one the end is open.
    group : tuple of str
        Columns whose equal values make rows depend on each other, as versions of one case do: the
        days of all stored rows of the group are touched too.
    days_before : int
        How many days before the first one belong to it too: a complaint changes the order it is
        about, which was promised before.
    supersedes : str or None
        Column with the key of the row that this one puts out of force: the days of that row are
        touched too, because a correction may lie on other days.
    """

    from_: tuple[str, ...] = Field(alias="from", min_length=1)
    to: str | None = None
    group: tuple[str, ...] = ()
    days_before: int = Field(default=0, ge=0)
    supersedes: str | None = None

    @field_validator("from_", mode="before")
    @classmethod
    def _one_column_is_a_list_too(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Rule(Strict):
    """One row rule in Great Expectations' vocabulary, with what happens when it fails."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    expectation: str = Field(pattern=r"^(expect_[a-z0-9_]+|[A-Z][A-Za-z]+)$")
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Literal["warn", "quarantine"]
    owner: str
    mostly: float = Field(default=1.0, gt=0, le=1)
    description: str = ""


class Contract(Strict):
    """What one feed promises, complete enough to judge a file of it."""

    feed: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    system: str
    description: str = ""
    owner: str = "team:data-platform"
    steward: str = "data-steward"
    sensitivity: Literal["public", "internal", "confidential", "restricted"] = "internal"
    domain: Literal[
        "production",
        "supply",
        "people",
        "safety",
        "leadership",
        "planning",
        "governance",
        "finance",
        "external",
    ]
    runbook: str = ""
    delivery: Delivery
    key: tuple[str, ...] = ()
    closed: bool = Field(
        default=False,
        description="A column that is not declared refuses the file, and its bytes are not kept: "
        "what must never be stored must not come in beside what may.",
    )
    time_zone: TimeZone | None = None
    touches: Touches | Literal["nothing"] | None = Field(
        default=None,
        description="nothing: no reading rests on this feed. Without a word: any day.",
    )
    dialect: Dialect = Field(default_factory=Dialect)
    columns: dict[str, Column]
    checks: tuple[Check, ...] = ()
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _names_exist(self) -> Contract:
        self._columns_are_sound()
        for where, name in self._names_spoken_of():
            if name not in self.columns:
                raise ValueError(f"{where}: {name!r} is no column of this contract")
        typed = self.typed_columns()
        for rule in self.rules:
            for argument in ("column", "column_A", "column_B"):
                named = rule.kwargs.get(argument)
                if named is not None and named not in typed:
                    raise ValueError(
                        f"rules.{rule.id}: {named!r} is no typed column; use one of "
                        f"{', '.join(typed)}"
                    )
        if len({rule.id for rule in self.rules}) != len(self.rules):
            raise ValueError("rules: an id is used twice")
        return self

    def _names_spoken_of(self) -> Iterator[tuple[str, str]]:
        """Yield where in the contract a column is named, and which."""
        yield from (("key", name) for name in self.key)
        yield from (("delivery.scope", name) for name in self.delivery.scope)
        if self.time_zone is not None:
            for part in ("site_column", "column"):
                if getattr(self.time_zone, part):
                    yield f"time_zone.{part}", getattr(self.time_zone, part)
        if isinstance(self.touches, Touches):
            yield from (("touches.from", name) for name in self.touches.from_)
            yield from (("touches.group", name) for name in self.touches.group)
            for part in ("to", "supersedes"):
                if getattr(self.touches, part):
                    yield f"touches.{part}", getattr(self.touches, part)
        for check in self.checks:
            yield from ((f"checks.{check.kind}", name) for name in check_columns(check))

    def _columns_are_sound(self) -> None:
        for name, column in self.columns.items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
                raise ValueError(f"columns.{name}: a name is letters, digits and underscores")
            for other in column.fold_by:
                if other not in self.columns:
                    raise ValueError(f"columns.{name}.fold_by: {other!r} is no column")
            two_digit_years = [
                text for text in column.format or () if "YY" in text.replace("YYYY", "")
            ]
            if two_digit_years and column.century is None:
                raise ValueError(
                    f"columns.{name}.format: {two_digit_years[0]!r} has two-digit years; say "
                    "`century` too"
                )
            if column.kind == "localtime":
                self._localtime_is_sound(name, column)
        folded = [name.lower() for name in self.typed_columns()]
        if len(set(folded)) != len(folded):
            raise ValueError("columns: two columns become the same typed column")

    def _localtime_is_sound(self, name: str, column: Column) -> None:
        for part in ("date_column", "zone_column", "after"):
            other = getattr(column, part)
            if other is None and part == "date_column":
                raise ValueError(f"columns.{name}: a localtime needs a date_column")
            if other is not None and other not in self.columns:
                raise ValueError(f"columns.{name}.{part}: {other!r} is no column")
        if column.zone_column is None and self.time_zone is None:
            raise ValueError(f"columns.{name}: a localtime needs zone_column or time_zone")

    def typed_columns(self) -> dict[str, str]:
        """Return DuckDB column and type of every typed column, in order, without meta columns."""
        return {
            typed: duckdb_type
            for name, column in self.columns.items()
            for typed, duckdb_type in column.typed(name).items()
        }

    @property
    def schema_name(self) -> str:
        """The schema of its typed rows; what is restricted lies apart from all other feeds."""
        return "restricted" if self.sensitivity == "restricted" else "raw"

    @cached_property
    def fingerprint(self) -> str:
        """A text that is equal for equal contracts (key of caches)."""
        return self.model_dump_json(by_alias=True)


# --------------------------------------------------------------------------------------- profile


class Constant(Strict):
    """A column that this export does not deliver and that has one value throughout."""

    constant: str | None


class ProfileForm(Strict):
    """One file form: where the files lie and how they differ from the canonical contract."""

    files: str
    dialect: dict[str, Any] = Field(default_factory=dict)
    columns: dict[str, str | Constant] = Field(default_factory=dict)
    formats: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    codes: dict[str, dict[str, str]] = Field(default_factory=dict)


class ProfileFeed(Strict):
    """How one canonical feed is fed: by files, by several forms, or by a SELECT over sources."""

    files: str | None = None
    dialect: dict[str, Any] = Field(default_factory=dict)
    columns: dict[str, str | Constant] = Field(default_factory=dict)
    formats: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    codes: dict[str, dict[str, str]] = Field(default_factory=dict)
    forms: tuple[ProfileForm, ...] = ()
    from_: tuple[str, ...] = Field(default=(), alias="from")
    select: str | None = None
    delivery: Delivery | None = None
    time_zone: TimeZone | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ProfileFeed:
        ways = (self.files is not None, bool(self.forms), self.select is not None)
        if sum(ways) != 1:
            raise ValueError("give exactly one of files, forms, or from with select")
        if (self.select is not None) != bool(self.from_):
            raise ValueError("from and select belong together")
        if self.files is None and (self.columns or self.formats):
            raise ValueError("columns and formats belong to files or to each form")
        return self

    def file_forms(self) -> tuple[ProfileForm, ...]:
        """Return the forms, also where only one was written inline."""
        if self.files is None:
            return self.forms
        return (
            ProfileForm(
                files=self.files,
                dialect=self.dialect,
                columns=self.columns,
                formats=self.formats,
                codes=self.codes,
            ),
        )


Folder = Literal["landing", "home"]


class ProfileSource(Strict):
    """A typed source table: guarded like a feed, read by the SELECTs of canonical feeds."""

    forms: tuple[ProfileForm, ...] = Field(min_length=1)
    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    time_zone: TimeZone | None = None
    delivery: Delivery = Delivery(mode="snapshot")
    checks: tuple[Check, ...] = ()
    description: str = ""
    sensitivity: Literal["public", "internal", "confidential", "restricted"] = "internal"


class Profile(Strict):
    """What one system of one company delivers."""

    profile: str
    source_system: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str = ""
    folder: Folder = Field(
        default="landing",
        description="What the patterns start from: the landing folder, or the company's own home, "
        "where its own ledger delivers.",
    )
    sources: dict[str, ProfileSource] = Field(default_factory=dict)
    feeds: dict[str, ProfileFeed]

    @model_validator(mode="after")
    def _sources_exist(self) -> Profile:
        for name, feed in self.feeds.items():
            for source in feed.from_:
                if source not in self.sources:
                    raise ValueError(f"feeds.{name}.from: {source!r} is not under sources")
        return self


# --------------------------------------------------------------------------------------- company


class Enterprise(Strict):
    """The root of the organisation."""

    id: str
    name: str


class Site(Strict):
    """A plant or office and the zone of its wall clock."""

    name: str
    zone: str
    country: str = Field(pattern=r"^[A-Z]{2}$")

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        return known_zone(zone)


class CompanyFacts(Strict):
    """`company.yml`: what is true of a company whatever it delivers."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    enterprise: Enterprise
    as_of: dt.date | None = None
    first_delivery: dt.date = Field(description="First day on which files were delivered.")
    figures_from: dt.date | None = Field(
        default=None,
        description="First day to have figures; by default that of the oldest order, receipt, "
        "shift, plan or month of hours, because histories of people reach back for decades.",
    )
    sites: dict[str, Site] = Field(min_length=1)


@dataclass(frozen=True)
class Form:
    """One file form of a feed or source, with the contract its files are judged by."""

    files: str
    contract: Contract
    source_system: str


@dataclass(frozen=True)
class Source:
    """One typed source table."""

    name: str
    contract: Contract
    forms: tuple[Form, ...]


@dataclass(frozen=True)
class CompanyFeed:
    """One feed that a company delivers: by forms, or by `select` over `sources`."""

    contract: Contract
    source_system: str
    forms: tuple[Form, ...] = ()
    sources: dict[str, Source] = field(default_factory=dict)
    select: str | None = None
    folder: Folder = "landing"


@dataclass(frozen=True)
class Company:
    """A company: its facts, its folder, the feeds that its profiles name.

    A feed of the canonical catalogue that no profile names is absent: never delivered.
    """

    facts: CompanyFacts
    folder: Path
    feeds: dict[str, CompanyFeed]
    canonical: dict[str, Contract]

    @property
    def name(self) -> str:
        """The company's short name."""
        return self.facts.name

    @property
    def site_zones(self) -> dict[str, str]:
        """IANA zone of every site."""
        return {code: site.zone for code, site in self.facts.sites.items()}
