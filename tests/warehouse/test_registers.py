"""Registers hold one truth per subject, day and instant: that of the acts, whatever their order."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.contracts.load import SHIPPED_ROOT
from orchestration.ledger.definitions import load_act_types
from orchestration.ledger.landing import line
from orchestration.ledger.projection import Rectangle, rectangles, truth_at
from orchestration.ledger.store import Recorded
from orchestration.publication.snapshot import REGISTERS
from tests.warehouse.conftest import Bare

AS_OF = "2026-10-04"
TYPES = load_act_types([SHIPPED_ROOT / "seeds" / "registry"])
ENDS = TYPES.ending()
DAY = dt.timedelta(days=1)
FIRST_DAY = dt.date(2026, 1, 1)
START = dt.datetime(2026, 1, 1, 23, 59, 59, 999_998, tzinfo=dt.UTC)
SQL_TYPES = {"number": "decimal(28, 10)", "whole_number": "bigint", "date": "date"}
SQL_TYPES |= {"flag": "boolean"}
# Words of people, which stay in the ledger.
NOT_PUBLISHED = {
    ("acknowledgement", "comment"),
    ("annotation", "text"),
    ("appeal", "claim"),
    ("appeal", "evidence"),
    ("appeal", "grounds"),
    ("rationale", "rationale"),
    ("rationale", "evidence"),
    ("rationale", "reason"),
    ("signal", "text"),
}


def payload(act_type: str = "override.request", **said: Any) -> dict[str, Any]:
    """Return what an entry says; what is not given is as in an act that took effect at once."""
    return {
        "act_type": act_type,
        "definition": "0" * 64,
        "actor": "E100001",
        "right": None,
        "subject": f"{act_type.partition('.')[0]}|A",
        "refers_to": None,
        "valid_from": FIRST_DAY.isoformat(),
        "valid_to": None,
        "fields": {},
        "outcome": "effective",
        "refusal": None,
        "completes": None,
        **said,
    }


def ledger(*payloads: dict[str, Any] | None, steps: list[int] | None = None) -> list[Recorded]:
    """Return entries; each is so many microseconds after the one before, an hour if unsaid."""
    instant, entries = START, []
    for number, said in enumerate(payloads):
        instant += dt.timedelta(microseconds=3_600_000_000 if steps is None else steps[number])
        entries.append(Recorded(number + 1, instant, said, "0" * 64))
    return entries


class Registry:
    """The registers' own SQL over entries that a test makes up."""

    def __init__(self, con: Any, house: Bare) -> None:
        compiled = house.parsed / "compiled/steelyard/models"
        self.con = con
        self.effective = (compiled / "intermediate/acts/int_acts__effective.sql").read_text("utf-8")
        self.marts = {
            name: (compiled / f"marts/governance/reg_{name}.sql").read_text("utf-8")
            for name in ("override", "target")
        }

    def load(self, entries: list[Recorded]) -> None:
        rows = [line(entry) for entry in entries]
        names = [name for name in rows[0] if name != "recorded_ts"] if rows else []
        self.con.execute("delete from raw.acts")
        if rows:
            marks = ", ".join("?" for _ in names)
            self.con.executemany(
                f"insert into raw.acts ({', '.join(names)}, recorded_ts_utc) values ({marks}, ?)",
                [
                    [*(row[name] for name in names), entry.recorded_at.replace(tzinfo=None)]
                    for row, entry in zip(rows, entries, strict=True)
                ],
            )
        self.con.execute(
            f"create or replace table intermediate.int_acts__effective as {self.effective}"
        )

    def truths(self, register: str) -> set[tuple[Any, ...]]:
        rows = self.con.execute(
            "select subject_key, act_seq, valid_from, valid_to, recorded_from_utc, recorded_to_utc "
            f"from ({self.marts[register]})"
        ).fetchall()
        assert len(rows) == len(set(rows))
        return set(rows)


@pytest.fixture(scope="module")
def house(tmp_path_factory, parsed) -> Bare:
    made = Bare(tmp_path_factory.mktemp("registers"), parsed, dt.date.fromisoformat(AS_OF))
    made.begin(dt.date.fromisoformat(AS_OF))
    made.build_with_parents(
        "fct_acts", "rpt_waiting_decisions", *(f"reg_{name}" for name in REGISTERS)
    )
    return made


