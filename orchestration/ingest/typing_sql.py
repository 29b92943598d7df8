"""One SELECT per contract: from records of text to typed columns, reasons and notes.

Reasons set a record aside; notes are only told, and only of records that stay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestration.contracts.model import (
    AtMostOne,
    Consent,
    EndsAfterStart,
    NotBlank,
    Product,
)
from orchestration.ingest.column_sql import ColumnSql, Context, Layers, folds
from orchestration.ingest.sql import is_one_of, quote_identifier, quote_literal

if TYPE_CHECKING:
    from orchestration.contracts.model import Contract
    from orchestration.ingest.records import Records

# In the hash: values never hold these two, because control characters set a record aside.
SEPARATOR = "chr(31)"
NULL_MARK = "chr(30)"
_CONTROL = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}]"


def typing_select(contract: Contract, records: Records, context: Context) -> str:
    """Return the SELECT that types a table of records, one row each, in their order.

    Its columns: the typed columns, `_row_hash`, and for the guard itself `_issues` and `_notes`
    (``CODE:column``), `_width`, `_key` (see `key_columns`).
    """
    build = Layers()
    for name, column in contract.columns.items():
        ColumnSql(contract, context, build, name, column).compile(records.positions[name])
    _row_checks(contract, build)
    _row_notes(contract, build)
    return _assemble(contract, records, context, build)


def key_columns(contract: Contract) -> list[str]:
    """Return the typed columns (or `_key`) that identify a record of the contract.

    `_key` is used where a code is part of the key: two unknown codes are both UNCLASSIFIED but not
    the same key.
    """
    if any(folds(contract.columns[name]) for name in contract.key):
        return ["_key"]
    return [typed_key(contract, name) for name in contract.key]


def typed_key(contract: Contract, name: str) -> str:
    """Return the typed column that stands for a column in comparisons (the instant of a ts)."""
    return f"{name}_utc" if contract.columns[name].kind == "ts" else name


def _row_checks(contract: Contract, build: Layers) -> None:
    """Add the checks that set one record aside by itself."""

    def typed(name: str) -> str:
        return build.values[typed_key(contract, name)]

    def cleaned(name: str) -> str:
        return f"_c{list(contract.columns).index(name)}"

    for check in contract.checks:
        if isinstance(check, EndsAfterStart):
            wrong = f"{typed(check.to)} < {typed(check.from_)}"
            column, code = check.to, "NEGATIVE_DURATION"
        elif isinstance(check, Consent):
            country = f"split_part(upper({cleaned(check.country_column)}), '-', 1)"
            wrong = (
                f"{is_one_of(country, check.countries)} "
                f"and not coalesce({typed(check.column)}, false)"
            )
            column, code = check.column, "CONSENT_MISSING"
        elif isinstance(check, NotBlank):
            wrong = f"{cleaned(check.column)} is null"
            column, code = check.column, check.code
        else:
            continue
        build.require(f"not coalesce({wrong}, false)")
        build.reason(column, f"case when {wrong} then '{code}' end")


def _row_notes(contract: Contract, build: Layers) -> None:
    """Add what is told of one record alone."""
    for check in contract.checks:
        if isinstance(check, AtMostOne):
            for name in check.columns:
                build.note("RATE_OVER_ONE", name, f"{build.values[name]} > 1")
        elif isinstance(check, Product):
            _recompute(check, contract, build)


def _recompute(check: Product, contract: Contract, build: Layers) -> None:
    factors = " * ".join(f"({build.values[name]})::double" for name in check.factors)
    value = build.values[check.column]
    # 1e-9: a value exactly at the tolerance is within it, whatever the binary fraction.
    far = f"abs(({value})::double - {factors}) > {check.tolerance} + 1e-9"
    precision, scale = contract.columns[check.column].precision_and_scale
    build.note("METRIC_RECOMPUTED", check.column, far)
    better = f"case when {far} then ({factors})::decimal({precision},{scale}) else {value} end"
    build.values[check.column] = better
    build.hashed[check.column] = f"({better})::varchar"


# ---------------------------------------------------------------------------------- assembly


def _assemble(contract: Contract, records: Records, context: Context, build: Layers) -> str:
    texts = [f"f{i}" for i in range(records.fields)]
    limit = contract.dialect.max_field_characters
    reasons = []
    if records.longest is None or records.longest > limit:
        # strlen counts bytes and is free; length counts characters and is asked only then.
        long = " or ".join(f"(strlen({f}) > {limit} and length({f}) > {limit})" for f in texts)
        build.require(f"not ({long})")
        reasons.append(("", f"case when {long} then 'FIELD_TOO_LONG' end"))
    if not context.plain:
        control = " or ".join(f"regexp_matches({f}, {quote_literal(_CONTROL)})" for f in texts)
        build.require(f"not ({control})")
        reasons.append(("", f"case when {control} then 'CONTROL_CHARACTER' end"))
    # A number costs a pass on one thread, so it is only given where the order decides a value.
    number = "row_number() over () as _row_no, " if context.fold else ""
    inner = f"select {number}{', '.join(texts)}, _width" + "".join(
        f", {expression} as {alias}" for alias, expression in build.layers[0].items()
    )
    inner += f" from {records.table}"
    for layer in build.layers[1:]:
        if layer:
            added = ", ".join(f"{expression} as {alias}" for alias, expression in layer.items())
            inner = f"select *, {added} from ({inner})"
    told = ", ".join(
        f"{expression} || ':{name}'" for name, expression in (*reasons, *build.reasons)
    )
    sound = " and ".join(f"({condition})" for condition in build.sound) or "true"
    # Most records are sound: the reasons are asked for, one by one, only of the others.
    issues = (
        f"case when {sound} then null "
        f"else nullif(list_filter([{told}], lambda x: x is not null), []) end"
    )
    if records.ragged:
        issues = f"case when _width <> 0 then ['COLUMN_COUNT:'] else {issues} end"
    notes = _notes(build)
    values = ", ".join(
        (
            f"case when _width = 0 then {build.values[name]} end"
            if records.ragged
            else build.values[name]
        )
        + f" as {quote_identifier(name)}"
        for name in contract.typed_columns()
    )
    canonical = f", {SEPARATOR}, ".join(
        f"coalesce({build.hashed[name]}, {NULL_MARK})" for name in contract.columns
    )
    hashed = f"md5(concat({canonical}))"
    if records.ragged:
        hashed = f"case when _width = 0 then {hashed} end"
    key = ""
    if key_columns(contract) == ["_key"]:
        parts = f", {SEPARATOR}, ".join(
            f"coalesce({build.hashed[name]}, {NULL_MARK})" for name in contract.key
        )
        key = f", concat({parts}) as _key"
    return (
        f"select {values}, {hashed} as _row_hash, _issues, {notes} as _notes, _width{key} "
        f"from (select *, {issues} as _issues from ({inner}))"
        + (" order by _row_no" if context.fold else "")
    )


def _notes(build: Layers) -> str:
    if not build.notes:
        return "null::varchar[]"
    anything = " or ".join(f"coalesce({condition}, false)" for _, _, condition in build.notes)
    told = ", ".join(
        f"case when {condition} then '{code}:{name}' end" for code, name, condition in build.notes
    )
    return (
        f"case when _issues is null and ({anything}) "
        f"then list_filter([{told}], lambda x: x is not null) end"
    )


def raw_text(fields: int, delimiter: str, quote: str | None) -> str:
    """Return SQL that writes the fields f0, f1, ... as one line, quoted where they must be.

    A field that is missing is left out, so that the line shows what was delivered.
    """
    written = [f"f{i}" for i in range(fields)]
    if quote is not None:
        special = "[" + re.escape(quote + delimiter[0]) + r"\r\n]"
        mark, doubled = quote_literal(quote), quote_literal(quote * 2)
        written = [
            f"case when regexp_matches({f}, {quote_literal(special)}) "
            f"then {mark} || replace({f}, {mark}, {doubled}) || {mark} else {f} end"
            for f in written
        ]
    return f"concat_ws({quote_literal(delimiter)}, {', '.join(written)})"
