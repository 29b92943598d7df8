"""The AdventureWorks profile through the guard: every feed, held against the files themselves."""

import datetime as dt
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.contracts.load import load_company, load_contract
from orchestration.ingest.guard import judge_file, judge_relation
from orchestration.quality.expectations import run_rules
from tests.acceptance import adventureworks_oracle as oracle

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not oracle.FILES.is_dir(), reason="the AdventureWorks files are not beside the checkout"
)

FEEDS = [
    "erp_gl_balances",
    "erp_goods_receipts",
    "erp_inventory_snapshots",
    "erp_production_orders",
    "erp_products",
    "erp_purchase_order_lines",
    "fx_rates",
    "hr_assignments",
    "hr_employees",
    "hr_org_units",
    "mes_equipment",
    "mes_operation_confirmations",
    "mes_reason_codes",
]


@pytest.fixture(scope="module")
def company():
    return load_company("adventureworks")


@pytest.fixture(scope="module")
def files():
    with oracle.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def guarded(company):
    """All files and feeds judged into one connection, and the verdict on each."""
    connection = duckdb.connect()
    received = {
        "received_at": dt.datetime.combine(company.facts.as_of, dt.time(12)),
        "site_zones": company.site_zones,
    }
    verdicts = {}
    for feed in company.feeds.values():
        for name, source in feed.sources.items():
            if name not in verdicts:
                form = source.forms[0]
                verdicts[name] = judge_file(
                    connection, form.contract, oracle.FILES / form.files, table=name, **received
                )
    for name in FEEDS:
        feed = company.feeds[name]
        verdicts[name] = judge_relation(
            connection, feed.contract, feed.select, table=name, **received
        )
    yield connection, verdicts
    connection.close()


@pytest.fixture(scope="module")
def delivered(guarded):
    return guarded[0]


def rows(connection, sql):
    return connection.execute(sql).fetchall()


def value(connection, sql):
    return rows(connection, sql)[0][0]


def test_the_company_delivers_the_feeds_that_its_files_can_fill(company):
    # Beside what its people decide, which every company delivers to itself.
    assert sorted(company.feeds) == sorted([*FEEDS, "acts"])


def test_figures_that_need_other_feeds_have_none(company):
    # No machine states: no OEE. No hours worked: no TRIR. No counts: no first pass yield.
    absent = {"mes_machine_states", "mes_production_counts", "ehs_hours_worked", "ehs_incidents"}

    assert absent <= company.canonical.keys()
    assert absent.isdisjoint(company.feeds)


def test_every_file_and_feed_is_taken_without_setting_a_row_aside(guarded):
    _, verdicts = guarded

    assert len(verdicts) == 18 + len(FEEDS)
    for name, verdict in verdicts.items():
        assert verdict.accepted, name
        assert verdict.rows_quarantined == 0, name
        assert verdict.rows_ok > 0, name


@pytest.mark.parametrize("name", FEEDS)
def test_the_row_rules_of_a_feed_block_nothing(company, delivered, name):
    contract = company.feeds[name].contract
    results = run_rules(delivered, name, contract.rules, contract.key)

    assert {result.rule_id for result in results} == {rule.id for rule in contract.rules}
    assert [result.rule_id for result in results if result.blocks] == []


def test_the_copy_of_the_work_orders_that_excel_spoiled_is_refused_with_the_cause(refusals):
    assert refusals["WorkOrder.excel_mangled.csv"] == ["DATES_DESTROYED"]


def test_the_copy_of_the_work_orders_that_was_cut_off_is_refused_with_the_cause(refusals):
    assert refusals["WorkOrder.truncated_65536.csv"] == ["TRUNCATED"]


@pytest.fixture(scope="module")
def refusals(company):
    form = company.feeds["erp_production_orders"].sources["work_order"].forms[1]
    found = {}
    for path in oracle.FILES.glob(form.files):
        with duckdb.connect() as connection:
            received = dt.datetime.combine(company.facts.as_of, dt.time(12))
            verdict = judge_file(connection, form.contract, path, received_at=received)
        assert (verdict.action, verdict.rows_ok) == ("reject_file", 0)
        found[path.name] = [finding.code for finding in verdict.findings]
    return found


def test_only_the_blocking_share_of_unknown_leaders_differs_from_the_standard_contract(company):
    standard = load_contract(ROOT / "expectations" / "feeds" / "hr" / "hr_org_units.yml")
    own = company.canonical["hr_org_units"]
    without_share = [
        rule.model_copy(update={"mostly": 1.0}) if rule.id == "unit_has_a_leader" else rule
        for rule in standard.rules
    ]

    assert own.model_dump(exclude={"rules"}) == standard.model_dump(exclude={"rules"})
    assert [rule.model_dump() for rule in own.rules] == [
        rule.model_dump() for rule in without_share
    ]


