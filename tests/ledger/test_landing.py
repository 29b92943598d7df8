"""What the ledger recorded lands once, as a delivery of the run's own day."""

from __future__ import annotations

import datetime as dt
import json

import duckdb
import pytest

from orchestration.contracts.load import SHIPPED_ROOT, ContractError, load_company
from orchestration.ingest.guard import judge_file
from orchestration.ingest.landing import INCOMING, find_files
from orchestration.ledger.landing import export_acts, last_day, waiting
from orchestration.ledger.store import Ledger, LedgerDamagedError
from orchestration.settings import Settings
from tests.ledger.acts import act, order, write

MONDAY, TUESDAY = dt.date(2026, 10, 5), dt.date(2026, 10, 6)
FIRST_FILE = "acts/2026-10-05/acts_000000001-000000003.jsonl"


@pytest.fixture(scope="module")
def company():
    return load_company("demo")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def url(home):
    return f"sqlite:///{home}/ledger/ledger.sqlite"


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def names(home):
    return sorted(path.relative_to(home).as_posix() for path in home.glob("acts/*/*"))


def test_without_a_ledger_nothing_is_written_and_none_is_made(url, home):
    assert waiting(url, home) is None
    assert export_acts(url, home, as_of=MONDAY).files == ()
    assert not home.exists()


def test_every_entry_is_written_once_in_the_delivery_of_the_run_that_found_it(url, home):
    ledger = Ledger.open(url)
    write(ledger, 3)

    assert waiting(url, home) == "3-0"
    assert export_acts(url, home, as_of=MONDAY).entries == 3
    assert waiting(url, home) is None
    assert export_acts(url, home, as_of=TUESDAY).files == ()
    write(ledger, 2, first=3)
    export_acts(url, home, as_of=TUESDAY)

    assert names(home) == [FIRST_FILE, "acts/2026-10-06/acts_000000004-000000005.jsonl"]
    written = [one["act_seq"] for name in names(home) for one in lines(home / name)]
    assert written == [1, 2, 3, 4, 5]


def test_the_same_ledger_and_days_give_the_same_bytes(url, home, tmp_path):
    write(Ledger.open(url), 3)
    for folder in (home, tmp_path / "other"):
        export_acts(url, folder, as_of=MONDAY)

    assert (home / FIRST_FILE).read_bytes() == (tmp_path / "other" / FIRST_FILE).read_bytes()


def test_the_files_lie_in_the_home_wherever_the_landing_folder_is(url, home, company, tmp_path):
    write(Ledger.open(url), 3)
    export_acts(url, home, as_of=MONDAY)
    settings = Settings(SHIPPED_ROOT, tmp_path, "demo", tmp_path / "read_only", "1GB")

    assert settings.folder_of("acts") == tmp_path / "demo"
    assert settings.folder_of("mes_production_counts") == tmp_path / "read_only"
    (file,) = find_files(company, "acts", home, as_of=TUESDAY)
    assert (file.relative_path, file.delivery_date) == (FIRST_FILE, MONDAY)
    assert file.form.source_system == "ledger"


def test_what_a_killed_run_left_is_no_delivery_and_goes_with_the_next(url, home, company):
    left = home / "acts" / MONDAY.isoformat() / f"{INCOMING}half"
    left.parent.mkdir(parents=True)
    left.write_text('{"act_seq": 1', encoding="utf-8")
    write(Ledger.open(url), 3)

    assert find_files(company, "acts", home, as_of=MONDAY) == []
    assert waiting(url, home) == "3-0"
    export_acts(url, home, as_of=MONDAY)
    assert names(home) == [FIRST_FILE]


def judged(company, path):
    """The accepted rows of an exported file, as the guard types them."""
    form = company.feeds["acts"].forms[0]
    with duckdb.connect() as con:
        verdict = judge_file(
            con,
            form.contract,
            path,
            received_at=dt.datetime(2026, 10, 5, 23, 59, 59, tzinfo=dt.UTC),
            delivery_date=MONDAY,
            table="judged",
        )
        assert (verdict.action, verdict.rows_quarantined) == ("accept", 0), verdict.findings
        rows = con.execute("from judged order by act_seq").fetchall()
        return [dict(zip((one[0] for one in con.description), row, strict=True)) for row in rows]


