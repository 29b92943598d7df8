"""What Python finds is found anew when its input or its method changed, and only then."""

import pandas as pd
import pytest

from orchestration.resources import findings
from orchestration.resources.findings import (
    Unanswered,
    find,
    is_unanswered,
    note_unanswered,
    unanswered,
)
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


WORDS = "Ann Lee is 41, and 'b-7' is {}\nand more"


class Shares:
    """Finds each letter's share of the sum of all, and fails on some letters while told to."""

    def __init__(self, warehouse: Warehouse, on: str) -> None:
        self.warehouse, self.on = warehouse, on
        self.said: list[str] = []

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        for letter in rows["letter"]:
            if letter in self.on:
                raise ValueError(WORDS.format(letter))
        sums = rows.groupby("letter", as_index=False)["number"].sum()
        return sums.assign(share=sums["number"] / sums["number"].sum())

    def ask(self, **how: str | None) -> pd.DataFrame | None:
        output = "statistics.shares"
        return find(self.warehouse, ["main.input"], output, self, **how, log=self.said.append)

    def shares(self) -> dict[str, float]:
        rows = self.warehouse.read("statistics.shares")
        return dict(zip(rows["letter"], rows["share"], strict=True))

    def missing(self) -> list[tuple[str | None, str]]:
        with self.warehouse.connect() as con:
            found = unanswered(con, ["statistics.shares"])
        assert {one.question for one in found} <= {"shares"}
        return [(one.part_column, one.part) for one in found]


@pytest.fixture
def shares(warehouse) -> Shares:
    _fill(warehouse, "(1, 'a', 0.5), (2, 'b', null), (3, 'c', null)")
    return Shares(warehouse, on="b")


def test_a_part_that_fails_is_left_out_and_the_others_are_weighed_without_it(shares):
    shares.ask(apart="letter")

    assert shares.shares() == {"a": 0.25, "c": 0.75}
    assert shares.missing() == [("letter", "b")]


@pytest.mark.parametrize("how", [{"by": "letter"}, {"apart": "letter"}, {}])
def test_what_has_no_answer_is_asked_again_until_it_has_the_one_it_would_have_had(shares, how):
    answers = []
    for on in ("b", "b", "", ""):
        shares.on = on
        answers.append(shares.ask(**how))

    assert [one is None for one in answers] == [False, False, False, True]
    assert shares.missing() == []
    rows = shares.warehouse.read("statistics.shares")
    assert dict(zip(rows["letter"], rows["number"], strict=True)) == {"a": 1, "b": 2, "c": 3}


def test_the_same_failure_leaves_the_same_answer_whatever_was_known_before(shares):
    shares.on = ""
    shares.ask(by="letter")
    shares.on = "b"
    _fill(shares.warehouse, "(1, 'a', 0.5), (7, 'b', null), (3, 'c', null)")
    shares.ask(by="letter")

    # What was known of b was known of other rows.
    assert sorted(shares.shares()) == ["a", "c"]
    assert shares.missing() == [("letter", "b")]


def test_a_part_that_failed_and_is_gone_is_missing_no_more(shares):
    shares.ask(by="letter")
    _fill(shares.warehouse, "(1, 'a', 0.5), (3, 'c', null)")
    shares.ask(by="letter")

    assert sorted(shares.shares()) == ["a", "c"]
    assert shares.missing() == []


@pytest.mark.parametrize(
    ("how", "on", "missing"),
    [
        ({}, "b", [(None, "all")]),
        ({"by": "letter"}, "abc", [("letter", "a"), ("letter", "b"), ("letter", "c")]),
        ({"apart": "letter"}, "abc", [("letter", "a"), ("letter", "b"), ("letter", "c")]),
    ],
)
def test_where_nothing_can_be_answered_there_is_an_empty_table_with_its_columns(
    shares, how, on, missing
):
    shares.on = on
    shares.ask(**how)

    found = shares.warehouse.read("statistics.shares")
    assert (list(found.columns), len(found)) == (["letter", "number", "share"], 0)
    assert shares.missing() == missing


def test_parts_that_fail_together_and_not_alone_all_have_no_answer(warehouse):
    def method(rows: pd.DataFrame) -> pd.DataFrame:
        if {"a", "b"} <= set(rows["letter"]):
            raise ValueError
        return rows

    find(warehouse, ["main.input"], "statistics.alone", method, apart="letter")

    assert len(warehouse.read("statistics.alone")) == 0
    with warehouse.connect() as con:
        assert [one.part for one in unanswered(con, ["statistics.alone"])] == ["a", "b"]


def test_a_table_without_the_column_of_the_parts_is_read_whole(warehouse):
    def scaled(rows: pd.DataFrame, factors: pd.DataFrame) -> pd.DataFrame:
        if "b" in set(rows["letter"]):
            raise ValueError
        return rows.assign(number=rows["number"] * factors["factor"].sum())

    with warehouse.connect() as con:
        con.execute("create table main.factors as select unnest([2, 3]) as factor")
    find(warehouse, ["main.input", "main.factors"], "statistics.x", scaled, apart="letter")

    assert warehouse.read("statistics.x")["number"].tolist() == [5]


def test_of_an_exception_no_word_and_no_number_of_the_rows_is_remembered_or_logged(shares):
    _fill(shares.warehouse, "(1, 'a', 'Bob Roe'), (2, 'b', 'Ann Lee'), (3, 'c', null)")
    shares.ask(apart="letter")

    note_unanswered(shares.warehouse, ["statistics.shares"])
    (row,) = shares.warehouse.read("statistics.unanswered_questions").to_dict("records")
    assert (
        row
        == Unanswered(*("shares", "letter", "b", "ValueError", "… … is …, and '…' is …"))._asdict()
    )
    assert all("test_findings.py" in said for said in shares.said)
    assert not any(word in said for said in shares.said for word in ("Ann", "41", "b-7"))


def test_whether_anything_has_no_answer_is_known_from_the_last_run(shares):
    def is_known() -> bool:
        note_unanswered(shares.warehouse, ["statistics.shares", "statistics.never_asked"])
        with shares.warehouse.connect() as con:
            return is_unanswered(con)

    with shares.warehouse.connect() as con:
        assert not is_unanswered(con)
    shares.ask()
    assert is_known()
    shares.on = ""
    shares.ask()
    assert not is_known()


def test_a_method_that_fails_on_nothing_too_keeps_the_columns_and_must_have_some(warehouse):
    def ask(number: int) -> pd.DataFrame | None:
        return find(
            warehouse,
            ["main.input"],
            "statistics.total",
            lambda _rows: pd.DataFrame({"total": [1 // number]}),
        )

    for _ in range(2):
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            ask(0)
    ask(1)
    _fill(warehouse, "(9, 'z', 0.5)")
    ask(0)

    assert list(warehouse.read("statistics.total").columns) == ["total"]
    assert len(warehouse.read("statistics.total")) == 0


def test_who_stops_a_run_stops_it(warehouse):
    def method(_rows: pd.DataFrame) -> pd.DataFrame:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(warehouse, ["main.input"], "statistics.total", method, apart="letter")


@pytest.mark.parametrize("by", [None, "letter"])
def test_nothing_found_in_nothing_is_a_table_too_and_is_found_once(warehouse, by):
    with warehouse.connect() as con:
        con.execute("delete from main.input")

    def run():
        return find(warehouse, ["main.input"], "statistics.same", lambda rows: rows, by=by)

    assert run() is not None
    assert list(warehouse.read("statistics.same").columns) == ["number", "letter", "share"]
    assert run() is None