def test_no_order_receipt_or_person_is_lost_or_doubled(delivered, files):
    for feed, table in {
        "erp_production_orders": "wo",
        "mes_operation_confirmations": "wr",
        "erp_products": "Product",
        "erp_purchase_order_lines": "PurchaseOrderDetail",
        "hr_employees": "Employee",
        "hr_assignments": "EmployeeDepartmentHistory",
        "mes_reason_codes": "ScrapReason",
    }.items():
        count = "select count(*) from "
        assert value(delivered, count + feed) == value(files, count + table), feed


def test_scrap_and_yield_by_reason_are_those_of_the_files(delivered, files):
    ours = """
        select
            orders.scrap_reason, reasons.reason_text, count(*), sum(scrap_qty)::bigint,
            (select sum(good_qty + scrap_qty) from erp_production_orders)::bigint
        from erp_production_orders as orders
        inner join mes_reason_codes as reasons
            on orders.scrap_reason = reasons.reason_code and orders.plant = reasons.site
        group by all
    """
    expected = {row[:5] for row in rows(files, oracle.SCRAP_BY_REASON)}

    assert set(rows(delivered, ours)) == expected
    assert sum(row[3] for row in expected) == value(files, "select sum(scrapped_qty) from wo")


def test_scrap_and_yield_by_category_are_those_of_the_files(delivered, files):
    ours = """
        select
            coalesce(category, '(no category)'), count(*),
            sum(good_qty + scrap_qty)::bigint, sum(scrap_qty)::bigint,
            sum(good_qty) * 100.0 / sum(good_qty + scrap_qty)
        from erp_production_orders
        left join erp_products using (product_id)
        group by category
        order by 1
    """
    expected = rows(files, oracle.SCRAP_BY_CATEGORY)

    assert [row[:4] for row in rows(delivered, ours)] == [row[:4] for row in expected]
    assert [row[4] for row in rows(delivered, ours)] == pytest.approx([row[5] for row in expected])


@pytest.mark.parametrize(
    ("form", "expected"), [("%Y-%m", oracle.SCRAP_BY_MONTH), ("%Y", oracle.SCRAP_BY_YEAR)]
)
def test_scrap_and_yield_by_period_are_those_of_the_files(delivered, files, form, expected):
    ours = f"""
        select
            strftime(actual_end, '{form}'), count(*),
            sum(good_qty + scrap_qty)::bigint, sum(scrap_qty)::bigint
        from erp_production_orders
        group by all
        order by 1
    """

    assert rows(delivered, ours) == [row[:4] for row in rows(files, expected)]


def test_orders_and_operations_on_time_are_those_of_the_files(delivered, files):
    orders = """
        select strftime(due_date, '%Y-%m'), count(*), count(*) filter (where actual_end <= due_date)
        from erp_production_orders
        group by all
        order by 1
    """
    operations = """
        select
            work_centre, name, count(*),
            count(*) filter (where actual_end_local <= planned_end_local)
        from mes_operation_confirmations
        inner join mes_equipment on work_centre = machine_id
        group by all
        order by 1
    """

    assert rows(delivered, orders) == rows(files, oracle.ORDERS_ON_TIME_BY_MONTH)
    assert rows(delivered, operations) == rows(files, oracle.OPERATIONS_ON_TIME_BY_LOCATION)


def test_suppliers_rejects_are_those_of_the_files(delivered, files):
    ours = """
        select supplier_id, sum(received_qty), sum(rejected_qty)
        from erp_goods_receipts
        inner join erp_purchase_order_lines using (po_id, line_no)
        group by all
        order by 1
    """

    assert rows(delivered, ours) == rows(files, oracle.REJECTS_BY_SUPPLIER)


def test_headcount_by_department_and_month_is_that_of_the_files(delivered, files):
    ours = """
        with months as (
            select last_day(unnest(
                generate_series(date '2006-06-01', date '2014-12-01', interval 1 month)
            )::date) as month_end
        )
        select org_unit_id, units.name, strftime(month_end, '%Y-%m'), count(*)
        from months
        inner join hr_assignments as stay
            on valid_from <= month_end and coalesce(valid_to, month_end) >= month_end
        inner join hr_org_units as units
            using (org_unit_id)
        where units.valid_from <= month_end and coalesce(units.valid_to, month_end) >= month_end
        group by all
        order by 1, 3
    """

    assert rows(delivered, ours) == rows(files, oracle.HEADCOUNT_BY_DEPARTMENT_AND_MONTH)


