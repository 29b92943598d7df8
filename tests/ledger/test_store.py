"""What is appended stays, in its order, and nothing else can be done: on both engines alike."""

from __future__ import annotations

import datetime as dt
import itertools
import stat
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from orchestration.ledger.chain import GENESIS, PayloadError
from orchestration.ledger.errors import LedgerBusyError, LedgerDamagedError, LedgerError
from orchestration.ledger.store import Head, Ledger
from orchestration.ledger.tables import INDEXED
from tests.ledger.acts import START, act, clock, order, write
from tests.services import free_port

if TYPE_CHECKING:
    from pathlib import Path


def test_an_empty_ledger_has_no_entry_and_a_head_of_zeros(ledger):
    assert list(ledger.entries()) == []
    assert ledger.entry(1) is None
    assert ledger.head() == Head(0, GENESIS, None)


def test_what_was_appended_is_read_back(ledger):
    recorded = write(ledger, 3)

    assert list(ledger.entries()) == recorded
    assert [entry.seq for entry in recorded] == [1, 2, 3]
    assert recorded[1].payload == act(1)
    assert recorded[1].recorded_at == START
    assert ledger.entry(2) == recorded[1]
    assert ledger.head() == Head(3, recorded[2].entry_hash, START)


def test_a_ledger_opened_again_goes_on(url, anchors):
    write(Ledger.open(url, anchors=anchors), 2)
    write(Ledger.open(url, anchors=anchors), 2, first=2)

    entries = list(Ledger.open(url).entries())

    assert [entry.payload for entry in entries] == [act(number) for number in range(4)]


def test_a_block_that_fails_leaves_nothing(ledger):
    write(ledger, 1)

    with ledger.writing(now=clock) as writer, pytest.raises(PayloadError):
        writer.append_many([act(1), act(2, outcome="perhaps")])
    with pytest.raises(KeyError), ledger.writing(now=clock) as writer:
        raise KeyError(writer.append(act(1)).seq)

    assert ledger.head().seq == 1
    assert write(ledger, 1)[0].seq == 2


def test_a_block_reads_what_it_has_appended(ledger):
    with ledger.writing(now=clock) as writer:
        first = writer.append(act(0))
        second = writer.append(act(1, refers_to=first.seq))

        assert writer.head().seq == 2
        assert list(writer.entries(refers_to=1)) == [second]
        assert ledger.head().seq == 0


def test_time_never_runs_backwards(ledger):
    times = [START, START - dt.timedelta(hours=1), START + dt.timedelta(seconds=1)]
    for time in times:
        write(ledger, 1, now=lambda time=time: time)

    recorded = [entry.recorded_at for entry in ledger.entries()]

    assert recorded == [START, START, START + dt.timedelta(seconds=1)]


@pytest.mark.parametrize(
    ("wanted", "seqs"),
    [
        ({"subject": "target|KPI003|U-DE01|2026"}, [4, 24, 44]),
        ({"actor": "E100003"}, [4]),
        ({"act_type": "target.approve"}, [51]),
        ({"outcome": "recorded"}, [51]),
        ({"refers_to": 4}, [51]),
        ({"after_seq": 48, "up_to_seq": 50}, [49, 50]),
        ({"after_seq": 10, "limit": 2}, [11, 12]),
        ({"subject": "target|KPI003|U-DE01|2026", "after_seq": 4, "limit": 1}, [24]),
        ({"actor": "E100003", "outcome": "refused"}, []),
    ],
    ids=repr,
)
def test_entries_are_found_by_what_they_say(ledger, wanted, seqs):
    write(ledger, 50)
    with ledger.writing(now=clock) as writer:
        approval = {"act_type": "target.approve", "subject": "s", "actor": "E1"}
        writer.append(act(outcome="recorded", refers_to=4, **approval))

    assert [entry.seq for entry in ledger.entries(**wanted)] == seqs


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (wanted, wanted[-1])
        for count in range(1, 6)
        for wanted in itertools.combinations(INDEXED, count)
    ],
    ids=str,
)
def test_a_search_begins_with_what_tells_most(tmp_path, wanted, index):
    ledger = Ledger.open(f"sqlite:///{tmp_path}/l.sqlite")
    asked = []

    @sa.event.listens_for(ledger.engine, "before_cursor_execute")
    def note(_connection, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    list(ledger.entries(**{name: 1 if name == "refers_to" else "x" for name in wanted}))

    (statement, parameters) = next(one for one in asked if one[0].startswith("SELECT"))
    with ledger.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"explain query plan {statement}", parameters).all()
    assert plan[0].detail.startswith(
        f"SEARCH ledger_payloads USING INDEX ledger_payloads_{index} ({index}=? AND seq>?"
    )
    assert not any("TEMP B-TREE" in step.detail for step in plan)


