"""The ledger in SQLite or Postgres: entries are appended, and read in their order.

The tables refuse every other change. Their triggers stop mistakes and honest tools; whoever owns
the database can drop them, and is found by `verify`.

One writer at a time: SQLite by `begin immediate`, Postgres by a lock on the table. What is appended
in one block of `writing` is there as a whole or not at all, and stays over a power cut once the
block has ended. What is read is held against its own hashes; the whole chain is `verify`'s.

Here is nothing of what an act means or who may do it.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from orchestration.ingest.landing import INCOMING, sync_folder
from orchestration.ledger.chain import (
    COPIES,
    ERASURE_ORDER,
    GENESIS,
    SALT_BYTES,
    StoredEntry,
    commitment,
    entry_fault,
    entry_hash,
    instant_of,
    instant_text,
    payload_bytes,
)
from orchestration.ledger.errors import LedgerBusyError, LedgerDamagedError, LedgerError
from orchestration.ledger.tables import CHAIN, ERASED, ERASURES, PAYLOADS, statements

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from orchestration.ledger.anchor import Anchor, Anchors

# A writer holds the ledger for milliseconds; in front of this one there may be hundreds.
BUSY_SECONDS = 60
PAGE_ROWS = 1000
# What says that nothing is wrong with the file: it is in use, or the machine is out of something.
NOT_DAMAGED = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_CONSTRAINT,
}
OUT_OF_REACH = {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
# Without the URL, which may hold a password.
NO_PLACE = "The ledger cannot be there: name a URL that begins with sqlite:/// or postgresql://."


@dataclass(frozen=True)
class Recorded:
    """An entry as it was recorded; its payload is None once it is erased."""

    seq: int
    recorded_at: dt.datetime
    payload: Mapping[str, Any] | None
    entry_hash: str


@dataclass(frozen=True)
class Head:
    """The last entry; of an empty ledger number 0, 64 zeros and no time."""

    seq: int
    entry_hash: str
    recorded_at: dt.datetime | None


class Reading(ABC):
    """What can be read, of a ledger as of a block that writes to it."""

    @abstractmethod
    def _connected(self) -> AbstractContextManager[sa.Connection]:
        """Give the connection to read by."""

    def entries(
        self,
        *,
        subject: str | None = None,
        act_type: str | None = None,
        actor: str | None = None,
        outcome: str | None = None,
        refers_to: int | None = None,
        after_seq: int = 0,
        up_to_seq: int | None = None,
        limit: int | None = None,
    ) -> Iterator[Recorded]:
        """Yield entries in their order, a page at a time.

        Parameters
        ----------
        subject, act_type, actor, outcome, refers_to : optional
            Only entries that say so; an erased entry says nothing.
        after_seq, up_to_seq : int, optional
            Only those after the one, and up to the other inclusive.
        limit : int, optional
            At most so many.

        Raises
        ------
        LedgerDamagedError
            If an entry is not what its hash says, or without any filter, if one is missing.
        """
        wanted = {
            "subject": subject,
            "act_type": act_type,
            "actor": actor,
            "outcome": outcome,
            "refers_to": refers_to,
        }
        wanted = {name: value for name, value in wanted.items() if value is not None}
        page_rows = PAGE_ROWS if limit is None else min(limit, PAGE_ROWS)
        found = self._stored(wanted, after_seq=after_seq, up_to_seq=up_to_seq, page_rows=page_rows)
        for stored in itertools.islice(found, limit):
            yield _recorded(stored)

    def stored(self, *, after_seq: int = 0, up_to_seq: int | None = None) -> Iterator[StoredEntry]:
        """Yield all entries with salts, commitments and previous hashes, checked like `entries`."""
        return self._stored({}, after_seq=after_seq, up_to_seq=up_to_seq)

    def entry(self, seq: int) -> Recorded | None:
        """Return one entry, or None if the ledger has none of this number."""
        return next(self.entries(after_seq=seq - 1, up_to_seq=seq), None)

    def head(self) -> Head:
        """Return the last entry's number, hash and time."""
        with self._connected() as connection:
            return _head(connection)

    def erasures(self) -> dict[int, int]:
        """Return by whose order (its number) each erased entry (its number) was erased."""
        with self._connected() as connection:
            rows = connection.execute(sa.select(ERASURES).order_by(ERASURES.c.seq))
            return {row.seq: row.ordered_by_seq for row in rows}

    def _stored(
        self,
        wanted: Mapping[str, Any],
        *,
        after_seq: int,
        up_to_seq: int | None,
        page_rows: int = PAGE_ROWS,
    ) -> Iterator[StoredEntry]:
        query = STORED.where(*(PAYLOADS.c[name] == value for name, value in wanted.items()))
        if up_to_seq is not None:
            query = query.where(PAYLOADS.c.seq <= up_to_seq)
        query = query.order_by(PAYLOADS.c.seq).limit(page_rows)
        seq, previous = after_seq, None
        while True:
            with self._connected() as connection:
                rows = connection.execute(query.where(PAYLOADS.c.seq > seq)).all()
            for *parts, erased in rows:
                stored = StoredEntry._make(parts)
                fault = entry_fault(stored, is_erased=erased is not None)
                if fault is None and not wanted and stored.seq != seq + 1:
                    fault = f"it follows on entry {seq}"
                if fault is None and previous not in {None, stored.previous_hash} and not wanted:
                    fault = "it does not name the hash of the entry before"
                if fault is not None:
                    raise LedgerDamagedError(f"entry {stored.seq} is bad, {fault}")
                seq, previous = stored.seq, stored.entry_hash
                yield stored
            if len(rows) < page_rows:
                return