def test_transfers_are_those_of_the_files_and_nobody_left(delivered, files):
    ours = """
        with stay as (
            select *, lag(org_unit_id) over (partition by employee_id order by valid_from) as before
            from hr_assignments
        )
        select org_unit_id, strftime(valid_from, '%Y-%m'), count(*)
        from stay
        where before <> org_unit_id
        group by all
        order by 2
    """
    expected = rows(files, oracle.TRANSFERS_BY_DEPARTMENT_AND_MONTH)

    assert rows(delivered, ours) == [(row[0], row[2], row[3]) for row in expected]
    assert value(files, oracle.LEAVERS) == 0
    assert value(delivered, "select count(exit_date) from hr_employees") == 0


def test_every_manager_is_the_one_that_the_decoded_hierarchy_names(delivered, files):
    ours = dict(
        rows(delivered, "select employee_id, manager_id from hr_assignments where valid_to is null")
    )
    expected = oracle.managers(files)

    assert ours == expected
    # As published of this sample: 290 employees under one head.
    assert len(ours) == 290
    assert [employee for employee, manager in ours.items() if manager is None] == ["1"]


def test_nobody_is_above_himself_and_levels_count_the_steps_to_the_head(delivered, files):
    manager = oracle.managers(files)
    levels = dict(
        rows(
            delivered,
            "select employee_id, job_level::int from hr_assignments where valid_to is null",
        )
    )
    for employee, level in levels.items():
        chain, person = 0, employee
        while manager[person] is not None:
            person, chain = manager[person], chain + 1
            assert chain < len(manager)
        assert chain == level


def test_span_of_control_is_289_reports_of_47_managers(delivered, files):
    ours = """
        select count(manager_id), count(distinct manager_id)
        from hr_assignments
        where valid_to is null
    """
    expected = [manager for manager in oracle.managers(files).values() if manager]

    assert rows(delivered, ours) == [(len(expected), len(set(expected)))] == [(289, 47)]


def test_a_former_department_names_no_manager_of_today(delivered):
    former = "select count(*), count(manager_id) from hr_assignments where valid_to is not null"

    assert rows(delivered, former) == [(6, 0)]


def test_org_units_are_one_tree_of_departments_groups_and_enterprise(delivered, company):
    units = rows(delivered, "select distinct org_unit_id, parent_id, kind from hr_org_units")
    parents = {unit: parent for unit, parent, _ in units}

    assert len(parents) == len(units) == 16 + 6 + 1
    assert [unit for unit, parent in parents.items() if parent is None] == ["AW"]
    assert company.facts.enterprise.id == "AW"
    assert {parents[parents[str(department)]] for department in range(1, 17)} == {"AW"}


def test_a_unit_is_led_by_the_lowest_person_above_all_its_members(delivered):
    # Worked out by hand from titles: Finance answers to the chief financial officer, Production
    # and Production Control to the vice president of production, Sales and Marketing (two
    # departments with a head each) to the chief executive.
    leaders = dict(
        rows(
            delivered,
            """
            select units.name || ' ' || units.parent_id, stay.job_title
            from hr_org_units as units
            inner join hr_assignments as stay
                on units.leader_id = stay.employee_id and stay.valid_to is null
            where units.valid_to is null
            """,
        )
    )

    assert leaders["Finance GROUP-Executive-General-and-Administration"] == (
        "Chief Financial Officer"
    )
    assert leaders["Production GROUP-Manufacturing"] == "Vice President of Production"
    assert leaders["Production Control GROUP-Manufacturing"] == "Vice President of Production"
    assert leaders["Sales and Marketing AW"] == "Chief Executive Officer"
    assert leaders["Quality Assurance GROUP-Quality-Assurance"] == "Quality Assurance Manager"


def test_no_unit_is_led_by_a_person_before_that_person_held_the_post(delivered):
    early = """
        select count(*)
        from hr_org_units as units
        inner join hr_assignments as stay
            on units.leader_id = stay.employee_id and stay.valid_to is null
        where units.valid_from < stay.valid_from
    """

    assert value(delivered, early) == 0


def test_every_operation_happened_on_a_known_work_unit_of_a_line(delivered):
    lost = """
        select count(*)
        from mes_operation_confirmations
        left join mes_equipment as unit on work_centre = unit.machine_id
        left join mes_equipment as line on unit.parent_id = line.machine_id
        where line.level is distinct from 'line'
    """

    assert value(delivered, lost) == 0


