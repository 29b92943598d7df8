"""The one place where a name from a contract becomes part of a SQL text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def quote_identifier(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier; a dot is part of the name, not a separator.

    Examples
    --------
    >>> quote_identifier('good "net" qty')
    '"good ""net"" qty"'
    """
    return '"' + name.replace('"', '""') + '"'


def quote_relation(name: str) -> str:
    """Return ``schema.table`` with both parts quoted; a bare table name stays one part.

    Examples
    --------
    >>> quote_relation("raw.mes_equipment")
    '"raw"."mes_equipment"'
    """
    return ".".join(quote_identifier(part) for part in name.split(".", maxsplit=1))


def quote_literal(text: str) -> str:
    """Return ``text`` as a SQL string literal, for statements that take no parameters.

    Examples
    --------
    >>> quote_literal("Ludwig's plant")
    "'Ludwig''s plant'"
    """
    return "'" + text.replace("'", "''") + "'"


def is_one_of(expression: str, words: Iterable[str], kind: str = "varchar") -> str:
    """Return SQL that is true for one of some words and false for any other value, or none.

    The engine makes a join of an `in` with more than a few words, and a join may give the rows in
    another order than their source; where a row's place is its number, that must not happen.

    Examples
    --------
    >>> is_one_of("code", ["a", "b"])
    "(case code when 'a'::varchar then true when 'b'::varchar then true else false end)"
    """
    branches = " ".join(f"when {quote_literal(word)}::{kind} then true" for word in words)
    return f"(case {expression} {branches} else false end)" if branches else "false"


def column_list(names: list[str], *, prefix: str = "") -> str:
    """Return the quoted names separated by commas, each behind ``prefix`` and a dot if given.

    Examples
    --------
    >>> column_list(["a", "b"], prefix="new")
    'new."a", new."b"'
    """
    lead = f"{prefix}." if prefix else ""
    return ", ".join(lead + quote_identifier(name) for name in names)
