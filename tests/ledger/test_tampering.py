"""Whatever is done to a ledger behind its back is found, and the first bad entry is named.

3,700 random tamperings with fixed seeds: bits of the SQLite file, and on both engines values of
every column, entries removed, swapped, repeated and forged, ends cut off and chains made anew with
salts of their own; and bits and lines of the anchors.
"""

from __future__ import annotations

import json
import random
import secrets
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest

from orchestration.ledger.anchor import ANCHORS_FILE, Anchors
from orchestration.ledger.chain import canonical_json
from orchestration.ledger.errors import LedgerDamagedError
from orchestration.ledger.store import Ledger
from orchestration.ledger.tables import SQLITE_TRIGGERS
from orchestration.ledger.verify import verify
from tests.ledger.acts import act, clock, order, write
from tests.ledger.states import COLUMNS, entries_of, numbered, put_rows, rows_of

ERASED, ORDER = 15, 41
ENTRIES, ANCHORED_TIMES = 120, 12


@dataclass(frozen=True)
class Original:
    url: str
    anchors: Anchors
    state: dict

    def ledger(self, anchors=None):
        return Ledger.open(self.url, anchors=anchors or self.anchors)

    def found(self):
        return verify(self.ledger(), self.anchors)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def original(request, tmp_path_factory):
    """A ledger of 120 entries, one of them erased, and all of them anchored."""
    folder = tmp_path_factory.mktemp("ledger")
    url = f"sqlite:///{folder}/ledger.sqlite"
    if request.param == "postgres":
        url = request.getfixturevalue("new_database")()
    anchors = Anchors(folder / "anchors", folder / "key.pem")
    ledger = Ledger.open(url, anchors=anchors)
    for block in range(ANCHORED_TIMES):
        if block == 4:
            with ledger.writing(now=clock) as writer:
                assert writer.append(order(ERASED)).seq == ORDER
        missing = (block + 1) * ENTRIES // ANCHORED_TIMES - ledger.head().seq
        write(ledger, missing, first=ledger.head().seq)
        ledger.anchor()
    ledger.erase(ERASED, ordered_by_seq=ORDER)
    return Original(url, anchors, rows_of(url))


@pytest.fixture(autouse=True)
def _put_back(request):
    yield
    if "original" in request.fixturenames:
        original = request.getfixturevalue("original")
        put_rows(original.url, original.state)


def copied(state):
    return {table: [dict(row) for row in rows] for table, rows in state.items()}


def test_the_original_is_whole(original):
    found = original.found()

    assert found.what is None
    assert found.sentence is None
    assert (found.entries, found.erased, found.unanchored) == (ENTRIES, 1, 0)
    assert found.anchors == ANCHORED_TIMES


def test_the_rows_of_the_original_put_back_are_whole(original):
    put_rows(original.url, copied(original.state))

    assert original.found().what is None


def another_text(dice, text):
    """The same text with one sign another one."""
    at = dice.randrange(len(text))
    signs = [chr(code) for code in range(32, 127) if chr(code) != text[at]]
    return text[:at] + dice.choice(signs) + text[at + 1 :]


def another_value(dice, value):
    if value is None:
        return dice.choice([7, 8])
    if isinstance(value, int):
        return value + dice.choice([1000, 2000])
    if isinstance(value, bytes):
        at = dice.randrange(len(value))
        return value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :]
    return another_text(dice, value)


def change_a_value(dice, state):
    """Any column of any table; the first bad entry is the one whose row it is."""
    table = dice.choices([*COLUMNS], weights=[5, 8, 1])[0]
    row = dice.choice(state[table])
    seq, name = row["seq"], dice.choice(COLUMNS[table])
    row[name] = another_value(dice, row[name])
    if name in {"act_type", "actor", "subject", "outcome", "payload"}:
        row[name] = str(row[name])
    elif name == "salt" and isinstance(row[name], int):
        row[name] = bytes(32)
    return state, seq


def empty_a_value(dice, state):
    row = dice.choice([row for row in state["ledger_payloads"] if row["seq"] != ERASED])
    names = [name for name in COLUMNS["ledger_payloads"] if row[name] not in {None, row["seq"]}]
    row[dice.choice(names)] = None
    return state, row["seq"]


def empty_a_payload_as_if_erased(dice, state):
    row = dice.choice([row for row in state["ledger_payloads"] if row["seq"] != ERASED])
    for name in COLUMNS["ledger_payloads"][1:]:
        row[name] = None
    if dice.random() < 0.5:
        # With the number of an order that there is, but that names another entry.
        state["ledger_erasures"].append({"seq": row["seq"], "ordered_by_seq": ORDER})
    return state, row["seq"]