@pytest.fixture(scope="module")
def registry(house):
    with house.warehouse.connect() as con:
        yield Registry(con, house)


def as_rows(found: list[Rectangle], register: str) -> set[tuple[Any, ...]]:
    return {
        (
            one.subject,
            one.act_seq,
            one.valid_from,
            one.valid_to,
            one.recorded_from.replace(tzinfo=None),
            one.recorded_to and one.recorded_to.replace(tzinfo=None),
        )
        for one in found
        if one.register == register
    }


def effect_of(entry: Recorded, entries: list[Recorded]) -> Recorded | None:
    """Return the entry with which an act took effect, by the words of the rule."""
    if entry.payload is None:
        return None
    if entry.payload["outcome"] == "effective":
        return entry
    if entry.payload["outcome"] != "pending":
        return None
    return next(
        (
            other
            for other in entries[entry.seq :]
            if other.payload is not None
            and other.payload["completes"] == entry.seq
            and other.payload["outcome"] != "refused"
        ),
        None,
    )


def truth_by_rule(
    entries: list[Recorded], subject: str, valid: dt.date, recorded: dt.datetime
) -> int | None:
    """Return the act that holds, found by looking at every act: the last to take effect by then."""
    known = []
    for entry in entries:
        effect = effect_of(entry, entries)
        if effect is None or entry.payload["subject"] != subject:
            continue
        if not entry.payload["act_type"].startswith(subject.partition("|")[0] + "."):
            continue
        first = entry.payload["valid_from"] or effect.recorded_at.date().isoformat()
        last = entry.payload["valid_to"] or "9999-12-31"
        if effect.recorded_at <= recorded and first <= valid.isoformat() <= last:
            known.append((effect.seq, entry.seq, entry.payload["act_type"]))
    if not known:
        return None
    _, seq, act_type = max(known)
    return None if act_type in ENDS else seq


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """Entries about few subjects on few days, so that they meet, nest, touch and repeat."""
    count = draw(st.integers(0, 14))
    days = st.none() | st.integers(0, 9).map(lambda n: (FIRST_DAY + n * DAY).isoformat())
    payloads: list[dict[str, Any] | None] = []
    for number in range(count):
        act_type = draw(
            st.sampled_from(
                ["override.request", "override.request", "override.end", "target.propose"]
                + ["decision.approve"] * 3
            )
        )
        outcome = draw(st.sampled_from(["effective"] * 3 + ["pending"] * 3 + ["refused"]))
        completes = None
        if act_type == "decision.approve":
            outcome = draw(st.sampled_from(["recorded"] * 4 + ["refused"]))
            completes = draw(st.none() | st.integers(1, max(1, number)))
        subject = draw(st.sampled_from(["override|A", "override|B", "target|A"]))
        said = payload(
            act_type,
            subject=subject,
            outcome=outcome,
            completes=completes,
            valid_from=draw(days),
            valid_to=draw(days),
        )
        payloads.append(draw(st.sampled_from([said] * 12 + [None])))
    return ledger(*payloads, steps=[draw(st.sampled_from([0, 1, 2])) for _ in payloads])


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=histories())
def test_the_registers_say_what_the_plain_fold_and_the_rule_say(registry, entries):
    folded = rectangles(entries, ENDS)
    registry.load(entries)

    for register in ("override", "target"):
        assert registry.truths(register) == as_rows(folded, register)
    instants = {entry.recorded_at for entry in entries} | {START}
    for subject in ("override|A", "override|B", "target|A"):
        register = subject.partition("|")[0]
        held = [one for one in folded if (one.register, one.subject) == (register, subject)]
        for number in range(-1, 12):
            valid = FIRST_DAY + number * DAY
            for recorded in instants:
                truth = truth_at(held, valid, recorded)
                found = truth.act_seq if truth else None
                assert found == truth_by_rule(entries, subject, valid, recorded)