def test_the_default_as_of_is_after_every_day_that_a_row_carries(delivered, company):
    last = """
        select greatest(
            (select max(greatest(actual_end, due_date)) from erp_production_orders),
            (select max(actual_end_local)::date from mes_operation_confirmations),
            (select max(greatest(order_date, due_date)) from erp_purchase_order_lines),
            (select max(posting_date) from erp_goods_receipts),
            (select max(valid_from) from hr_assignments)
        )
    """

    assert value(delivered, last) == date(2015, 8, 12)
    assert company.facts.as_of == date(2015, 8, 31)


# ------------------------------------------------------------------------- ledger, rates and stock


def test_the_ledger_by_scenario_type_and_fiscal_year_is_that_of_the_files(delivered, files):
    word = {"1": "actual", "2": "budget"}
    kind = {
        "Assets": "asset", "Liabilities": "liability", "Equity": "equity", "Revenue": "revenue",
        "Expenditures": "expense", "Balances": "statistical", "Flow": "statistical",
    }  # fmt: skip
    expected = {}
    for scenario, name, year, count, amount in rows(files, oracle.LEDGER_BY_SCENARIO_TYPE_AND_YEAR):
        before = expected.get((word[scenario], kind[name], year), (0, 0))
        expected[word[scenario], kind[name], year] = (before[0] + count, before[1] + amount)

    found = {
        key: (count, amount)
        for *key_parts, count, amount in rows(
            delivered,
            "select scenario, account_type, fiscal_year, count(*), sum(amount) "
            "from erp_gl_balances group by all",
        )
        for key in [tuple(key_parts)]
    }

    assert found == expected
    assert sum(count for count, _ in found.values()) == 39_409


def test_every_month_of_the_ledger_has_its_closing_though_month_ends_drift(delivered, files):
    closings = rows(
        delivered,
        "select fiscal_year, fiscal_period, count(distinct posting_date) from erp_gl_balances "
        "where scenario = 'actual' group by all order by all",
    )
    quarters = dict(
        rows(files, "select distinct month_no::int, fiscal_quarter::int from DimDate order by all")
    )

    # December 2010 to December 2013 is the sixth month of fiscal 2011 to that of fiscal 2014.
    assert len(closings) == 37
    assert (closings[0][:2], closings[-1][:2]) == ((2011, 6), (2014, 6))
    assert [close[:2] for close in closings if close[2] > 1] == [(2012, 6), (2013, 6)]
    # July is the first period: in the calendar of the warehouse it begins the first quarter.
    assert {(period + 5) % 12 + 1: (period + 2) // 3 for _, period, _ in closings} == quarters


def test_a_key_by_period_instead_of_posting_date_would_lose_balances(delivered):
    company, by_period = rows(
        delivered,
        "select count(distinct (company, ledger, posting_date, scenario, cost_centre, account, "
        "version)), count(distinct (company, ledger, fiscal_year, fiscal_period, scenario, "
        "cost_centre, account, version)) from erp_gl_balances",
    )[0]

    assert (company, by_period) == (39_409, 39_403)


def test_the_budget_ends_before_the_actuals(delivered):
    last = dict(
        rows(delivered, "select scenario, max(posting_date) from erp_gl_balances group by all")
    )

    assert last == {"actual": date(2013, 12, 28), "budget": date(2011, 11, 29)}


def test_books_are_in_the_currency_of_their_organisation_and_heads_in_none(delivered):
    currencies = rows(
        delivered,
        "select currency, list(distinct company order by company) from erp_gl_balances "
        "group by all order by currency nulls last",
    )

    assert [(code, companies) for code, companies in currencies if code] == [
        ("AUD", ["13"]),
        ("CAD", ["8"]),
        ("EUR", ["11", "12"]),
        ("USD", ["3", "4", "5", "6", "7"]),
    ]
    assert value(
        delivered, "select list(distinct account_type) from erp_gl_balances where currency is null"
    ) == ["statistical"]


def test_rates_are_the_average_and_the_closing_one_of_each_day(delivered, files):
    expected = rows(
        files,
        "select CurrencyRateDate::date, ToCurrencyCode, AverageRate::decimal(18, 8), "
        "EndOfDayRate::decimal(18, 8) from CurrencyRate order by 1, 2",
    )
    found = rows(
        delivered,
        "select rate_date, to_ccy, max(rate) filter (where kind = 'avg'), "
        "max(rate) filter (where kind = 'eod') from fx_rates where from_ccy = 'USD' "
        "group by all order by 1, 2",
    )

    assert len(found) == 13_532
    assert found == expected


def test_stock_is_that_of_one_day_and_all_of_it(delivered, files):
    ours = rows(
        delivered,
        'select count(*), sum(qty)::bigint, sum("value") from erp_inventory_snapshots '
        "group by snapshot_date",
    )

    assert ours == rows(files, oracle.STOCK)
    assert ours[0][:2] == (1_069, 335_974)
