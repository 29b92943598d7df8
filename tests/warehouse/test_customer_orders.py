"""On time in full and perfect orders, against the demo's files read by plain SQL."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from .conftest import LAST_DAY

pytestmark = pytest.mark.slow

SITES = {"1010": "DE01", "2010": "US01"}
# Written without contracts, profiles or models: the last version of a row by delivery day, what
# arrived by the promised day with reversals put on the day of what they take back, and promises of
# one line served in turn by comparing running totals.
ORACLE = """
with
orders as (
    select *,
        replace(WMENG, ',', '.')::decimal(15, 3) as qty,
        strptime(case when EDATU = '00000000' then WADAT else EDATU end, '%Y%m%d')::date as promised
    from read_csv('{landing}/sap/erp_sales_order_lines/*/*.csv', delim = ';', all_varchar = true,
        filename = true)
    qualify row_number() over (partition by VBELN, POSNR, ETENR order by filename desc) = 1
),
sent as (
    select *,
        case when LFIMG like '%-' then -1 else 1 end
        * replace(rtrim(LFIMG, '-'), ',', '.')::decimal(15, 3) as qty,
        case when LFDAT <> '00000000' then strptime(LFDAT, '%Y%m%d')::date end as arrived
    from read_csv('{landing}/sap/erp_deliveries/*/*.csv', delim = ';', all_varchar = true,
        filename = true)
    qualify row_number() over (partition by VBELN, POSNR order by filename desc) = 1
),
complaints as (
    select * from read_json('{landing}/crm/erp_complaints_returns/*/*.jsonl',
        format = 'newline_delimited', filename = true,
        columns = {{complaint_id: 'varchar', line_no: 'int', order_id: 'varchar',
                    product_id: 'varchar', opened_ts: 'varchar', justified: 'boolean'}})
    qualify row_number() over (partition by complaint_id, line_no order by filename desc) = 1
),
alive as (select * from orders where GBSTK <> 'X'),
judged as (
    select
        alive.VBELN, alive.WERKS, alive.promised,
        (
            select coalesce(sum(sent.qty), 0) from sent
            left join (select distinct VBELN, VGPOS, arrived from sent) as first
                on sent.SMBLN = first.VBELN and sent.VGPOS = first.VGPOS
            where sent.VGBEL = alive.VBELN and sent.VGPOS = alive.POSNR
                and coalesce(first.arrived, sent.arrived) <= alive.promised
        ) >= (
            select sum(before.qty) from alive as before
            where before.VBELN = alive.VBELN and before.POSNR = alive.POSNR
                and (before.promised, before.ETENR) <= (alive.promised, alive.ETENR)
        ) - alive.qty / 100 as otif,
        exists (
            select 1 from complaints
            where complaints.justified and complaints.order_id = alive.VBELN
                and complaints.product_id = alive.MATNR
                and left(opened_ts, 10)::date <= alive.promised + 30
        ) as complained
    from alive
),
months as (
    select WERKS, date_trunc('month', promised)::date as month, count(*) as due,
        count(*) filter (where otif) as kept
    from judged where promised <= date '{last}' group by all
),
perfect as (
    select WERKS, date_trunc('month', day)::date as month, count(*) as due,
        count(*) filter (where good) as kept
    from (
        select VBELN, WERKS, max(promised) as day, bool_and(otif and not complained) as good
        from judged group by all
    )
    where day <= date '{last}' group by all
)
select 'KPI045', WERKS, month, kept, due from months
union all
select 'KPI044', WERKS, month, kept, due from perfect
"""


def figures(house, last):
    """Kept and due by KPI, site and month."""
    return {
        (kpi, site, month): (int(kept), int(due))
        for kpi, site, month, kept, due in house.query(
            "select kpi_id, entity_id, period_start_date, numerator, denominator "
            "from kpi.fct_kpi_readings where kpi_id in ('KPI044', 'KPI045') "
            "and entity_kind = 'site' and period_kind = 'month' and denominator is not null "
            "and period_start_date <= ?",
            [last],
        )
    }


def test_on_time_in_full_and_perfect_orders_are_those_of_the_files(day_by_day, tiny_landing):
    last = LAST_DAY - dt.timedelta(days=1)
    first = day_by_day.query("select min(calendar_date) from core.dim_days")[0][0]
    expected = {
        (kpi, SITES[plant], month): (kept, due)
        for kpi, plant, month, kept, due in duckdb.execute(
            ORACLE.format(landing=tiny_landing, last=last)
        ).fetchall()
        if month >= first
    }

    assert len(expected) >= 2 * 2 * 5
    assert figures(day_by_day, last) == expected
