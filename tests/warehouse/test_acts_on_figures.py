"""What acts do to figures, on hand-made readings of the scrap ratio (KPI016, better when lower).

Its register: floor 0.10 (no points), threshold 0.04 (5), target 0.02 (8), stretch 0.005 (10).
Its counts are complete three days after a period's end: March was final from 4 April on.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest

from orchestration.governance.questions import QUESTIONS
from orchestration.ledger.landing import line as landed
from orchestration.ledger.store import Recorded
from orchestration.publication.standing import write_standing

from .conftest import Bare, line, machine

AS_OF = "2026-08-10"
KPI, SITE = "KPI016", "DE01"
LATENCY = dt.timedelta(days=3)
BUILT_FIRST = (
    *("int_locks__in_force", "int_kpis__publication"),
    *("reg_override", "reg_target", "reg_annotation", "reg_dispute", "fct_kpi_readings"),
    *("rpt_goalpost_drift", "rpt_accountability", "fct_rating_versions", "rpt_appeal_rates"),
    "rpt_kpi_review",
    # Whatever a test looks at, Python is asked all questions.
    *sorted(
        {
            source.split(".")[1]
            for question in QUESTIONS
            for source in question.sources
            if source.startswith(("intermediate.", "restricted."))
        }
    ),
)
# What reads what Python finds, or what stands.
JUDGED = (
    *("fct_restatements", "fct_kpi_judgements", "rpt_target_impact"),
    *("rpt_site_scorecard", "rpt_leader_scorecard", "rpt_signal_precision"),
)
RESULTS = (*BUILT_FIRST, *JUDGED)


def unit(name, parent, leader, kind, site):
    return {
        "org_unit_id": name, "name": name, "parent_id": parent, "kind": kind, "leader_id": leader,
        "site": site, "valid_from": "2020-01-01", "valid_to": None,
    }  # fmt: skip


class Plant(Bare):
    """Two sites, one with a line; readings and acts are what a test says."""

    def settle(self) -> None:
        self.begin(dt.date.fromisoformat(AS_OF))
        self.accept(*self.company.canonical, on=AS_OF)
        self.write(
            "hr_org_units",
            unit("ENT", None, "E1", "enterprise", None),
            unit("S-DE01", "ENT", "E2", "site", "DE01"),
            unit("L-1", "S-DE01", "E3", "line", "DE01"),
            unit("S-IN01", "ENT", "E4", "site", "IN01"),
        )
        self.write(
            "mes_equipment",
            *(
                {"machine_id": site, "site": site, "level": "site", "name": site,
                 "org_unit_id": f"S-{site}", "valid_from": "2020-01-01"}
                for site in ("DE01", "IN01")
            ),
            line("L1", unit="L-1"), machine("M1", "L1"),
        )  # fmt: skip
        # The days of the calendar begin with what operations first told.
        self.write(
            "ehs_hours_worked",
            {"site": "DE01", "period": "2026-01-01", "person_kind": "employee", "hours": 1},
        )
        self.touch(("2026-01-01", "2026-08-09"))
        self.build_with_parents(*BUILT_FIRST)
        latency = "select latency_days from intermediate.int_kpis__inputs where kpi_id = ?"
        assert self.query(latency, [KPI]) == [(LATENCY.days,)]

    def readings(self, *rows: tuple[str, str, str, float | None, str, str]) -> None:
        """Replace what was computed: kind, entity, month, value, finality, trust."""
        self.execute("delete from intermediate.int_readings__computed")
        for kind, entity, month, value, finality, trust in rows:
            first = dt.date.fromisoformat(month)
            end = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
            with self.warehouse.connect() as con:
                con.execute(
                    "insert into intermediate.int_readings__computed by name select ? as kpi_id, "
                    "? as entity_kind, ? as entity_id, 'month' as period_kind, "
                    "?::date as period_start_date, ?::date as period_end_date, 'ratio' as unit, "
                    "? as numerator, 1000 as denominator, 1000 as n, ? as reading_value, "
                    "? as finality, ? as trust_state, ? as trust_reason, ? as final_on_date, "
                    "1 as definition_version, 'h' as definition_hash",
                    [
                        *(KPI, kind, entity, first, end, None if value is None else value * 1000),
                        *(value, finality, trust, None if trust == "ok" else f"Why {trust}."),
                        end + LATENCY,
                    ],
                )

    def decide(self, *entries: Recorded, as_of: str = AS_OF) -> None:
        """Let these acts be all that is recorded, on another day if need be, and build."""
        self.execute("delete from raw.acts")
        with self.warehouse.connect() as con:
            for entry in entries:
                row = landed(entry)
                row["recorded_ts_utc"] = entry.recorded_at.replace(tzinfo=None)
                del row["recorded_ts"]
                marks = ", ".join("?" for _ in row)
                con.execute(
                    f"insert into raw.acts ({', '.join(row)}) values ({marks})", list(row.values())
                )
        self.execute(f"update intermediate.int_run__parameters set as_of_date = date '{as_of}'")
        acts = self._downstream("model.steelyard.stg_ledger__acts")
        wanted = {f"model.steelyard.{name}" for name in RESULTS}
        todo = list(wanted)
        while todo:
            parents = [one for one in self.parents[todo.pop()] if one.startswith("model.")]
            todo += [one for one in parents if one not in wanted]
            wanted.update(parents)
        judged = self.below_statistics()
        standing = self._downstream(*self.standing)
        rebuilt = [name for name in self.models if name in wanted & (acts | standing)]
        self.build_models([name for name in rebuilt if name not in judged | standing])
        self.find()
        self.build_models([name for name in rebuilt if name in judged - standing])
        with self.warehouse.connect() as con:
            write_standing(con, self.settings.published)
        self.build_models([name for name in rebuilt if name in standing])

    def judged(self, columns: str, *, entity: str = SITE, month: str = "2026-03-01") -> Any:
        return self.query(
            f"select {columns} from kpi.fct_kpi_judgements where kpi_id = ? and entity_id = ? "
            "and period_start_date = ?",
            [KPI, entity, month],
        )[0]


@pytest.fixture(scope="module")
def plant(tmp_path_factory, parsed) -> Plant:
    house = Plant(tmp_path_factory.mktemp("plant"), parsed, dt.date.fromisoformat(AS_OF))
    house.settle()
    return house


def entry(seq: int, at: str, act_type: str, **said: Any) -> Recorded:
    """Return an entry that took effect when it was recorded, unless it says otherwise."""
    payload = {
        "act_type": act_type, "definition": "0" * 64, "actor": "E2", "right": None,
        "subject": "none", "refers_to": None, "valid_from": at[:10], "valid_to": None,
        "fields": {}, "outcome": "effective", "refusal": None, "completes": None, **said,
    }  # fmt: skip
    instant = dt.datetime.fromisoformat(f"{at}T09:00:00+00:00" if len(at) == 10 else at)
    return Recorded(seq, instant, payload, "0" * 64)


def override(
    seq: int, at: str, *, until: str, value: str = "0.02", period: str = "2026-03"
) -> list[Recorded]:
    """Return a requested override of the site's scrap ratio and the consent to it."""
    subject = f"override|{KPI}|site|{SITE}|{period}"
    asked = entry(
        seq, at, "override.request", subject=subject, outcome="pending", valid_to=until,
        fields={
            "kpi_id": KPI, "entity_kind": "site", "entity_id": SITE, "period": period,
            "old_value": "0.03", "new_value": value, "expires_on": until,
            "reason": "Scrap of a trial run was booked.", "evidence": ["a.pdf"],
        },
    )  # fmt: skip
    agreed = entry(
        seq + 1, f"{at}T09:00:01+00:00", "decision.approve", actor="E1", subject=subject,
        refers_to=seq, completes=seq, outcome="recorded",
    )  # fmt: skip
    return [asked, agreed]