def remove_rows(dice, state):
    seq = dice.randint(1, ENTRIES)
    tables = dice.choice(
        [["ledger_chain"], ["ledger_payloads"], ["ledger_chain", "ledger_payloads"]]
    )
    for table in tables:
        state[table] = [row for row in state[table] if row["seq"] != seq]
    return state, seq


def remove_the_erasure(_dice, state):
    return state | {"ledger_erasures": []}, ERASED


def remove_and_close_the_gap(dice, state):
    entries = entries_of(state)
    seq = dice.randint(1, ENTRIES - 1)
    del entries[seq - 1]
    return state | numbered(entries, chained=False), seq


def cut_off_the_end(dice, state):
    left = dice.randint(0, ENTRIES - 1)
    for table in state:
        state[table] = [row for row in state[table] if row["seq"] <= left]
    return state, left + 1


def cut_off_and_write_something_else(dice, state):
    left = dice.randint(0, ENTRIES - 1)
    forged = [forged_entry(dice) for _ in range(ENTRIES + 5 - left)]
    return state | numbered(entries_of(state)[:left] + forged, start=left + 1), left + 1


def swap_entries(dice, state):
    one, other = sorted(dice.sample(range(ENTRIES), 2))
    entries = entries_of(state)
    entries[one], entries[other] = entries[other], entries[one]
    return state | numbered(entries, chained=False), one + 1


def swap_in_one_table(dice, state):
    table = dice.choice(["ledger_chain", "ledger_payloads"])
    one, other = sorted(dice.sample(range(ENTRIES), 2))
    rows = state[table]
    rows[one], rows[other] = rows[other] | {"seq": one + 1}, rows[one] | {"seq": other + 1}
    return state, one + 1


def repeat_an_entry(dice, state):
    entries = entries_of(state)
    one, place = dice.randrange(ENTRIES), dice.randint(0, ENTRIES)
    entries.insert(place, entries[one])
    # Repeated right before or after itself, the second of the two is the wrong one.
    first_bad = place + 2 if place == one else place + 1
    return state | numbered(entries, chained=False), first_bad


def write_over_an_entry(dice, state):
    one, other = dice.sample(range(ENTRIES), 2)
    entries = entries_of(state)
    entries[other] = entries[one]
    return state | numbered(entries, chained=False), other + 1


def forged_entry(dice):
    payload = canonical_json(act(dice.randrange(10**6), refers_to=None)).decode()
    return {
        "recorded_at": "2026-10-04T08:00:00.000000Z",
        "salt": secrets.token_bytes(32),
        "payload": payload,
        "act_type": "target.propose",
        **{name: act()[name] for name in ("refers_to", "outcome")},
        **{name: json.loads(payload)[name] for name in ("actor", "subject")},
    }


def make_the_chain_anew(dice, state):
    """From some entry on, with new salts: every hash fits, and only the anchors know better."""
    entries = entries_of(state)
    first = dice.randint(1, ENTRIES)
    while first == ERASED:
        first = dice.randint(1, ENTRIES)
    how = dice.choice(["other payload", "other salt", "other time", "left out", "slipped in"])
    entry = entries[first - 1]
    if how == "other payload":
        entries[first - 1] = forged_entry(dice)
    elif how == "other salt":
        entry["salt"] = secrets.token_bytes(32)
    elif how == "other time":
        entry["recorded_at"] = "2026-10-04T08:00:00.000001Z"
        for later in entries[first:]:
            later["recorded_at"] = entry["recorded_at"]
    elif how == "left out" and first > ORDER:
        del entries[first - 1]
    else:
        place = max(first, ORDER + 1)
        entries.insert(place - 1, forged_entry(dice))
        first = place
    return state | numbered(entries, start=first), first


HOWS = [
    (change_a_value, 400),
    (empty_a_value, 60),
    (empty_a_payload_as_if_erased, 60),
    (remove_rows, 60),
    (remove_the_erasure, 1),
    (remove_and_close_the_gap, 40),
    (cut_off_the_end, 60),
    (cut_off_and_write_something_else, 60),
    (swap_entries, 60),
    (swap_in_one_table, 60),
    (repeat_an_entry, 60),
    (write_over_an_entry, 60),
    (make_the_chain_anew, 150),
]


