"""Adventure Works from delivered files to the published snapshot, figure by figure.

The expected figures are plain SQL on the same files (`adventureworks_oracle.py`), written without
contracts, registers or models.
"""

import datetime as dt
import warnings
from collections import defaultdict
from decimal import Decimal

import duckdb
import pytest

from orchestration.publication.scorecard import read_scorecard
from orchestration.publication.snapshot import DATABASE, read_current
from orchestration.run import run_company
from orchestration.settings import Settings
from tests.acceptance import adventureworks_oracle as oracle

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not oracle.FILES.is_dir(), reason="the AdventureWorks files are not beside the checkout"
    ),
]

SITE = "AW-BOTHELL"
MACHINE_FEEDS = {
    "KPI006": "erp_routings, mes_machine_states, mes_production_counts, mes_shift_calendar",
    "KPI008": "mes_machine_states, mes_shift_calendar",
    "KPI009": "erp_routings, mes_machine_states, mes_production_counts",
    "KPI015": "mes_production_counts",
    "KPI017": "mes_production_counts",
    "KPI039": "ehs_hours_worked, ehs_incidents",
    "KPI044": "erp_complaints_returns, erp_deliveries, erp_sales_order_lines",
    "KPI045": "erp_deliveries, erp_sales_order_lines",
    "KPI062": "leader_behaviour_events, leader_plans",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Read the environment of somebody who has set nothing but a home."""
    home = tmp_path_factory.mktemp("home")
    return Settings.from_environment({"STEELYARD_HOME": str(home)}).with_choices(
        company="adventureworks", landing=oracle.FILES
    )


@pytest.fixture(scope="module")
def outcome(settings):
    """The company run once from nothing, as `steelyard run` does it."""
    with warnings.catch_warnings():
        # Dagster and dbt warn about their own future, which is not what is tested here.
        warnings.simplefilter("ignore")
        return run_company(settings, as_of=None, report=lambda *_: None)


@pytest.fixture(scope="module")
def snapshot(settings, outcome):  # noqa: ARG001 (the run publishes it)
    return read_current(settings.published)


@pytest.fixture(scope="module")
def published(snapshot):
    with duckdb.connect(str(snapshot.folder / DATABASE), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def files():
    with oracle.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def read(published):
    """Read a KPI: (entity, period) to numerator and denominator; the ratio is held to them."""

    def _read(kpi, entity_kind, period_kind):
        rows = published.execute(
            """
            select
                entity_id, strftime(period_start_date, ?),
                numerator, denominator, reading_value, trust_state
            from kpi.fct_kpi_readings
            where kpi_id = ? and entity_kind = ? and period_kind = ?
            """,
            ["%Y" if period_kind == "year" else "%Y-%m", kpi, entity_kind, period_kind],
        ).fetchall()
        assert rows, f"{kpi} is not expected per {entity_kind} and {period_kind}"
        figures = {}
        for entity, period, numerator, denominator, value, state in rows:
            if value is None:
                assert state == "not_computable"
                continue
            assert state == "ok"
            # Readings are stored with ten digits.
            expected = round(float(numerator) / float(denominator or 1), 10)
            assert value == pytest.approx(expected, abs=1e-12)
            figures[entity, period] = (numerator, denominator)
        return figures

    return _read


def by_period(connection, sql, *, over, of, entity=SITE):
    """Return (entity, period) to two columns of an oracle query whose first column is a period."""
    return {
        (entity, row[0]): (Decimal(row[over]), Decimal(row[of]))
        for row in connection.execute(sql).fetchall()
    }


def rows(connection, sql, *parameters):
    return connection.execute(sql, list(parameters)).fetchall()


# ---------------------------------------------------------------------------------- deliveries


def test_the_two_damaged_copies_are_refused_with_their_cause_and_the_parquet_form_is_loaded(
    settings, outcome
):
    with duckdb.connect(str(settings.company_home / "warehouse.duckdb"), read_only=True) as con:
        refused = dict(
            rows(
                con,
                "select file_name, reason_codes from ops.delivery_log where action = 'reject_file'",
            )
        )
    orders = next(feed for feed in outcome.feeds if feed.feed == "erp_production_orders")

    assert refused == {
        "WorkOrder.excel_mangled.csv": ["DATES_DESTROYED"],
        "WorkOrder.truncated_65536.csv": ["TRUNCATED"],
    }
    assert (orders.state, orders.files_rejected, orders.rows_new) == ("ok", 2, 72_591)
    assert [message.split(":")[0] for message in outcome.messages] == [
        "production/WorkOrder.excel_mangled.csv",
        "production/WorkOrder.truncated_65536.csv",
    ]


def test_feeds_that_never_came_say_so(outcome):
    never = {feed.feed for feed in outcome.feeds if feed.state == "never_delivered"}

    assert never == {
        "acts",
        "audit_findings",
        "bi_usage_log",
        "cmms_work_orders",
        "corrective_actions",
        "ehs_hours_worked",
        "ehs_incidents",
        "ehs_observations",
        "erp_complaints_returns",
        "erp_deliveries",
        "erp_routings",
        "erp_sales_order_lines",
        "external_factors",
        "hr_absences",
        "hr_consent",
        "hr_demographics",
        "hr_development_plans",
        "hr_engagement_survey",
        "hr_feedback_360",
        "hr_person_crosswalk",
        "hr_ratings",
        "hr_time_entries",
        "hr_training_completions",
        "kpi_annotations",
        "kpi_overrides",
        "kpi_targets",
        "leader_behaviour_events",
        "leader_plans",
        "mes_downtime_events",
        "mes_labour_bookings",
        "mes_machine_states",
        "mes_production_counts",
        "mes_quality_measurements",
        "mes_shift_calendar",
        "peer_assessments",
        "support_tickets",
        "work_handoffs",
        "work_outcomes",
    }


# ------------------------------------------------------------------------------ scrap and yield


@pytest.mark.parametrize(
    ("period_kind", "sql"), [("month", oracle.SCRAP_BY_MONTH), ("year", oracle.SCRAP_BY_YEAR)]
)
def test_scrap_and_yield_of_the_site_by_period_are_those_of_the_files(
    read, files, period_kind, sql
):
    expected = by_period(files, sql, over=3, of=2)

    assert read("KPI016", "site", period_kind) == expected
    assert read("KPI010", "site", period_kind) == {
        key: (produced - scrapped, produced) for key, (scrapped, produced) in expected.items()
    }


@pytest.mark.parametrize(("period_kind", "form"), [("month", "%Y-%m"), ("year", "%Y")])
def test_scrap_and_yield_by_category_are_those_of_the_files(read, files, period_kind, form):
    expected = {
        (category, period): (Decimal(scrapped), Decimal(produced))
        for category, period, scrapped, produced in rows(
            files,
            """
            select
                coalesce(ProductCategory.Name, 'UNCLASSIFIED'), strftime(wo.end_date, ?),
                sum(wo.scrapped_qty)::bigint, sum(wo.order_qty)::bigint
            from wo
            left join Product on wo.product_id::varchar = Product.ProductID
            left join ProductSubcategory using (ProductSubcategoryID)
            left join ProductCategory using (ProductCategoryID)
            group by all
            """,
            form,
        )
    }

    assert read("KPI016", "product_category", period_kind) == expected
    assert read("KPI010", "product_category", period_kind) == {
        key: (produced - scrapped, produced) for key, (scrapped, produced) in expected.items()
    }


def test_scrap_by_category_over_all_years_is_that_of_the_files(read, files):
    totals = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for (category, _), parts in read("KPI016", "product_category", "year").items():
        totals[category] = tuple(map(sum, zip(totals[category], parts, strict=True)))

    assert dict(totals) == {
        category.replace("(no category)", "UNCLASSIFIED"): (scrapped, produced)
        for category, _, produced, scrapped, *_ in rows(files, oracle.SCRAP_BY_CATEGORY)
    }
    # Bought and semi-finished parts: 76 % of all units, and they are seen.
    assert totals["UNCLASSIFIED"] == (8_512, 3_446_515)


@pytest.mark.parametrize("period_kind", ["month", "year"])
def test_all_categories_together_are_the_site(read, period_kind):
    totals = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for (_, period), parts in read("KPI016", "product_category", period_kind).items():
        totals[SITE, period] = tuple(map(sum, zip(totals[SITE, period], parts, strict=True)))

    assert dict(totals) == read("KPI016", "site", period_kind)


@pytest.mark.parametrize(("period_kind", "form"), [("month", "%Y-%m"), ("year", "%Y")])
def test_scrap_and_yield_by_reason_are_those_of_the_files(read, files, period_kind, form):
    expected = {
        (f"{SITE}/{reason}", period): (Decimal(scrapped), Decimal(produced))
        for reason, period, scrapped, produced in rows(
            files,
            """
            with made as (
                select strftime(end_date, $form) as period, sum(order_qty)::bigint as produced
                from wo group by all
            )
            select
                ScrapReasonID, period,
                coalesce(sum(scrapped_qty) filter (
                    where scrap_reason_id::varchar = ScrapReasonID
                ), 0)::bigint,
                any_value(produced)
            from made
            cross join ScrapReason
            inner join wo on strftime(wo.end_date, $form) = period
            group by all
            """.replace("$form", f"'{form}'"),
        )
    }

    assert read("KPI016", "scrap_reason", period_kind) == expected
    assert read("KPI010", "scrap_reason", period_kind) == {
        key: (produced - scrapped, produced) for key, (scrapped, produced) in expected.items()
    }


def test_scrap_by_reason_over_all_years_is_that_of_the_files(read, files):
    totals = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for (reason, _), parts in read("KPI016", "scrap_reason", "year").items():
        totals[reason] = tuple(map(sum, zip(totals[reason], parts, strict=True)))

    assert dict(totals) == {
        f"{SITE}/{reason}": (scrapped, produced)
        for reason, _, _, scrapped, produced, _ in rows(files, oracle.SCRAP_BY_REASON)
    }
    assert sum(scrapped for scrapped, _ in totals.values()) == 10_651


# -------------------------------------------------------------------------------------- on time


def test_work_orders_on_time_by_month_are_those_of_the_files(read, files):
    expected = by_period(files, oracle.ORDERS_ON_TIME_BY_MONTH, over=2, of=1)

    assert read("KPI037", "site", "month") == expected
    assert sum(due for _, due in expected.values()) == 72_591


def test_work_orders_on_time_by_year_are_the_sums_of_the_months(read, files):
    years = defaultdict(lambda: (Decimal(0), Decimal(0)))
    months = by_period(files, oracle.ORDERS_ON_TIME_BY_MONTH, over=2, of=1)
    for (_, month), parts in months.items():
        years[SITE, month[:4]] = tuple(map(sum, zip(years[SITE, month[:4]], parts, strict=True)))

    assert read("KPI037", "site", "year") == dict(years)


def test_operations_on_time_by_month_are_those_of_the_files(read, files):
    expected = by_period(files, oracle.OPERATIONS_ON_TIME_BY_MONTH, over=2, of=1)

    assert read("AW_OPERATIONS_ON_TIME", "site", "month") == expected


def test_operations_on_time_by_line_are_those_of_the_files(read, files):
    totals = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for (line, _), parts in read("AW_OPERATIONS_ON_TIME", "line", "year").items():
        totals[line] = tuple(map(sum, zip(totals[line], parts, strict=True)))

    assert dict(totals) == {
        f"LINE-{location}": (on_time, finished)
        for location, _, finished, on_time in rows(files, oracle.OPERATIONS_ON_TIME_BY_LOCATION)
    }
    assert sum(finished for _, finished in totals.values()) == 67_131


# ------------------------------------------------------------------------------------ suppliers


def test_the_reject_rate_of_each_supplier_is_that_of_the_files(read, files):
    totals = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for (supplier, _), parts in read("AW_SUPPLIER_REJECT_RATE", "supplier", "year").items():
        totals[supplier] = tuple(map(sum, zip(totals[supplier], parts, strict=True)))

    expected = {
        supplier: (rejected, received)
        for supplier, received, rejected in rows(files, oracle.REJECTS_BY_SUPPLIER)
    }
    assert dict(totals) == expected
    assert len(expected) == 86


@pytest.mark.parametrize(("period_kind", "length"), [("month", 7), ("year", 4)])
def test_the_reject_rate_by_period_is_that_of_the_files(read, files, period_kind, length):
    by_supplier = {}
    by_site = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for supplier, period, rejected, received in rows(
        files,
        """
        select
            VendorID, left(PurchaseOrderDetail.ModifiedDate, ?),
            sum(RejectedQty::decimal(15, 2)), sum(ReceivedQty::decimal(15, 2))
        from PurchaseOrderDetail
        inner join PurchaseOrderHeader using (PurchaseOrderID)
        where ReceivedQty::decimal(15, 2) > 0
        group by all
        """,
        length,
    ):
        by_supplier[supplier, period] = (rejected, received)
        by_site[SITE, period] = (
            by_site[SITE, period][0] + rejected,
            by_site[SITE, period][1] + received,
        )

    assert read("AW_SUPPLIER_REJECT_RATE", "supplier", period_kind) == by_supplier
    assert read("AW_SUPPLIER_REJECT_RATE", "site", period_kind) == dict(by_site)


def test_punctuality_of_suppliers_is_not_claimed_from_a_date_that_does_not_show_it(published):
    found = rows(
        published,
        "select distinct trust_state, trust_reason, reading_value from kpi.fct_kpi_readings "
        "where kpi_id = 'KPI049'",
    )

    assert [(state, value) for state, _, value in found] == [("not_computable", None)]
    assert found[0][1].startswith("Receipts carry no posting date")


# --------------------------------------------------------------------------------------- people


def test_headcount_by_department_and_month_is_that_of_the_files(read, files):
    departments = {
        key: numerator
        for key, (numerator, _) in read("AW_HEADCOUNT", "org_unit", "month").items()
        if key[0].isdigit()
    }
    expected = {
        (department, period): headcount
        for department, _, period, headcount in rows(
            files, oracle.HEADCOUNT_BY_DEPARTMENT_AND_MONTH
        )
    }
    after = {key: value for key, value in departments.items() if key[1] > "2014-12"}

    assert departments.items() - after.items() == expected.items()
    # Nobody came, went or moved after 2014-12.
    assert after == {
        (department, f"2015-{month:02}"): expected[department, "2014-12"]
        for department in map(str, range(1, 17))
        for month in range(1, 9)
    }


def test_transfers_by_department_and_month_are_those_of_the_files(read, files):
    transfers = {
        key: numerator
        for key, (numerator, _) in read("AW_TRANSFERS_IN", "org_unit", "month").items()
        if key[0].isdigit() and numerator
    }

    assert transfers == {
        (department, period): count
        for department, _, period, count in rows(files, oracle.TRANSFERS_BY_DEPARTMENT_AND_MONTH)
    }
    assert sum(transfers.values()) == 6


def test_turnover_is_zero_and_not_missing_wherever_somebody_worked(read, files):
    assert rows(files, oracle.LEAVERS) == [(0,)]
    for entity_kind in ("org_unit", "site", "enterprise"):
        turnover = read("KPI053", entity_kind, "month")
        staffed = {
            key
            for key, (headcount, _) in read("AW_HEADCOUNT", entity_kind, "month").items()
            if headcount
        }
        assert staffed <= turnover.keys()
        assert {leavers for leavers, _ in turnover.values()} == {0}


def test_span_of_control_is_289_reports_of_47_managers(read, files):
    managers = [manager for manager in oracle.managers(files).values() if manager]
    expected = (len(managers), len(set(managers)))

    assert expected == (289, 47)
    assert read("KPI057", "enterprise", "month")["AW", "2015-08"] == expected
    assert read("KPI057", "site", "month")[SITE, "2015-08"] == expected


# ------------------------------------------------------------------------- what cannot be known


@pytest.mark.parametrize(("kpi", "feeds"), MACHINE_FEEDS.items())
def test_a_figure_without_its_feeds_names_them_at_every_reading(published, kpi, feeds):
    found = rows(
        published,
        "select distinct trust_state, trust_reason, reading_value from kpi.fct_kpi_readings "
        "where kpi_id = ?",
        kpi,
    )

    assert found == [("not_computable", f"Never delivered: {feeds}.", None)]


def test_throughput_is_not_claimed_from_days_without_times(published):
    found = rows(
        published,
        "select distinct trust_state, reading_value from kpi.fct_kpi_readings "
        "where kpi_id = 'KPI003'",
    )

    assert found == [("not_computable", None)]


# ---------------------------------------------------------------------------------------- cards


def test_the_card_shown_unasked_is_the_last_with_figures_and_names_what_is_missing(snapshot):
    card = read_scorecard(snapshot, "leader")
    values = {line.kpi_id: line.value for line in card.lines}

    # Orders and operations end in June 2014, fourteen months before the as-of.
    assert card.period_start == dt.date(2014, 6, 1)
    assert {kpi for kpi, value in values.items() if value is not None} == {
        "KPI016",
        "KPI037",
        "KPI053",
    }
    assert card.measured_weight == pytest.approx(0.15 + 0.15 + 0.10)
    assert card.total_score is not None
    assert all(
        line.trust_reason == f"Never delivered: {MACHINE_FEEDS[line.kpi_id]}."
        for line in card.lines
        if line.value is None
    )


def test_the_site_card_weighs_only_what_the_site_can_measure(snapshot):
    card = read_scorecard(snapshot, "site")

    assert (card.subject_id, card.period_start) == (SITE, dt.date(2014, 6, 1))
    assert card.measured_weight == 1
    assert [line.kpi_id for line in card.lines if line.score is None] == []
