"""What is typed becomes acts: flags, files, refusals with exit code 1, and what is looked up."""

import datetime as dt
import json

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.ledger.office import SubmissionError, read_submissions
from orchestration.ledger.opening import open_ledger
from orchestration.publication.snapshot import publish
from orchestration.settings import Settings
from tests.ledger.acts import act, clock


@pytest.fixture
def steelyard(tmp_path, monkeypatch):
    """The command line over a home in which nothing has been published yet."""
    monkeypatch.setenv("STEELYARD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STEELYARD_ACTOR", raising=False)
    return lambda *words: CliRunner().invoke(app, list(words))


def test_a_refused_act_ends_with_code_1_and_is_an_entry(steelyard):
    result = steelyard("act", "target.propose", "--actor", "E1", "--kpi-id", "KPI016")

    assert result.exit_code == 1
    assert "target.propose lacks org_unit_id, period, threshold, target, stretch, reason" in (
        " ".join(result.output.split())
    )
    [entry] = json.loads(steelyard("acts", "list", "--json").output)
    assert (entry["seq"], entry["actor"], entry["outcome"]) == (1, "E1", "refused")
    assert entry["fields"] == {"kpi_id": "KPI016"}
    assert steelyard("ledger", "verify").exit_code == 0


def test_what_an_earlier_version_published_is_said_to_be_too_old_for_acts(steelyard):
    settings = Settings.from_environment()
    with duckdb.connect() as con:
        con.execute("create schema core; create table core.dim_org_units (org_unit_id varchar)")
        publish(
            con,
            settings.published,
            company="demo",
            as_of=dt.date(2026, 9, 30),
            relations={"core.dim_org_units": ("org_unit_id",)},
            keep_days=7,
        )

    result = steelyard("act", "target.propose", "--actor", "E1", "--kpi-id", "KPI016")

    assert result.exit_code == 1
    assert "an earlier version published it. Run `steelyard run` first." in (
        " ".join(result.output.split())
    )
    assert "There are none." in steelyard("acts", "list").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("target.propose", "KPI016"), "'KPI016' stands alone: write --field VALUE."),
        (("target.propose", "--kpi-id"), "--kpi-id has no value: write --kpi-id VALUE."),
        (("target.propose", "--valid-from", "soon"), "takes a day like 2026-03-31, not 'soon'"),
        (("decision.approve", "--answers", "him"), "takes the number of an act, not 'him'"),
        ((), "Name a type of act, or a file with --from"),
        (("target.loosen", "--list"), "There is no act 'target.loosen'"),
    ],
)
def test_what_cannot_be_understood_is_said_and_recorded_nowhere(steelyard, words, said):
    result = steelyard("act", *words)

    assert result.exit_code == 1
    assert said in " ".join(result.output.split())
    assert "There are none." in steelyard("acts", "list").output


def test_a_type_says_what_it_asks(steelyard):
    shown = steelyard("act", "override.request", "--list").output
    assert "--expires-on" in shown
    assert "On which day does it end at the latest?" in " ".join(shown.split())
    assert "override.request" in steelyard("act", "--list").output


def test_a_number_that_no_act_has_is_said(steelyard):
    result = steelyard("acts", "show", "7")
    assert result.exit_code == 1
    assert "There is no act 7; the ledger has 0." in " ".join(result.output.split())


def test_whoever_looks_at_a_waiting_target_sees_what_the_last_run_simulated(steelyard):
    settings = Settings.from_environment()
    fields = {"kpi_id": "KPI006", "org_unit_id": "S-A", "period": "2027", "target": "0.64"}
    asked = act(act_type="target.propose", outcome="pending", fields=fields)
    with open_ledger(settings).writing(now=clock) as writer:
        writer.append_many([asked, asked | {"subject": "target|KPI006|S-B|2027"}])
    with duckdb.connect() as con:
        con.execute("create schema governance")
        con.execute(
            "create table governance.rpt_target_impact as select 1 as act_seq, 'KPI006' as kpi_id, "
            "'site' as entity_kind, 'A' as entity_id, '2027' as period_label, 12 as month_count, "
            "0.66 as old_target_level, 0.64 as new_target_level, 3 as old_met_count, "
            "12 as new_met_count, 7.31 as old_mean_score, 8.23 as new_mean_score, "
            "null::double as old_expected_score, 8.2 as new_expected_score, "
            "0.0812 as old_odds_next_month, 0.9998 as new_odds_next_month, "
            "0.01 as old_odds_rest_of_period, 0.99 as new_odds_rest_of_period, "
            "null::varchar as refusal"
        )
        publish(
            con,
            settings.published,
            company="demo",
            as_of=dt.date(2026, 9, 30),
            relations={"governance.rpt_target_impact": ("act_seq",)},
            keep_days=7,
        )

    shown = steelyard("acts", "show", "1").output
    told = [" ".join(line.split()) for line in shown.splitlines()]
    assert "KPI006 of site A, if nothing changes:" in told
    assert "Target 0.66 0.64" in told
    assert "Months met, of the last 12 3 12" in told
    assert "Mean score of these months 7.3 8.2" in told
    assert "Score of the expected next month – 8.2" in told  # noqa: RUF001 (an absent figure)
    assert "Odds of the next month 8% 100%" in told
    assert "Odds of 2027 as a whole 1% 99%" in told
    waiting = json.loads(steelyard("acts", "pending", "--json").output)
    assert [one.get("impact", [{}])[0].get("new_met_count") for one in waiting] == [12, None]
    assert "Months met" in steelyard("acts", "pending").output
    # The second one was recorded after the run.
    assert "is not simulated" in " ".join(steelyard("acts", "show", "2").output.split())


