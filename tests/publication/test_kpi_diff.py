"""What `steelyard kpi diff` says, to people and to machines, and when there is nothing to say."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.publication.kpi_diff import (
    EntityChange,
    FieldChange,
    KpiDiff,
    ShadowRun,
    SqlChange,
    field_changes,
    sql_changes,
)
from orchestration.publication.terminal import diff_view
from orchestration.registry.logic import Logic, text_hash

SHADOW = ShadowRun(
    old_as_of="2026-10-03",
    new_as_of="2026-10-04",
    compared=12,
    changed=3,
    largest_change=-0.25,
    only_old=0,
    only_new=2,
    entities=(
        EntityChange("site", "A", 6, 3, -0.25),
        EntityChange("site", "B", 6, 0, None),
    ),
)
DIFF = KpiDiff(
    kpi_id="KPI016",
    old_hash="a" * 64,
    new_hash="b" * 64,
    approved_by_act_seq=7,
    is_withheld=True,
    fields=(FieldChange("multiplier", "-", '"100"'),),
    sql=(SqlChange("int_counts", "--- int_counts (old)\n-select 1\n+select [2]"),),
    shadow=SHADOW,
)


def logic(measures, **texts):
    definition = {
        "kpi": {"id": "K", "unit": "ratio"},
        "measures": measures,
        "sql": {name: text_hash(sql) for name, sql in texts.items()},
    }
    return Logic("K", "0" * 64, definition, {text_hash(sql): sql for sql in texts.values()})


def shown(diff):
    console = Console(file=io.StringIO(), width=100)
    console.print(diff_view(diff))
    return " ".join(console.file.getvalue().split())


def test_fields_of_the_measures_are_compared_under_their_names():
    old = logic({"m": {"over_time": "last"}, "gone": {"unit": "h"}})
    new = logic({"m": {"over_time": "average"}})

    assert field_changes(old, new) == (
        FieldChange("measure gone: unit", '"h"', "-"),
        FieldChange("measure m: over_time", '"last"', '"average"'),
    )


def test_a_model_that_came_or_went_is_shown_whole_and_an_equal_one_not_at_all():
    changes = sql_changes(logic({}, same="select 0", gone="a"), logic({}, same="select 0", new="b"))

    assert [(one.name, one.diff.splitlines()[-1]) for one in changes] == [
        ("gone", "-a"),
        ("new", "+b"),
    ]


def test_a_person_reads_who_approved_what_and_what_changes_where():
    text = shown(DIFF)

    for said in (
        f"Old: logic {'a' * 64}, approved by act 7.",
        'multiplier - "100"',
        "-select 1 +select [2]",
        "site A 6 3 -0.25",
        "site B 6 0",
        "Of 12 readings that both have, the new definition changes 3, by up to -0.25; 0 are only",
        "Old figures as of 2026-10-03, new ones as of 2026-10-04: what was delivered between",
    ):
        assert said in text


def test_equal_definitions_and_unbuilt_ones_are_said_to_be_so():
    same = KpiDiff("K", "a" * 64, "a" * 64, None, False, (), (), None)
    unbuilt = KpiDiff("K", "a" * 64, "b" * 64, None, False, (), (), None)

    assert shown(same).endswith("They are the same.")
    assert "published last; no act has put the KPI under change control" in shown(same)
    assert shown(unbuilt).endswith("No run has built the new definition yet: run `steelyard run`.")


@pytest.mark.parametrize(
    ("kpi", "sentence"),
    [("KPI999", "There is no KPI KPI999; there are KPI001"), ("KPI016", "Nothing has been built")],
)
def test_without_a_kpi_or_a_run_one_sentence_says_what_to_do(tmp_path, monkeypatch, kpi, sentence):
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path))
    monkeypatch.setenv("STEELYARD_COMPANY", "demo")

    result = CliRunner().invoke(app, ["kpi", "diff", kpi])

    assert result.exit_code == 1
    assert sentence in " ".join(result.output.split())
