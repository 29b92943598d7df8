"""The AdventureWorks figures by plain SQL on the delivered files.

Written without the profile, the contracts or the models, so that what they make of the same files
can be held against it. Columns that other people derived in the Parquet copies (status, rates, lead
times) are not read.
"""

import csv
import re
from collections import defaultdict
from pathlib import Path

import duckdb

FILES = Path(__file__).parents[2].parent / "shared" / "data" / "adventureworks"

TABLES = (
    "CurrencyRate",
    "Department",
    "Employee",
    "EmployeeDepartmentHistory",
    "Location",
    "Product",
    "ProductCategory",
    "ProductInventory",
    "ProductSubcategory",
    "PurchaseOrderDetail",
    "PurchaseOrderHeader",
    "ScrapReason",
)

# Tables of the warehouse: `|` and no header.
WAREHOUSE_TABLES = {
    "DimAccount": "id, parent, code, parent_code, name, kind, operator, members, value_type, "
    "options",
    "DimCurrency": "id, code, name",
    "DimDate": "id, day, weekday_no, weekday, dia, jour, day_no, year_day, week, month, mes, mois, "
    "month_no, quarter, year, semester, fiscal_quarter, fiscal_year, fiscal_semester",
    "DimOrganization": "id, parent, ownership, name, currency",
    "FactFinance": "id, day, organization, department, scenario, account, amount, closed_at",
}

# The ordinals of a hierarchyid path: bits of the value in brackets, the number they start from.
# Each ends in 1, the mark of a child (0 would mean "between two children").
_ORDINALS = (
    (re.compile("01([01]{2})1"), 0),
    (re.compile("100([01]{2})1"), 4),
    (re.compile("101([01]{3})1"), 8),
    (re.compile("110([01]{2})0([01])1([01]{3})1"), 16),
)

SCRAP_BY_REASON = """
    select
        wo.scrap_reason_id::varchar as reason_id,
        ScrapReason.Name as reason,
        count(*) as orders,
        sum(wo.scrapped_qty)::bigint as scrapped,
        (select sum(order_qty) from wo)::bigint as produced,
        sum(wo.scrapped_qty) * 100.0 / (select sum(order_qty) from wo) as scrap_percent
    from wo
    inner join ScrapReason on wo.scrap_reason_id::varchar = ScrapReason.ScrapReasonID
    group by all
    order by scrapped desc
"""

SCRAP_BY_CATEGORY = """
    select
        coalesce(ProductCategory.Name, '(no category)') as category,
        count(*) as orders,
        sum(wo.order_qty)::bigint as produced,
        sum(wo.scrapped_qty)::bigint as scrapped,
        sum(wo.scrapped_qty) * 100.0 / sum(wo.order_qty) as scrap_percent,
        100 - sum(wo.scrapped_qty) * 100.0 / sum(wo.order_qty) as yield_percent
    from wo
    left join Product on wo.product_id::varchar = Product.ProductID
    left join ProductSubcategory using (ProductSubcategoryID)
    left join ProductCategory using (ProductCategoryID)
    group by ProductCategory.Name
    order by category
"""

_SCRAP_BY_PERIOD = """
    select
        strftime(wo.end_date, '{format}') as period,
        count(*) as orders,
        sum(wo.order_qty)::bigint as produced,
        sum(wo.scrapped_qty)::bigint as scrapped,
        sum(wo.scrapped_qty) * 100.0 / sum(wo.order_qty) as scrap_percent,
        100 - sum(wo.scrapped_qty) * 100.0 / sum(wo.order_qty) as yield_percent
    from wo
    group by all
    order by period
"""
SCRAP_BY_MONTH = _SCRAP_BY_PERIOD.format(format="%Y-%m")
SCRAP_BY_YEAR = _SCRAP_BY_PERIOD.format(format="%Y")

ORDERS_ON_TIME_BY_MONTH = """
    select
        strftime(due_date, '%Y-%m') as period,
        count(*) as due,
        count(*) filter (where end_date <= due_date) as on_time
    from wo
    group by all
    order by period
"""

OPERATIONS_ON_TIME_BY_MONTH = """
    select
        strftime(actual_end_date, '%Y-%m') as period,
        count(*) as finished,
        count(*) filter (where actual_end_date <= scheduled_end_date) as on_time
    from wr
    group by all
    order by period
"""

OPERATIONS_ON_TIME_BY_LOCATION = """
    select
        Location.LocationID as location_id,
        Location.Name as location,
        count(*) as finished,
        count(*) filter (where wr.actual_end_date <= wr.scheduled_end_date) as on_time
    from wr
    inner join Location on wr.location_id::varchar = Location.LocationID
    group by all
    order by location_id
"""

