"""A mart's failing rows are kept with rule, owner and run."""

import datetime as dt

import duckdb
import pytest

from orchestration.contracts.model import Rule
from orchestration.ingest.delivery_log import create_tables
from orchestration.ingest.run_state import begin_run
from orchestration.quality.marts import MartRules, check_marts, judge_mart
from orchestration.resources.warehouse import Warehouse


def test_a_mart_is_judged_where_it_lies_and_its_failing_rows_are_kept():
    rules = [
        Rule(
            id="share_is_a_share",
            expectation="expect_column_values_to_be_between",
            kwargs={"column": "share", "min_value": 0, "max_value": 1},
            severity="warn",
            owner="team:performance-analytics",
        ),
        Rule(
            id="every_site_is_there",
            expectation="expect_table_row_count_to_be_between",
            kwargs={"min_value": 2},
            severity="warn",
            owner="team:performance-analytics",
        ),
    ]
    with duckdb.connect() as con:
        con.execute("create schema mart")
        con.execute(
            "create table mart.card as select * from (values "
            "('BER', date '2026-03-01', 0.5), ('CHI', date '2026-03-01', 1.5)) t(site, day, share)"
        )

        results = judge_mart(con, "mart.card", rules, ["site", "day"], run_id="r1")

        assert [(one.rule_id, one.success) for one in results] == [
            ("share_is_a_share", False),
            ("every_site_is_there", True),
        ]
        kept = con.execute(
            "select run_id, subject, rule_id, owner, row_key from ops.expectation_failures"
        ).fetchall()
        assert kept == [
            (
                "r1",
                "mart.card",
                "share_is_a_share",
                "team:performance-analytics",
                '{"site":"CHI","day":"2026-03-01"}',
            )
        ]
        results_kept = con.execute(
            "select rule_id, delivery_date, evaluated, unexpected, success "
            "from ops.expectation_results order by 1"
        ).fetchall()
        assert results_kept == [
            ("every_site_is_there", None, None, None, True),
            ("share_is_a_share", None, 2, 1, False),
        ]


@pytest.fixture
def company(tmp_path) -> Warehouse:
    warehouse = Warehouse(tmp_path)
    with warehouse.connect() as con:
        con.execute("create schema mart")
        con.execute("create table mart.card as select 'BER' as site, 0.5 as share")
        # What a run is planned with; nothing has been delivered.
        con.execute("create schema registry")
        con.execute(
            "create table registry.feeds (feed varchar, latency_days int, moves_readings boolean,"
            " cadence varchar, may_be_empty boolean)"
        )
        create_tables(con)
    return warehouse


def judge_in_run(warehouse: Warehouse, run_id: str, *, severity: str = "quarantine") -> None:
    """Begin a run and judge its only mart, whose shares are to lie within 0 and 1."""
    share = Rule(
        id="share_is_a_share",
        expectation="expect_column_values_to_be_between",
        kwargs={"column": "share", "min_value": 0, "max_value": 1},
        severity=severity,
        owner="team:performance-analytics",
    )
    with warehouse.connect() as con:
        begin_run(con, run_id=run_id, as_of=dt.date(2026, 3, 1), definition_hash="same")
    check_marts(warehouse, [MartRules(relation="mart.card", key=["site"], rules=[share])])


def runs_kept(warehouse: Warehouse) -> list[tuple[str, int]]:
    return [
        tuple(row)
        for row in warehouse.read("ops.expectation_results")
        .groupby("run_id")
        .size()
        .reset_index()
        .itertuples(index=False)
    ]


def test_what_rules_said_in_a_run_that_was_killed_before_publication_is_not_kept_twice(company):
    judge_in_run(company, "killed")
    judge_in_run(company, "again")

    assert runs_kept(company) == [("again", 1)]


def test_what_rules_said_in_runs_that_were_published_or_stopped_by_them_is_kept(company):
    judge_in_run(company, "published")
    with company.connect() as con:
        con.execute("update ops.run_history set published_at_utc = timestamp '2026-03-02'")
        con.execute("update mart.card set share = 1.5")
    judge_in_run(company, "stopped")
    judge_in_run(company, "warned", severity="warn")
    with company.connect() as con:
        con.execute("update mart.card set share = 0.5")
    judge_in_run(company, "mended")

    assert runs_kept(company) == [("mended", 1), ("published", 1), ("stopped", 1)]
    assert set(company.read("ops.expectation_failures")["run_id"]) == {"stopped"}