@pytest.mark.slow
@pytest.mark.parametrize(("tamper", "times"), HOWS, ids=lambda part: getattr(part, "__name__", ""))
def test_rows_that_were_tampered_with_are_found_and_the_first_is_named(original, tamper, times):
    dice = random.Random(tamper.__name__)
    if original.url.startswith("postgresql"):
        # The rows are checked by the same code; a change of all of them takes ten times as long.
        times = max(1, times // 3)
    for number in range(times):
        state, first_bad = tamper(dice, copied(original.state))

        put_rows(original.url, state)
        found = original.found()

        assert found.what is not None, f"number {number}"
        assert (found.first_bad, found.entries) == (first_bad, first_bad - 1), f"number {number}"
        assert "steelyard restore" in found.sentence


def without_the_last_payload(state):
    del state["ledger_payloads"][-1]


def without_the_last_entries(state):
    for rows in state.values():
        rows[:] = [row for row in rows if row["seq"] < ENTRIES - 3]


def with_another_last_payload(state):
    state["ledger_payloads"][-1] |= {"payload": "{}"}


def with_another_last_hash(state):
    state["ledger_chain"][-1] |= {"entry_hash": "0" * 64}


def made_anew(state):
    entries = entries_of(state)
    entries[60]["salt"] = bytes(32)
    state |= numbered(entries, start=61)


@pytest.mark.parametrize(
    "tamper",
    [
        without_the_last_payload,
        without_the_last_entries,
        with_another_last_payload,
        with_another_last_hash,
        made_anew,
    ],
)
def test_a_ledger_whose_end_was_tampered_with_takes_no_more_entries(original, tamper):
    state = copied(original.state)
    tamper(state)
    put_rows(original.url, state)

    with pytest.raises(LedgerDamagedError, match=r"Nothing is written to it: .*steelyard restore"):
        write(original.ledger(), 1)

    assert rows_of(original.url) == state


def test_without_anchors_a_chain_made_anew_looks_whole(original):
    # What the anchors are for; an auditor without them is told that there were none.
    state, _ = make_the_chain_anew(random.Random(1), copied(original.state))
    put_rows(original.url, state)

    found = verify(original.ledger())

    assert (found.what, found.anchors, found.unanchored) == (None, 0, found.entries)


def test_what_came_after_the_last_anchor_can_be_cut_off_unseen(original):
    write(original.ledger(), 3)
    assert original.found().unanchored == 3

    put_rows(original.url, original.state)

    assert original.found().what is None


def test_a_dropped_trigger_is_found(original):
    ledger = original.ledger()
    (statement, back) = {
        "sqlite": ("drop trigger ledger_chain_delete", None),
        "postgresql": (
            "alter table ledger_chain disable trigger ledger_chain_refuse",
            "alter table ledger_chain enable trigger ledger_chain_refuse",
        ),
    }[ledger.engine.dialect.name]
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql(statement)
        connection.commit()

    found = original.found()

    assert (found.first_bad, found.entries) == (None, ENTRIES)
    assert "its guards were changed, ledger_chain_" in found.what
    if back is None:
        back = SQLITE_TRIGGERS["ledger_chain_delete"]
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql(back)
        connection.commit()


def test_a_trigger_that_is_not_the_ledger_s_is_found(original):
    ledger = original.ledger()
    if ledger.engine.dialect.name == "sqlite":
        make = "create trigger helper after insert on ledger_chain begin select 1; end"
        drop = "drop trigger helper"
    else:
        make = (
            "create trigger helper before insert on ledger_payloads for each row "
            "execute function ledger_refuse()"
        )
        drop = "drop trigger helper on ledger_payloads"
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql(make)
        connection.commit()

    found = original.found()

    with ledger.engine.connect() as connection:
        connection.exec_driver_sql(drop)
        connection.commit()
    assert found.what == "its guards were changed, helper is missing or not its own"


@pytest.fixture(scope="module")
def in_a_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("file")
    anchors = Anchors(folder / "anchors", folder / "key.pem")
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite", anchors=anchors)
    write(ledger, 60)
    with ledger.writing(now=clock) as writer:
        writer.append(order(ERASED))
    ledger.erase(ERASED, ordered_by_seq=61)
    ledger.anchor()
    return folder, anchors


def readable(path):
    """All rows of the file, by whatever reads SQLite."""
    try:
        with closing(sqlite3.connect(path)) as con:
            return {
                table: con.execute(
                    f"select {', '.join(names)} from {table} order by seq"
                ).fetchall()
                for table, names in COLUMNS.items()
            }
    except sqlite3.Error:
        return None


@pytest.mark.slow
def test_a_flipped_bit_of_the_file_is_found_or_changed_nothing(
    in_a_file, tmp_path, record_property
):
    folder, anchors = in_a_file
    whole = (folder / "ledger.sqlite").read_bytes()
    rows = readable(folder / "ledger.sqlite")
    dice = random.Random(20_261_004)
    path = tmp_path / "flipped.sqlite"
    changed = unchanged = 0
    while changed < 1500:
        at, bit = dice.randrange(len(whole)), dice.randrange(8)
        flipped = bytearray(whole)
        flipped[at] ^= 1 << bit
        path.write_bytes(flipped)
        ledger = Ledger.open(f"sqlite:///{path}", anchors=anchors)

        found = verify(ledger, anchors)

        if found.what is not None:
            changed += 1
            assert "steelyard restore" in found.sentence
        else:
            # A bit that nothing reads: the unused part of a page, a counter of the header.
            unchanged += 1
            assert readable(path) == rows, f"byte {at}, bit {bit} was not found"
            if unchanged % 20 == 0:
                write(ledger, 1)
                assert verify(ledger, anchors).entries == 62
    record_property("flips that changed nothing that can be read", unchanged)


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["cut off", "overwritten"])
def test_a_file_that_was_cut_off_or_overwritten_is_found(in_a_file, tmp_path, harm):
    folder, anchors = in_a_file
    whole = (folder / "ledger.sqlite").read_bytes()
    dice = random.Random(harm)
    path = tmp_path / "harmed.sqlite"
    for _ in range(100):
        length = dice.randrange(len(whole) - 1)
        page = bytes(dice.randrange(256) for _ in range(4096))
        at = length // 4096 * 4096
        path.write_bytes(
            whole[:length] if harm == "cut off" else whole[:at] + page + whole[at + 4096 :]
        )
        ledger = Ledger.open(f"sqlite:///{path}", anchors=anchors)

        assert "steelyard restore" in verify(ledger, anchors).sentence, length


