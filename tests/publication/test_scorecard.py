"""Which card is shown when nobody names a month."""

import datetime as dt

import duckdb
import pytest

from orchestration.ingest.landing import sha256_of
from orchestration.publication.scorecard import read_scorecard
from orchestration.publication.snapshot import DATABASE, Snapshot, SnapshotError

COLUMNS = """
    site_id varchar, period_start_date date, template_id varchar, template_version bigint,
    title varchar, position bigint, kpi_id varchar, kpi_name varchar, unit varchar,
    decimals bigint, weight decimal(9, 6), reading_value double, n bigint, finality varchar,
    trust_state varchar, trust_reason varchar, target_level double, band varchar,
    variation varchar, assurance varchar, score double, measured_weight decimal(38, 6),
    total_score double, computed_value double, override_act_seq bigint, annotation_count bigint,
    newest_cause_code varchar, original_target_level double, target_act_seq bigint,
    is_target_changed boolean, previous_value double, previous_target_level double,
    previous_band varchar, previous_score double
"""


@pytest.fixture
def published(tmp_path):
    """Publish site cards of four equal lines, given as month -> finality of each measured line."""

    def publish(months):
        with duckdb.connect(str(tmp_path / DATABASE)) as con:
            con.execute("create schema scorecard")
            con.execute(f"create table scorecard.rpt_site_scorecard ({COLUMNS})")
            for month, finalities in months.items():
                for position in range(4):
                    measured = position < len(finalities)
                    con.execute(
                        "insert into scorecard.rpt_site_scorecard (site_id, period_start_date, "
                        "position, kpi_id, weight, finality, score, measured_weight) "
                        "values ('S', ?, ?, ?, 0.25, ?, ?, ?)",
                        [
                            dt.date(2026, month, 1),
                            position,
                            f"K{position}",
                            finalities[position] if measured else "final",
                            8.0 if measured else None,
                            len(finalities) / 4,
                        ],
                    )
        files = {DATABASE: sha256_of(tmp_path / DATABASE)}
        return Snapshot(tmp_path, "c", "2026-12-31", "", (), files)

    return publish


FINAL, OPEN = "final", "provisional"


@pytest.mark.parametrize(
    ("months", "shown"),
    [
        pytest.param({1: [FINAL] * 4, 2: [FINAL] * 4}, 2, id="the newest of equals"),
        pytest.param({1: [FINAL] * 4, 2: [FINAL] * 2, 3: [FINAL]}, 2, id="half of the best"),
        pytest.param({1: [FINAL] * 4, 2: [OPEN] * 4}, 1, id="settled before provisional"),
        pytest.param({1: ["restated"] * 4, 2: [OPEN] * 4}, 1, id="restated is settled"),
        pytest.param({1: [FINAL] * 4, 2: [FINAL] * 3 + [OPEN]}, 2, id="one line may be open"),
        pytest.param({1: [OPEN], 2: [OPEN] * 2, 3: []}, 2, id="all open: newest with a figure"),
        pytest.param({1: [], 2: []}, 2, id="no figure at all: newest"),
    ],
)
def test_the_month_shown_is_the_newest_with_at_least_half_of_the_best_settled_weight(
    published, months, shown
):
    card = read_scorecard(published(months), "site")

    assert card.period_start == dt.date(2026, shown, 1)


def test_a_month_that_is_named_is_shown_however_little_it_holds(published):
    card = read_scorecard(published({1: [FINAL] * 4, 2: []}), "site", month=dt.date(2026, 2, 1))

    assert card.period_start == dt.date(2026, 2, 1)


def test_a_month_without_a_card_names_the_months_that_have_one(published):
    with pytest.raises(SnapshotError, match="cards of 1 sites from 2026-01 to 2026-02"):
        read_scorecard(published({1: [], 2: []}), "site", month=dt.date(2020, 2, 1))


def test_a_line_has_its_adjusted_value_and_the_drivers_of_its_own_month_and_site(published):
    snapshot = published({1: [FINAL] * 4, 2: [FINAL] * 4})
    path = snapshot.file(DATABASE)
    rows = [
        ("K0", "S", dt.date(2026, 2, 1), "FREIGHT", "taken_out", 0.7, 0.68, None),
        ("K0", "S", dt.date(2026, 2, 1), "STEEL", "not_exogenous", 0.7, 0.75, None),
        ("K0", "S", dt.date(2026, 1, 1), "FREIGHT", "taken_out", 0.1, 0.1, None),
        ("K0", "T", dt.date(2026, 2, 1), "FREIGHT", "taken_out", 0.2, 0.2, None),
        ("K1", "S", dt.date(2026, 2, 1), "FREIGHT", None, None, None, "no_value: not known"),
    ]
    with duckdb.connect(str(path)) as con:
        con.execute("create schema kpi")
        con.execute(
            """
            create table kpi.fct_adjusted_readings (
                kpi_id varchar, entity_id varchar, period_start_date date, factor_id varchar,
                verdict varchar, adjusted_value double, without_value double, refusal varchar,
                entity_kind varchar default 'site', period_kind varchar default 'month',
                role_code varchar default 'exogenous', model_version varchar default 'm',
                low_adjusted_value double, high_adjusted_value double,
                low_without_value double, high_without_value double
            )
            """
        )
        con.executemany(
            """
            insert into kpi.fct_adjusted_readings (
                kpi_id, entity_id, period_start_date, factor_id, verdict, adjusted_value,
                without_value, refusal
            ) values (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            rows,
        )
    snapshot.files[DATABASE] = sha256_of(path)
    lines = {line.kpi_id: line for line in read_scorecard(snapshot, "site").lines}

    assert lines["K0"].adjusted_value == 0.7
    assert [(one.factor_id, one.value) for one in lines["K0"].outside] == [
        ("FREIGHT", 0.68), ("STEEL", 0.75),
    ]  # fmt: skip
    assert lines["K1"].adjusted_value is None
    assert lines["K1"].outside == lines["K2"].outside == ()