def test_the_guard_keeps_every_part_of_an_entry(url, home, company):
    instant = dt.datetime(2026, 10, 5, 8, 30, 0, 123_456, tzinfo=dt.UTC)
    words = 'Zürich: "läuft" | a \\ b, =1+1; tab\tand\nline'
    ledger = Ledger.open(url)
    said = [
        act(
            subject="consent|E1|a%7Cb",
            fields={"reason": words, "evidence": ["a", "b"], "rows": 3, "flag": True},
            valid_from="2031-01-01",
            valid_to="2031-12-31",
        ),
        act(outcome="refused", refusal="No: nothing of it.", right=None, definition=None),
        act(refers_to=1, completes=1, valid_from=None),
    ]
    with ledger.writing(now=lambda: instant) as writer:
        writer.append_many(said)
    (path,) = export_acts(url, home, as_of=MONDAY).files

    first, refused, consent = judged(company, path)
    assert first["recorded_ts_utc"] == instant.replace(tzinfo=None)
    assert json.loads(first["fields"]) == said[0]["fields"]
    assert first["subject"] == "consent|E1|a%7Cb"
    assert (first["valid_from"], first["valid_to"]) == (dt.date(2031, 1, 1), dt.date(2031, 12, 31))
    assert (first["right_name"], first["right_role"]) == ("propose_target", "unit_leader")
    assert (refused["outcome"], refused["refusal"]) == ("refused", "No: nothing of it.")
    assert (refused["right_name"], refused["definition_hash"]) == (None, None)
    assert (consent["refers_to"], consent["completes"], consent["valid_from"]) == (1, 1, None)


def test_a_text_as_long_as_a_page_is_no_reason_to_lose_an_act(url, home, company):
    with Ledger.open(url).writing(now=lambda: dt.datetime(2026, 10, 5, tzinfo=dt.UTC)) as writer:
        writer.append(act(fields={"claim": "word " * 20_000}))
    (path,) = export_acts(url, home, as_of=MONDAY).files

    assert len(judged(company, path)) == 1


def test_an_erased_entry_lands_again_with_number_time_and_nothing_else(url, home, company):
    ledger = Ledger.open(url)
    write(ledger, 2)
    with ledger.writing(now=lambda: dt.datetime(2026, 10, 5, tzinfo=dt.UTC)) as writer:
        writer.append(order(2))
    export_acts(url, home, as_of=MONDAY)
    ledger.erase(2, ordered_by_seq=3)

    assert waiting(url, home) == "3-1"
    exported = export_acts(url, home, as_of=TUESDAY)
    assert (exported.entries, exported.erased, len(exported.files)) == (0, 1, 1)
    assert waiting(url, home) is None
    (row,) = judged(company, exported.files[0])
    assert row["outcome"] == "erased"
    said = {"act_seq", "recorded_ts_utc", "recorded_ts_local", "recorded_ts_zone", "outcome"}
    assert {name for name in company.feeds["acts"].contract.typed_columns() if row[name]} == said


def test_a_run_over_older_days_leaves_what_is_new_to_a_later_one(url, home):
    """An erasure that landed on an older day would not take the place of the content."""
    ledger = Ledger.open(url)
    write(ledger, 1)
    export_acts(url, home, as_of=TUESDAY)
    write(ledger, 1, first=1)

    assert export_acts(url, home, as_of=MONDAY).files == ()
    assert last_day(home) == TUESDAY
    assert waiting(url, home) == "2-0"
    assert export_acts(url, home, as_of=TUESDAY).entries == 1
    assert waiting(url, home) is None


def test_a_ledger_that_lost_what_has_landed_is_refused(url, home, tmp_path):
    write(Ledger.open(url), 3)
    export_acts(url, home, as_of=MONDAY)
    shorter = f"sqlite:///{tmp_path}/shorter.sqlite"
    write(Ledger.open(shorter), 2)

    for refused in (
        lambda: waiting(shorter, home),
        lambda: export_acts(shorter, home, as_of=MONDAY),
    ):
        with pytest.raises(LedgerDamagedError, match="ends with entry 2, and entry 3 has landed"):
            refused()


def test_no_profile_of_a_company_may_deliver_acts(tmp_path):
    folder = tmp_path / "company"
    (folder / "expectations").mkdir(parents=True)
    shipped = SHIPPED_ROOT / "seeds" / "companies" / "demo" / "company.yml"
    (folder / "company.yml").write_text(shipped.read_text("utf-8"), encoding="utf-8")
    (folder / "expectations" / "own.yml").write_text(
        "profile: own\nsource_system: own\nfeeds:\n  acts:\n    files: 'own/*.jsonl'\n",
        encoding="utf-8",
    )

    with pytest.raises(ContractError, match="only the company's own ledger delivers this feed"):
        load_company(folder)
