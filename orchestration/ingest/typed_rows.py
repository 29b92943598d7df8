"""The typed rows of one file: written once, with what is set aside beside them.

Setting aside, dropping a repeat or keeping raw text never touches the rows themselves, so ten
million of them can lie in a Parquet file instead of in memory, and a clean file pays for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestration.ingest.sql import column_list, quote_identifier, quote_literal

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from orchestration.contracts.model import Contract

GOOD = "len(_reasons) = 0"
# Of the guard alone; `_key` is there where a code is part of the key.
INTERNAL = ("_issues", "_notes", "_width")


class TypedRows:
    """Rows, what is set aside of them, and one view over both.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Where all of it is temporary.
    contract : Contract
        Names and types of the columns.
    table : str
        Name of the view.
    staging : Path or None
        Folder for the rows; None keeps them in a temp table.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        contract: Contract,
        table: str,
        staging: Path | None,
    ) -> None:
        self.con = con
        self.contract = contract
        self.view = table
        self.staging = staging
        self.aside = f"{table}__aside"
        self.rows = ""
        self.own: tuple[str, ...] = ()
        self._writes = 0
        self._has_aside = False

    def write(self, select_sql: str, own: tuple[str, ...]) -> None:
        """Write the rows of a SELECT, in its order, in the place of earlier ones.

        Parameters
        ----------
        select_sql : str
            Typed columns, `_row_hash` and the guard's own.
        own : tuple of str
            Names of the guard's own columns.
        """
        self.own = own
        if self.staging is None:
            table = f"{self.view}__rows"
            self.con.execute(f"create or replace temp table {table} as {select_sql}")
            self.rows = f"(select rowid + 1 as _row_no, * from {table})"
        else:
            # A name of its own for each write: the engine may remember what a file held.
            file = self.staging / f"{self.view}-{self._writes}.parquet"
            path = quote_literal(str(file))
            # A third of the bytes are row hashes, which no effort makes smaller.
            self.con.execute(
                f"copy ({select_sql}) to {path} "
                "(format parquet, compression zstd, compression_level 1)"
            )
            self.rows = (
                "(select file_row_number + 1 as _row_no, * exclude (file_row_number) "
                f"from read_parquet({path}, file_row_number = true))"
            )
            if self._writes:
                self.staging.joinpath(f"{self.view}-{self._writes - 1}.parquet").unlink()
        self._writes += 1
        self._has_aside = False
        self.show(internal=True)

    def show(self, *, internal: bool) -> None:
        """Lay the view over the rows; with the guard's own columns or without."""
        names = [*self.contract.typed_columns(), "_row_hash", *(self.own if internal else ())]
        # Of a clean file the reasons are a constant, and whoever asks for good rows asks nothing.
        told, beside = "[]::varchar[] as _reasons, null::varchar as _raw", ""
        if self._has_aside:
            told = "coalesce(_reasons, []) as _reasons, _raw"
            beside = (
                f"left join {self.aside} as aside using (_row_no) "
                "where not coalesce(aside._is_dropped, false)"
            )
        self.con.execute(
            f"create or replace temp view {self.view} as "
            f"select _row_no, {column_list(names)}, {told} from {self.rows} as held {beside}"
        )

    def show_nothing(self) -> None:
        """Let the view have no rows: the file is not taken."""
        columns = ", ".join(
            f"null::{kind} as {quote_identifier(name)}"
            for name, kind in self.contract.typed_columns().items()
        )
        self.con.execute(
            f"create or replace temp view {self.view} as "
            f"select null::bigint as _row_no, {columns}, null::varchar as _row_hash, "
            "null::varchar[] as _reasons, null::varchar as _raw where false"
        )

    def set_aside_by_issue(self) -> None:
        """Set aside the rows that have an issue, each with its codes."""
        self._put_aside(
            "select _row_no, list_distinct(list_transform(_issues, "
            "lambda x: split_part(x, ':', 1))) as _reasons, null::varchar as _raw, "
            f"false as _is_dropped from {self.rows} where _issues is not null"
        )

    def set_aside(self, source: str, code: str) -> tuple[int, int | None]:
        """Set aside the good rows whose numbers a SELECT returns as `_row_no`.

        Returns
        -------
        tuple of int
            How many, and the first.
        """
        return self._hit(source, f"[{quote_literal(code)}], null, false")

    def drop(self, source: str) -> tuple[int, int | None]:
        """Leave out the good rows whose numbers a SELECT returns; answer as `set_aside`."""
        return self._hit(source, "[]::varchar[], null, true")

    def _hit(self, source: str, beside: str) -> tuple[int, int | None]:
        hit = f"{self.view}__hit"
        self.con.execute(
            f"create or replace temp table {hit} as select distinct _row_no from ({source})"
        )
        count, first = self.con.execute(f"select count(*), min(_row_no) from {hit}").fetchall()[0]
        if count:
            self._put_aside(f"select _row_no, {beside} from {hit}")
        return count, first

    def _put_aside(self, select_sql: str) -> None:
        if self._has_aside:
            self.con.execute(f"insert into {self.aside} {select_sql}")
            return
        self.con.execute(
            f"create or replace temp table {self.aside} "
            "(_row_no bigint, _reasons varchar[], _raw varchar, _is_dropped boolean)"
        )
        self.con.execute(f"insert into {self.aside} {select_sql}")
        self._has_aside = True
        self.show(internal=True)

    def one(self, measures: str, condition: str = "true") -> tuple[Any, ...]:
        """Return measures over the rows as they were written."""
        return self.con.execute(f"select {measures} from {self.rows} where {condition}").fetchall()[
            0
        ]
