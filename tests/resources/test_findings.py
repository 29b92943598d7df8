"""What Python finds is found anew when its input or its method changed, and only then."""

import pandas as pd
import pytest

from orchestration.resources import findings
from orchestration.resources.findings import Findings, find, input_hash
from orchestration.resources.warehouse import Warehouse

ROWS = "(1, 'a', 0.5), (2, 'b', null), (2, 'b', null)"


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    warehouse = Warehouse(tmp_path)
    _fill(warehouse, ROWS)
    return warehouse


@pytest.fixture
def find_sum(warehouse):
    """Finds the sum of the input, and counts how often it was asked to."""
    asked: list[int] = []

    def method(rows: pd.DataFrame) -> Findings:
        asked.append(len(rows))
        return Findings(pd.DataFrame({"total": [rows["number"].sum()]}))

    return asked, lambda: find(warehouse, "main.input", "statistics.total", method)


def _fill(warehouse: Warehouse, rows: str, names: str = "number, letter, share") -> None:
    with warehouse.connect() as con:
        con.execute(f"create or replace table main.input as from (values {rows}) as _ ({names})")


def _total(warehouse: Warehouse) -> int:
    return int(warehouse.read("statistics.total")["total"].iloc[0])


def test_the_same_input_is_not_looked_at_again(warehouse, find_sum):
    asked, run = find_sum

    assert run() is not None
    assert run() is None
    _fill(warehouse, "(2, 'b', null), (1, 'a', 0.5), (2, 'b', null)")
    assert run() is None

    assert asked == [3]
    assert _total(warehouse) == 5


@pytest.mark.parametrize(
    ("rows", "total"),
    [
        ("(1, 'a', 0.5), (2, 'b', null), (3, 'b', null)", 6),
        # One row less and one more of a row that comes twice.
        ("(1, 'a', 0.5), (2, 'b', null)", 3),
        (f"{ROWS}, (2, 'b', null), (2, 'b', null)", 9),
        # A value that nothing was.
        ("(1, 'a', 0.5), (2, 'b', 0.0), (2, 'b', null)", 5),
        # Values that change places between rows.
        ("(1, 'b', 0.5), (2, 'a', null), (2, 'b', null)", 5),
    ],
)
def test_another_input_is(warehouse, find_sum, rows, total):
    asked, run = find_sum
    run()
    _fill(warehouse, rows)

    assert run() is not None
    assert len(asked) == 2
    assert _total(warehouse) == total


def test_a_column_of_another_name_or_type_is_another_input(warehouse):
    with warehouse.connect() as con:
        before = input_hash(con, "main.input")
    _fill(warehouse, ROWS, "number, sign, share")
    with warehouse.connect() as con:
        renamed = input_hash(con, "main.input")
        con.execute(
            "create or replace table main.input as select number::bigint as number, "
            "sign as letter, share from main.input"
        )
        widened = input_hash(con, "main.input")

    assert len({before, renamed, widened}) == 3


def test_another_method_looks_again(find_sum, monkeypatch):
    asked, run = find_sum
    run()
    monkeypatch.setattr(findings, "methods_hash", lambda: "of a later release")

    assert run() is not None
    assert len(asked) == 2


@pytest.mark.parametrize(
    "harm",
    [
        "drop table statistics.total",
        "create or replace table statistics.total as select 0 as total",
    ],
)
def test_an_output_that_somebody_else_wrote_is_not_taken_for_a_current_one(
    warehouse, find_sum, harm
):
    _, run = find_sum
    run()
    with warehouse.connect() as con:
        con.execute(harm)

    assert run() is not None
    assert _total(warehouse) == 5


def test_a_method_that_fails_leaves_nothing_that_looks_current(warehouse):
    def method(_rows: pd.DataFrame) -> Findings:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            find(warehouse, "main.input", "statistics.total", method)