def test_whoever_was_told_and_has_not_acknowledged_is_listed(steelyard):
    settings = Settings.from_environment()
    assert "There are none." in steelyard("acts", "notices").output
    with duckdb.connect() as con:
        con.execute("create schema governance")
        con.execute(
            "create table governance.fct_notices as select * from (values "
            "(1, 'E2', 'target.change', 'target|KPI006|S-A|2026', timestamp '2026-09-01 08:00:00', "
            "true, true), (1, 'E3', 'target.change', 'target|KPI006|S-A|2026', "
            "timestamp '2026-09-01 08:00:00', false, false), "
            "(2, 'E3', 'dispute.rule', 'dispute|1', timestamp '2026-09-29 08:00:00', true, false)) "
            "as told(act_seq, person_id, act_type, subject_key, told_since_utc, is_open, "
            "is_reminder_due)"
        )
        publish(
            con,
            settings.published,
            company="demo",
            as_of=dt.date(2026, 9, 30),
            relations={"governance.fct_notices": ("act_seq", "person_id")},
            keep_days=7,
        )

    shown = [" ".join(one.split()) for one in steelyard("acts", "notices").output.splitlines()]
    assert shown == [
        "1 2026-09-01 E2 target.change KPI006 S-A 2026 reminder due",
        "2 2026-09-29 E3 dispute.rule 1",
    ]
    mine = json.loads(steelyard("acts", "notices", "--for", "E3", "--all", "--json").output)
    assert [(one["act_seq"], one["is_open"]) for one in mine] == [(1, False), (2, True)]


def test_a_csv_file_holds_an_act_per_row_with_lists_between_semicolons(tmp_path):
    path = tmp_path / "acts.csv"
    path.write_text(
        "type,answers,valid_from,kpi_id,evidence,reason\n"
        "target.propose,,2026-03-01,KPI016,letter; minutes,Because we can.\n"
        "decision.approve,12,,,,\n"
    )

    first, second = read_submissions(path, actor="E1")

    assert (first.act_type, first.actor, first.valid_from) == (
        "target.propose",
        "E1",
        dt.date(2026, 3, 1),
    )
    assert first.fields == {
        "kpi_id": "KPI016",
        "evidence": ["letter", "minutes"],
        "reason": "Because we can.",
    }
    assert (second.refers_to, second.fields) == (12, {})


def test_a_yaml_file_may_name_another_actor_per_act(tmp_path):
    path = tmp_path / "acts.yml"
    path.write_text("- {type: consent.give, actor: E5, person_id: E5, purpose: benchmarking}\n")

    [submission] = read_submissions(path, actor="E1")

    assert (submission.actor, submission.fields["purpose"]) == ("E5", "benchmarking")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("acts.txt", "", "name a file that ends in .yml or .csv"),
        ("acts.yml", "type: one", "it holds no list of acts"),
        ("acts.yml", "- {reason: none}", "act 1: it names no type"),
        ("acts.yml", "- {type: a.b, answers: him}", "answers must be the number of an act"),
        ("acts.csv", "type,valid_from\na.b,soon\n", "valid_from is 'soon'"),
        ("acts.csv", "type\na.b,one too many\n", "more cells than the header"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SubmissionError, match=said):
        read_submissions(path, actor="E1")
    with pytest.raises(SubmissionError, match="does not exist"):
        read_submissions(tmp_path / "gone.csv", actor="E1")