def target(seq: int, at: str, level: str, **said: Any) -> Recorded:
    """Return levels of the site for 2026 (threshold twice the target, stretch half of it)."""
    period = said.pop("period", "2026")
    return entry(
        seq, at, said.pop("act_type", "target.propose"),
        subject=f"target|{KPI}|S-DE01|{period}",
        fields={
            "kpi_id": KPI, "org_unit_id": "S-DE01", "period": period,
            "threshold": str(float(level) * 2), "target": level, "stretch": str(float(level) / 2),
        },
        **said,
    )  # fmt: skip


SHORT = "too_few_readings: 6 months in a row, at least 24 are needed"
MARCH = ("site", SITE, "2026-03-01", 0.03, "final", "ok")
JULY = ("site", SITE, "2026-07-01", 0.03, "provisional", "ok")


# ----------------------------------------------------------------------------------- overrides


def test_an_override_is_shown_and_scored_and_the_computed_value_stands_beside(plant):
    plant.readings(JULY)
    plant.decide(*override(1, "2026-08-05", until="2026-08-20", period="2026-07"))

    # 0.03 lies half way from threshold (5) to target (8), 0.02 is the target.
    assert plant.judged(
        "reading_value, computed_value, score, band, trust_state, finality, override_act_seq",
        month="2026-07-01",
    ) == (0.02, 0.03, 8.0, "target", "overridden", "provisional", 1)
    assert plant.judged("trust_reason", month="2026-07-01") == (
        "Overridden by act 1, agreed by E1, until 2026-08-20.",
    )
    card = plant.query(
        "select reading_value, computed_value, score, trust_state from "
        "scorecard.rpt_site_scorecard where site_id = ? and kpi_id = ?",
        [SITE, KPI],
    )
    assert card == [(0.02, 0.03, 8.0, "overridden")]


def test_the_control_chart_follows_the_computed_value(plant):
    months = [f"2025-{month:02d}-01" for month in range(5, 13)] + ["2026-03-01"]
    plant.readings(
        *(
            ("site", SITE, month, 0.03 + 0.002 * (number % 2), "final", "ok")
            for number, month in enumerate(months)
        )
    )
    lines = "centre, lower_limit, upper_limit, variation"
    plant.decide()
    before = plant.judged(lines)
    plant.decide(*override(1, "2026-08-05", until="2026-08-20", value="0.3"))

    assert before[0] > 0
    assert plant.judged(lines) == before
    assert plant.judged("reading_value, score") == (0.3, 0.0)


def test_an_override_expires_by_time_alone(plant):
    plant.readings(JULY)
    acts = override(1, "2026-08-05", until="2026-08-20", period="2026-07")
    shown = "reading_value, trust_state, trust_reason, score"

    plant.decide(*acts, as_of="2026-08-20")
    on_the_last_day = plant.judged(shown, month="2026-07-01")
    plant.decide(*acts, as_of="2026-08-21")

    assert on_the_last_day[:2] == (0.02, "overridden")
    assert plant.judged(shown, month="2026-07-01") == (0.03, "ok", None, 6.5)


