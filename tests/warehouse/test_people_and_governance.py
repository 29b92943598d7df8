"""Facts of people, audits and usage against the delivered files, read without the product."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise

import pytest
from openpyxl import load_workbook

from orchestration.publication.dossier import DossierError, write_dossier
from orchestration.publication.snapshot import PUBLISHED

from .conftest import LAST_DAY

LAST_PRODUCTION_DAY = LAST_DAY - dt.timedelta(days=1)


def rows_of(house, feed):
    """Records of all files of a feed, oldest delivery first, as text."""
    for path in house.delivered(feed):
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                yield from csv.DictReader(file)
        elif path.suffix == ".jsonl":
            yield from (json.loads(line) for line in path.read_text("utf-8").splitlines())
        elif path.suffix == ".json":
            yield from json.loads(path.read_text("utf-8"))["Report_Entry"]
        else:
            sheet = list(load_workbook(path).active.iter_rows(values_only=True))
            head = next(n for n, row in enumerate(sheet) if row[1] == "Version")
            yield from (dict(zip(sheet[head], row, strict=True)) for row in sheet[head + 1 :])


def american(text):
    return dt.datetime.strptime(text, "%m/%d/%Y").date() if text else None  # noqa: DTZ007


@pytest.mark.parametrize(
    ("kpi", "kind"), [("KPI062", "gemba_walk"), ("KPI063", "coaching_session")]
)
def test_done_and_planned_are_those_of_the_leaders_log(day_by_day, kpi, kind):
    planned = {
        (row["leader_id"], row["period"]): int(row["planned"])
        for row in rows_of(day_by_day, "leader_plans")
        if row["kind"] == kind and row["period"] <= str(LAST_PRODUCTION_DAY)
    }
    done = Counter(
        # The first ten letters are the day of the plant's wall clock.
        (row["leader_id"], row["event_ts"][:7] + "-01")
        for row in rows_of(day_by_day, "leader_behaviour_events")
        if row["kind"] == kind
    )
    expected = {
        key: (Decimal(min(done[key], plan)), Decimal(plan)) for key, plan in planned.items()
    }
    found = {
        (leader, str(month)): (top, bottom)
        for leader, month, top, bottom in day_by_day.query(
            "select entity_id, period_start_date, numerator, denominator "
            f"from kpi.fct_kpi_readings where kpi_id = '{kpi}' and entity_kind = 'leader' "
            "and period_kind = 'month' and denominator is not null"
        )
    }

    assert len(expected) > 30
    assert found == expected
    assert any(top < bottom for top, bottom in found.values())


def test_what_became_of_each_course(day_by_day):
    latest = {
        (row["Learner ID"], row["Item ID"], american(row["Assigned"])): row
        for row in rows_of(day_by_day, "hr_training_completions")
    }

    def outcome(row):
        due, done = american(row["Due"]), american(row["Completed"])
        if done:
            return "late" if due and done > due else "in_time"
        if row["Status"] == "Waived":
            return "waived"
        return "overdue" if due and due < LAST_PRODUCTION_DAY else "open"

    found = {
        tuple(key): code
        for *key, code in day_by_day.query(
            "select employee_id, course_id, assigned_date, outcome_code "
            "from core.fct_training_completions"
        )
    }

    assert found == {key: outcome(row) for key, row in latest.items()}
    assert {"late", "in_time", "open"} <= set(found.values())


def test_of_findings_and_actions_the_latest_version_counts(day_by_day):
    def latest(feed, name):
        versions = defaultdict(dict)
        for row in rows_of(day_by_day, feed):
            versions[row[name]][row["Version"]] = row
        return versions

    findings = {}
    for name, all_of in latest("audit_findings", "Finding").items():
        responded = all_of[max(all_of)]["Responded"]
        findings[name] = (max(all_of), responded and responded.date())
    assert len(findings) > 10
    assert findings == {
        name: (version, responded)
        for name, version, responded in day_by_day.query(
            "select finding_id, version_no, responded_date from core.fct_audit_findings"
        )
    }

    actions = {}
    for name, all_of in latest("corrective_actions", "Action").items():
        dues = [all_of[number]["Due"] for number in sorted(all_of)]
        moved = sum(after > before for before, after in pairwise(dues))
        actions[name] = (max(all_of), moved, dues[-1].date())
    assert actions == {
        name: (version, moved, due)
        for name, version, moved, due in day_by_day.query(
            "select action_id, version_no, times_put_off, due_date from core.fct_corrective_actions"
        )
    }


def test_a_ticket_stands_where_its_last_update_left_it(day_by_day):
    last = {}
    for row in rows_of(day_by_day, "support_tickets"):
        before = last.get(row["number"])
        if before is None or int(before["sys_mod_count"]) < int(row["sys_mod_count"]):
            last[row["number"]] = row
    words = {"New": "new", "Active": "active", "Awaiting User Info": "pending"}
    words |= {"Resolved": "resolved", "Closed": "closed"}

    def minute(text):
        return None if text == "?" else dt.datetime.strptime(text, "%d-%m-%Y %H:%M")  # noqa: DTZ007

    assert {
        name: (
            words[row["incident_state"]],
            minute(row["sys_updated_at"]),
            minute(row["closed_at"]),
            int(row["reopen_count"]),
        )
        for name, row in last.items()
    } == {
        name: tuple(rest)
        for name, *rest in day_by_day.query(
            "select ticket_id, state_code, updated_at_utc, closed_at_utc, reopen_count "
            "from core.fct_support_tickets"
        )
    }


def test_survey_groups_are_sums_of_five_answers_or_more(day_by_day):
    groups = defaultdict(list)
    for row in rows_of(day_by_day, "hr_engagement_survey"):
        if row["Answer"] != "N/A":
            groups[row["Survey"], row["Team"], row["Question"]].append(int(row["Answer"]))
    found = {
        tuple(key): (number, total)
        for *key, number, total in day_by_day.query(
            "select survey_id, org_unit_id, item_id, respondents, score_total "
            "from core.fct_survey_groups"
        )
    }

    assert found == {
        key: (len(scores), sum(scores)) for key, scores in groups.items() if len(scores) >= 5
    }
    # Both kinds of groups occur.
    assert 0 < len(found) < len(groups)


def test_feedback_groups_need_three_raters_who_handed_in(day_by_day):
    words = {"Self": "self", "Manager": "manager", "Peer": "peer"}
    words |= {"Direct Report": "direct_report", "Cross-functional": "cross_functional"}
    groups = defaultdict(dict)
    for row in rows_of(day_by_day, "hr_feedback_360"):
        if row["Rating"] and row["Submitted At"]:
            key = (row["Cycle"], row["Reviewee ID"], row["Behaviour"], words[row["Relationship"]])
            groups[key][row["Reviewer Token"]] = Decimal(row["Rating"])
    found = {
        tuple(key): (number, total)
        for *key, number, total in day_by_day.query(
            "select cycle_id, subject_id, behaviour_id, relationship_code, raters, score_total "
            "from core.fct_feedback_groups"
        )
    }

    assert found == {
        key: (len(said), sum(said.values()))
        for key, said in groups.items()
        if len(said) >= 3 or key[-1] in {"self", "manager"}
    }
    assert 0 < len(found) < len(groups)


def test_feedback_results_are_the_delivered_scores_and_small_groups_say_nothing(day_by_day):
    words = {"Manager": "manager", "Peer": "peer"}
    words |= {"Direct Report": "direct_report", "Cross-functional": "cross_functional"}
    said = defaultdict(lambda: defaultdict(dict))
    for row in rows_of(day_by_day, "hr_feedback_360"):
        if row["Rating"] and row["Submitted At"] and row["Relationship"] in words:
            key = (row["Cycle"], row["Reviewee ID"], words[row["Relationship"]])
            said[key][row["Reviewer Token"]][row["Behaviour"]] = float(row["Rating"])
    least = {"manager": 1}
    found = {
        tuple(key): figures
        for *key, raters, raw, refusal in day_by_day.query(
            "select cycle_id, subject_id, relationship_code, rater_count, raw_score, refusal "
            "from scorecard.fct_feedback_results where relationship_code <> '*'"
        )
        for figures in [(raters, raw, refusal)]
    }

    assert set(found) == set(said)
    for key, raters in said.items():
        if len(raters) < least.get(key[2], 3):
            assert found[key] == (0, None, "too_few_raters: fewer than 3 raters, nothing is shown")
            continue
        means = [sum(own.values()) / len(own) for own in raters.values()]
        assert found[key][:2] == (len(raters), pytest.approx(sum(means) / len(means)))
    assert {refusal is None for _, _, refusal in found.values()} == {True, False}
    assert "scorecard.fct_feedback_results" not in PUBLISHED


def test_every_newest_rating_is_kept_raw_and_counted_without_a_name(day_by_day):
    delivered = day_by_day.query(
        "select cycle_id, employee_id, rating_points from staging.stg_hr__ratings "
        "where stage_code <> 'appealed' "
        "qualify row_number() over (partition by cycle_id, employee_id "
        "order by version_no desc) = 1"
    )
    found = day_by_day.query(
        "select cycle_id, employee_id, raw_points, verdict, normalised_points, refusal "
        "from scorecard.fct_normalised_ratings"
    )

    assert found
    assert {row[:3] for row in found} == set(delivered)
    for _, _, _, verdict, normalised, refusal in found:
        assert (verdict is None) == (normalised is None) == (refusal is not None)
    outliers = Counter(cycle for cycle, _, _, verdict, *_ in found if (verdict or "")[:3] == "out")
    assert day_by_day.query(
        "select cycle_id, rated_count, outlier_count, unexplained_count, locked_from_utc "
        "from governance.rpt_rating_cycles order by 1"
    ) == [
        (cycle, rated, outliers[cycle], outliers[cycle], None)
        for cycle, rated in sorted(Counter(row[0] for row in found).items())
    ]
    personal = ("scorecard.fct_normalised_ratings", "governance.reg_rationale")
    assert not set(personal) & set(PUBLISHED)


def test_a_dossier_holds_what_is_on_record_and_says_when_a_file_was_changed(day_by_day, tmp_path):
    (cycle, employee, points), *_ = day_by_day.query(
        "select cycle_id, employee_id, raw_points from scorecard.fct_normalised_ratings "
        "order by verdict is null, 1, 2"
    )
    versions = day_by_day.query(
        f"select count(*) from governance.fct_rating_versions where employee_id = '{employee}'"
    )[0][0]
    with day_by_day.warehouse.connect() as con:
        said = write_dossier(
            con, tmp_path / "one", cycle=cycle, employee=employee, content_hash="f" * 64
        )
        with pytest.raises(DossierError, match="exists already"):
            write_dossier(
                con, tmp_path / "one", cycle=cycle, employee=employee, content_hash="f" * 64
            )
        with pytest.raises(DossierError, match="has no rating in never"):
            write_dossier(
                con, tmp_path / "two", cycle="never", employee=employee, content_hash="f" * 64
            )
    data = json.loads((tmp_path / "one" / "dossier.json").read_text("utf-8"))

    assert f"The rating of {points}" in said
    assert len(data["versions"]) == versions
    assert employee in (tmp_path / "one" / "README.md").read_text("utf-8")
    assert (tmp_path / "one").stat().st_mode & 0o077 == 0
    for line in (tmp_path / "one" / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "one" / name).read_bytes()).hexdigest() == digest


def test_consent_is_a_yes_in_force_and_nothing_else(day_by_day):
    newest = day_by_day.delivered("hr_consent")[-1]
    answers = json.loads(newest.read_text("utf-8"))["Report_Entry"]
    yes = {
        (one["employee_id"], one["purpose"], one["valid_from"], one["valid_to"] or "9999-12-31")
        for one in answers
        if one["granted"] == "1"
    }

    found = day_by_day.query(
        "select employee_id, purpose_code, valid_from::varchar, valid_to::varchar "
        "from core.bridge_consent"
    )
    assert set(found) == yes
    assert 0 < len(found) < len(answers)


def test_the_audit_knows_the_groups_of_those_who_agree_and_of_nobody_else(day_by_day):
    agreeing = {
        who
        for (who,) in day_by_day.query(
            "select employee_id from core.bridge_consent where purpose_code = 'bias_audit' "
            "and date '2026-10-04' between valid_from and valid_to"
        )
    }
    stated = {
        who: groups
        for who, *groups in day_by_day.query(
            "select employee_id, gender, age_band, ethnicity, disability "
            "from restricted.hr_demographics"
        )
    }
    found = day_by_day.query(
        "select distinct employee_id, attribute_name, group_code, has_consent "
        "from restricted.int_fairness__input"
    )

    names = ("gender", "age_band", "ethnicity", "disability")
    assert len(agreeing) > 5
    assert {who for who, _, _, agrees in found if agrees} <= agreeing
    assert {who for who, _, group, _ in found if group} <= agreeing
    for who, attribute, group, agrees in found:
        assert agrees == (who in agreeing)
        if agrees and who in stated:
            assert group == stated[who][names.index(attribute)]
    # A tiny company has too few people for any figure of a group, and says so.
    audit = day_by_day.query(
        "select group_code, estimate_value, refusal from governance.fct_fairness_audit "
        "where attribute_name <> '*'"
    )
    assert audit
    assert all(value is None and refusal for _, value, refusal in audit)


def test_usage_is_counted_by_day_and_names_nobody(day_by_day):
    events, users = Counter(), defaultdict(set)
    for row in rows_of(day_by_day, "bi_usage_log"):
        key = (row["event_ts"][:10], row["action"], row["object_id"] or "none")
        events[key] += 1
        users[key].add(row["user_id"])

    assert {
        tuple(key): (number, people)
        for *key, number, people in day_by_day.query(
            "select usage_date::varchar, action_code, object_id, event_count, user_count "
            "from core.fct_usage_days"
        )
    } == {key: (number, len(users[key])) for key, number in events.items()}


def test_an_override_of_one_pair_of_eyes_is_set_aside_and_the_others_are_kept(day_by_day):
    asked = {
        row["override_id"]: row["requested_by"] == row["approved_by"]
        for row in rows_of(day_by_day, "kpi_overrides")
    }
    kept = {name for (name,) in day_by_day.query("select override_id from core.fct_kpi_overrides")}

    assert kept == {name for name, alone in asked.items() if not alone}
    assert list(asked.values()).count(True) == 1
    assert day_by_day.query(
        "select rule_id, owner from ops.quarantine where feed = 'kpi_overrides'"
    ) == [("nobody_approves_his_own_override", "target-steward")]


def test_nothing_of_the_restricted_schema_is_anywhere_else(day_by_day):
    columns = {"gender", "age_band", "ethnicity", "disability", "tenure_band"}
    named = day_by_day.query(
        "select distinct schema_name, table_name from duckdb_columns() where not internal "
        f"and regexp_replace(column_name, '_code$', '') in {tuple(sorted(columns))}"
    )

    assert set(named) == {
        ("restricted", "hr_demographics"),
        ("restricted", "stg_restricted__demographics"),
    }
    assert not [name for name in PUBLISHED if name.startswith(("raw.", "restricted."))]
    assert "governance.fct_fairness_audit" not in PUBLISHED
    assert day_by_day.query("select count(*) from restricted.hr_demographics")[0][0] == 60
    lake = day_by_day.settings.company_home
    assert not (lake / "lake" / "hr_demographics").exists()
    assert len(list((lake / "restricted" / "lake" / "hr_demographics").iterdir())) == 1
