"""Signals of errors and of events: planted ones are told apart, and go to who can mend them."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.triage import READING, SIGNAL, triage_signals

DAYS = pd.date_range("2026-08-01", periods=60)
LINES = {"A1": "A", "A2": "A", "B1": "B", "B2": "B", "C1": "C", "C2": "C"}
FEEDS = pd.DataFrame(
    [
        ("OUTPUT", "counts", "counts-steward"),
        ("UPTIME", "states", "states-steward"),
        (None, "people", "people-steward"),
    ],
    columns=["kpi_id", "feed", "steward"],
)
NO_DELIVERIES = pd.DataFrame(
    columns=["feed", "delivery_date", "is_changed", "source_system", "steward"]
)


def company(seed=1):
    """Daily readings of two KPIs of six lines, of which nothing is flagged."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [
            (kpi, line, site, day)
            for kpi in ("OUTPUT", "UPTIME")
            for line, site in LINES.items()
            for day in DAYS
        ],
        columns=["kpi_id", "entity_id", "site_id", "period_start_date"],
    )
    return rows.assign(
        entity_kind="line", period_kind="day", owner="head-of-operations",
        computed_value=100 + 4 * rng.normal(size=len(rows)), record_count=80.0,
        signal_side=0, signal_rule=None, variation="common_cause", is_late=False, is_recent=True,
        same_moment_count=0, repeated_count=0, more_scrap_count=0,
    )  # fmt: skip


def flag(rows, kpi, lines, begin, end, *, times=1.0, side=1):
    """Shift days of lines, as their chart would flag it."""
    at = (
        (rows["kpi_id"] == kpi)
        & rows["entity_id"].isin(lines)
        & rows["period_start_date"].between(DAYS[begin], DAYS[end - 1])
    )
    rows.loc[at, "computed_value"] *= times
    rows.loc[at, ["signal_side", "signal_rule", "variation"]] = [side, "nelson_1", "improving"]
    return at


def triaged(rows, lists=NO_DELIVERIES):
    """Triage readings that say themselves whether they are flagged."""
    flags = rows.loc[rows["signal_side"] != 0, [*READING, *SIGNAL]]
    return triage_signals(rows.drop(columns=SIGNAL), flags, lists, FEEDS)


def test_a_unit_error_of_one_day_is_named_and_goes_to_the_steward_of_the_feed():
    rows = company()
    flag(rows, "OUTPUT", ["A1"], 50, 51, times=1000)
    (row,) = triaged(rows).to_dict("records")

    assert (row["verdict"], row["traces"]) == ("data_error", "unit_factor")
    assert row["factor_name"] == "unit and thousand"
    assert (row["routed_role"], row["routed_to"]) == ("steward", "counts-steward")
    assert row["sibling_moved_share"] == 0
    assert row["sibling_count"] == 4


def test_a_delivery_that_counts_twice_is_seen_by_its_records():
    rows = company()
    at = flag(rows, "OUTPUT", ["A1"], 50, 53, times=2)
    without = triaged(rows)
    rows.loc[at, "record_count"] = 160.0
    found = triaged(rows)

    # Output that doubles from as many records has many reasons.
    assert without["verdict"].tolist() == ["undecided"] * 3
    assert found["verdict"].tolist() == ["data_error"] * 3
    assert found["traces"].tolist() == ["record_count|unit_factor"] * 3
    assert set(found["shift_start_date"]) == {DAYS[50]}


def test_a_counter_that_stands_still_is_an_error():
    rows = company()
    at = flag(rows, "OUTPUT", ["A1"], 50, 54)
    rows.loc[at, "computed_value"] = 117.0
    found = triaged(rows)

    assert set(found["traces"]) == {"stuck"}
    assert set(found["verdict"]) == {"data_error"}


