"""What must hold in any company, whatever was drawn."""

from __future__ import annotations

import pytest


def test_what_an_order_yielded_is_what_its_counts_say(tiny):
    """The last version of each closed order against the sum of its counts."""
    counts = tiny.files("mes_production_counts", planted=True)
    repaired = {fault["file"]: fault["repaired_by"] for fault in tiny.faults("damaged_truncated")}
    counts = [name for name in counts if not any(name.endswith(bad) for bad in repaired)]
    counts = [name for name in counts if not name.endswith("_restated.csv")]
    wrong = tiny.faults("unit_times_1000")[0]
    made = {
        order: (int(good), int(scrap))
        for order, good, scrap in tiny.rows(
            "mes_production_counts",
            f"""select order_id, sum(if(event_id = '{wrong["event_id"]}', {wrong["true_value"]},
                good_qty::int) + rework_qty::int), sum(scrap_qty::int) from t group by 1""",
            files=counts,
        )
    }
    closed = tiny.rows(
        "erp_production_orders",
        """select AUFNR, GAMNG, GWEMG, IASMG from t where STTXT = 'TECO'""",
    )

    def number(text: str) -> int:
        return round(float(text.replace(",", ".")))

    assert len(closed) > 300
    for order, ordered, good, scrap in closed:
        assert (number(good), number(scrap)) == made[order]
        assert number(good) + number(scrap) == number(ordered)


def test_every_key_occurs_once_among_the_files_that_are_as_they_should_be(tiny):
    keys = {
        "mes_machine_states": "machine_id, start_ts, sequence",
        "mes_production_counts": "event_id",
        "mes_operation_confirmations": "production_order_id, operation_no, confirmation_no",
        "erp_goods_receipts": "MBLNR, ZEILE",
        "ehs_incidents": "incident_id, version",
        "leader_behaviour_events": "event_id",
        "kpi_targets": "kpi_id, org_unit_id, period, version",
    }
    for feed, key in keys.items():
        sql = f"select count(*), count(distinct ({key})) from t"
        rows, distinct = tiny.rows(feed, sql)[0]
        assert rows == distinct > 0, feed


def test_a_machine_is_never_without_a_state(tiny):
    """Each row lasts at least until the next one begins: overlaps yes, gaps no."""
    gaps = tiny.rows(
        "mes_machine_states",
        """, s as (select machine_id, start_ts::timestamptz b, end_ts::timestamptz e,
              lead(b) over (partition by machine_id order by b) as following from t)
           select count(*) filter (where coalesce(e, following) < following),
              count(*) filter (where e > following), count(*) filter (where e is null) from s""",
    )
    holes, overlaps, still_open = gaps[0]

    assert holes == 0
    assert overlaps > 0
    # The end of the history and three daily exports find states that last.
    assert 14 < still_open <= 14 * 4


def test_counts_follow_from_running_time_and_planned_run_time(tiny):
    """Planned run time x quantity / running time of each machine is near its site's level."""
    wrong = tiny.faults("unit_times_1000")[0]["event_id"]
    running = dict(
        tiny.rows(
            "mes_machine_states",
            """select machine_id,
               sum(date_diff('second', start_ts::timestamptz, end_ts::timestamptz))
               from t where state = 'RUN' and filename like '%2026-10-01%' group by 1""",
        )
    )
    run_time = {
        product: float(seconds.replace(",", "."))
        for product, seconds in tiny.rows(
            "erp_routings",
            "select MATNR, VGW02 from t where VORNR = '0010' and DATUV = '20200101'",
        )
    }
    product_of = dict(tiny.rows("erp_production_orders", "select AUFNR, MATNR from t"))
    standard: dict[str, float] = {}
    for machine, order, made in tiny.rows(
        "mes_production_counts",
        f"""select machine_id, order_id,
            sum(good_qty::int + scrap_qty::int + rework_qty::int)
            from t where event_id <> '{wrong}' group by 1, 2""",
        files=[
            name
            for name in tiny.files("mes_production_counts", planted=True)
            if "2026-10-01/" in name
        ],
    ):
        standard[machine] = standard.get(machine, 0) + made * run_time[product_of[order]]

    assert len(standard) == 14
    for machine, seconds in standard.items():
        level = tiny.truth["site_baselines"][machine[:4]]["performance"]
        level *= tiny.truth["machine_performance_factor"][machine]
        for shift in tiny.truth["process_shifts"]:
            if shift["measure"] == "performance" and machine.startswith(shift["line"]):
                # It holds for a part of the history only.
                level *= (1 + shift["factor"]) / 2
        # 250 shifts with a spread of 4 % each: 1.5 % is six standard errors.
        assert seconds / running[machine] == pytest.approx(level, rel=0.025)


def test_everybody_who_runs_a_machine_or_buys_is_in_the_crosswalk(tiny):
    known = set(tiny.rows("hr_person_crosswalk", "select source_system, source_id from t"))
    operators = tiny.rows("mes_production_counts", "select distinct 'mes', operator_id from t")
    buyers = tiny.rows("erp_purchase_order_lines", "select distinct 'sap', PERNR from t")
    heads = tiny.rows(
        "kpi_targets", "select distinct 'planning', approved_by from t where approved_by like 'M%'"
    )

    assert heads
    assert set(operators) | set(buyers) | set(heads) <= known


def test_every_unit_has_one_leader_on_every_day(tiny):
    last = tiny.files("hr_org_units")[-1:]
    versions = tiny.rows(
        "hr_org_units",
        """select org_unit_id, valid_from::date, valid_to::date,
           lead(valid_from::date) over (partition by org_unit_id order by valid_from::date)
           from t order by 1, 2""",
        files=last,
    )

    assert {unit for unit, *_ in versions} >= {"ENT", "S-DE01", "A-DE01-PROD", "L-US01-L03"}
    for _, _, until, following in versions:
        assert (until is None) == (following is None)
        assert until is None or (following - until).days == 1


def test_leaders_change_posts(tiny):
    changes = [post for post in tiny.truth["posts"] if post["to"] is not None]

    assert len({post["org_unit_id"] for post in changes}) >= 2
    # One of them within the daily deliveries.
    assert max(post["to"] for post in changes) >= "2026-10-01"


def test_the_manager_chain_has_no_cycle_and_one_root(tiny):
    last = tiny.files("hr_assignments")[-1:]
    manager = dict(
        tiny.rows(
            "hr_assignments",
            "select Employee_ID, Manager_ID from t where End_Date = '9999-12-31'",
            files=last,
        )
    )

    assert [person for person, above in manager.items() if above is None] == ["E100001"]
    for person, first in manager.items():
        seen, above = {person}, first
        while above is not None:
            assert above not in seen
            seen.add(above)
            above = manager[above]


def test_nobody_does_more_planned_walks_than_planned(month):
    done = month.rows(
        "leader_behaviour_events",
        """select leader_id, date_trunc('month', event_ts::timestamptz)::date::varchar, count(*)
           from t where planned and kind = 'gemba_walk' group by 1, 2""",
    )
    # The revised plan of a month counts; until then its first version.
    plan = {
        (leader, period): int(planned)
        for leader, period, planned in month.rows(
            "leader_plans",
            """select leader_id, period, max(planned::int) from t where kind = 'gemba_walk'
               group by 1, 2""",
        )
    }

    assert len(done) > 30
    assert all(walks <= plan[leader, period] for leader, period, walks in done)