def test_an_override_that_nobody_agreed_to_changes_nothing(plant):
    plant.readings(JULY)
    plant.decide(override(1, "2026-08-05", until="2026-08-20", period="2026-07")[0])

    assert plant.judged("reading_value, trust_state", month="2026-07-01") == (0.03, "ok")


@pytest.mark.parametrize(
    ("value", "trust", "shown"),
    [
        (0.03, "blocked_input", (0.03, "blocked_input", None, "Why blocked_input.")),
        (None, "not_computable", (None, "not_computable", None, "Why not_computable.")),
        (
            0.03,
            "late_input",
            (0.02, "overridden", 1,
             "Overridden by act 1, agreed by E1, until 2026-08-20. Why late_input."),
        ),
    ],
)  # fmt: skip
def test_a_value_is_overridden_only_where_one_was_computed_from_accepted_input(
    plant, value, trust, shown
):
    plant.readings(("site", SITE, "2026-07-01", value, "provisional", trust))
    plant.decide(*override(1, "2026-08-05", until="2026-08-20", period="2026-07"))

    assert (
        plant.judged(
            "reading_value, trust_state, override_act_seq, trust_reason", month="2026-07-01"
        )
        == shown
    )


@pytest.mark.parametrize(
    ("label", "kind", "first"),
    [
        ("2026", "year", "2026-01-01"), ("2026-Q3", "quarter", "2026-07-01"),
        ("2026-11", "month", "2026-11-01"), ("2026-02-28", "day", "2026-02-28"),
        # ISO weeks: the first of 2026 begins in 2025, 2020 has 53.
        ("2026-W01", "week", "2025-12-29"), ("2020-W53", "week", "2020-12-28"),
        ("2026-02-30", "day", None), ("next month", None, None),
    ],
)  # fmt: skip
def test_a_label_names_kind_and_first_day_of_its_period(plant, label, kind, first):
    plant.decide(
        entry(
            1, "2026-08-05", "override.request",
            fields={"kpi_id": KPI, "period": label, "new_value": "1"},
        )
    )  # fmt: skip

    assert plant.query(
        "select period_kind, period_start_date::varchar from intermediate.int_overrides__shown"
    ) == [(kind, first)]


# ------------------------------------------------------------------------------------ disputes


def test_a_dispute_marks_the_unit_and_all_below_it_until_the_ruling(plant):
    plant.readings(
        MARCH,
        ("line", "L1", "2026-03-01", 0.03, "final", "ok"),
        ("leader", "E3", "2026-03-01", 0.03, "final", "late_input"),
        ("site", "IN01", "2026-03-01", 0.03, "final", "ok"),
        ("enterprise", plant.company.facts.enterprise.id, "2026-03-01", 0.03, "final", "ok"),
    )
    opened = entry(
        1, "2026-08-01", "dispute.open", subject="dispute|1",
        fields={"kpi_id": KPI, "org_unit_id": "S-DE01", "due_on": "2026-09-01"},
    )  # fmt: skip
    states = (
        "select entity_id, trust_state, trust_reason from kpi.fct_kpi_readings "
        "where period_start_date = '2026-03-01' order by entity_id"
    )
    plant.decide(opened)
    under_dispute = "Under dispute: act 1, to be ruled by 2026-09-01."
    marked = {row[0]: row[1:] for row in plant.query(states)}
    ruled = entry(
        2, "2026-08-09", "dispute.rule", subject="dispute|1", refers_to=1,
        fields={"kpi_id": KPI, "org_unit_id": "S-DE01", "due_on": "2026-09-01"},
    )  # fmt: skip
    plant.decide(opened, ruled)

    assert marked == {
        SITE: ("under_dispute", under_dispute),
        "L1": ("under_dispute", under_dispute),
        "E3": ("under_dispute", f"{under_dispute} Why late_input."),
        "IN01": ("ok", None),
        plant.company.facts.enterprise.id: ("ok", None),
    }
    assert {row[1] for row in plant.query(states)} == {"ok", "late_input"}


# --------------------------------------------------------------------------------- annotations


def annotation(seq: int, at: str, cause: str, *, special: bool = True) -> Recorded:
    return entry(
        seq, at, "annotation.add", subject=f"annotation|{seq}",
        fields={
            "kpi_id": KPI, "entity_kind": "site", "entity_id": SITE, "period": "2026-03",
            "cause_code": cause, "is_special_cause": special, "text": "What happened.",
        },
    )  # fmt: skip


