"""dbt's own unit tests pass, and never run with the models."""

from __future__ import annotations

import json


def test_the_unit_tests_beside_the_models_pass(first_day):
    graph = json.loads(first_day.dbt.manifest_path.read_text(encoding="utf-8"))

    results = first_day.dbt._invoke(["test", "--select", "test_type:unit"], lambda _: None)

    wrong = {one.node.name: one.message for one in results if str(one.status) != "pass"}
    assert wrong == {}
    assert {one.node.unique_id for one in results} == set(graph["unit_tests"])
    assert len(results) >= 8


def test_building_a_model_does_not_run_its_unit_tests(first_day):
    node = "model.steelyard.int_touched__ranges"

    results = first_day.dbt.build([node], full_refresh=False, report=lambda _: None)

    assert [one.unique_id for one in results] == [node]