def test_more_entries_than_a_page_are_read_once_each(ledger):
    write(ledger, 2001)

    assert [entry.seq for entry in ledger.entries()] == list(range(1, 2002))


def test_a_block_appends_while_it_reads(ledger):
    write(ledger, 1500)

    with ledger.writing(now=clock) as writer:
        for entry in writer.entries(up_to_seq=1500):
            if entry.seq % 500 == 0:
                writer.append(act(outcome="recorded", refers_to=entry.seq))

    assert ledger.head().seq == 1503


TAMPERINGS = [
    "update ledger_chain set recorded_at = recorded_at where seq = 2",
    "update ledger_chain set entry_hash = 'x'",
    "delete from ledger_chain where seq = 3",
    "delete from ledger_chain",
    "update ledger_payloads set payload = '{}' where seq = 2",
    "update ledger_payloads set payload = null, salt = null, act_type = null, actor = null, "
    "subject = null, refers_to = null, outcome = null where seq = 2",
    "update ledger_payloads set actor = null where seq = 2",
    "update ledger_payloads set payload = 'x' where seq = 1",
    "delete from ledger_payloads where seq = 3",
    "update ledger_erasures set ordered_by_seq = 2",
    "delete from ledger_erasures",
    "insert into ledger_erasures values (2, 3)",
    "insert into ledger_erasures values (4, 4)",
    "insert into ledger_erasures values (1, 4)",
    "insert into ledger_chain values (2, 'a', 'a', 'a', 'a')",
    "insert into ledger_chain values (9, 'a', 'a', 'a', 'a')",
    "insert into ledger_payloads (seq) values (2)",
    "insert into ledger_payloads (seq) values (9)",
]
TAMPERINGS_OF_SQLITE = [
    "insert or replace into ledger_chain values (2, 'a', 'a', 'a', 'a')",
    "insert or replace into ledger_payloads (seq) values (2)",
    "insert or replace into ledger_erasures values (1, 4)",
    "update or replace ledger_chain set seq = 1 where seq = 2",
    "insert into ledger_payloads (seq) values (4) on conflict do update set seq = 9",
]
TAMPERINGS_OF_POSTGRES = [
    "truncate ledger_chain cascade",
    "truncate ledger_payloads cascade",
    "truncate ledger_erasures",
]


def test_every_statement_that_changes_an_entry_is_refused(ledger):
    write(ledger, 3)
    with ledger.writing(now=clock) as writer:
        writer.append(order(1))
    ledger.erase(1, ordered_by_seq=4)
    own = TAMPERINGS_OF_SQLITE if "sqlite" in ledger.where else TAMPERINGS_OF_POSTGRES
    before = list(ledger.entries())

    for statement in [*TAMPERINGS, *own]:
        with ledger.engine.connect() as connection:
            with pytest.raises(sa.exc.DatabaseError, match="the ledger is append-only"):
                connection.exec_driver_sql(statement)
            connection.rollback()

    assert list(ledger.entries()) == before


def test_the_ledger_is_its_owner_s_alone(tmp_path):
    Ledger.open(f"sqlite:///{tmp_path}/l.sqlite")

    assert stat.S_IMODE((tmp_path / "l.sqlite").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["l.sqlite"]


def test_an_emptied_file_is_damaged_and_not_a_new_ledger(tmp_path):
    path = tmp_path / "l.sqlite"
    write(Ledger.open(f"sqlite:///{path}"), 3)
    path.write_bytes(b"")
    ledger = Ledger.open(f"sqlite:///{path}")

    with pytest.raises(LedgerDamagedError, match="steelyard restore"):
        write(ledger, 1)
    with pytest.raises(LedgerDamagedError, match="no such table"):
        list(ledger.entries())


def test_a_ledger_that_is_gone_is_not_made_anew(tmp_path, anchors):
    path = tmp_path / "l.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}", anchors=anchors)
    write(ledger, 3)
    ledger.anchor()
    path.unlink()

    with pytest.raises(LedgerDamagedError, match="anchor tells of 3 entries"):
        Ledger.open(f"sqlite:///{path}", anchors=anchors)


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "sqlite://", "ledger.sqlite"])
def test_a_place_of_another_kind_is_refused_without_its_password(url):
    with pytest.raises(LedgerError, match="sqlite:/// or postgresql://") as refusal:
        Ledger.open(url)

    assert "secret" not in str(refusal.value)