STORED = (
    sa.select(
        CHAIN,
        *(PAYLOADS.c[name] for name in ERASED),
        ERASURES.c.seq.label("erased"),
    )
    .join(PAYLOADS, CHAIN.c.seq == PAYLOADS.c.seq)
    .outerjoin(ERASURES, ERASURES.c.seq == PAYLOADS.c.seq)
)


# Each takes its columns out of a row that has those of both tables.
INSERT_CHAIN = sa.insert(CHAIN).values({c.name: sa.bindparam(c.name) for c in CHAIN.c})
INSERT_PAYLOADS = sa.insert(PAYLOADS).values({c.name: sa.bindparam(c.name) for c in PAYLOADS.c})


class Ledger(Reading):
    """All entries of one company; `open` it, and `close` nothing: it keeps no connection."""

    def __init__(self, engine: sa.Engine, where: str, anchors: Anchors | None) -> None:
        self.engine = engine
        self.where = where
        self.anchors = anchors

    @classmethod
    def open(cls, url: str, *, anchors: Anchors | None = None) -> Ledger:
        """Open the ledger at a URL, and make it if there is none.

        An existing one is not looked at before it is read or written.

        Parameters
        ----------
        url : str
            `sqlite:///path` or `postgresql://user:password@host/database`.
        anchors : Anchors, optional
            Held against the ledger before every write.

        Raises
        ------
        LedgerDamagedError
            If there is none although anchors tell of entries.
        """
        address = _address(url)
        where = address.render_as_string(hide_password=True)
        if address.drivername in {"postgresql", "postgresql+psycopg2"}:
            address = address.set(drivername="postgresql+psycopg2")
            engine = sa.create_engine(address, poolclass=sa.NullPool)
            with _plain_errors(where):
                is_there = _is_in_postgres(engine)
        elif address.drivername == "sqlite" and address.database:
            path = Path(address.database).resolve()
            engine = _sqlite_engine(path)
            is_there = path.exists()
        else:
            raise LedgerError(NO_PLACE)
        if not is_there:
            newest = anchors.newest() if anchors else None
            if newest is not None:
                raise LedgerDamagedError(
                    f"there is none at {where}, and its anchor tells of {newest.seq} entries"
                )
            if address.drivername == "sqlite":
                _create_sqlite(path)
            else:
                _create_in_postgres(engine)
        return cls(engine, where, anchors)

    @contextmanager
    def writing(self, *, now: Callable[[], dt.datetime]) -> Iterator[Writer]:
        """Be the one writer until the block ends; an exception takes back all it appended.

        Parameters
        ----------
        now : callable
            The clock: an instant with a time zone. An entry is never recorded earlier than the one
            before, whatever the clock says.

        Raises
        ------
        LedgerDamagedError
            If the last entry is not what its hash says, or the ledger is older than its newest
            anchor or another than it. The whole chain is not looked at here.
        LedgerBusyError
            If others held the ledger for a minute.
        """
        with self._connected(writes=True) as connection:
            head = _checked_head(connection, self._newest_anchor())
            yield Writer(connection, head, now)

    def erase(self, *seqs: int, ordered_by_seq: int) -> None:
        """Remove payloads, their salts and copies for good; the chain stays as it is.

        The database is rewritten, so that nothing is left in its unused places. Copies elsewhere
        (backups, exports, a Postgres server's own log and replicas) are not reached from here.
        Erasing again does the rewriting again.

        Parameters
        ----------
        *seqs : int
            The entries to erase: all of them or none.
        ordered_by_seq : int
            An effective entry of type `erasure.order` that names them, in `refers_to` or in the
            list `entries` of its fields.

        Raises
        ------
        LedgerError
            If there is no such entry or order, or an entry is itself an order.
        LedgerBusyError
            If readers kept the old pages: the payload is gone for all, but not yet from the disk.
        """
        with self._connected(writes=True) as connection:
            head = _checked_head(connection, self._newest_anchor())
            writer = Writer(connection, head, _no_clock)
            erased = writer.erasures()
            for seq in sorted({*seqs} - {*erased}):
                _check_order(writer, seq, ordered_by_seq)
                connection.execute(
                    sa.insert(ERASURES).values(seq=seq, ordered_by_seq=ordered_by_seq)
                )
                gone = sa.update(PAYLOADS).where(PAYLOADS.c.seq == seq)
                connection.execute(gone.values(dict.fromkeys(ERASED)))
        self._rewrite()

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """Read one state of all tables for as long as the block lasts, whatever is appended."""
        with self._connected(isolation="REPEATABLE READ") as connection:
            yield connection

    def anchor(self, *, new_key: bool = False) -> Anchor | None:
        """Sign the head and write it to the anchors; None if the newest anchor knows it already.

        Parameters
        ----------
        new_key : bool
            Let another key take the place of the one that signed so far; without a key file, a new
            one is made.

        Raises
        ------
        LedgerError
            If the ledger was opened without anchors, or has no key to sign with.
        LedgerDamagedError
            If what came since the newest anchor is not a chain that follows on it.
        """
        if self.anchors is None:
            raise LedgerError("The ledger was opened without anchors: name their folder.")
        with self.anchors.appending(new_key=new_key) as log:
            with self.snapshot() as connection:
                head = _checked_head(connection, log.newest)
            since = self.stored(after_seq=log.seq, up_to_seq=head.seq)
            while batch := list(itertools.islice(since, PAGE_ROWS)):
                if batch[0].previous_hash != log.entry_hash:
                    raise LedgerDamagedError(
                        f"entry {batch[0].seq} does not follow on its newest anchor"
                    )
                log.add(batch)
            if log.written is None:
                log.replace_key()
            return log.written

    def _newest_anchor(self) -> Anchor | None:
        return None if self.anchors is None else self.anchors.newest()

    @contextmanager
    def _connected(
        self, *, writes: bool = False, isolation: str = "READ COMMITTED"
    ) -> Iterator[sa.Connection]:
        is_postgres = self.engine.dialect.name == "postgresql"
        # In SQLite every transaction sees one state.
        options = {"isolation_level": isolation} if is_postgres else {"ledger_writes": writes}
        with (
            _plain_errors(self.where),
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            if writes and is_postgres:
                connection.exec_driver_sql(f"set local lock_timeout = '{BUSY_SECONDS}s'")
                connection.exec_driver_sql("set local synchronous_commit = on")
                connection.exec_driver_sql("lock table ledger_chain in exclusive mode")
            yield connection

    def _rewrite(self) -> None:
        with _plain_errors(self.where):
            if self.engine.dialect.name == "postgresql":
                with self.engine.connect() as connection:
                    connection.execution_options(isolation_level="AUTOCOMMIT")
                    connection.exec_driver_sql(f"set lock_timeout = '{BUSY_SECONDS}s'")
                    # Plain vacuum leaves the bytes in the free part of their page.
                    connection.exec_driver_sql("vacuum full ledger_payloads")
                return
            with closing(self.engine.raw_connection()) as connection:
                cursor = connection.cursor()
                # Zeroing what is freed is not enough: of 362 keys of an index whose pages had been
                # split, one was still there (measured).
                cursor.execute("vacuum")
                busy, *_ = cursor.execute("pragma wal_checkpoint(truncate)").fetchone()
        if busy:
            raise LedgerBusyError(
                "The payload is erased, but readers of the ledger keep its old pages on the disk: "
                "let them finish, then erase the same entry again."
            )


class Writer(Reading):
    """A block that writes: what it reads is the head, as nobody else can append meanwhile."""

    def __init__(
        self, connection: sa.Connection, head: Head, now: Callable[[], dt.datetime]
    ) -> None:
        self._connection = connection
        self._head = head
        self._now = now

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        yield self._connection

    def head(self) -> Head:
        """Return the last entry's number, hash and time; appended ones of this block count."""
        return self._head

    def append(self, payload: Mapping[str, Any]) -> Recorded:
        """Append one entry.

        Raises
        ------
        PayloadError
            If the payload has not the form of an entry.
        """
        return self.append_many([payload])[0]

    def append_many(self, payloads: Iterable[Mapping[str, Any]]) -> list[Recorded]:
        """Append entries in their order, or if one cannot be, none; raises like `append`."""
        stored, head = [], self._head
        for payload in payloads:
            stored.append(_entry_after(head, payload, self._now()))
            head = Head(stored[-1].seq, stored[-1].entry_hash, instant_of(stored[-1].recorded_at))
        for start in range(0, len(stored), PAGE_ROWS):
            rows = [entry._asdict() for entry in stored[start : start + PAGE_ROWS]]
            self._connection.execute(INSERT_CHAIN, rows)
            self._connection.execute(INSERT_PAYLOADS, rows)
        self._head = head
        return [_recorded(entry) for entry in stored]


def _entry_after(head: Head, payload: Mapping[str, Any], clock: dt.datetime) -> StoredEntry:
    seq = head.seq + 1
    written = payload_bytes(payload, seq=seq)
    recorded_at = instant_text(clock if head.recorded_at is None else max(clock, head.recorded_at))
    salt = secrets.token_bytes(SALT_BYTES)
    committed = commitment(written, salt)
    return StoredEntry(
        seq=seq,
        recorded_at=recorded_at,
        commitment=committed,
        previous_hash=head.entry_hash,
        entry_hash=entry_hash(
            seq=seq, recorded_at=recorded_at, commitment=committed, previous=head.entry_hash
        ),
        salt=salt,
        payload=written.decode(),
        **{name: payload[name] for name in COPIES},
    )


def _address(url: str) -> sa.URL:
    try:
        return sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise LedgerError(NO_PLACE) from error


def _no_clock() -> dt.datetime:
    raise AssertionError("an erasure appends nothing")


def _recorded(stored: StoredEntry) -> Recorded:
    payload = None if stored.payload is None else json.loads(stored.payload)
    return Recorded(stored.seq, instant_of(stored.recorded_at), payload, stored.entry_hash)


def _head(connection: sa.Connection) -> Head:
    row = connection.execute(sa.select(CHAIN).order_by(CHAIN.c.seq.desc()).limit(1)).one_or_none()
    if row is None:
        return Head(0, GENESIS, None)
    try:
        return Head(row.seq, row.entry_hash, instant_of(row.recorded_at))
    except (TypeError, ValueError) as error:
        raise LedgerDamagedError(f"entry {row.seq} is bad, its time cannot be read") from error


def _checked_head(connection: sa.Connection, newest: Anchor | None) -> Head:
    """Return the head if it is whole and not before the newest anchor: two rows are looked at."""
    head = _head(connection)
    last_payload = connection.execute(sa.select(sa.func.max(PAYLOADS.c.seq))).scalar_one() or 0
    if last_payload != head.seq:
        raise LedgerDamagedError(
            f"the chain ends with entry {head.seq} and the payloads with {last_payload}"
        )
    if head.seq:
        *parts, erased = connection.execute(STORED.where(CHAIN.c.seq == head.seq)).one()
        fault = entry_fault(StoredEntry._make(parts), is_erased=erased is not None)
        if fault is not None:
            raise LedgerDamagedError(f"entry {head.seq} is bad, {fault}")
    if newest is None:
        return head
    if newest.seq > head.seq:
        raise LedgerDamagedError(
            f"it ends with entry {head.seq}, and its anchor tells of {newest.seq}"
        )
    query = sa.select(CHAIN.c.entry_hash).where(CHAIN.c.seq == newest.seq)
    if connection.execute(query).scalar_one_or_none() != newest.entry_hash:
        raise LedgerDamagedError(f"entry {newest.seq} is another than the one that was anchored")
    return head


def _check_order(ledger: Reading, seq: int, ordered_by_seq: int) -> None:
    entry, order = ledger.entry(seq), ledger.entry(ordered_by_seq)
    if entry is None or entry.payload is None:
        raise LedgerError(f"There is no entry {seq} to erase.")
    if entry.payload["act_type"] == ERASURE_ORDER:
        raise LedgerError(f"Entry {seq} is itself an order to erase: it stays, as evidence.")
    if order is None or order.payload is None or not orders_erasure(order.payload, seq):
        raise LedgerError(
            f"Entry {ordered_by_seq} is no order to erase entry {seq}: record an {ERASURE_ORDER} "
            "that names it."
        )
    completed = any(
        consent.payload is not None and consent.payload["completes"] == ordered_by_seq
        for consent in ledger.entries(refers_to=ordered_by_seq)
    )
    if order.payload["outcome"] != "effective" and not completed:
        raise LedgerError(f"The order to erase, entry {ordered_by_seq}, is not effective.")


def orders_erasure(payload: Mapping[str, Any], seq: int) -> bool:
    """Return whether a payload is an order that names an entry to erase."""
    return payload["act_type"] == ERASURE_ORDER and (
        payload["refers_to"] == seq or seq in payload["fields"].get("entries", ())
    )


@contextmanager
def _plain_errors(where: str) -> Iterator[None]:
    """Tell a damaged database from one that is in use, out of space or out of reach."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        origin = getattr(error, "orig", error)
        if isinstance(origin, sqlite3.Error):
            code = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
            # The low byte is the kind of the error, the rest its detail.
            kind = code & 0xFF
            is_busy = kind in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            is_damaged = kind not in NOT_DAMAGED or code == sqlite3.SQLITE_IOERR_SHORT_READ
            is_out_of_reach = kind in OUT_OF_REACH
        else:
            # Class XX is the server's own "internal error" and "data corrupted", 42P01 a table that
            # is not there, 55P03 a lock that did not come free in time. Who did not come through
            # to the server has no code.
            code = getattr(origin, "pgcode", None) or ""
            is_busy = code == "55P03"
            is_damaged = code.startswith("XX") or code == "42P01"
            is_out_of_reach = isinstance(error, sa.exc.OperationalError) and not code
        if is_damaged:
            raise LedgerDamagedError(f"{where} cannot be read ({origin})") from error
        if is_busy:
            raise LedgerBusyError(
                f"The ledger is in use by others, for {BUSY_SECONDS} s already: try again."
            ) from error
        if is_out_of_reach:
            raise LedgerError(
                f"The ledger at {where} is out of reach ({str(origin).splitlines()[0]}): look "
                "whether it is there and may be read and written."
            ) from error
        raise


def _sqlite_engine(path: Path) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            # A file that is not there is not made by looking for it.
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        # Foreign bytes in a damaged text are kept, so that its hash shows them.
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        try:
            for pragma in ("synchronous = full", "secure_delete = on", "foreign_keys = on"):
                connection.execute(f"pragma {pragma}")
        except UnicodeDecodeError as error:
            # The driver cannot even read what SQLite says of a damaged schema.
            connection.close()
            raise sqlite3.DatabaseError("malformed database schema") from error
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    # No pool: a file that was replaced by a restored one is seen at once, and a fork inherits none.
    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("ledger_writes")
        connection.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


def _create_sqlite(path: Path) -> None:
    """Make an empty ledger aside and put it into place whole, unless another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{INCOMING}{secrets.token_hex(8)}")
    # It holds what people said about people: nobody but its owner reads it.
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        engine = _sqlite_engine(aside)
        with closing(engine.raw_connection()) as raw:
            raw.cursor().execute("pragma journal_mode = wal")
        with engine.connect() as connection, connection.begin():
            for statement in statements("sqlite"):
                connection.exec_driver_sql(statement)
        with aside.open("rb") as handle:
            os.fsync(handle.fileno())
        # Fails where a ledger is: none is ever replaced.
        with suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    sync_folder(path.parent)


def _is_in_postgres(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return sa.inspect(connection).has_table(CHAIN.name)


def _create_in_postgres(engine: sa.Engine) -> None:
    with engine.connect() as connection, connection.begin():
        # Others may be at it; the number is the project's own and means nothing else.
        connection.exec_driver_sql("select pg_advisory_xact_lock(7306092)")
        if sa.inspect(connection).has_table(CHAIN.name):
            return
        for statement in statements("postgresql"):
            connection.exec_driver_sql(statement)
