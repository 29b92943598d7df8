"""What is published of shared work is what the work tool delivered, and nothing of crews is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def asked(tiny_home: Path):
    """Ask the published files and the delivered ones, these in their newest version by key."""
    con = duckdb.connect()
    folder = tiny_home / "demo" / "published" / "current"
    for mart in ("fct_handoff_delays", "fct_outcome_shares", "fct_adjusted_readings"):
        con.execute(f"create view {mart} as from '{folder}/kpi.{mart}.parquet'")
    con.execute(f"create view fct_kpi_readings as from '{folder}/kpi.fct_kpi_readings.parquet'")
    inbox = tiny_home / "demo" / "inbox" / "worktool"
    for feed, key in (("work_handoffs", "item_id, task_no"), ("work_outcomes", "item_id")):
        con.execute(
            f"""
            create view {feed} as
            select distinct on ({key}) *
            from read_csv('{inbox}/{feed}/*/*.csv', filename = true)
            order by {key}, filename desc
            """
        )
    return lambda sql: con.execute(sql).fetchall()


def test_parties_are_assigned_what_the_delivered_dates_are_late(asked):
    found = asked(
        """
        with items as (
            select item_id, max(handed_on_date) - min(started_date) as took
            from work_handoffs
            group by item_id
            having count(*) = count(handed_on_date)
        ), assigned as (
            select item_id, sum(delay_days) as late, min(planned_days) as planned
            from fct_handoff_delays
            where item_id <> '*'
            group by item_id
        )
        select
            count(*), count(assigned.item_id), max(abs(planned + late - took)),
            (select count(*) from assigned)
        from items
        left join assigned using (item_id)
        """
    )

    ((finished, assigned, largest_miss, published),) = found
    assert finished == assigned == published > 0
    assert largest_miss == 0


def test_shares_sum_to_one_and_to_the_delivered_hours_by_every_rule(asked):
    found = asked(
        """
        with shared as (
            select item_id, rule_code, sum(share_ratio) as ratio, sum(share_hours) as hours
            from fct_outcome_shares
            where refusal is null
            group by all
        )
        select
            count(distinct item_id), (select count(*) from work_outcomes), count(*),
            max(abs(ratio - 1)), max(abs(hours - saved_hours))
        from shared
        inner join work_outcomes using (item_id)
        """
    )

    ((items, delivered, rules, ratio_miss, hours_miss),) = found
    assert items == delivered > 0
    # Three rules always, the fourth where every combination of functions was seen.
    assert 3 * items <= rules <= 4 * items
    assert ratio_miss < 1e-9
    assert hours_miss < 1e-4


def test_nothing_of_what_crews_say_of_their_members_is_published(tiny_home):
    published = {path.name for path in (tiny_home / "demo" / "published" / "current").iterdir()}

    assert "kpi.fct_handoff_delays.parquet" in published
    assert not [name for name in published if "free_riding" in name or "peer" in name]


def test_two_sites_are_too_few_to_adjust_and_the_raw_figures_are_those_published(asked):
    found = asked(
        """
        select
            count(*), count(adjusted_value), min(refusal), max(abs(raw_value - reading_value))
        from fct_adjusted_readings
        inner join fct_kpi_readings
            using (kpi_id, entity_kind, entity_id, period_kind, period_start_date)
        """
    )

    ((readings, adjusted, refusal, largest_miss),) = found
    assert readings > 0
    assert adjusted == 0
    assert refusal.startswith("too_few_clusters")
    assert largest_miss < 1e-9
