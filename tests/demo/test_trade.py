"""What truth.json says of customers, stores, books and the outside world is in the files."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict

import pytest

from orchestration.demo import DemoSize

from .conftest import made


@pytest.fixture(scope="module")
def years(tmp_path_factory):
    """Three small plants over three years: long enough for both shocks to last weeks."""
    size = DemoSize(
        plants=3, lines=3, machines=60, employees=40, leaders=8, daily_deliveries=12,
        events_per_machine_day=1, orders_per_machine_day=0.1,
    )  # fmt: skip
    return made(tmp_path_factory.mktemp("years"), size=size)


PLANTS = {"1010": "DE01", "2010": "US01", "1110": "GB01"}
COUNTRY = {"DE01": "DE", "US01": "US", "GB01": "GB"}
# The last version of each schedule line; its net arrivals by the promised day, in thousandths.
LINES = """
    , lines as (select * from t qualify row_number() over (
        partition by VBELN, POSNR, ETENR order by filename desc) = 1),
    alive as (
        select *, strptime(if(EDATU = '00000000', WADAT, EDATU), '%Y%m%d')::date as day
        from lines where GBSTK <> 'X')
"""


def shock(made, kind):
    (found,) = [one for one in made.truth["shocks"] if one["kind"] == kind]
    return found, dt.date.fromisoformat(found["from"]), dt.date.fromisoformat(found["to"])


def shipments(made):
    """Arrivals by schedule line: the demo books each schedule's deliveries on its line."""
    return made.rows(
        "erp_deliveries",
        """, last as (select * from t qualify row_number() over (
               partition by VBELN, POSNR order by filename desc) = 1),
           first as (select distinct VBELN, VGPOS, LFDAT from last)
           select a.VGBEL, a.VGPOS, case when a.LFIMG like '%-' then -1 else 1 end
               * replace(rtrim(a.LFIMG, '-'), ',', '.')::decimal(15, 3),
               nullif(coalesce(b.LFDAT, a.LFDAT), '00000000')
           from last as a left join first as b on a.SMBLN = b.VBELN and a.VGPOS = b.VGPOS""",
    )


def test_every_key_of_the_contracts_occurs_once_in_a_delivery(years):
    keys = {
        "erp_sales_order_lines": "VBELN, POSNR, ETENR",
        "erp_deliveries": "VBELN, POSNR",
        "erp_complaints_returns": "complaint_id, line_no",
        "erp_inventory_snapshots": "BUDAT, WERKS, LGORT, MATNR, CHARG",
        "external_factors": "factor_id, period, geography, vintage",
    }
    for feed, key in keys.items():
        rows, distinct = years.rows(
            feed,
            f"select count(*), count(distinct ({key}, split_part(filename, '/', -2))) from t",
        )[0]
        assert rows == distinct > 0, feed


def test_keys_without_schedule_line_batch_or_vintage_would_repeat(years):
    shorter = {
        "erp_sales_order_lines": "VBELN, POSNR",
        "erp_deliveries": "VBELN",
        "erp_complaints_returns": "complaint_id",
        "erp_inventory_snapshots": "BUDAT, WERKS, LGORT, MATNR",
        "external_factors": "factor_id, period, geography",
    }
    for feed, key in shorter.items():
        rows, distinct = years.rows(
            feed,
            f"select count(*), count(distinct ({key}, split_part(filename, '/', -2))) from t",
        )[0]
        assert distinct < rows, feed


