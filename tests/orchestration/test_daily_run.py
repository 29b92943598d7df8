"""The whole way on a tiny company: exports in, Dagster's job, a published scorecard out."""

import dataclasses
import datetime as dt
import hashlib
import json
import shutil

import dagster as dg
import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.demo import TINY, generate
from orchestration.governance.questions import QUESTIONS
from orchestration.ledger.facts import read_facts
from orchestration.publication.scorecard import read_scorecard
from orchestration.publication.snapshot import read_current, verify
from orchestration.registry.load import load_registers
from orchestration.resources.warehouse import Warehouse
from orchestration.run import NothingToDoError, RunFailedError, publish_again, run_company
from orchestration.settings import Settings

# On every card of a site.
BROKEN = "KPI016"
FIRST, LAST = dt.date(2026, 10, 1), dt.date(2026, 10, 4)


def silent(_what, _done, _total):
    pass


def settings_of(home):
    return Settings.from_environment({"STEELYARD_HOME": str(home)})


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    landing = tmp_path_factory.mktemp("exports") / "inbox"
    generate(landing, size=TINY)
    return landing


@pytest.fixture(scope="module")
def company(tmp_path_factory, exports):
    """The company after its first delivery and then its daily ones."""
    settings = settings_of(tmp_path_factory.mktemp("home")).with_choices(landing=exports)
    first = run_company(settings, as_of=FIRST, report=silent)
    daily = run_company(settings, as_of=LAST, report=silent)
    return settings, first, daily


def _broken(question):
    """Return a question whose method fails on whatever there is, the judgements' on one KPI."""

    def method(*rows):
        is_judging = question.name == "kpi_judgements"
        if rows[0]["kpi_id"].eq(BROKEN).any() if is_judging else any(map(len, rows)):
            raise ZeroDivisionError("of rows")
        return question.method(*rows)

    return dataclasses.replace(question, method=method)


@pytest.fixture(scope="module")
def struck(tmp_path_factory, exports):
    """The company after its first delivery, on a day on which no method works."""
    settings = settings_of(tmp_path_factory.mktemp("struck")).with_choices(landing=exports)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orchestration.defs.QUESTIONS", tuple(map(_broken, QUESTIONS)))
        return settings, run_company(settings, as_of=FIRST, report=silent)


def test_a_run_loads_every_feed_and_publishes(company):
    settings, first, _ = company

    states = {feed.feed: feed.state for feed in first.feeds}
    # Nobody has recorded an act yet.
    assert states.pop("acts") == "never_delivered"
    assert set(states.values()) == {"ok"}
    assert sum(feed.rows_new for feed in first.feeds) > 0
    snapshot = read_current(settings.published)
    assert snapshot.as_of == LAST.isoformat()
    assert verify(snapshot) == []


def test_the_published_database_opens_in_tools_that_embed_an_older_engine(company):
    settings, _, _ = company
    database = read_current(settings.published).folder / "steelyard.duckdb"

    # Bytes 12 to 20 of a DuckDB file are its storage version: 64 to 67 are those of DuckDB 1.x.
    version = int.from_bytes(database.read_bytes()[12:20], "little")
    assert 64 <= version <= 67


def test_a_flipped_bit_in_a_published_file_is_found(company, tmp_path):
    settings, _, _ = company
    snapshot = read_current(settings.published)
    copy = tmp_path / "published"
    shutil.copytree(settings.published, copy, symlinks=True)
    damaged = (copy / "current").resolve() / snapshot.tables[0].file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    assert verify(read_current(copy)) == [snapshot.tables[0].file]


def test_a_second_run_does_nothing(company):
    settings, _, _ = company

    with pytest.raises(NothingToDoError, match="Nothing new"):
        run_company(settings, as_of=LAST, report=silent)


def test_the_command_line_never_moves_the_as_of_back(company):
    settings, _, _ = company

    with pytest.raises(RunFailedError, match="already stands at 2026-10-04"):
        run_company(settings, as_of=FIRST, report=silent)


def test_days_one_by_one_publish_what_all_at_once_publishes(company, exports, tmp_path):
    settings, _, _ = company
    at_once = settings_of(tmp_path).with_choices(landing=exports)

    run_company(at_once, as_of=LAST, report=silent)

    hashes = [
        {table.relation: table.content_hash for table in read_current(one.published).tables}
        for one in (settings, at_once)
    ]
    assert hashes[0] == hashes[1]


def test_dagster_remembers_the_run_with_its_files_and_checks(company):
    settings, first, _ = company
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        run = instance.get_run_by_id(first.run_id)
        assert run.status == dg.DagsterRunStatus.SUCCESS
        key = dg.AssetKey(["raw", "mes_production_counts"])
        metadata = instance.get_latest_materialization_event(key).asset_materialization.metadata
        checks = instance.event_log_storage.get_asset_check_summary_records(
            [dg.AssetCheckKey(key, "contract")]
        )
    with duckdb.connect(str(settings.company_home / "warehouse.duckdb")) as con:
        rows = con.execute("select count(*) from raw.mes_production_counts").fetchall()[0][0]
    assert metadata["dagster/row_count"].value == rows
    assert "sha256" in metadata["delivered_files"].value
    assert len(checks) == 1


