"""Dagster's event log on SQLite, with a batch of events written as one transaction.

A run over 31 delivery days writes a planned and a materialized event per asset and day, 5,600 in
all. Dagster hands them over in batches, but its SQLite log opens, commits and closes both of its
files for every single event: 11 ms each, a minute for such a run. One connection per batch takes
1.5 ms each (both measured).
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster import EventLogEntry
    from dagster._serdes import ConfigurableClassData
    from sqlalchemy.engine import Connection


class _Batch(threading.local):
    """The connections that this thread holds open for a batch, by shard."""

    connections: dict[str, Connection] | None = None
    stack: ExitStack | None = None


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's own SQLite event log; only how often it commits differs."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._batch = _Batch()
        super().__init__(base_dir=base_dir, inst_data=inst_data)
        # A batch holds the shard of its run and the shared index at once.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedSqliteEventLogStorage:
        """Return the storage that `dagster.yaml` configures."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events in order, all or none of them."""
        with ExitStack() as stack:
            self._batch.connections, self._batch.stack = {}, stack
            try:
                for event in events:
                    self.store_event(event)
            finally:
                self._batch.connections = self._batch.stack = None

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        if self._batch.connections is None or self._batch.stack is None:
            with super()._connect(shard) as connection:
                yield connection
            return
        if shard not in self._batch.connections:
            self._batch.connections[shard] = self._batch.stack.enter_context(
                super()._connect(shard)
            )
        yield self._batch.connections[shard]