def test_only_a_confirmed_special_cause_leaves_the_limits(plant):
    # January to June alternate; March stands out, and is one of the readings that set the limits.
    values = {"2026-03-01": 0.5}
    months = [*(f"2025-{m:02d}-01" for m in range(1, 13)), *(f"2026-{m:02d}-01" for m in (1, 2, 3))]
    plant.readings(
        *(
            ("site", SITE, month, values.get(month, 0.03 + 0.002 * (n % 2)), "final", "ok")
            for n, month in enumerate(months)
        )
    )
    first, second = (
        annotation(1, "2026-04-05", "material"),
        annotation(2, "2026-04-06", "equipment"),
    )
    confirmed = entry(
        3, "2026-04-20", "annotation.confirm", subject="annotation|2", refers_to=2,
        fields=dict(second.payload["fields"]) | {"reason": "The log of the machine shows it."},
    )  # fmt: skip
    shown = "annotation_count, newest_cause_code, is_excluded, reading_value"
    plant.decide(first, second)
    remarked, centre = plant.judged(shown), plant.judged("centre")[0]
    plant.decide(first, second, confirmed)

    assert remarked == (2, "equipment", False, 0.5)
    assert plant.judged(shown) == (2, "equipment", True, 0.5)
    # 14 readings of 1000 units: seven of 0.03 and seven of 0.032; with March 15.
    assert centre == pytest.approx((14 * 31 + 500) / 15_000)
    assert plant.judged("centre")[0] == pytest.approx(0.031)
    assert plant.judged("variation") == ("special_cause_deteriorating",)
    # March was final before the cause was confirmed.
    assert plant.judged("finality") == ("restated",)
    assert restated(plant) == [("limits", 0.0, 1.0, 3, "2026-04-20")]


# -------------------------------------------------------------------------------------- phases


def rebase(seq: int, at: str, period: str) -> list[Recorded]:
    """Return a new phase of the site's chart that was asked for, and the consent to it."""
    subject = f"chart|{KPI}|site|{SITE}|{period}"
    asked = entry(
        seq, at, "chart.rebase", subject=subject, outcome="pending",
        fields={
            "kpi_id": KPI, "entity_kind": "site", "entity_id": SITE, "period": period,
            "cause_code": "planned_change", "reason": "The second press was taken into use.",
        },
    )  # fmt: skip
    agreed = entry(
        seq + 1, f"{at}T09:00:01+00:00", "decision.approve", actor="E1", subject=subject,
        refers_to=seq, completes=seq, outcome="recorded",
    )  # fmt: skip
    return [asked, agreed]


def test_a_chart_begins_anew_from_the_period_that_an_act_says_once_it_is_agreed(plant):
    # 24 months at 0.03 and 0.032 set the limits, those from January 2026 lie at 0.05 and 0.052.
    months = pd.period_range("2024-01", "2026-07", freq="M").strftime("%Y-%m-01")
    plant.readings(
        *(
            ("site", SITE, month, (0.03 if n < 24 else 0.05) + 0.002 * (n % 2), "final", "ok")
            for n, month in enumerate(months)
        )
    )
    [asked, agreed] = rebase(1, "2026-08-01", "2026-01")
    back = entry(
        3, "2026-08-09", "chart.rejoin", subject=asked.payload["subject"],
        fields=dict(asked.payload["fields"]) | {"reason": "The press has been taken out."},
    )  # fmt: skip
    shown = "centre, signal_side"
    found = {}
    for name, acts in {"asked": [asked], "agreed": [asked, agreed]}.items():
        plant.decide(*acts)
        found[name] = [plant.judged(shown, month=month) for month in ("2025-12-01", "2026-07-01")]
    phase = (
        "select phase_start_date::date, n, is_charted from statistics.chart_review where kpi_id = ?"
    )
    reviewed = plant.query(phase, [KPI])
    plant.decide(asked, agreed, back)

    old = pytest.approx(0.031)
    assert found["asked"] == [(old, 0), (old, 1)]
    # Seven readings are one too few for limits of their own.
    assert found["agreed"] == [(old, 0), (None, 0)]
    assert reviewed == [(dt.date(2026, 1, 1), 7, False)]
    assert plant.judged(shown, month="2026-07-01") == (old, 1)


def test_a_phase_long_enough_has_limits_of_its_own(plant):
    months = pd.period_range("2024-01", "2026-07", freq="M").strftime("%Y-%m-01")
    plant.readings(
        *(
            ("site", SITE, month, (0.03 if n < 20 else 0.05) + 0.002 * (n % 2), "final", "ok")
            for n, month in enumerate(months)
        )
    )
    plant.decide()
    before = plant.judged("signal_side", month="2026-07-01")
    proposed = plant.query(
        "select verdict, proposed_from_date, flag_count_if_rebased "
        "from statistics.rebase_proposals where kpi_id = ?",
        [KPI],
    )
    plant.decide(*rebase(1, "2026-08-01", "2025-09"))
    after = plant.judged("centre, signal_side", month="2026-07-01")

    assert before == (1,)
    assert [(row[0], str(row[1])[:10], row[2]) for row in proposed] == [
        ("supported", "2025-09-01", 0)
    ]
    # Eleven readings from September on: six of 0.05, five of 0.052.
    assert after == (pytest.approx((6 * 50 + 5 * 52) / 11_000), 0)
    assert plant.query(
        "select count(*) from statistics.rebase_proposals where kpi_id = ?", [KPI]
    ) == [(0,)]


