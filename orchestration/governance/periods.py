"""Periods by their label: `2026`, `2026-Q1`, `2026-03`, `2026-W09`, `2026-03-14`."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

PeriodKind = Literal["day", "week", "month", "quarter", "year"]
_LABEL = re.compile(
    r"(?P<year>\d{4})(?:-(?:Q(?P<quarter>[1-4])|W(?P<week>\d\d)|(?P<month>\d\d)(?:-(?P<day>\d\d))?))?"
)


@dataclass(frozen=True)
class Period:
    """A period with its first and last day."""

    label: str
    kind: PeriodKind
    first_day: dt.date
    last_day: dt.date


def parse_period(label: str) -> Period:
    """Return the period that a label names.

    Raises
    ------
    ValueError
        If the label is none of the five forms or names a period that does not exist.

    Examples
    --------
    >>> parse_period("2026-Q1").last_day
    datetime.date(2026, 3, 31)
    >>> parse_period("2026-W53").first_day
    datetime.date(2026, 12, 28)
    """
    match = _LABEL.fullmatch(label)
    period = None
    if match is not None:
        with suppress(ValueError):
            period = _period(label, match)
    if period is None:
        raise ValueError(
            f"{label!r} is no period: write 2026, 2026-Q1, 2026-03, 2026-W09 or 2026-03-14"
        )
    return period


def _period(label: str, match: re.Match[str]) -> Period:
    year = int(match["year"])
    if match["quarter"]:
        month = 3 * int(match["quarter"])
        return Period(label, "quarter", dt.date(year, month - 2, 1), _last_day(year, month))
    if match["week"]:
        monday = dt.date.fromisocalendar(year, int(match["week"]), 1)
        return Period(label, "week", monday, monday + dt.timedelta(days=6))
    if match["day"]:
        day = dt.date(year, int(match["month"]), int(match["day"]))
        return Period(label, "day", day, day)
    if match["month"]:
        month = int(match["month"])
        return Period(label, "month", dt.date(year, month, 1), _last_day(year, month))
    return Period(label, "year", dt.date(year, 1, 1), dt.date(year, 12, 31))


def _last_day(year: int, month: int) -> dt.date:
    return dt.date(year, month, calendar.monthrange(year, month)[1])
