"""Acts on the whole way: recorded, landed by the next run, published as registers, rebuilt."""

import datetime as dt

import duckdb
import pytest

from orchestration.demo import TINY, generate
from orchestration.ledger.store import Ledger
from orchestration.publication.snapshot import read_current
from orchestration.rebuild import rebuild
from orchestration.run import NothingToDoError, RunFailedError, run_company
from orchestration.settings import Settings
from tests.ledger.acts import act, order

FIRST, LAST = dt.date(2026, 10, 1), dt.date(2026, 10, 4)
SUBJECT = "target|KPI001|U-DE01|2026"
REGISTER = (
    "select act_seq, target, valid_from, valid_to, recorded_from_utc, recorded_to_utc "
    "from governance.reg_target order by act_seq, valid_from, recorded_from_utc"
)


def silent(_what, _done, _total):
    pass


def at(hour):
    return dt.datetime(2026, 10, 1, hour, tzinfo=dt.UTC)


def target(level, **parts):
    return act(subject=SUBJECT, fields={"kpi_id": "KPI001", "target": level}, **parts)


def consent(number, **parts):
    return act(
        act_type="decision.approve",
        actor="E100002",
        subject=SUBJECT,
        refers_to=number,
        fields={},
        outcome="recorded",
        valid_from=None,
        **parts,
    )


def record(settings, *payloads, hour):
    with Ledger.open(settings.ledger_url).writing(now=lambda: at(hour)) as writer:
        writer.append_many(payloads)


def published(settings, sql):
    folder = read_current(settings.published).folder
    with duckdb.connect(str(folder / "steelyard.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A company after two runs of one day: before anything was decided, and after it was."""
    home = tmp_path_factory.mktemp("home")
    landing = tmp_path_factory.mktemp("exports") / "inbox"
    generate(landing, size=TINY)
    settings = Settings.from_environment({"STEELYARD_HOME": str(home)})
    settings = settings.with_choices(landing=landing)
    run_company(settings, as_of=FIRST, report=silent)
    before = published(settings, "select count(*) from governance.fct_acts")
    record(settings, target("0.80"), target("0.85", outcome="pending"), hour=9)
    record(settings, consent(2, completes=2), target("0.99", outcome="refused"), hour=10)
    outcome = run_company(settings, as_of=FIRST, report=silent)
    return settings, before, outcome


@pytest.mark.slow
def test_new_acts_alone_are_reason_enough_for_a_run(company):
    settings, before, outcome = company
    fed = {feed.feed: feed for feed in outcome.feeds}

    assert before == [(0,)]
    assert (fed["acts"].files, fed["acts"].rows_new, fed["acts"].state) == (1, 4, "ok")
    with pytest.raises(NothingToDoError):
        run_company(settings, as_of=FIRST, report=silent)


@pytest.mark.slow
def test_the_published_register_holds_both_truths_each_in_its_time(company):
    settings, _, _ = company
    year, open_end = dt.date(2026, 1, 1), dt.date(9999, 12, 31)
    nine, ten = (at(hour).replace(tzinfo=None) for hour in (9, 10))

    found = [(*row[:1], str(row[1]), *row[2:]) for row in published(settings, REGISTER)]
    assert found == [
        (1, "0.8000000000", year, open_end, nine, ten),
        (2, "0.8500000000", year, open_end, ten, None),
    ]


@pytest.mark.slow
def test_auditors_see_every_entry_and_how_long_a_decision_took(company):
    settings, _, _ = company

    assert published(
        settings,
        "select act_seq, outcome_code, fate_code, settled_by_act_seq, waiting_seconds::int "
        "from governance.fct_acts order by act_seq",
    ) == [
        (1, "effective", None, None, None),
        (2, "pending", "effective", 3, 3600),
        (3, "recorded", None, None, None),
        (4, "refused", None, None, None),
    ]


@pytest.mark.slow
def test_a_rebuild_from_landed_bytes_gives_the_same_registers_without_the_ledger(company):
    settings, _, _ = company
    # Recorded after the last run: none of the rebuild's business.
    record(settings, target("0.90"), hour=11)

    rebuilt = rebuild(settings, report=silent)

    assert rebuilt.content_hash == rebuilt.previous_hash
    assert len(published(settings, REGISTER)) == 2
    run_company(settings, as_of=FIRST, report=silent)
    assert len(published(settings, REGISTER)) == 3


@pytest.mark.slow
def test_erased_content_leaves_the_registers_with_the_next_run(company):
    settings, _, _ = company
    record(settings, order(2), hour=12)
    Ledger.open(settings.ledger_url).erase(2, ordered_by_seq=6)

    run_company(settings, as_of=LAST, report=silent)

    assert {row[0] for row in published(settings, REGISTER)} == {1, 5}
    assert published(
        settings,
        "select outcome_code, act_type, actor_id, subject_key from governance.fct_acts "
        "where act_seq = 2",
    ) == [("erased", None, None, None)]


@pytest.mark.slow
def test_a_ledger_that_lost_entries_stops_the_run_and_says_how_to_restore(company, tmp_path):
    settings, _, _ = company
    ledger = settings.company_home / "ledger"
    ledger.rename(tmp_path / "aside")
    record(settings, target("0.10"), hour=9)

    with pytest.raises(RunFailedError, match=r"ends with entry 1, and entry 6 .* restore"):
        run_company(settings, as_of=LAST, report=silent)