def test_a_declared_baseline_sets_the_limits_unless_it_was_not_in_control(plant):
    # Months about 0.051 in 2024, and about 0.031 from then on, of which one may be far out.
    months = pd.period_range("2024-01", "2026-06", freq="M").strftime("%Y-%m-01")
    values = [(0.05 if n < 12 else 0.03) + 0.002 * (n % 2) for n in range(len(months))]
    declare = (
        "update registry.kpis set baseline_from_date = date '2025-01-01', "
        "baseline_to_date = date '2025-12-31', when_not_in_control = 'refuse' "
        f"where kpi_id = '{KPI}'"
    )
    shown = "centre, is_trial, chart_note, variation"
    reviewed = (
        "select baseline_from_date::date, baseline_to_date::date, n, is_window_declared, "
        "baseline_flag_count, is_charted from statistics.chart_review where kpi_id = ?"
    )
    found = {}
    for name, odd in {"quiet": values[17], "restless": 0.2}.items():
        values[17] = odd
        plant.readings(
            *(
                ("site", SITE, month, value, "final", "ok")
                for month, value in zip(months, values, strict=True)
            )
        )
        plant.execute(declare)
        plant.decide()
        found[name] = plant.judged(shown, month="2026-03-01"), plant.query(reviewed, [KPI])[0]
    plant.execute(
        "update registry.kpis set baseline_from_date = null, baseline_to_date = null, "
        f"when_not_in_control = 'warn' where kpi_id = '{KPI}'"
    )

    window = (dt.date(2025, 1, 1), dt.date(2025, 12, 1), 12, True)
    judged, chart = found["quiet"]
    # Twelve months of 2025, six of 0.030 and six of 0.032; too few for more than trial limits.
    assert judged == (pytest.approx(0.031), True, None, "common_cause")
    assert chart == (*window, 0, True)
    judged, chart = found["restless"]
    assert judged == (None, False, "baseline_not_in_control", "not_charted")
    assert chart == (*window, 1, False)


# -------------------------------------------------------------------------------------- alarms


def change_rules(seq: int, at: str, *, valid_from: str) -> list[Recorded]:
    """Return another set of rules for the KPI that was asked for, and the consent to it."""
    subject = f"chart_rules|{KPI}"
    asked = entry(
        seq, at, "chart_rules.change", subject=subject, outcome="pending", valid_from=valid_from,
        fields={"kpi_id": KPI, "rule_set": "limits", "reason": "Nine of ten runs were noise."},
    )  # fmt: skip
    agreed = entry(
        seq + 1, f"{at}T09:00:01+00:00", "decision.approve", actor="E1", subject=subject,
        refers_to=seq, completes=seq, outcome="recorded",
    )  # fmt: skip
    return [asked, agreed]


def test_rules_that_an_act_puts_in_force_judge_later_periods_and_no_earlier_one(plant):
    # 24 months about 0.031 set the limits; those from January 2026 lie on one side, within them.
    months = pd.period_range("2024-01", "2026-12", freq="M").strftime("%Y-%m-01")
    plant.readings(
        *(
            ("site", SITE, month, 0.030 + 0.002 * (n % 2) if n < 24 else 0.0325, "final", "ok")
            for n, month in enumerate(months)
        )
    )
    [asked, agreed] = change_rules(1, "2026-08-01", valid_from="2026-11-01")
    shown = "rule_set, signal_rule, variation"
    found = {}
    for name, acts in {"asked": [asked], "agreed": [asked, agreed]}.items():
        plant.decide(*acts)
        found[name] = [plant.judged(shown, month=f"2026-{at}-01") for at in ("10", "11", "12")]
    budgets = plant.query(
        "select audience, chart_count from statistics.alarm_budgets where rule_set = 'in_force'"
    )

    run = ("nelson_1_2", "nelson_2", "special_cause_deteriorating")
    assert found["asked"] == [run] * 3
    assert found["agreed"] == [run, *[("limits", None, "common_cause")] * 2]
    # The months of one site are the only chart that there is.
    assert sorted(budgets) == [("board", 0), ("line_review", 0), ("site_review", 1)]


def test_what_people_say_of_signals_is_the_precision_of_the_rule_that_made_them(plant):
    # 24 months about 0.031 set the limits; then four beyond them, and one as ever.
    months = pd.period_range("2024-01", "2026-05", freq="M").strftime("%Y-%m-01")
    plant.readings(
        *(
            ("site", SITE, month, 0.06 if n in range(24, 28) else 0.030 + 0.002 * (n % 2),
             "final", "ok")
            for n, month in enumerate(months)
        )
    )  # fmt: skip
    said = {"2026-01": "real", "2026-02": "noise", "2026-03": "data_error", "2026-05": "real"}
    labels = [
        entry(
            seq, "2026-06-20", "signal.label", subject=f"signal|{KPI}|site|{SITE}|{period}",
            fields={
                "kpi_id": KPI, "entity_kind": "site", "entity_id": SITE, "period": period,
                "label": label, "text": "The log says so.",
            },
        )
        for seq, (period, label) in enumerate(said.items(), 1)
    ]  # fmt: skip
    back = entry(
        5, "2026-06-21", "signal.retract", subject=labels[1].payload["subject"],
        fields=dict(labels[1].payload["fields"]),
    )  # fmt: skip
    shown = (
        "select signal_rule, signal_count, labelled_count, real_count, data_error_count, "
        "noise_count, precision_share, precision_low, precision_high "
        "from kpi.rpt_signal_precision where kpi_id = ? order by signal_rule"
    )
    plant.decide(*labels)
    three = plant.query(shown, [KPI])
    plant.decide(*labels, back)
    two = plant.query(shown, [KPI])

    # Wilson's interval for two of three, as statsmodels' proportion_confint(2, 3) has it.
    assert three[0] == (
        "nelson_1", 4, 3, 1, 1, 1, pytest.approx(2 / 3),
        pytest.approx(0.2076596, abs=1e-6), pytest.approx(0.9385081, abs=1e-6),
    )  # fmt: skip
    # May was no signal, and something had happened.
    assert three[1] == ("none", None, 1, 1, 0, 0, None, None, None)
    assert two[0][:7] == ("nelson_1", 4, 2, 1, 1, 0, 1.0)


