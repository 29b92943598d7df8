"""The logic hash changes with what a KPI's figures rest on, and with nothing else."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
from pathlib import Path

import pytest
import yaml

from orchestration.registry.load import load_registers
from orchestration.registry.logic import (
    definition_bytes,
    logics,
    text_hash,
    without_comments,
)

SHIPPED = Path(__file__).parents[2] / "seeds" / "registry"

MEASURES = """
measures:
  - {id: good_qty, description: Good units, unit: units, entity_kind: work_unit,
     distribution: binomial, feeds: [counts]}
  - {id: produced_qty, description: All units, unit: units, entity_kind: work_unit,
     distribution: binomial, feeds: [counts]}
  - {id: orders_due, description: Orders due, unit: orders, entity_kind: site,
     distribution: binomial, feeds: [orders]}
"""
KPI = {
    "name": "A KPI",
    "question": "How good?",
    "definition": "Good by produced.",
    "unit": "ratio",
    "direction": "higher",
    "timing": "lagging",
    "domain": "production",
    "owner": "head",
    "steward": "steward",
    "cadence": "daily",
    "sensitivity": "internal",
    "grain": {"site": ["month"]},
    "chart": {"kind": "none", "why": "A test."},
    "versions": [{"version": 1, "valid_from": "2026-01-01", "change": "First."}],
}
YIELD = KPI | {
    "id": "YIELD",
    "numerator": [{"measure": "good_qty"}],
    "denominator": [{"measure": "produced_qty"}],
}
ORDERS = KPI | {"id": "ORDERS", "numerator": [{"measure": "orders_due"}]}


def model(name, code, *parents, macros=(), folder=("marts", "kpi")):
    return {
        "name": name,
        "resource_type": "model",
        "package_name": "p",
        "fqn": ["p", *folder, name],
        "raw_code": code,
        "depends_on": {
            "nodes": [f"model.p.{parent}" for parent in parents],
            "macros": [f"macro.p.{macro}" for macro in macros],
        },
    }


def project():
    """Counts and orders, each with its staging model; good and produced are columns of one."""
    union = (
        "{% set wide = {'int_measures__counts': ['good_qty', 'produced_qty']} %}\n"
        "{% for measure in wide %} select '{{ measure }}' as measure_id {% endfor %}"
    )
    models = [
        model("fct_measures", union, "int_measures__counts", "int_measures__orders"),
        model(
            "int_measures__counts",
            "-- Grain: a day.\nselect good_qty, produced_qty from {{ ref('stg_counts') }}",
            "stg_counts",
            "int_touched__days",
            macros=["add_days"],
        ),
        model(
            "int_measures__orders",
            "select 'orders_due' as measure_id, 1 as measure_value from {{ ref('stg_orders') }}",
            "stg_orders",
        ),
        model("stg_counts", "select * from counts where not is_test", folder=("staging", "mes")),
        model("stg_orders", "select * from orders", folder=("staging", "erp")),
        model("int_touched__days", "select 1", folder=("intermediate", "control")),
    ]
    macros = {
        f"macro.p.{name}": {
            "name": name,
            "package_name": "p",
            "macro_sql": text,
            "depends_on": {"macros": [f"macro.p.{parent}" for parent in parents]},
        }
        for name, text, parents in [
            ("add_days", "{% macro add_days() %}{{ dispatch() }}", ["duckdb__add_days"]),
            ("duckdb__add_days", "day + 1", []),
            ("unused", "nothing", []),
        ]
    }
    return {"nodes": {f"model.p.{node['name']}": node for node in models}, "macros": macros}


def registers(folder, **changes):
    (folder / "kpis").mkdir(exist_ok=True)
    (folder / "measures.yml").write_text(changes.pop("measures", MEASURES), encoding="utf-8")
    for entry in (YIELD | changes, ORDERS):
        text = yaml.safe_dump(entry)
        (folder / "kpis" / f"{entry['id']}.yml").write_text(text, encoding="utf-8")
    return load_registers([folder])


@pytest.fixture
def hashes(tmp_path):
    """Return the logic hashes of both KPIs after a change of the project or of YIELD's file."""

    def of(change=None, **fields):
        manifest = project()
        if change is not None:
            change(manifest["nodes"], manifest["macros"])
        found = logics(registers(tmp_path, **fields), manifest)
        return found["YIELD"].hash, found["ORDERS"].hash

    return of


def written(name, old, new):
    """Return a change of one word in the code of a model."""

    def change(nodes, _macros):
        node = nodes[f"model.p.{name}"]
        assert old in node["raw_code"]
        node["raw_code"] = node["raw_code"].replace(old, new)

    return change


