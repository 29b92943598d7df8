"""How far a benchmark agrees with a plant, by hand; and what is then said of the plant."""

import math

import pytest


def test_the_comparability_is_the_weighted_agreement_times_that_of_the_definition(day_by_day):
    # seeds/companies/demo/registry: OEE of metal works, 420 employees, definition 0.9; weights
    # 0.4 industry, 0.3 process, 0.1 region, 0.2 size.
    found = dict(
        day_by_day.query(
            "select entity_id, comparability_score from kpi.fct_kpi_benchmarks "
            "where benchmark_id = 'oee_of_peers'"
        )
    )
    sizes = {"DE01": (260, 1), "DE02": (240, 1), "GB01": (240, 1)}
    sizes |= {"US01": (250, 0), "IN01": (260, 0), "JP01": (240, 0)}

    assert set(found) == {
        site for (site,) in day_by_day.query("select site_id from registry.sites")
    }
    for site, score in found.items():
        employees, same_region = sizes[site]
        size = 1 - math.log(420 / employees) / math.log(10)
        expected = 0.9 * (0.4 + 0.3 + 0.1 * same_region + 0.2 * size)
        assert score == pytest.approx(expected, abs=1e-6)


def test_another_trade_is_context_and_too_few_months_rank_nobody(day_by_day):
    rows = day_by_day.query(
        "select benchmark_id, verdict, refusal, median_level, better_than_share "
        "from kpi.fct_kpi_benchmarks"
    )
    assert {row[0] for row in rows} == {"oee_of_peers", "scrap_of_foundries"}
    for benchmark, verdict, refusal, median, share in rows:
        assert (verdict, share) == ("context_only", None)
        assert median == {"oee_of_peers": 0.63, "scrap_of_foundries": 0.046}[benchmark]
        # Foundries differ in industry and process; of metal works too few months are known.
        reason = "not_comparable" if benchmark == "scrap_of_foundries" else "too_few_readings"
        assert refusal.startswith(f"{reason}: ")


def test_whatever_may_have_a_target_has_a_row_of_each_method_that_says_why_it_proposes_none(
    day_by_day,
):
    rows = day_by_day.query(
        "select method_code, refusal is null, target_level is null, "
        "org_unit_id = case entity_kind when 'site' then 'S-' || entity_id else org_unit_id end "
        "from kpi.fct_target_proposals"
    )
    assert {row[0] for row in rows} == {"history", "capacity", "benchmark"}
    # Four months foresee nothing.
    assert {row[1:] for row in rows} == {(False, True, True)}
    foreseen = day_by_day.query(
        "select count(*) from kpi.fct_kpi_outlook as one inner join registry.kpis using (kpi_id) "
        "where direction in ('higher', 'lower') and entity_id in (select entity_id "
        "from core.bridge_entity_units where entity_kind in ('site', 'enterprise'))"
    )
    # Plants of the company of which this small delivery knows no org unit can have no target.
    assert 0 < foreseen[0][0] < len(rows)
    assert [(sum(row[0] == "history" for row in rows),)] == foreseen