# ------------------------------------------------------------------------------------- targets


def test_of_feed_and_acts_the_truth_recorded_later_wins_if_valid_by_the_end(plant):
    feed = {
        "kpi_id": KPI, "org_unit_id": "S-DE01", "period": "2026", "version": 1,
        "threshold": "0.06", "target": "0.05", "stretch": "0.04", "valid_from": "2026-01-01",
    }  # fmt: skip
    plant.execute("delete from raw.kpi_targets")
    plant.write("kpi_targets", feed, delivered="2026-01-10")
    plant.write(
        "kpi_targets",
        feed | {"version": 2, "target": "0.045", "valid_from": "2026-07-01"},
        delivered="2026-07-20",
    )
    plant.readings(
        *(
            ("site", SITE, f"2026-{month:02d}-01", 0.03, "provisional", "ok")
            for month in range(1, 9)
        )
    )
    on_the_day = target(1, "2026-01-10", "0.02")
    changed = target(
        2, "2026-03-05", "0.01", act_type="target.change", valid_from="2026-05-01"
    )  # fmt: skip
    plant.decide(on_the_day, changed)
    rows = plant.query(
        "select month(period_start_date), target_level, target_version, target_act_seq, "
        "original_target_level, is_target_changed from kpi.fct_kpi_judgements "
        "where entity_id = ? and kpi_id = ? order by 1",
        [SITE, KPI],
    )
    plant.execute("delete from raw.kpi_targets")

    # The feed's first version counts as recorded when its day was over, after act 1 of that day.
    assert rows == [
        *((month, 0.05, 1, None, 0.02, True) for month in (1, 2, 3, 4)),
        # Act 2 was recorded in March, and its first version that is valid in July in July.
        *((month, 0.01, None, 2, 0.02, True) for month in (5, 6)),
        *((month, 0.045, 2, None, 0.02, True) for month in (7, 8)),
    ]


def test_a_card_shows_the_target_first_agreed_beside_the_changed_one(plant):
    plant.readings(MARCH, JULY)
    plant.decide(
        target(1, "2026-01-05", "0.04"),
        target(2, "2026-06-05", "0.03", act_type="target.change", valid_from="2026-06-05"),
    )
    columns = "target_level, original_target_level, target_act_seq, is_target_changed, finality"

    assert plant.judged(columns) == (0.04, 0.04, 1, False, "final")
    assert plant.judged(columns, month="2026-07-01") == (0.03, 0.04, 2, True, "provisional")
    assert plant.query(
        f"select target_level, original_target_level from scorecard.rpt_site_scorecard "
        f"where kpi_id = '{KPI}' order by period_start_date"
    ) == [(0.04, 0.04), (0.03, 0.04)]


def test_goalpost_drift_counts_moves_after_the_first_target_and_says_which_way(plant):
    plant.readings(MARCH)
    plant.decide(
        target(1, "2026-01-05", "0.02"),
        # A higher share of scrap is easier: up by half of the first target, then down to 0.025.
        target(2, "2026-03-05", "0.03", act_type="target.change", valid_from="2026-03-05"),
        target(3, "2026-05-05", "0.025", act_type="target.change", valid_from="2026-05-05"),
        # A second target that was never moved.
        target(4, "2026-05-06", "0.02", period="2026-07"),
    )

    found = plant.query("select * from governance.rpt_goalpost_drift")

    # Targets, moved targets, moves, easier, harder; (0.025 - 0.02) / 0.02 and 0, in the mean.
    assert found == [("S-DE01", 2, 1, 2, 1, 1, 0.125)]


def test_whoever_decides_on_a_target_sees_what_it_does_to_score_and_odds(plant):
    plant.readings(
        *(("site", SITE, f"2026-{month:02d}-01", 0.03, "final", "ok") for month in range(1, 7)),
        JULY,
    )
    # In force: 0.03 (threshold 0.06), which a change of March had made out of 0.02.
    agreed = [
        target(1, "2026-01-05", "0.02"),
        target(2, "2026-03-05", "0.03", act_type="target.change", valid_from="2026-03-05"),
    ]
    waiting = {"act_type": "target.change", "outcome": "pending"}
    plant.decide(
        *agreed,
        target(3, "2026-08-01", "0.04", valid_from="2026-08-01", **waiting),
        # For another period nothing was agreed: the levels of June stand in.
        target(4, "2026-08-02", "0.02", period="2027", valid_from="2026-08-02", outcome="pending"),
        # A period that is over moves nothing any more.
        target(5, "2026-08-03", "0.02", period="2026-04", valid_from="2026-08-03", **waiting),
    )

    # July is not final. 0.03 earns 6.5 points by the first levels, half way from 0.04 to 0.02, 8 by
    # those in force, and 9 half way from 0.04 to its stretch of 0.02.
    assert plant.query(
        "select act_seq, state_code, old_levels_code, month_count, old_target_level, "
        "new_target_level, old_met_count, new_met_count, old_mean_score, new_mean_score, refusal "
        "from governance.rpt_target_impact where entity_kind = 'site' order by act_seq"
    ) == [
        (2, "in_force", "earlier", 6, 0.02, 0.03, 0, 6, 6.5, 8.0, SHORT),
        (3, "waiting", "earlier", 6, 0.03, 0.04, 6, 6, 8.0, 9.0, SHORT),
        (4, "waiting", "present", 6, 0.03, 0.02, 6, 0, 8.0, 6.5, SHORT),
    ]
    # Nobody asks for anything any more, and nothing moved.
    plant.decide(agreed[0])
    assert plant.query("select count(*) from governance.rpt_target_impact") == [(0,)]


