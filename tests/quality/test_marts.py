"""A mart's failing rows are kept with rule, owner and run."""

import duckdb

from orchestration.contracts.model import Rule
from orchestration.quality.marts import judge_mart


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
