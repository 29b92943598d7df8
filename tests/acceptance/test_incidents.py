"""A real list of industrial accidents: counts, no rate, and no class that nobody gave."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from orchestration.contracts.load import load_company, load_contract

ROOT = Path(__file__).parents[2]
FILES = ROOT.parent / "shared" / "data" / "incidents"

pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason="the list of accidents is not beside the checkout"
)


def accidents():
    """Return the accidents of the list; the running number tells no two apart."""
    rows = pd.read_csv(FILES / "ihm_stefanini.csv", dtype=str, keep_default_na=False)
    return rows.drop(columns=rows.columns[0]).drop_duplicates()


def test_only_what_the_list_does_not_say_differs_from_the_standard_contract():
    standard = load_contract(ROOT / "expectations" / "feeds" / "ehs" / "ehs_incidents.yml")
    own = load_company("incidents").canonical["ehs_incidents"]
    changed = {
        name: own.columns[name].type
        for name, column in standard.columns.items()
        if own.columns[name] != column
    }

    assert own.model_dump(exclude={"columns"}) == standard.model_dump(exclude={"columns"})
    assert changed == {
        **dict.fromkeys(["case_class", "status"], "code?"),
        **dict.fromkeys(["lost_days", "restricted_days"], "int?"),
        **dict.fromkeys(["actual_severity", "potential_severity"], "code"),
        "reported_ts": "ts?",
    }


@pytest.fixture(scope="module")
def built(build):
    return build("incidents", FILES)


@pytest.mark.slow
def test_repeated_rows_are_dropped_and_counted(built):
    log = built.rows(
        "select action, reason_codes, records, rows_ok from ops.delivery_log "
        "where source = 'accident'"
    )

    assert log == [("accept_with_warning", ["EXACT_DUPLICATE"], 425, 418)]
    assert len(accidents()) == 418


@pytest.mark.slow
def test_accidents_of_a_site_and_month_are_those_of_the_list(built):
    ours = {
        (site, month): count
        for site, month, count in built.published(
            "select entity_id, strftime(period_start_date, '%Y-%m'), numerator::int "
            "from kpi.fct_kpi_readings where kpi_id = 'IHM_ACCIDENTS' and trust_state = 'ok' "
            "and entity_kind = 'site' and period_kind = 'month'"
        )
    }
    rows = accidents()

    assert ours == Counter(zip(rows["Local"], rows["Data"].str[:7], strict=True))
    assert sum(ours.values()) == 418


@pytest.mark.slow
def test_levels_and_persons_are_kept_as_the_list_has_them(built):
    ours = Counter(
        built.rows("select actual_severity, potential_severity, person_kind from raw.ehs_incidents")
    )
    rows = accidents()
    who = rows["Employee or Third Party"].map(
        lambda text: "employee" if text == "Employee" else "contractor"
    )

    assert ours == Counter(
        zip(rows["Accident Level"], rows["Potential Accident Level"], who, strict=True)
    )


@pytest.mark.slow
def test_no_case_is_called_recordable_and_no_rate_is_claimed(built):
    classes = built.rows("select count(case_class), count(lost_days) from raw.ehs_incidents")
    recordable = built.published(
        "select distinct reading_value, trust_state, trust_reason from kpi.fct_kpi_readings "
        "where kpi_id = 'KPI039'"
    )

    assert classes == [(0, 0)]
    assert recordable == [(None, "not_computable", "Never delivered: ehs_hours_worked.")]


@pytest.mark.slow
def test_nothing_that_is_published_tells_what_happened_to_a_person(built):
    texts = built.published(
        "select count(*) from duckdb_columns() where column_name = 'description' "
        "and table_name like '%incident%'"
    )

    assert texts == [(0,)]