def test_lines_come_late_short_or_are_taken_back_as_often_as_planted(years):
    """Share of lines kept, by site, outside and inside the supply shock."""
    _, first, last = shock(years, "supply")
    hit = {"DE01", "GB01"}
    arrived = defaultdict(list)
    for order, line, quantity, day in shipments(years):
        if day is not None:
            arrived[order, line].append((dt.date.fromisoformat(day), quantity))
    # Lines with one schedule, so that all that arrives is for it.
    lines = years.rows(
        "erp_sales_order_lines",
        LINES
        + """select VBELN, POSNR, max(WERKS), max(day),
            max(replace(WMENG, ',', '.')::decimal(15, 3))
            from alive group by 1, 2 having count(*) = 1 and max(day) <= date '2026-09-30'""",
    )
    kept, due = defaultdict(int), defaultdict(int)
    for order, line, plant, promised, quantity in lines:
        site = PLANTS[plant]
        shaken = site in hit and first <= promised <= last + dt.timedelta(days=7)
        by_then = sum(many for day, many in arrived[order, line] if day <= promised)
        due[site, shaken] += 1
        kept[site, shaken] += by_then >= quantity

    assert set(due) == {("DE01", False), ("DE01", True), ("GB01", False), ("GB01", True),
                        ("US01", False)}  # fmt: skip
    for (site, shaken), count in due.items():
        planted = years.truth["customer_orders"][site]
        late = planted["late_share"]
        late += years.truth["late_share_added_by_supply_shock"] if shaken else 0
        expected = (1 - late) * (1 - planted["short_share"])
        expected *= 1 - years.truth["taken_back_share"]
        # Four standard errors of a share.
        error = 4 * math.sqrt(expected * (1 - expected) / count)
        assert kept[site, shaken] / count == pytest.approx(expected, abs=error), (site, shaken)


def test_justified_complaints_are_as_frequent_as_damage_was_planted(years):
    complaints = years.rows(
        "erp_complaints_returns",
        """select count(distinct complaint_id) from t
           where justified and filename like '%/2026-10-01/%'""",
    )[0][0]
    lines = dict(
        years.rows(
            "erp_sales_order_lines",
            LINES + "select WERKS, count(*) from alive where day <= date '2026-09-10' group by 1",
        )
    )
    expected = sum(
        lines[plant] * years.truth["customer_orders"][site]["damaged_share"]
        for plant, site in PLANTS.items()
    )

    # A Poisson count, and the days that complaints of September still need.
    assert complaints == pytest.approx(expected, abs=4 * math.sqrt(expected))


def test_a_demand_shock_takes_its_share_of_the_orders(years):
    found, first, last = shock(years, "demand")
    (site,) = found["sites"]
    (plant,) = [code for code, name in PLANTS.items() if name == site]
    inside, outside = years.rows(
        "erp_sales_order_lines",
        LINES
        + f"""select
            count(*) filter (where AUDAT between '{first:%Y%m%d}' and '{last:%Y%m%d}'),
            count(*) filter (where AUDAT not between '{first:%Y%m%d}' and '{last:%Y%m%d}')
            from lines where WERKS = '{plant}' and AUDAT >= '20231001' and ETENR = '0001'""",
    )[0]
    days = [dt.date(2023, 10, 1) + dt.timedelta(days=n) for n in range(1_107)]
    workdays = [day for day in days if day.weekday() < 5]
    shaken = sum(first <= day <= last for day in workdays)
    ratio = (inside / shaken) / (outside / (len(workdays) - shaken))

    # A Poisson count in the numerator: four standard errors.
    assert ratio == pytest.approx(found["order_size_factor"], rel=4 / math.sqrt(inside))


def test_public_series_move_a_month_before_the_shock_by_the_planted_effect(years):
    """Mean log change in the full months of the shock, moved ahead by the lead."""
    values = defaultdict(dict)
    for factor, place, period, value in years.rows(
        "external_factors",
        "select factor_id, geography, period::date, arg_max(value::double, vintage) from t "
        "group by all",
    ):
        values[factor, place][period] = math.log(value)

    for factor, planted in years.truth["external_factors"].items():
        found, first, last = shock(years, planted["shock"])
        lead = dt.timedelta(days=planted["lead_days"])
        window = [first - lead, last - lead]
        for (name, place), series in values.items():
            if name != factor:
                continue
            share = {}
            for month in series:
                after = (month + dt.timedelta(days=32)).replace(day=1)
                days = [month + dt.timedelta(days=n) for n in range((after - month).days)]
                hit = place in {COUNTRY[site] for site in found["sites"]}
                inside = [hit and window[0] <= day <= window[1] for day in days]
                share[month] = sum(inside) / len(inside)
            calm = [series[month] for month in series if share[month] == 0]
            mean = sum(calm) / len(calm)
            assert mean == pytest.approx(math.log(planted["level"]), abs=0.03), (name, place)
            if not any(share.values()):
                continue
            weight = sum(one**2 for one in share.values())
            effect = sum(share[m] * (series[m] - mean) for m in series) / weight
            # Noise of 0.03 at most per month, over an effective month or two.
            assert effect == pytest.approx(planted["log_effect"], abs=0.09), (name, place)
            # It was over when the shock had run for half its time: the outside world leads.
            assert window[1] < last
    assert len(values) == 3 * 3


