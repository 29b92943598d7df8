"""The AdventureWorks profile: every canonical feed, held against the files themselves.

The source tables are read here as the profile declares them (encoding, delimiter, layout, types)
and each SELECT runs over them; the guard's own reading is tested with the guard.
"""

from datetime import date

import duckdb
import pytest

from orchestration.contracts.load import load_company
from tests.acceptance import adventureworks_oracle as oracle

pytestmark = pytest.mark.skipif(
    not oracle.FILES.is_dir(), reason="the AdventureWorks files are not beside the checkout"
)

FEEDS = [
    "erp_goods_receipts",
    "erp_production_orders",
    "erp_products",
    "erp_purchase_order_lines",
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
    return oracle.connect()


@pytest.fixture(scope="module")
def delivered(company):
    """Every source table and every canonical feed of the company, in one connection."""
    connection = duckdb.connect()
    sources = {
        name: source for feed in company.feeds.values() for name, source in feed.sources.items()
    }
    for name, source in sources.items():
        read_source(connection, name, source)
    for name, feed in company.feeds.items():
        connection.execute(f"create table {name} as {feed.select}")
    return connection


def read_source(connection, name, source):
    contract = source.forms[0].contract
    path = oracle.FILES / source.forms[0].files
    if contract.dialect.format == "parquet":
        relation = f"'{path}'"
    else:
        names = ", ".join(f"'{column}': 'varchar'" for column in contract.dialect.layout)
        relation = (
            f"read_csv('{path}', columns = {{{names}}}, header = false, quote = '', escape = '', "
            f"delim = '{contract.dialect.delimiter}', auto_detect = false, "
            f"encoding = '{contract.dialect.encoding.replace('cp1252', 'latin-1')}')"
        )
    typed = ", ".join(
        f"cast({column} as {declared.typed(column)[column]}) as {column}"
        for column, declared in contract.columns.items()
    )
    connection.execute(f"create table {name} as select {typed} from {relation}")


def rows(connection, sql):
    return connection.execute(sql).fetchall()


def value(connection, sql):
    return rows(connection, sql)[0][0]


def test_the_company_delivers_the_feeds_that_its_files_can_fill(company):
    assert sorted(company.feeds) == FEEDS


def test_figures_that_need_other_feeds_have_none(company):
    # No machine states: no OEE. No hours worked: no TRIR. No counts: no first pass yield.
    absent = {"mes_machine_states", "mes_production_counts", "ehs_hours_worked", "ehs_incidents"}

    assert absent <= company.canonical.keys()
    assert absent.isdisjoint(company.feeds)


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_has_the_columns_of_its_contract_and_no_two_rows_of_one_key(
    company, delivered, name
):
    contract = company.feeds[name].contract
    columns = [row[0] for row in rows(delivered, f"describe {name}")]

    assert columns == list(contract.columns)
    key = ", ".join(contract.key)
    repeated = f"select {key} from {name} group by {key} having count(*) > 1"
    assert rows(delivered, repeated) == []


@pytest.mark.parametrize("name", FEEDS)
def test_what_must_not_be_empty_is_filled_and_every_code_is_known(company, delivered, name):
    for column, declared in company.feeds[name].contract.columns.items():
        if not declared.nullable:
            missing = f'select count(*) from {name} where "{column}" is null'
            assert value(delivered, missing) == 0, column
        if declared.values:
            found = {row[0] for row in rows(delivered, f'select distinct "{column}" from {name}')}
            assert found <= set(declared.values), column


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
        select work_centre, name, count(*), count(*) filter (where actual_end <= planned_end)
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
            (select max(actual_end)::date from mes_operation_confirmations),
            (select max(greatest(order_date, due_date)) from erp_purchase_order_lines),
            (select max(posting_date) from erp_goods_receipts),
            (select max(valid_from) from hr_assignments)
        )
    """

    assert value(delivered, last) == date(2015, 8, 12)
    assert company.facts.as_of == date(2015, 8, 31)