# --------------------------------------------------------------------- accountability, appeals


def test_every_live_kpi_says_who_answers_for_it_or_that_nobody_does(plant):
    plant.write(
        "hr_employees",
        *(
            {"employee_id": name, "hire_date": "2020-01-01", "exit_date": until}
            for name, until in (("E2", None), ("E9", "2026-06-30"))
        ),
    )
    plant.build_with_parents("dim_people")
    owners = {"KPI001": "E2", "KPI002": "E9", "KPI003": "E2"}
    acts = [
        entry(
            number, "2026-01-05", "lifecycle.adopt", subject=f"lifecycle|{kpi}",
            fields={"kpi_id": kpi},
        )
        for number, kpi in enumerate(("KPI001", "KPI002", "KPI003", "KPI004"), start=1)
    ] + [
        entry(
            number, "2026-01-06", "ownership.propose", subject=f"ownership|{kpi}",
            fields={"kpi_id": kpi, "owner_id": owner, "consulted": ["E9"]},
        )
        for number, (kpi, owner) in enumerate(owners.items(), start=5)
    ]  # fmt: skip
    disputed = entry(
        8, "2026-02-06", "ownership.dispute", subject="ownership|KPI003",
        fields={"kpi_id": "KPI003", "owner_id": "E2", "claim": "It is the works council's."},
    )  # fmt: skip
    retired = entry(
        9, "2026-02-07", "lifecycle.retire", subject="lifecycle|KPI001", fields={"kpi_id": "KPI001"}
    )
    said = "select subject_id, owner_id, accountability_code from governance.rpt_accountability"

    plant.decide(*acts, disputed)
    assert plant.query(f"{said} order by 1") == [
        ("KPI001", "E2", "one_owner"),
        ("KPI002", "E9", "departed_owner"),
        ("KPI003", "E2", "disputed_owner"),
        ("KPI004", None, "no_owner"),
    ]
    asked = "select consulted_ids, informed_ids from governance.rpt_accountability"
    assert plant.query(f"{asked} where subject_id = 'KPI001'") == [('["E9"]', None)]
    plant.decide(*acts, disputed, retired)
    assert "KPI001" not in {row[0] for row in plant.query(said)}


def test_a_kpi_is_proposed_for_retirement_with_every_reason_and_its_evidence(plant):
    plant.execute("delete from raw.hr_employees")
    plant.write("hr_employees", {"employee_id": "E2", "hire_date": "2020-01-01"})
    plant.build_with_parents("dim_people")
    year = [f"2025-{month:02d}-01" for month in range(8, 13)] + [
        f"2026-{month:02d}-01" for month in range(1, 8)
    ]
    adopted = entry(
        1, "2025-01-05", "lifecycle.adopt", subject=f"lifecycle|{KPI}", fields={"kpi_id": KPI}
    )
    others_owner = entry(
        2, "2025-01-06", "ownership.propose", subject="ownership|KPI001",
        fields={"kpi_id": "KPI001", "owner_id": "E2"},
    )  # fmt: skip
    last_year = target(3, "2025-01-07", "0.02", period="2025")
    reasons = (
        "select reason_count, is_candidate, has_no_owner, has_no_reading, is_unchanged, "
        "is_on_no_card, has_no_target, is_unused, is_review_due from governance.rpt_kpi_review "
        f"where kpi_id = '{KPI}'"
    )
    evidence = (
        "select owner_id, last_month_date::varchar, unchanged_series_count, moving_series_count, "
        "active_target_count, use_count, last_reviewed_date::varchar, review_on_date::varchar "
        f"from governance.rpt_kpi_review where kpi_id = '{KPI}'"
    )

    # Twelve equal months; nobody owns it; its target was for 2025; adopted nineteen months ago.
    plant.readings(*(("site", SITE, month, 0.03, "final", "ok") for month in year))
    plant.decide(adopted, others_owner, last_year)
    assert plant.query(reasons) == [(4, True, True, False, True, False, True, False, True)]
    assert plant.query(evidence) == [(None, "2026-07-01", 1, 0, 0, None, "2025-01-05", None)]

    # One month moved, somebody answers for it, there is a target, and the board looked again.
    plant.readings(
        *(("site", SITE, month, 0.03, "final", "ok") for month in year[:-1]),
        ("site", SITE, year[-1], 0.031, "final", "ok"),
    )
    review = {"kpi_id": KPI, "review_on": "2027-06-01"}
    plant.decide(
        adopted, others_owner, last_year, target(4, "2026-01-07", "0.02"),
        entry(5, "2026-01-08", "ownership.propose", subject=f"ownership|{KPI}",
              fields={"kpi_id": KPI, "owner_id": "E2"}),
        entry(6, "2026-06-01", "lifecycle.review", subject=f"lifecycle|{KPI}", fields=review),
    )  # fmt: skip
    assert plant.query(reasons) == [(0, False, *([False] * 7))]
    assert plant.query(evidence) == [
        ("E2", "2026-07-01", 0, 1, 1, None, "2026-06-01", "2027-06-01")
    ]

    # Its last month lies more than six months back.
    plant.readings(("site", SITE, "2026-01-01", 0.03, "final", "ok"))
    plant.decide(adopted)
    assert plant.query(reasons)[0][3] is True
    retired = entry(
        7, "2026-07-01", "lifecycle.retire", subject=f"lifecycle|{KPI}", fields={"kpi_id": KPI}
    )
    plant.decide(adopted, retired)
    assert plant.query(reasons) == []


