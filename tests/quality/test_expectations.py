"""Rules on DuckDB: verdicts against hand counts, failing rows all kept, refusals with a name."""

import duckdb
import pytest

from orchestration.contracts.model import Rule
from orchestration.quality.expectations import (
    RuleError,
    enough_pass,
    require_row_rules,
    run_rules,
)


def rule(name, expectation, kwargs=None, **more):
    return Rule(
        id=name,
        expectation=expectation,
        kwargs=kwargs or {},
        **({"severity": "quarantine", "owner": "production-data-steward"} | more),
    )


@pytest.fixture
def con():
    """One hundred rows: x runs from 0 to 99, y is missing in every tenth row, else x mod 7."""
    with duckdb.connect() as connection:
        connection.execute("create schema m")
        connection.execute(
            "create table m.counts as select 'f' as _file_id, i as _row_no, i as x,"
            " case when i % 10 = 0 then null else i % 7 end as y,"
            " case when i < 30 then 'A' else 'B' end as code,"
            " (i / 10)::decimal(15,3) as qty, date '2026-01-01' + i::int as day"
            " from range(100) t(i)"
        )
        yield connection


KEYS = ["_file_id", "_row_no"]
# Of the 90 present y: 0, 7, 14 ... 98 are 0, fifteen in all; 0 and 70 are missing, so 13.
Y_ZERO = 13


def failing(con, rule_id):
    return [
        row[0]
        for row in con.execute(
            "select _row_no from rule_failures where rule_id = ? order by 1", [rule_id]
        ).fetchall()
    ]


def test_each_kind_of_row_rule_counts_what_a_hand_count_finds(con):
    rules = [
        rule("x_below_90", "expect_column_values_to_be_between", {"column": "x", "max_value": 89}),
        rule("y_positive", "ExpectColumnValuesToBeBetween", {"column": "y", "min_value": 1}),
        rule("y_present", "expect_column_values_to_not_be_null", {"column": "y"}),
        rule(
            "code_is_b", "expect_column_values_to_be_in_set", {"column": "code", "value_set": ["B"]}
        ),
        rule(
            "x_beats_y",
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "x", "column_B": "y", "ignore_row_if": "either_value_is_missing"},
        ),
        rule(
            "all_different",
            "expect_select_column_values_to_be_unique_within_record",
            {"column_list": ["_row_no", "y"]},
        ),
        rule(
            "no_zero_y",
            "UnexpectedRowsExpectation",
            {"unexpected_rows_query": "select * from {batch} where y = 0 and code = 'B'"},
        ),
        rule("qty", "expect_column_values_to_be_between", {"column": "qty", "max_value": 9.5}),
        rule(
            "day",
            "expect_column_values_to_be_between",
            {"column": "day", "min_value": "2026-01-03"},
        ),
    ]

    results = {result.rule_id: result for result in run_rules(con, "m.counts", rules, KEYS)}

    counts = {name: (one.evaluated, one.unexpected) for name, one in results.items()}
    assert counts == {
        "x_below_90": (100, 10),
        "y_positive": (90, Y_ZERO),
        "y_present": (100, 10),
        "code_is_b": (100, 30),
        "x_beats_y": (90, 6),  # 1 to 6 equal their remainder
        "all_different": (100, 6),
        "no_zero_y": (100, 9),  # 35 to 98 without 70
        "qty": (100, 4),
        "day": (100, 2),
    }
    assert failing(con, "x_below_90") == list(range(90, 100))
    assert failing(con, "y_present") == list(range(0, 100, 10))
    assert failing(con, "no_zero_y") == [35, 42, 49, 56, 63, 77, 84, 91, 98]
    assert failing(con, "day") == [0, 1]


def test_a_rule_asks_only_for_the_share_it_names(con):
    kwargs = {"column": "x", "max_value": 89}
    results = run_rules(
        con,
        "m.counts",
        [
            rule("nine_in_ten", "expect_column_values_to_be_between", kwargs, mostly=0.9),
            rule("a_little_more", "expect_column_values_to_be_between", kwargs, mostly=0.91),
        ],
        KEYS,
    )

    assert [result.success for result in results] == [True, False]
    assert [result.unexpected_share for result in results] == [0.1, 0.1]
    assert results[1].sentence == (
        "a_little_more: 10 of 100 rows fail expect_column_values_to_be_between; "
        "90.00% pass, 91.00% are asked for"
    )