def test_a_later_act_covers_its_days_from_its_effect_on_and_leaves_the_others(registry):
    year = payload(valid_from="2026-01-01", valid_to="2026-12-31")
    may = payload(valid_from="2026-05-01", valid_to="2026-05-31")
    registry.load(ledger(year, may))
    at = [entry.recorded_at.replace(tzinfo=None) for entry in ledger(year, may)]
    day = dt.date.fromisoformat

    assert registry.truths("override") == {
        ("override|A", 1, day("2026-01-01"), day("2026-04-30"), at[0], None),
        ("override|A", 1, day("2026-05-01"), day("2026-05-31"), at[0], at[1]),
        ("override|A", 1, day("2026-06-01"), day("2026-12-31"), at[0], None),
        ("override|A", 2, day("2026-05-01"), day("2026-05-31"), at[1], None),
    }


def test_a_pending_act_changes_nothing_until_the_entry_that_completes_it(registry):
    first = payload()
    second = payload(outcome="pending")
    consent = payload(
        "decision.approve", outcome="recorded", refers_to=2, subject="override|A", valid_from=None
    )
    registry.load(ledger(first, second, consent))
    waiting = registry.truths("override")
    entries = ledger(first, second, {**consent, "completes": 2})
    registry.load(entries)
    at = entries[2].recorded_at.replace(tzinfo=None)

    assert {(row[1], row[5]) for row in waiting} == {(1, None)}
    assert {(row[1], row[4], row[5]) for row in registry.truths("override")} == {
        (1, entries[0].recorded_at.replace(tzinfo=None), at),
        (2, at, None),
    }


def test_an_act_that_ends_leaves_no_truth_on_its_days(registry):
    registry.load(
        ledger(
            payload(valid_from="2026-01-01", valid_to="2026-12-31"),
            payload("override.end", valid_from="2026-07-01"),
        )
    )
    standing = {row[2:4] for row in registry.truths("override") if row[5] is None}

    assert standing == {(dt.date(2026, 1, 1), dt.date(2026, 6, 30))}


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_a_register_has_at_most_three_rows_per_act_however_they_overlap(registry, count):
    """Days in another order than the acts, so that each covers parts of many before it."""
    said = [
        payload(
            valid_from=(FIRST_DAY + (number * 617 % count) * DAY).isoformat(),
            valid_to=(FIRST_DAY + (number * 617 % count + 50 + number % 90) * DAY).isoformat(),
        )
        for number in range(count)
    ]
    entries = ledger(*said)
    registry.load(entries)
    found = registry.truths("override")

    assert count <= len(found) <= 3 * count
    assert found == as_rows(rectangles(entries, ENDS), "override")


def test_fields_become_typed_columns_and_what_cannot_be_read_is_missing(registry):
    said = payload(
        "target.propose",
        subject="target|KPI001|U-DE01|2026",
        fields={
            "kpi_id": "KPI001",
            "threshold": "0.80",
            "target": "ninety",
            "reason": 'the umlaut of Zürich, a "quote" and a \\ backslash',
            "evidence": ["a.pdf", "b, c.pdf"],
        },
    )
    registry.load(ledger(said))
    row = registry.con.execute(
        "select kpi_id, threshold, target, stretch, reason, evidence, state_code "
        f"from ({registry.marts['target']})"
    ).fetchone()

    assert (row[0], str(row[1]), row[2], row[3]) == ("KPI001", "0.8000000000", None, None)
    assert row[4] == said["fields"]["reason"]
    assert json.loads(row[5]) == ["a.pdf", "b, c.pdf"]
    assert row[6] == "in_force"


def test_every_register_of_the_definitions_has_a_mart_with_all_its_fields(manifest):
    silent = {name for name, one in TYPES.registers.items() if not _changes(one)}
    assert set(REGISTERS) == set(TYPES.registers) - silent
    for name in REGISTERS:
        columns = manifest["nodes"][f"model.steelyard.reg_{name}"]["columns"]
        for field, asked in TYPES.registers[name].fields.items():
            if (name, field) in NOT_PUBLISHED:
                assert field not in columns
                continue
            kind = "varchar" if asked.many else SQL_TYPES.get(asked.kind, "varchar")
            assert columns[field]["data_type"] == kind, (name, field)


def _changes(register: Any) -> bool:
    return any(act.to_state is not None or act.ends for act in register.acts.values())