def test_a_first_estimate_is_revised_once_a_month_later(years):
    vintages = years.rows(
        "external_factors",
        """, v as (select period::date as period, vintage::date as vintage, value::double as value,
              row_number() over (partition by factor_id, geography, period order by vintage) as n,
              lead(value::double) over (
                  partition by factor_id, geography, period order by vintage) as revised
           from t)
           select n, min(vintage - period), max(vintage - period),
               max(abs(ln(revised / value))) from v group by n order by n""",
    )

    assert [row[0] for row in vintages] == [1, 2]
    # The twelfth of the next month, and of the one after.
    assert [row[1:3] for row in vintages] == [(39, 42), (70, 73)]
    # Estimates err by 1 %.
    assert 0.01 < vintages[0][3] < 0.05


def test_revenue_is_the_value_of_what_was_completed_in_the_month(years):
    """To the cent, for every closed month and site."""
    ledger = {
        (company, closing[:7]): round(float(amount) * 100)
        for company, account, scenario, amount, closing, file in years.con.execute(
            "select column00, column08, column04, column10, column12, filename from read_csv(?, "
            "delim = '|', header = false, all_varchar = true, filename = true)",
            [years.files("erp_gl_balances")],
        ).fetchall()
        if account == "400000" and scenario == "A" and "/2026-10-01/" in file
        and closing < "2026-09-01"
    }  # fmt: skip
    completed = defaultdict(int)
    for order, line, _, day in shipments(years):
        if day is not None:
            completed[order, line] = max(completed[order, line], int(day))
    # Each site is a company of its own here.
    total = defaultdict(int)
    for order, line, plant, value in years.rows(
        "erp_sales_order_lines",
        LINES
        + """select VBELN, POSNR, max(WERKS), sum(replace(NETWR, ',', '')::bigint)
            from alive group by 1, 2""",
    ):
        month = str(completed[order, line])
        total[f"{COUNTRY[PLANTS[plant]]}10", f"{month[:4]}-{month[4:6]}"] += value

    assert len(ledger) == 3 * 35
    assert {key: total[key] for key in ledger} == ledger


def test_materials_run_low_in_the_supply_shock_and_nowhere_else(years):
    planted = years.truth["material_stock_in_supply_shock"]
    _, first, last = shock(years, "supply")
    lag = dt.timedelta(days=planted["lag_days"])
    rows = years.rows(
        "erp_inventory_snapshots",
        """select WERKS, LGORT, strptime(BUDAT, '%Y%m%d')::date,
            avg((replace(LABST, ',', '.')::double < replace(EISBE, ',', '.')::double)::int)
           from t where CHARG = 'NONE' group by all""",
    )
    low = defaultdict(list)
    for plant, place, day, share in rows:
        assert place == "RM01"
        inside = PLANTS[plant] in {"DE01", "GB01"} and first + lag <= day <= last + lag
        low[inside].append(share)

    # 0.45 x 1.95 is below one: all are short then; 1.25 less noise is above it otherwise.
    assert min(low[True]) > 0.9
    assert sum(low[False]) / len(low[False]) < 0.02


def test_the_open_month_grows_until_its_close_and_systems_keep_silent_without_news(years):
    september = {
        file.split("/")[-2]: float(total)
        for file, total in years.con.execute(
            "select filename, sum(column10::double) from read_csv(?, delim = '|', "
            "header = false, all_varchar = true, filename = true) "
            "where column04 = 'A' and column12 = '2026-09-30' group by 1",
            [years.files("erp_gl_balances")],
        ).fetchall()
    }

    days = sorted(september)
    # The history, then each day up to the close with the eighth production day.
    assert days == [f"2026-10-{day:02d}" for day in range(1, 10)]
    assert [september[day] for day in days] == sorted(september.values())
    assert september[days[0]] / september[days[-1]] == pytest.approx(0.85, abs=1e-6)
    # No rates for Saturday and Sunday, 3 and 4 October.
    quoted = {name.split("/")[-2] for name in years.files("fx_rates")}
    assert quoted.isdisjoint({"2026-10-04", "2026-10-05"})
    assert {"2026-10-03", "2026-10-06"} <= quoted
