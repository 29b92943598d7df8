"""Great Expectations on a DuckDB connection that is already open.

The library knows no DuckDB. Through the stock duckdb-engine every expectation ends with "list
index out of range", because the library closes a connection before it fetches from it. So the
execution engine here keeps one connection, and that connection is the caller's own: the rules
see the caller's temporary tables, in the one database file that may be open.

The import costs 5 to 8 seconds of CPU, so it happens inside the functions.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.datasource.fluent import SQLDatasource
    from great_expectations.datasource.fluent.interfaces import Batch


@cache
def import_library() -> None:
    """Import Great Expectations once, without the deprecations of modules that it imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations.expectations  # noqa: F401, PLC0415


@cache
def _datasource_type() -> type["SQLDatasource"]:
    """Return the datasource class; built on first use because its bases are heavy to import."""
    from typing import Literal  # noqa: PLC0415 - evaluated by the library's own pydantic models

    import sqlalchemy  # noqa: PLC0415
    from great_expectations.datasource.fluent import SQLDatasource  # noqa: PLC0415
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine  # noqa: PLC0415

    class Nowhere:
        """Finds no table in the catalogue, as duckdb-engine finds no temporary view there.

        The library then asks the batch itself for its columns. Two searches of the whole
        catalogue for nothing took 0.1 s at each of fifty validations of a run.
        """

        def get_pk_constraint(self, table_name: str, **_: Any) -> Any:
            raise sqlalchemy.exc.NoSuchTableError(table_name)

        def get_columns(self, table_name: str, **_: Any) -> Any:
            raise sqlalchemy.exc.NoSuchTableError(table_name)

    class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
        @contextmanager
        def get_connection(self) -> Iterator[Any]:
            if self._connection is None:
                self._connection = self.engine.connect()
            yield self._connection

        def get_inspector(self) -> Any:
            return Nowhere()

    class DuckDBDatasource(SQLDatasource):
        type: Literal["duckdb"] = "duckdb"

        def get_engine(self) -> Any:
            return self._engine

        def get_execution_engine(self) -> Any:
            if self._execution_engine is None:
                # A copy of the whole batch, made twice per validation, helps engines that read
                # slowly: 1.1 s of 1.5 for half a million readings.
                self._execution_engine = DuckDBExecutionEngine(
                    engine=self._engine, create_temp_table=False
                )
            return self._execution_engine

        def share(self, engine: Any) -> None:
            self._engine = engine

    return DuckDBDatasource


@cache
def _context() -> "AbstractDataContext":
    """Return the library's context, one for the life of the process: making one took 50 ms."""
    import_library()
    import great_expectations as gx  # noqa: PLC0415

    # Its advice about __main__ and its stack traces concern the library's own developers;
    # a failed computation is raised by our caller with its reason.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    # Ephemeral: a file context would write a tree of its own with random ids.
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = {"globally": False}
    return context


@contextmanager
def _borrowed(con: "duckdb.DuckDBPyConnection") -> Iterator[Any]:
    """Give a SQLAlchemy engine whose only connection is ``con``.

    Rules only read, and the connection and its transactions belong to the caller: begin, commit,
    rollback and close do nothing here. The library keeps its last context for the life of the
    process; so that it does not keep the connection with it, the loan ends with the block.
    """
    import duckdb_engine  # noqa: PLC0415
    import sqlalchemy  # noqa: PLC0415

    class Borrowed(duckdb_engine.ConnectionWrapper):
        def begin(self) -> None: ...

        def commit(self) -> None: ...

        def rollback(self) -> None: ...

        def close(self) -> None: ...

        def give_back(self) -> None:
            self._ConnectionWrapper__c = None

    loan = Borrowed(con)
    engine = sqlalchemy.create_engine(
        "duckdb:///:memory:", creator=lambda: loan, poolclass=sqlalchemy.pool.StaticPool
    )
    try:
        yield engine
    finally:
        engine.dispose()
        loan.give_back()


@contextmanager
def open_batch(con: "duckdb.DuckDBPyConnection", table: str) -> Iterator["Batch"]:
    """Give the whole of ``table`` as a batch that expectations can be run on.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        The caller's connection; left open and in the state it was in.
    table : str
        A table or view that ``con`` sees without a schema, temporary ones included.
    """
    context = _context()
    with _borrowed(con) as engine:
        source = _datasource_type()(name="warehouse", connection_string="duckdb:///:memory:")
        source.share(engine)
        # Not add_datasource, which would look the type up by name.
        source._data_context = context  # noqa: SLF001
        asset = source.add_table_asset(name=table, table_name=table)
        yield asset.add_batch_definition_whole_table("all").get_batch()