def test_more_failing_rows_than_the_library_returns_are_all_kept(con):
    con.execute(
        "create temp table many as select 'f' as _file_id, i as _row_no from range(5000) t(i)"
    )

    run_rules(
        con,
        "many",
        [rule("few", "expect_column_values_to_be_between", {"column": "_row_no", "max_value": 9})],
        KEYS,
    )

    assert len(failing(con, "few")) == 4990


def test_only_a_rule_that_names_a_share_can_block(con):
    kwargs = {"column": "x", "max_value": 89}
    rules = [
        rule("marks", "expect_column_values_to_be_between", kwargs),
        rule("demands_all", "expect_column_values_to_be_between", kwargs, mostly=1.0),
        rule("tolerates", "expect_column_values_to_be_between", kwargs, mostly=0.8),
    ]

    results = run_rules(con, "m.counts", rules, KEYS)

    assert [result.success for result in results] == [False, False, True]
    assert [result.blocks for result in results] == [False, True, False]


def test_a_rule_about_a_whole_table_gives_a_verdict_without_rows(con):
    rules = [rule("filled", "expect_table_row_count_to_be_between", {"min_value": 101})]

    (result,) = run_rules(con, "m.counts", rules, KEYS)

    assert (result.success, result.evaluated, result.unexpected_share) == (False, None, None)
    assert failing(con, "filled") == []


def test_the_rules_leave_an_open_transaction_alone(con):
    con.begin()
    con.execute("insert into m.counts (_row_no, x) values (100, 100)")

    rules = [rule("x", "expect_column_values_to_be_between", {"column": "x", "max_value": 99})]
    assert run_rules(con, "m.counts", rules, KEYS)[0].unexpected == 1

    con.rollback()
    assert con.execute("select count(*) from m.counts").fetchall() == [(100,)]


def test_nothing_to_judge_is_nothing_wrong(con):
    con.execute("create temp table nothing as select * from m.counts limit 0")
    rules = [rule("x", "expect_column_values_to_be_between", {"column": "x", "max_value": 1})]

    (result,) = run_rules(con, "nothing", rules, KEYS)

    assert (result.success, result.evaluated, result.unexpected) == (True, 0, 0)
    assert enough_pass(0, 0, 1.0)


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        (rule("r", "expect_the_moon"), "no expectation is named expect_the_moon"),
        (rule("r", "expect_column_values_to_be_between"), "refuses its arguments"),
        (
            rule("r", "expect_column_values_to_not_be_null", {"column": "absent"}),
            "could not be computed",
        ),
        (
            rule(
                "r", "UnexpectedRowsExpectation", {"unexpected_rows_query": "select x from {batch}"}
            ),
            "must return the columns _file_id, _row_no",
        ),
    ],
)
def test_a_rule_that_cannot_run_is_an_error_with_its_name(con, bad, cause):
    with pytest.raises(RuleError, match=f"Rule r.*{cause}"):
        run_rules(con, "m.counts", [bad], KEYS)


@pytest.mark.parametrize(
    ("expectation", "kwargs"),
    [
        ("expect_table_row_count_to_be_between", {"min_value": 1}),
        ("expect_column_mean_to_be_between", {"column": "x", "min_value": 1}),
        ("expect_column_values_to_be_unique", {"column": "x"}),
        (
            "expect_column_values_to_be_between",
            {
                "column": "x",
                "min_value": 1,
                "row_condition": "y>1",
                "condition_parser": "great_expectations",
            },
        ),
    ],
)
def test_a_feed_refuses_rules_whose_verdict_depends_on_other_rows(expectation, kwargs):
    with pytest.raises(RuleError, match="Feed mes_production_counts, rule r"):
        require_row_rules("mes_production_counts", [rule("r", expectation, kwargs)])


@pytest.mark.parametrize("percent", [1, 50, 100])
def test_every_failing_row_is_kept_however_many_fail(con, percent):
    con.execute(
        "create table many as select i as _row_no, "
        f"case when i % 100 < {percent} then -1 else 1 end as qty from range(20000) t(i)"
    )
    positive = rule(
        "positive", "expect_column_values_to_be_between", {"column": "qty", "min_value": 0}
    )

    (result,) = run_rules(con, "many", [positive], ["_row_no"])

    assert result.unexpected == 200 * percent
    assert result.trend == {
        "row_count": 20000,
        "unexpected_count": 200 * percent,
        "success_percent": 100 - percent,
    }
    assert failing(con, "positive") == [i for i in range(20000) if i % 100 < percent]
