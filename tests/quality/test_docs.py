"""Data docs: pages that load nothing from anywhere and show no value of a row."""

import datetime as dt
import re
from html.parser import HTMLParser

import duckdb
import pytest

from orchestration.contracts.model import Rule
from orchestration.ingest.commit import record_results
from orchestration.ingest.delivery_log import create_tables
from orchestration.quality.docs import write_docs
from orchestration.quality.expectations import run_rules

PERSONAL = "Anna-Lena.Zwiebelhuber@example.com"
RULES = (
    Rule(
        id="mail_is_short",
        expectation="expect_column_value_lengths_to_be_between",
        kwargs={"column": "mail", "max_value": 10},
        severity="warn",
        owner="hr-data-steward",
    ),
    Rule(
        id="age_is_plausible",
        expectation="ExpectColumnValuesToBeBetween",
        kwargs={"column": "age", "min_value": 15, "max_value": 80},
        severity="quarantine",
        owner="hr-data-steward",
        mostly=0.5,
    ),
    Rule(
        id="nobody_is_twelve",
        expectation="UnexpectedRowsExpectation",
        kwargs={"unexpected_rows_query": "select * from {batch} where age = 12"},
        severity="warn",
        owner="hr-data-steward",
    ),
)


class Loads(HTMLParser):
    """Everything that a browser would fetch or run for a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag in {"script", "img", "link", "iframe", "object", "embed", "form", "base", "image"}:
            self.found.append((tag, dict(attrs)))
        for name, value in attrs:
            if name.startswith("on") or name in {"src", "srcset", "style", "action", "background"}:
                self.found.append((tag, name, value))
            if name == "href" and not re.fullmatch(r"[a-z_.]+\.html", value or ""):
                self.found.append((tag, name, value))


@pytest.fixture
def pages(tmp_path):
    """Two runs of one feed, the later one with a failing row, and a page of an older folder."""
    folder = tmp_path / "home" / "data_docs"
    folder.mkdir(parents=True)
    (folder / "feed_that_is_gone.html").write_text("old")
    with duckdb.connect() as con:
        create_tables(con)
        con.execute(f"create table people as select '{PERSONAL}' as mail, 12 as age, 1 as _row_no")
        results = run_rules(con, "people", RULES, ["_row_no"])
        for run, day in (("first", 1), ("second", 2)):
            record_results(con, "hr_people", run, {dt.date(2026, 10, day): results})
        assert write_docs(con, {"hr_people": RULES}, folder) == 1
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_docs_are_the_index_and_one_page_for_each_subject_and_no_older_page(pages):
    assert sorted(pages) == ["hr_people.html", "index.html"]
    assert "2026-10-02" in pages["index.html"]
    assert "2026-10-01" not in pages["index.html"]


def test_a_browser_loads_nothing_for_a_page(pages):
    for name, text in pages.items():
        loads = Loads()
        loads.feed(text)
        assert loads.found == [], name
        assert not re.search(r"url\(|@import|https?:|//cdn", text), name
        assert "default-src 'none'" in text


def test_a_page_says_what_failed_and_shows_no_value_of_a_row(pages):
    page = pages["hr_people.html"]

    assert "mail_is_short: 1 of 1 rows fail" in page
    assert "age_is_plausible: 1 of 1 rows fail" in page
    assert "nobody_is_twelve: 1 of 1 rows fail" in page
    assert "must be greater than or equal to" in page  # the library's own sentence
    assert not any(PERSONAL in text or "Zwiebelhuber" in text for text in pages.values())