@pytest.mark.slow
def test_a_flipped_bit_of_the_anchors_is_found(in_a_file, tmp_path):
    folder, anchors = in_a_file
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.sqlite")
    whole = anchors.path.read_bytes()
    dice = random.Random(31)
    for _ in range(500):
        at, bit = dice.randrange(len(whole)), dice.randrange(8)
        flipped = bytearray(whole)
        flipped[at] ^= 1 << bit
        (tmp_path / ANCHORS_FILE).write_bytes(flipped)

        found = verify(ledger, Anchors(tmp_path, folder / "key.pem"))

        assert found.what is not None, f"byte {at}, bit {bit}"
        assert "of its anchors" in found.what


@pytest.fixture
def moved(original, tmp_path):
    """The anchors of the original, to be harmed."""
    shutil.copy(original.anchors.path, tmp_path / ANCHORS_FILE)
    return Anchors(tmp_path, original.anchors.key_file)


def lines_of(anchors):
    return anchors.path.read_bytes().splitlines(keepends=True)


def removed(lines):
    del lines[4]


def swapped(lines):
    lines[3], lines[4] = lines[4], lines[3]


def repeated(lines):
    lines.insert(5, lines[4])


def without_the_first(lines):
    del lines[0]


def cut_off(lines):
    lines[-1] = lines[-1][:-40]


@pytest.mark.parametrize("tamper", [removed, swapped, repeated, without_the_first, cut_off])
def test_lines_of_the_anchors_that_were_tampered_with_are_found(original, moved, tamper):
    lines = lines_of(moved)
    tamper(lines)
    moved.path.write_bytes(b"".join(lines))

    found = verify(original.ledger(), moved)

    assert found.what is not None
    assert "of its anchors" in found.what


def test_a_chain_and_anchors_made_anew_with_another_key_are_found(original, tmp_path):
    state, _ = make_the_chain_anew(random.Random(2), copied(original.state))
    put_rows(original.url, state)
    forged = Anchors(tmp_path / "forged", tmp_path / "forged.pem")
    original.ledger(forged).anchor()
    assert verify(original.ledger(), forged).what is None

    with_own_key = Anchors(tmp_path / "forged", original.anchors.key_file)
    found = verify(original.ledger(), with_own_key)

    assert "signed with another key" in found.what
    with pytest.raises(LedgerDamagedError, match="signed with another key"):
        write(original.ledger(with_own_key), 1)


def test_an_order_that_did_not_become_effective_erases_nothing_lawfully(original):
    ledger = original.ledger()
    with ledger.writing(now=clock) as writer:
        refused = writer.append(order(7, outcome="refused", refusal="no right")).seq
    state = rows_of(original.url)
    state["ledger_erasures"].append({"seq": 7, "ordered_by_seq": refused})
    for name in COLUMNS["ledger_payloads"][1:]:
        state["ledger_payloads"][6][name] = None
    put_rows(original.url, state)

    found = original.found()

    assert found.first_bad == 7
    assert "without an effective order" in found.what
