"""Three years of decisions hold what they claim to hold, and the ledger alone shows it."""

import dataclasses
import datetime as dt
import shutil
from collections import Counter

import pytest

from orchestration.demo.decisions import DISPUTE_DAYS, DRIFT_STEPS, decide
from orchestration.governance.feasibility import Forecast
from orchestration.ledger.office import Office
from orchestration.ledger.opening import open_ledger
from orchestration.ledger.projection import rectangles
from orchestration.ledger.verify import verify
from orchestration.publication.snapshot import read_current
from orchestration.settings import Settings

SEED = 20_231_001


@pytest.fixture(scope="module")
def decided(tiny_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("decided") / "home"
    shutil.copytree(tiny_home, home, symlinks=True)
    settings = Settings.from_environment({"STEELYARD_HOME": str(home)})
    snapshot = read_current(settings.published)
    office = Office.of(settings, open_ledger(settings))
    planted = decide(
        office,
        seed=SEED,
        today=dt.date.fromisoformat(snapshot.as_of),
        snapshot=snapshot.content_hash,
    )
    office.ledger.anchor()
    return office, planted, list(office.ledger.entries())


def test_the_history_is_whole_and_in_order(decided):
    office, planted, entries = decided
    assert verify(office.ledger, office.ledger.anchors).first_bad is None
    assert Counter(entry.payload["outcome"] for entry in entries) == planted.outcomes
    assert entries[-1].recorded_at - entries[0].recorded_at > dt.timedelta(days=365)


def test_what_was_to_be_refused_is_refused_and_nothing_else(decided):
    _, planted, entries = decided
    refused = [entry.seq for entry in entries if entry.payload["outcome"] == "refused"]
    assert sorted(planted.refused) == refused
    assert len({entry.payload["refusal"] for entry in entries if entry.seq in refused}) >= 5


def test_the_drifting_goalpost_gets_easier_step_by_step(decided):
    office, planted, entries = decided
    subject = "|".join(
        ("target", *(planted.goalpost_drift[name] for name in ("kpi_id", "org_unit_id", "period")))
    )
    held = [
        one
        for one in rectangles(entries, office.rulebook.types.ending())
        if one.subject == subject and one.recorded_to is None
    ]
    targets = [float(one.fields["target"]) for one in sorted(held, key=lambda one: one.valid_from)]
    # OEE is better when higher: each step asks for less than the one before.
    assert len(targets) == 1 + DRIFT_STEPS
    assert targets[1:] == sorted(targets[1:], reverse=True)
    assert [one.act_seq for one in held if one.act_type == "target.change"] == (
        planted.goalpost_drift["acts"]
    )


def test_the_disputed_target_was_agreed_on_after_ten_weeks_of_counter_proposals(decided):
    _, planted, entries = decided
    agreed = next(entry for entry in entries if entry.seq == planted.disputed_target["act"])
    about = [entry for entry in entries if entry.payload["subject"] == agreed.payload["subject"]]
    assert [entry.payload["act_type"] for entry in about] == [
        "target.propose",
        "target.counter",
        "target.counter",
        "decision.approve",
    ]
    waited = agreed.recorded_at.date() - about[0].recorded_at.date()
    assert waited == dt.timedelta(days=DISPUTE_DAYS)
    assert agreed.payload["completes"] == about[2].seq


def test_the_unjust_override_is_in_force_and_shows_less_scrap_than_was_computed(decided):
    office, planted, entries = decided
    [held] = [
        one
        for one in rectangles(entries, office.rulebook.types.ending())
        if one.act_seq == planted.unjust_override["act"]
    ]
    assert held.recorded_to is None
    assert float(held.fields["new_value"]) < float(planted.unjust_override["computed"])


def test_another_seed_decides_otherwise_and_the_same_seed_the_same(decided, tiny_home, tmp_path):
    _, _, entries = decided
    said = {}
    for seed in (SEED, SEED + 1):
        home = tmp_path / str(seed)
        shutil.copytree(tiny_home, home, symlinks=True)
        settings = Settings.from_environment({"STEELYARD_HOME": str(home)})
        snapshot = read_current(settings.published)
        office = Office.of(settings, open_ledger(settings))
        decide(
            office,
            seed=seed,
            today=dt.date.fromisoformat(snapshot.as_of),
            snapshot=snapshot.content_hash,
        )
        said[seed] = [entry.payload for entry in office.ledger.entries()]
    assert said[SEED] == [entry.payload for entry in entries]
    assert said[SEED + 1] != said[SEED]


def test_a_target_that_a_forecast_rules_out_is_refused_and_then_let_stand(
    tiny_home, tmp_path_factory
):
    home = tmp_path_factory.mktemp("foreseen") / "home"
    shutil.copytree(tiny_home, home, symlinks=True)
    settings = Settings.from_environment({"STEELYARD_HOME": str(home)})
    snapshot = read_current(settings.published)
    office = Office.of(settings, open_ledger(settings))
    today = dt.date.fromisoformat(snapshot.as_of)
    site = min(entity for kind, entity in office.facts.entities if kind == "site")
    # Two months of the tiny company foresee nothing; a scrap ratio of 0.10 is far from 0.02.
    forecast = Forecast(dt.date(2026, 8, 1), 0.11, 0.10, 0.09, tested=33, held=28)
    facts = dataclasses.replace(office.facts, forecasts={("KPI016", "site", site): forecast})
    office = dataclasses.replace(office, facts=facts)
    planted = decide(office, seed=SEED, today=today, snapshot=snapshot.content_hash)

    [let_stand] = planted.against_the_odds
    said = [
        entry.payload for entry in office.ledger.entries(subject=f"target|KPI016|S-{site}|2028")
    ]
    assert [(one["act_type"], one["outcome"]) for one in said] == [
        ("target.propose", "refused"),
        ("target.propose", "pending"),
    ]
    assert "the odds that site" in said[0]["refusal"]
    assert office.ledger.entry(let_stand).payload == said[1]


def test_some_lines_do_all_steps_of_a_trial_in_time_and_the_others_none(
    tiny_home, tmp_path_factory
):
    home = tmp_path_factory.mktemp("stepped") / "home"
    shutil.copytree(tiny_home, home, symlinks=True)
    settings = Settings.from_environment({"STEELYARD_HOME": str(home)})
    snapshot = read_current(settings.published)
    office = Office.of(settings, open_ledger(settings))
    today = dt.date.fromisoformat(snapshot.as_of)
    lines = sorted(entity for kind, entity in office.facts.entities if kind == "line")[:4]
    declared = {
        ("trial", line, step): due
        for line in lines
        for step, due in (
            ("trained", today - dt.timedelta(days=40)),
            ("tools", today - dt.timedelta(days=9)),
            ("audited", today + dt.timedelta(days=9)),
        )
    }
    facts = dataclasses.replace(office.facts, trial_steps=declared)
    office = dataclasses.replace(office, facts=facts)
    planted = decide(office, seed=SEED, today=today, snapshot=snapshot.content_hash)
    held = rectangles(office.ledger.entries(), office.rulebook.types.ending())
    done = [one for one in held if one.register == "trial_step"]

    assert planted.undone_steps == [("trial", line) for line in lines[::3]]
    idle = {line for _, line in planted.undone_steps}
    assert sorted((one.fields["entity_id"], one.fields["step_id"]) for one in done) == [
        (line, step) for line in lines if line not in idle for step in ("tools", "trained")
    ]
    for one in done:
        due = declared["trial", one.fields["entity_id"], one.fields["step_id"]]
        assert one.fields["done_on"] == (due - dt.timedelta(days=1)).isoformat()