REJECTS_BY_SUPPLIER = """
    select
        PurchaseOrderHeader.VendorID as supplier,
        sum(ReceivedQty::decimal(15, 2)) as received,
        sum(RejectedQty::decimal(15, 2)) as rejected
    from PurchaseOrderDetail
    inner join PurchaseOrderHeader using (PurchaseOrderID)
    group by all
    order by supplier
"""

HEADCOUNT_BY_DEPARTMENT_AND_MONTH = """
    with months as (
        select last_day(unnest(
            generate_series(date '2006-06-01', date '2014-12-01', interval 1 month)
        )::date) as month_end
    )
    select
        Department.DepartmentID as department_id,
        Department.Name as department,
        strftime(months.month_end, '%Y-%m') as period,
        count(*) as headcount
    from months
    inner join EmployeeDepartmentHistory as stay
        on
            stay.StartDate::date <= months.month_end
            and coalesce(stay.EndDate::date, date '9999-12-31') >= months.month_end
    inner join Department using (DepartmentID)
    group by all
    order by department_id, period
"""

TRANSFERS_BY_DEPARTMENT_AND_MONTH = """
    with stay as (
        select
            *,
            lag(DepartmentID) over (partition by BusinessEntityID order by StartDate) as came_from
        from EmployeeDepartmentHistory
    )
    select
        Department.DepartmentID as department_id,
        Department.Name as department,
        strftime(stay.StartDate::date, '%Y-%m') as period,
        count(*) as transfers_in
    from stay
    inner join Department using (DepartmentID)
    where stay.came_from <> stay.DepartmentID
    group by all
    order by period
"""

LEDGER_BY_SCENARIO_TYPE_AND_YEAR = """
    select
        entry.scenario,
        case when DimAccount.code like '3%' then 'Equity' else DimAccount.kind end as kind,
        -- Fiscal 2011 ended in June 2011. The calendar of the warehouse counts so to 2010 and one
        -- year less from 2011 on, so that its fiscal 2010 has 18 months.
        DimDate.year::int + (DimDate.month_no::int > 6)::int,
        count(*),
        sum(entry.amount::decimal(38, 12)::decimal(18, 4))
    from FactFinance as entry
    inner join DimAccount on entry.account = DimAccount.id
    inner join DimDate on entry.closed_at::date - 3 = DimDate.day::date
    group by all
"""

STOCK = """
    select
        count(*),
        sum(stock.Quantity::int),
        sum(stock.Quantity::int * Product.StandardCost::decimal(18, 4))
    from ProductInventory as stock
    inner join Product using (ProductID)
"""

LEAVERS = "select count(*) from Employee where CurrentFlag <> '1'"


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection with the files as tables: all text, named by COLUMNS.csv."""
    connection = duckdb.connect()
    columns = defaultdict(list)
    with (FILES / "oltp" / "COLUMNS.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            columns[row["table"].split(".")[1]].append(row["column"])
    for table in TABLES:
        names = ", ".join(f"'{name}': 'varchar'" for name in columns[table])
        path = FILES / "oltp" / f"{table}.csv"
        encoding = "utf-16" if path.read_bytes().startswith(b"\xff\xfe") else "latin-1"
        connection.execute(
            f"create table {table} as select * from read_csv('{path}', columns = {{{names}}}, "
            f"header = false, delim = '\t', quote = '', escape = '', auto_detect = false, "
            f"encoding = '{encoding}')"
        )
    for table, names in WAREHOUSE_TABLES.items():
        columns_sql = ", ".join(f"'{name}': 'varchar'" for name in names.split(", "))
        connection.execute(
            f"create table {table} as select * from read_csv('{FILES}/finance/{table}.csv', "
            f"columns = {{{columns_sql}}}, header = false, delim = '|', quote = '', escape = '', "
            "auto_detect = false)"
        )
    production = FILES / "production"
    connection.execute(f"create view wo as select * from '{production}/fct_workorder.parquet'")
    connection.execute(
        f"create view wr as select * from '{production}/fct_workorder_routing.parquet'"
    )
    return connection


def hierarchy_path(node: str | None) -> tuple[int, ...]:
    """Decode a hierarchyid given as hexadecimal text; the root is empty."""
    bits = "".join(f"{int(digit, 16):04b}" for digit in node or "").rstrip("0")
    path = []
    while bits:
        for pattern, start in _ORDINALS:
            match = pattern.match(bits)
            if match:
                path.append(start + int("".join(match.groups()), 2))
                bits = bits[match.end() :]
                break
        else:
            raise ValueError(f"{node}: no hierarchyid of ordinals below 80")
    return tuple(path)


def managers(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """Return the manager of each employee: the owner of the path without its last step."""
    rows = connection.execute("select BusinessEntityID, OrganizationNode from Employee").fetchall()
    paths = {employee: hierarchy_path(node) for employee, node in rows}
    owner = {path: employee for employee, path in paths.items()}
    return {employee: owner[path[:-1]] if path else None for employee, path in paths.items()}