def test_a_decided_appeal_is_a_new_version_of_the_rating_and_counts_its_days(plant):
    plant.execute("delete from raw.hr_ratings")
    plant.write(
        "hr_ratings",
        *(
            {"cycle_id": "2025", "employee_id": person, "version": 1, "stage": "final",
             "rating": "meets", "rater_id": "E2", "decided_ts_utc": "2026-01-15 10:00:00"}
            for person in ("E11", "E12", "E13", "E14")
        ),
    )  # fmt: skip
    asked = {"cycle_id": "2025", "employee_id": "E11", "rater_id": "E2", "rating": "meets"}
    under_review = asked | {"reviewer_id": "E4", "due_on": "2026-02-20"}
    appeal = {"subject": "appeal|1", "refers_to": 1}
    acts = [
        entry(1, "2026-02-01", "appeal.open", subject="appeal|1", fields=asked),
        entry(2, "2026-02-03", "appeal.assign", **appeal, fields=under_review),
        entry(3, "2026-02-21", "appeal.decide", **appeal,
              fields=under_review | {"outcome": "changed", "new_rating": "exceeds"}),
    ]  # fmt: skip
    plant.decide(*acts)

    assert plant.query(
        "select version_no, stage_code, rating_code, rater_id, appeal_act_seq "
        "from governance.fct_rating_versions where employee_id = 'E11' order by 1"
    ) == [(1, "final", "meets", "E2", None), (2, "appeal", "exceeds", "E4", 3)]
    assert plant.query(
        "select days_used, days_allowed, is_overdue, state_code from governance.fct_rating_appeals"
    ) == [(20, 19, True, "decided")]
    # One of four who were rated; what came of it is nobody's but theirs.
    assert plant.query("select * from governance.rpt_appeal_rates") == [
        ("2025", 4, 1, 1, None, 1, None, None, 0.25)
    ]


# -------------------------------------------------------------------------------- restatements


def restated(plant):
    rows = plant.query(
        "select what_code, old_value, new_value, act_seq, recorded_at_utc::date::varchar "
        "from governance.fct_restatements where period_start_date = '2026-03-01' order by 1"
    )
    return [(what, float(old), float(new), act, day) for what, old, new, act, day in rows]


def test_a_late_target_restates_a_final_period_with_old_and_new_value(plant):
    """March became final on 4 April; the act of June is valid from January on."""
    plant.readings(MARCH, JULY)
    known = target(1, "2026-01-05", "0.02")
    late = target(2, "2026-06-05", "0.03", act_type="target.rebaseline", valid_from="2026-01-01")
    columns = (
        "finality, target_level, band, score, previous_target_level, previous_band, previous_score"
    )
    plant.decide(known)
    before = plant.judged(columns)
    plant.decide(known, late)

    assert before == ("final", 0.02, "threshold", 6.5, None, None, None)
    assert plant.judged(columns) == ("restated", 0.03, "target", 8.0, 0.02, "threshold", 6.5)
    assert plant.query(
        f"select {columns} from scorecard.rpt_site_scorecard "
        f"where kpi_id = '{KPI}' and period_start_date = '2026-03-01'"
    ) == [("restated", 0.03, "target", 8.0, 0.02, "threshold", 6.5)]
    # July is not final: nothing that anybody could have relied on has changed.
    assert plant.judged(columns, month="2026-07-01") == (
        *("provisional", 0.03, "target", 8.0, None, None, None),
    )
    assert restated(plant) == [
        ("stretch", 0.01, 0.015, 2, "2026-06-05"),
        ("target", 0.02, 0.03, 2, "2026-06-05"),
        ("threshold", 0.04, 0.06, 2, "2026-06-05"),
    ]


def test_what_was_recorded_before_a_period_was_final_restates_nothing(plant):
    plant.readings(MARCH)
    plant.decide(
        target(1, "2026-01-05", "0.02"),
        target(2, "2026-04-03", "0.03", act_type="target.change", valid_from="2026-03-31"),
    )

    assert plant.judged("finality, target_level, previous_target_level") == ("final", 0.03, None)


def test_a_late_override_restates_until_it_expires_and_its_end_before_its_day_restates_too(plant):
    plant.readings(MARCH)
    columns = "finality, reading_value, previous_value, score, previous_score"
    late = override(1, "2026-08-05", until="2026-08-20")
    plant.decide(*late)
    assert plant.judged(columns) == ("restated", 0.02, 0.03, 8.0, 6.5)
    plant.decide(*late, as_of="2026-08-21")
    assert plant.judged(columns) == ("final", 0.03, None, 6.5, None)

    # Known when March became final, and ended afterwards though it would still run.
    known = override(1, "2026-04-03", until="2026-08-20")
    plant.decide(*known)
    assert plant.judged(columns) == ("final", 0.02, None, 8.0, None)
    ended = entry(3, "2026-08-01", "override.end", subject=known[0].payload["subject"])
    plant.decide(*known, ended)
    assert plant.judged(columns) == ("restated", 0.03, 0.02, 6.5, 8.0)
    assert restated(plant) == [("value", 0.02, 0.03, 3, "2026-08-01")]