def test_a_ledger_that_is_out_of_reach_gets_a_sentence_of_its_own(tmp_path):
    path = tmp_path / "l.sqlite"
    ledger = Ledger.open(f"sqlite:///{path}")
    path.unlink()

    with pytest.raises(LedgerError, match=r"out of reach .*look whether it is there"):
        write(ledger, 1)
    with pytest.raises(LedgerError, match=r"out of reach .*look whether it is there") as refusal:
        Ledger.open(f"postgresql://steelyard:secret@127.0.0.1:{free_port()}/ledger")
    assert "secret" not in str(refusal.value)


def test_a_writer_that_waits_too_long_is_told_so(ledger, monkeypatch):
    monkeypatch.setattr("orchestration.ledger.store.BUSY_SECONDS", 1)
    with (
        ledger.writing(now=clock),
        pytest.raises(LedgerBusyError, match="in use by others"),
        ledger.writing(now=clock),
    ):
        pytest.fail("two writers at once")


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_erased_payload_is_gone_and_the_chain_goes_on(ledger):
    before = write(ledger, 5)
    with ledger.writing(now=clock) as writer:
        writer.append(order(2, 3))

    ledger.erase(2, 3, ordered_by_seq=6)
    ledger.erase(3, ordered_by_seq=6)

    entries = list(ledger.entries())
    assert [entry.payload is None for entry in entries] == [False, True, True, False, False, False]
    assert [entry.entry_hash for entry in entries[:5]] == [entry.entry_hash for entry in before]
    assert ledger.erasures() == {2: 6, 3: 6}
    assert write(ledger, 1)[0].seq == 7


def test_an_erased_text_is_in_no_byte_of_the_file(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path}/l.sqlite")
    secret = {"subject": "rating|E-SECRET-77", "actor": "E-SECRET-77", "fields": {"why": "SECRET"}}
    # Many entries around it make the pages of the indexes split, which leaves old keys in them.
    write(ledger, 1500)
    with ledger.writing(now=clock) as writer:
        seq = writer.append(act(**secret)).seq
        salt = ledger_salt(writer, seq)
    write(ledger, 1500)
    with ledger.writing(now=clock) as writer:
        ordered = writer.append(order(seq)).seq
    assert b"SECRET" in everything_in(tmp_path)
    assert salt in everything_in(tmp_path)

    ledger.erase(seq, ordered_by_seq=ordered)

    assert b"SECRET" not in everything_in(tmp_path)
    assert salt not in everything_in(tmp_path)


def ledger_salt(ledger, seq):
    return next(ledger.stored(after_seq=seq - 1, up_to_seq=seq)).salt


@pytest.mark.parametrize(
    ("orders", "seq", "ordered_by", "sentence"),
    [
        ([order(1)], 9, 3, "no entry 9"),
        ([order(1)], 1, 2, "Entry 2 is no order to erase entry 1"),
        ([order(1)], 2, 3, "Entry 3 is no order to erase entry 2"),
        ([order(1)], 1, 7, "Entry 7 is no order to erase entry 1"),
        ([order(1, outcome="refused")], 1, 3, "is not effective"),
        ([order(1, outcome="pending")], 1, 3, "is not effective"),
        ([order(1), order(3)], 3, 4, "is itself an order"),
    ],
)
def test_nothing_is_erased_without_an_order_that_names_it(
    ledger, orders, seq, ordered_by, sentence
):
    write(ledger, 2)
    with ledger.writing(now=clock) as writer:
        writer.append_many(orders)

    with pytest.raises(LedgerError, match=sentence):
        ledger.erase(seq, ordered_by_seq=ordered_by)

    assert ledger.erasures() == {}


def test_an_order_that_needed_a_second_person_erases_once_it_is_complete(ledger):
    write(ledger, 1)
    with ledger.writing(now=clock) as writer:
        writer.append(order(1, outcome="pending"))
        writer.append(act(act_type="approve", outcome="recorded", refers_to=2, completes=2))

    ledger.erase(1, ordered_by_seq=2)

    assert ledger.entry(1).payload is None