def in_macro(name, text):
    def change(_nodes, macros):
        macros[f"macro.p.{name}"]["macro_sql"] = text

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(written("int_measures__counts", "a day.", "one day /* of { */"), id="comment"),
        pytest.param(written("int_measures__counts", ", ", "\n    ,\n"), id="layout"),
        pytest.param(written("int_touched__days", "1", "2"), id="which days a run replaces"),
        pytest.param(written("fct_measures", "'good_qty', ", "'good_qty', 'x', "), id="a measure"),
        pytest.param(in_macro("unused", "else"), id="a macro that nobody calls"),
    ],
)
def test_what_no_figure_rests_on_changes_no_hash(hashes, change):
    assert hashes(change) == hashes()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(written("int_measures__counts", "good_qty,", "0.9 * good_qty,"), id="factor"),
        pytest.param(written("stg_counts", "not is_test", "true"), id="a filter upstream"),
        pytest.param(in_macro("duckdb__add_days", "day + 2"), id="a macro below a macro"),
    ],
)
def test_a_change_of_the_sql_changes_the_kpis_that_read_it_and_no_other(hashes, change):
    (before, others_before), (after, others_after) = hashes(), hashes(change)

    assert after != before
    assert others_after == others_before


def test_a_change_of_how_all_measures_are_put_together_changes_all(hashes):
    (before, others_before), (after, others_after) = (
        hashes(),
        hashes(written("fct_measures", "measure_id ", "measure_id, 0.9 as x ")),
    )

    assert after != before
    assert others_after != others_before


@pytest.mark.parametrize(
    "fields",
    [
        {"numerator": [{"measure": "good_qty", "coefficient": 2}]},
        {"bands": {"floor": 0, "threshold": 0.5, "target": 0.8, "stretch": 0.9}},
        {"consequences": ["pay"], "consequences_from": dt.date(2026, 1, 1)},
        {"measures": MEASURES.replace("Good units", "Good units and rework")},
        {"measures": MEASURES.replace("feeds: [counts]", "feeds: [counts], over_time: last")},
    ],
    ids=["coefficient", "bands", "consequences", "meaning of a measure", "sum of a measure"],
)
def test_a_change_of_a_register_changes_the_hash_of_that_kpi_alone(hashes, fields):
    (before, others_before), (after, others_after) = hashes(), hashes(**fields)

    assert after != before
    assert others_after == others_before


def test_another_owner_or_steward_is_no_change(hashes):
    assert hashes(owner="somebody else", steward="another") == hashes()


def test_what_a_file_says_by_default_may_be_said(hashes):
    assert hashes(multiplier=1, consequences=[]) == hashes()


def test_the_hash_is_that_of_the_definition_and_the_definition_names_its_texts(tmp_path):
    logic = logics(registers(tmp_path), project())["YIELD"]

    assert logic.hash == hashlib.sha256(definition_bytes(logic.definition)).hexdigest()
    assert set(logic.definition["sql"]) == {
        "fct_measures",
        "int_measures__counts",
        "stg_counts",
        "macro add_days",
        "macro duckdb__add_days",
    }
    for name, found in logic.definition["sql"].items():
        assert text_hash(logic.texts[found]) == found, name
    counts = logic.definition["sql"]["int_measures__counts"]
    assert logic.texts[counts] == "select good_qty, produced_qty from {{ ref('stg_counts') }}"


def test_a_measure_that_nothing_computes_is_named(tmp_path):
    manifest = project()
    del manifest["nodes"]["model.p.int_measures__orders"]

    with pytest.raises(ValueError, match="ORDERS reads the measure orders_due, which no model"):
        logics(registers(tmp_path), manifest)


def test_marks_of_comments_within_literals_are_kept():
    sql = "select '--', \"/*\", 'it''s' -- it's\n/* 'x */ {# '#} from t"

    assert without_comments(sql) == "select '--', \"/*\", 'it''s'\n    from t"
    assert text_hash(sql) == text_hash("select '--', \"/*\", 'it''s' from t")


# --------------------------------------------------------------------- the project as it stands


@pytest.fixture(scope="module")
def shipped(manifest):
    return logics(load_registers([SHIPPED]), manifest)


def test_every_kpi_of_the_catalogue_rests_on_staging_models(shipped):
    for kpi, logic in shipped.items():
        names = logic.definition["sql"]
        assert any(name.startswith("stg_") for name in names), kpi
        assert not any("int_touched" in name for name in names), kpi


def test_scrap_rests_on_the_counts_of_the_machines_and_not_on_orders(shipped):
    names = set(shipped["KPI016"].definition["sql"])

    assert {"int_measures__production_days", "stg_mes__production_counts"} <= names
    assert not {"int_measures__orders", "int_measures__safety"} & names


def test_a_filter_in_a_staging_model_changes_the_kpis_below_it_alone(manifest, shipped):
    changed = copy.deepcopy(manifest)
    changed["nodes"]["model.steelyard.stg_ehs__incidents"]["raw_code"] += "\nwhere is_recordable"

    after = logics(load_registers([SHIPPED]), changed)

    differing = {kpi for kpi in shipped if after[kpi].hash != shipped[kpi].hash}
    # Accidents per hours worked: the recordable and the serious ones.
    assert differing == {"KPI039", "KPI040"}
