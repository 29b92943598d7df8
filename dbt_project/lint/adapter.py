"""Stands in for dbt's `adapter` where sqlfluff templates a model without dbt."""

from collections.abc import Callable

# What is no plain expression.
_OTHERS = {
    "days_between": "select current_date as calendar_date",
    "joined": "min('a')",
}


def dispatch(name: str) -> Callable[..., str]:
    """Return a macro that gives one valid expression, since only the model is linted."""
    return lambda *_: _OTHERS.get(name, "(1)")
