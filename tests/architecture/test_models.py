"""How the dbt project must be built: layers, promises, portable SQL, nothing that drifts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from orchestration.contracts.dbt_sources import SOURCES_FILE, render_sources
from orchestration.contracts.load import load_contracts
from orchestration.registry.load import load_registers
from orchestration.registry.logic import models_by_measure

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "dbt_project" / "models").rglob("*.sql"))
MARTS = ("core", "governance", "kpi", "scorecard")
FEEDS = ("raw", "restricted")

# No model converts a zone or asks a clock: the guard stored UTC, wall clock and zone, and the
# as-of is a parameter of the run.
CLOCKS_AND_ZONES = [
    "current_date",
    "current_timestamp",
    "localtime",
    "now(",
    "today(",
    "at time zone",
]
# What DuckDB knows and Spark does not, or reads otherwise. It belongs into macros/portable.
DIALECT = [
    "qualify", "asof join", "arg_max(", "arg_min(", "range(", "generate_series(", "exclude (",
    "exclude(", "replace (", "strftime(", "strptime(", "date_diff(", "datediff(", "date_sub(",
    "date_add(", "date_part(", "unnest(", "pivot", "unpivot", "positional join", "quantile_cont(",
    "quantile(", "list_aggregate(", "list_transform(", "struct_pack(", "read_csv(",
    "read_parquet(", "string_agg(", "listagg(", "group by all", "order by all", "ilike",
    "epoch(", "epoch_ms(", "dayofweek(", "isodow(", "try_cast(", "regexp_matches(", "columns(",
    "using sample", "::", "hash(", "any_value(", "make_date(", "make_timestamp(", "interval ",
]  # fmt: skip

# Columns that are no amount and no count: what was divided or scored, and levels of a chart.
FRACTIONS = {
    "actual_value",
    "adjusted_p_value",
    "adjusted_value",
    "agreement_index",
    "alarms_per_month",
    "appeal_ratio",
    "autocorrelation",
    "baseline_value",
    "best_earns_most_share",
    "best_quarter_level",
    "better_earns_less_share",
    "better_than_share",
    "bic_gain",
    "bound_level",
    "break_autocorrelation",
    "budget_per_month",
    "busiest_share",
    "centre",
    "chance_flag_count",
    "charted_value",
    "cliff_share",
    "coefficient",
    "comparability_score",
    "computed_value",
    "contribution_value",
    "correlation_coefficient",
    "covariate_points",
    "cp",
    "cp_high",
    "cp_low",
    "cpk",
    "cpk_high",
    "cpk_low",
    "cpl",
    "cpm",
    "cpm_high",
    "cpm_low",
    "cpu",
    "detectable_value",
    "dispersion",
    "dispersion_high",
    "dispersion_low",
    "done_share",
    "drift_ratio",
    "effect_sd",
    "effect_value",
    "error_value",
    "estimate",
    "estimate_sd",
    "estimate_value",
    "even_level",
    "even_odds_level",
    "exact_p_value",
    "expected_count",
    "expected_pay",
    "expected_points",
    "expected_value",
    "fair_score",
    "false_alarms_per_month",
    "fidelity_share",
    "first_variance_inflation",
    "floor_level",
    "forecast_lift",
    "freedom",
    "gap_points",
    "gap_without_one_points",
    "high_adjusted_value",
    "high_coefficient",
    "high_placebo_value",
    "high_points",
    "high_score",
    "high_share",
    "high_share_ratio",
    "high_value",
    "high_without_value",
    "least_fidelity_share",
    "least_score",
    "locked_value",
    "low_adjusted_value",
    "low_coefficient",
    "low_placebo_value",
    "low_points",
    "low_score",
    "low_share",
    "low_share_ratio",
    "low_value",
    "low_without_value",
    "lower_limit",
    "luck_share",
    "mean_waited_days",
    "median_level",
    "mid_p_value",
    "new_expected_score",
    "new_mean_score",
    "new_odds_next_month",
    "new_odds_rest_of_period",
    "new_stretch_level",
    "new_target_level",
    "new_threshold_level",
    "nine_in_ten_level",
    "normalised_points",
    "odds_next_month",
    "odds_next_quarter",
    "old_expected_score",
    "old_mean_score",
    "old_odds_next_month",
    "old_odds_rest_of_period",
    "old_stretch_level",
    "old_target_level",
    "old_threshold_level",
    "one_in_ten_level",
    "original_target_level",
    "outcome_value",
    "overpaid",
    "own_value",
    "p_value",
    "parts_better_by",
    "parts_level",
    "pass_ratio",
    "pay_high",
    "pay_low",
    "peers_lower_limit",
    "peers_upper_limit",
    "peers_value",
    "phi",
    "placebo_p_value",
    "placebo_value",
    "power",
    "pp",
    "pp_high",
    "pp_low",
    "ppk",
    "ppk_high",
    "ppk_low",
    "practical_difference",
    "precision_high",
    "precision_low",
    "precision_share",
    "present_value",
    "previous_score",
    "previous_target_level",
    "previous_value",
    "probability_better",
    "probability_worse",
    "process_mean",
    "rater_points",
    "raw_score",
    "raw_value",
    "reading_value",
    "readings_per_month",
    "reliability",
    "residual_points",
    "residual_z",
    "same_pay_share",
    "score",
    "second_value",
    "second_variance_inflation",
    "share_ratio",
    "shift_sd",
    "sibling_moved_share",
    "sigma_overall",
    "sigma_within",
    "sigma_z",
    "size_shift",
    "spread_centre",
    "spread_ratio",
    "spread_upper_limit",
    "stability_change",
    "still_chance",
    "stretch_level",
    "target_level",
    "target_odds",
    "targeted_weight_share",
    "threshold_level",
    "tolerance",
    "total_score",
    "underpaid",
    "unit_points",
    "upheld_ratio",
    "upper_limit",
    "upper_quarter_level",
    "upper_tenth_level",
    "value_after",
    "value_before",
    "value_difference",
    "weight_share",
    "widening",
    "without_value",
    "z",
    "zero_share",
}


def plain_sql(text: str) -> str:
    """SQL in lower case without Jinja, comments and literals."""
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", text, flags=re.DOTALL)
    text = re.sub(r"--[^\n]*", " ", text)
    text = re.sub(r"'(?:[^']|'')*'", "''", text)
    return " ".join(text.lower().split())


def found(words: list[str], sql: str) -> list[str]:
    """Which of the words stand in the SQL, as whole words."""
    return [
        word
        for word in words
        if re.search((r"\b" if word[0].isalnum() else "") + re.escape(word), sql)
    ]


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("select * from days qualify row_number() over () = 1", "qualify"),
        ("select good::double from counts", "::"),
        ("select started_at AT TIME ZONE 'UTC' from states", "at time zone"),
        ("select today() - 1", "today("),
        ("select day + interval 1 day from days", "interval "),
    ],
)
def test_a_word_of_one_dialect_is_recognised(sql, word):
    assert word in found([*DIALECT, *CLOCKS_AND_ZONES], plain_sql(sql))


def test_words_in_comments_literals_and_macros_are_no_offence():
    sql = "-- qualify\nselect 'current_date', {{ add_days('d', 'now()') }} from arrange"

    assert found([*DIALECT, *CLOCKS_AND_ZONES], plain_sql(sql)) == []


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_asks_no_clock_and_converts_no_zone(path):
    assert found(CLOCKS_AND_ZONES, plain_sql(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_speaks_no_dialect_of_its_own(path):
    assert found(DIALECT, plain_sql(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_begins_with_what_one_row_is(path):
    text = re.sub(r"^{{ config\(.*?\) }}\n", "", path.read_text("utf-8"), flags=re.DOTALL)

    assert text.startswith("-- Grain: ")


def nodes(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(node: dict[str, Any]) -> str:
    return node["fqn"][1]


def test_only_staging_reads_what_the_guard_stored(manifest):
    readers = {
        layer(node)
        for node in nodes(manifest)
        for parent in node["depends_on"]["nodes"]
        if parent.startswith("source.") and manifest["sources"][parent]["source_name"] in FEEDS
    }

    assert readers == {"staging"}


def test_staging_reads_one_feed_and_no_model(manifest):
    for node in nodes(manifest):
        if layer(node) == "staging":
            parents = node["depends_on"]["nodes"]
            assert len(parents) == 1, node["name"]
            assert parents[0].startswith("source."), node["name"]


def test_every_feed_has_a_staging_model_that_a_model_reads(manifest):
    feeds = {
        unique_id
        for unique_id, source in manifest["sources"].items()
        if source["source_name"] in FEEDS
    }
    staged = {
        parent: node["unique_id"]
        for node in nodes(manifest)
        if layer(node) == "staging"
        for parent in node["depends_on"]["nodes"]
    }

    assert feeds == set(staged)
    read = {parent for node in nodes(manifest) for parent in node["depends_on"]["nodes"]}
    assert set(staged.values()) - read == set()
    # What is restricted is read by the audit's input alone, which lies apart with it.
    restricted = {staged[feed] for feed in feeds if ".restricted." in feed}
    readers = {
        node["unique_id"]
        for node in nodes(manifest)
        if restricted & set(node["depends_on"]["nodes"])
    }
    assert readers == {"model.steelyard.int_fairness__input"}
    assert {manifest["nodes"][name]["schema"] for name in restricted | readers} == {"restricted"}
    assert {manifest["nodes"][name]["access"] for name in restricted | readers} == {"private"}
    # No model reads that: the audit's results come by way of Python.
    assert readers & read == set()


def test_no_measure_rests_on_a_feed_that_touches_nothing():
    contracts = load_contracts(ROOT / "expectations" / "feeds")
    silent = {feed for feed, contract in contracts.items() if contract.touches == "nothing"}
    measures = load_registers((ROOT / "seeds" / "registry",)).measures

    assert silent
    assert silent & {feed for measure in measures.values() for feed in measure.feeds} == set()


def test_the_words_of_people_stay_with_the_guard(manifest):
    """Free text about persons and what is restricted is in no mart."""
    contracts = load_contracts(ROOT / "expectations" / "feeds")
    words = {
        spelt
        for contract in contracts.values()
        for name, column in contract.columns.items()
        if (column.kind == "text" and column.sensitivity == "personal")
        or (contract.sensitivity == "restricted" and column.kind == "code")
        for spelt in (name, f"{name}_code")
    }

    assert {"comment", "rationale", "gender_code"} <= words
    for mart in nodes(manifest):
        if layer(mart) == "marts":
            assert set(mart["columns"]) & (words - {"action_code"}) == set(), mart["name"]


def test_machine_tables_are_read_again_for_exactly_the_feeds_that_they_read(manifest):
    """`int_touched__production` names them; what else touches the same days leaves them alone."""
    parents = {
        name: node["depends_on"]["nodes"] for name, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
    }  # fmt: skip
    # What all models read: which days there are, and what this run touches.
    control = {"dim_days", "int_touched__ranges"}
    todo = [
        node["unique_id"]
        for node in nodes(manifest)
        if node["config"].get("meta", {}).get("touched_by") == "int_touched__machine_days"
    ]
    feeds, seen = set(), set()
    while todo:
        node = todo.pop()
        if node.startswith("source."):
            source = manifest["sources"][node]
            feeds |= {source["name"]} if source["source_name"] == "raw" else set()
        elif node not in seen and node.split(".")[-1] not in control:
            seen.add(node)
            todo += parents[node]
    path = ROOT / "dbt_project/models/intermediate/control/int_touched__production.sql"
    named = set(re.findall(r"'(\w+)'", path.read_text("utf-8").split("where")[-1]))

    # Time is named to be left out.
    assert named == feeds | {"time"}


def test_scorecards_are_read_by_no_model(manifest):
    for node in nodes(manifest):
        for parent in node["depends_on"]["nodes"]:
            assert ".rpt_" not in parent, node["name"]


def test_every_mart_promises_its_columns_and_describes_them(manifest):
    marts = [node for node in nodes(manifest) if layer(node) == "marts"]

    assert {node["fqn"][2] for node in marts} == set(MARTS)
    for mart in marts:
        assert mart["config"]["contract"]["enforced"], mart["name"]
        assert mart["description"], mart["name"]
        for column in mart["columns"].values():
            assert column["data_type"], (mart["name"], column["name"])
            assert column["description"], (mart["name"], column["name"])


def test_amounts_and_counts_in_marts_are_exact(manifest):
    inexact = {
        (mart["name"], column["name"])
        for mart in nodes(manifest)
        if layer(mart) == "marts"
        for column in mart["columns"].values()
        if column["data_type"].lower() in {"double", "float", "real"}
    }

    # DOUBLE sums differ from run to run; what is listed is divided or drawn, and never summed.
    assert {name for _, name in inexact} == FRACTIONS


def test_every_mart_is_tested_for_its_key(manifest):
    tested = {
        test["attached_node"].split(".")[-1]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test" and test["test_metadata"]["name"] == "unique_key"
    }
    marts = {node["name"] for node in nodes(manifest) if layer(node) == "marts"}

    assert marts - tested == set()


def test_dbt_sources_say_what_the_contracts_say():
    contracts = load_contracts(ROOT / "expectations" / "feeds")

    assert SOURCES_FILE.read_text("utf-8") == render_sources(contracts)


def test_measures_are_exactly_those_that_models_compute(manifest):
    declared = load_registers((ROOT / "seeds" / "registry",)).measures

    assert set(models_by_measure(manifest)) == set(declared)


def test_every_declared_kpi_is_one_loadable_file():
    files = list((ROOT / "seeds" / "registry" / "kpis").glob("*/*.yml"))
    kpis = load_registers((ROOT / "seeds" / "registry",)).kpis

    assert len(kpis) == len(files)
    assert {kpi.domain for kpi in kpis.values()} == {path.parent.name for path in files}
