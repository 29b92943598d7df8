"""What Python finds is found anew when its input or its method changed, and only then."""

import pandas as pd
import pytest

from orchestration.resources import findings
from orchestration.resources.findings import find
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

    def method(rows: pd.DataFrame) -> pd.DataFrame:
        asked.append(len(rows))
        return pd.DataFrame({"total": [rows["number"].sum()]})

    return asked, lambda: find(warehouse, ["main.input"], "statistics.total", method)


def _fill(warehouse: Warehouse, rows: str) -> None:
    with warehouse.connect() as con:
        con.execute(
            "create or replace table main.input as "
            f"from (values {rows}) as _ (number, letter, share)"
        )


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


def test_a_column_of_another_type_is_another_input(warehouse, find_sum):
    asked, run = find_sum
    run()
    with warehouse.connect() as con:
        con.execute("alter table main.input alter number type bigint")

    assert run() is not None
    assert len(asked) == 2


@pytest.fixture
def find_sums(warehouse):
    """Finds the sum of each letter, and notes of which letters it was asked."""
    asked: list[list[str]] = []

    def method(rows: pd.DataFrame) -> pd.DataFrame:
        asked.append(sorted(rows["letter"].unique()))
        sums = rows.groupby("letter", as_index=False)["number"].sum()
        # Of the letter b there is a word, of the others none.
        return sums.assign(word=[None if one != "b" else "bee" for one in sums["letter"]])

    return asked, lambda: find(warehouse, ["main.input"], "statistics.total", method, by="letter")


def _totals(warehouse: Warehouse) -> dict[str, int]:
    rows = warehouse.read("statistics.total")
    assert rows.loc[rows["word"].notna(), "letter"].isin(["b"]).all()
    return dict(zip(rows["letter"], rows["number"], strict=True))


def test_only_parts_that_changed_are_looked_at_again(warehouse, find_sums):
    asked, run = find_sums
    run()
    _fill(warehouse, "(7, 'a', 0.5), (2, 'b', null), (2, 'b', null), (1, 'c', 1.5)")

    assert len(run()) == 2
    assert asked == [["a", "b"], ["a", "c"]]
    assert _totals(warehouse) == {"a": 7, "b": 4, "c": 1}
    assert run() is None


def test_a_part_that_is_gone_is_found_no_more(warehouse, find_sums):
    _, run = find_sums
    run()
    _fill(warehouse, "(2, 'b', null), (2, 'b', null)")
    run()

    assert _totals(warehouse) == {"b": 4}


def test_an_input_that_became_empty_leaves_nothing(warehouse, find_sums):
    _, run = find_sums
    run()
    with warehouse.connect() as con:
        con.execute("delete from main.input")

    assert len(run()) == 0
    assert _totals(warehouse) == {}
    assert run() is None


def test_a_change_in_either_of_two_inputs_is_seen(warehouse):
    def products(rows: pd.DataFrame, factors: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"total": [int(rows["number"].sum() * factors["factor"].sum())]})

    def run() -> pd.DataFrame | None:
        return find(warehouse, ["main.input", "main.factors"], "statistics.total", products)

    for factor in (2, 3):
        with warehouse.connect() as con:
            con.execute(f"create or replace table main.factors as select {factor} as factor")
        assert run() is not None
        assert run() is None
        assert _total(warehouse) == 5 * factor
    _fill(warehouse, "(4, 'a', 0.5)")
    assert run() is not None
    assert _total(warehouse) == 12


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
    def method(_rows: pd.DataFrame) -> pd.DataFrame:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            find(warehouse, ["main.input"], "statistics.total", method)


@pytest.mark.parametrize("by", [None, "letter"])
def test_nothing_found_in_nothing_is_a_table_too_and_is_found_once(warehouse, by):
    with warehouse.connect() as con:
        con.execute("delete from main.input")

    def run():
        return find(warehouse, ["main.input"], "statistics.same", lambda rows: rows, by=by)

    assert run() is not None
    assert list(warehouse.read("statistics.same").columns) == ["number", "letter", "share"]
    assert run() is None