def test_lines_of_all_sites_that_jump_at_once_in_one_feed_are_an_error_and_one_alone_is_not():
    together, alone = company(), company()
    flag(together, "OUTPUT", list(LINES), 50, 55, times=1.3)
    flag(alone, "OUTPUT", ["A1"], 50, 55, times=1.3)
    broken, single = (triaged(one) for one in (together, alone))

    assert set(broken["traces"]) == {"whole_feed"}
    assert set(broken["verdict"]) == {"data_error"}
    assert set(single["verdict"]) == {"undecided"}
    assert set(single["routed_to"]) == {"head-of-operations"}


def test_what_another_feed_saw_happened_and_goes_to_the_owner():
    rows = company()
    flag(rows, "OUTPUT", ["A1"], 50, 53, times=1.3)
    flag(rows, "UPTIME", ["A1"], 52, 53, times=1.3)
    found = triaged(rows).set_index(["kpi_id", "period_start_date"])

    assert found["verdict"].tolist() == ["undecided", "undecided", "real_shift", "real_shift"]
    assert found.loc[("OUTPUT", DAYS[52]), "corroborated_by_kpi_id"] == "UPTIME"
    assert set(found["routed_role"]) == {"owner"}


def test_a_late_load_and_traces_in_rows_are_errors_even_where_nothing_is_flagged():
    rows = company()
    late = flag(rows, "OUTPUT", ["A1"], 59, 60, times=0.6)
    rows.loc[late, "is_late"] = True
    swapped = rows.index[(rows["entity_id"] == "B1") & (rows["period_start_date"] == DAYS[20])][0]
    rows.loc[swapped, "more_scrap_count"] = 3
    found = triaged(rows).set_index("entity_id")

    assert found["traces"].to_dict() == {"A1": "late_load", "B1": "more_scrap"}
    assert set(found["verdict"]) == {"data_error"}


def deliveries(changed, *, feed="people", system="hr"):
    return pd.DataFrame(
        {
            "feed": feed,
            "delivery_date": DAYS[: len(changed)],
            "is_changed": changed,
            "source_system": system,
            "steward": f"{feed}-steward",
        }
    )


def test_a_list_that_stops_being_kept_is_found_by_its_own_history():
    # Laplace's rule after 20 changes of 20: 1/22 x 2/23 x 3/24.
    found = triaged(company(), deliveries([True] * 20 + [False] * 3))

    (row,) = found.to_dict("records")
    assert row["entity_kind"] == "feed"
    assert row["still_chance"] == pytest.approx(6 / (22 * 23 * 24), abs=1e-6)
    assert (row["verdict"], row["routed_to"]) == ("data_error", "people-steward")


def test_a_list_that_is_often_quiet_is_judged_by_the_sibling_that_goes_with_it():
    going = [True, False, True, False] * 7
    still = [*going[:20], *[False] * 8]
    lists = [deliveries(still), deliveries(going, feed="posts")]
    found = triaged(company(), pd.concat(lists))

    # Ten changes of ten while the sibling changed, then four without: 24 / (12 x 13 x 14 x 15).
    (row,) = found.to_dict("records")
    assert row["entity_id"] == "people"
    assert (row["still_count"], row["verdict"]) == (4, "data_error")
    assert row["still_chance"] == pytest.approx(24 / (12 * 13 * 14 * 15), abs=1e-6)


def test_a_list_that_hardly_ever_changes_is_not_accused_of_standing_still():
    quiet = deliveries([False] * 12 + [True] + [False] * 12)
    assert triaged(company(), quiet).empty


def test_of_companies_without_an_error_hardly_a_signal_is_called_one():
    found = []
    for seed in range(20):
        rows = company(seed)
        flag(rows, "OUTPUT", ["A1", "B2"], 50, 53, times=1.25)
        found.append(triaged(rows))

    told = pd.concat(found)["verdict"].value_counts()
    assert told.get("data_error", 0) <= 0.02 * told.sum()


def test_no_readings_have_no_signals():
    empty = company().iloc[:0]
    assert triaged(empty).empty