def test_methods_that_fail_stop_no_publication_and_are_named(company, struck):
    settings, outcome = struck
    healthy, first, _ = company

    assert (first.unanswered, read_current(settings.published).as_of) == ((), FIRST.isoformat())
    named = {one["question_id"] for one in outcome.unanswered}
    # What a tiny company gives no rows is answered by no rows.
    assert {one.name for one in QUESTIONS} - named <= {"goal_scores", "target_impact"}
    judged = [one for one in outcome.unanswered if one["question_id"] == "kpi_judgements"]
    assert judged == [{"question_id": "kpi_judgements", "part_id": BROKEN}]
    assert any("every_question_has_an_answer" in one for one in outcome.warnings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        key = dg.AssetCheckKey(dg.AssetKey(["statistics", "kpi_judgements"]), "answered")
        (check,) = instance.event_log_storage.get_asset_check_summary_records([key]).values()
        check = check.last_check_execution_record.event.asset_check_evaluation
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"| kpi_judgements | {BROKEN} | ZeroDivisionError: of rows |" in (
        check.metadata["why"].value
    )
    for question in QUESTIONS:
        table = f"statistics.{question.name}"
        columns = [
            list(Warehouse.of(one).read(table, where="false")) for one in (settings, healthy)
        ]
        assert columns[0] == columns[1]


def test_what_lacks_judgements_can_be_told_by_who_locks(company, struck):
    for (settings, *_), lacks in ((company, False), (struck, True)):
        known = read_facts(settings, load_registers(settings.register_folders))
        current = read_current(settings.published).content_hash

        assert current in known.snapshots
        assert (current in known.unjudged_snapshots) is lacks


def test_what_has_no_answer_is_asked_again_as_of_the_day_it_is_published_for(exports, tmp_path):
    settings = settings_of(tmp_path).with_choices(landing=exports)
    # The company stands at the end of October, unless somebody says otherwise.
    later = dt.date(2026, 11, 2)
    with pytest.MonkeyPatch.context() as patch:
        broken = [_broken(one) if one.name == "kpi_comparisons" else one for one in QUESTIONS]
        patch.setattr("orchestration.defs.QUESTIONS", tuple(broken))
        assert run_company(settings, as_of=later, report=silent).unanswered

    outcome = run_company(settings, as_of=None, report=silent)

    assert (outcome.as_of, outcome.unanswered) == (later, ())
    with pytest.raises(NothingToDoError):
        run_company(settings, as_of=None, report=silent)


def test_a_card_says_what_was_not_judged_and_counts_the_rest(struck):
    settings, _ = struck
    card = read_scorecard(read_current(settings.published), "site", subject="DE01")

    (line,) = (one for one in card.lines if one.kpi_id == BROKEN)
    assert line.value is not None
    assert (line.band, line.variation, line.assurance, line.score) == (
        *("not_judged", "not_charted", "not_assessable"),
        None,
    )
    others = [one for one in card.lines if one.score is not None]
    assert BROKEN not in {one.kpi_id for one in others}
    assert card.measured_weight == pytest.approx(sum(one.weight for one in others))
    assert 0 < card.measured_weight <= 1 - line.weight
    assert card.total_score == pytest.approx(
        sum(one.weight * one.score for one in others) / card.measured_weight
    )


def test_a_failing_rule_on_a_mart_blocks_publication(struck, tmp_path, monkeypatch):
    settings, _ = struck
    before = read_current(settings.published)
    rules = tmp_path / "marts"
    shutil.copytree(settings.root / "expectations" / "marts", rules)
    file = rules / "kpi.fct_kpi_readings.yml"
    content = yaml.safe_load(file.read_text())
    content["rules"].append(
        {
            "id": "no_reading_is_final",
            "expectation": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "finality", "value_set": ["provisional"]},
            "severity": "quarantine",
            "owner": "tester",
        }
    )
    file.write_text(yaml.safe_dump(content))
    monkeypatch.setattr("orchestration.defs.publication.MART_RULES", rules)

    with pytest.raises(RunFailedError, match="no_reading_is_final"):
        run_company(settings, as_of=LAST, report=silent)

    # What failed the day before has been asked again.
    assert Warehouse.of(settings).read("governance.rpt_unanswered_questions").empty
    assert read_current(settings.published) == before
    with pytest.raises(RunFailedError, match=r"no_reading_is_final|stopped before publication"):
        publish_again(settings)


def test_the_command_line_answers_machines(company, monkeypatch):
    settings, _, _ = company
    monkeypatch.setenv("STEELYARD_HOME", str(settings.home))
    run = CliRunner()

    card = json.loads(run.invoke(app, ["scorecard", "--json"]).stdout)
    site = json.loads(run.invoke(app, ["scorecard", "--site", "DE01", "--json"]).stdout)
    published = json.loads(run.invoke(app, ["publish", "--json"]).stdout)

    assert card["subject_kind"] == "leader"
    assert sum(line["weight"] for line in card["lines"]) == pytest.approx(1)
    assert site["subject_id"] == "DE01"
    measured = [line for line in site["lines"] if line["score"] is not None]
    assert site["measured_weight"] == pytest.approx(sum(line["weight"] for line in measured))
    assert site["total_score"] == pytest.approx(
        sum(line["weight"] * line["score"] for line in measured) / site["measured_weight"]
    )
    assert published["as_of"] == LAST.isoformat()


def test_a_wrong_subject_is_refused_with_what_there_is(company, monkeypatch):
    settings, _, _ = company
    monkeypatch.setenv("STEELYARD_HOME", str(settings.home))

    result = CliRunner().invoke(app, ["scorecard", "--site", "XX99"])

    assert result.exit_code == 1
    assert "No scorecard for site XX99" in result.output


def test_landed_bytes_are_those_that_were_delivered(company, exports):
    settings, _, _ = company
    delivered = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in exports.rglob("*")
        if path.is_file()
    }
    landed = {
        path.name for path in (settings.company_home / "landing").rglob("*") if path.is_file()
    }

    assert delivered == landed
