"""What Python is asked about the models: in which of them, and by which method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from orchestration.governance.adjustments import adjust_readings
from orchestration.governance.alarms import weigh_alarms
from orchestration.governance.behaviours import link_behaviours
from orchestration.governance.benchmarks import judge_benchmarks
from orchestration.governance.bridges import explain_changes, explain_changes_of_led
from orchestration.governance.chart_review import propose_rebases, review_charts
from orchestration.governance.comparisons import compare_with_peers
from orchestration.governance.fairness import audit_ratings
from orchestration.governance.feedback import sum_up_feedback
from orchestration.governance.fidelity import judge_fidelity
from orchestration.governance.gaming import find_gaming
from orchestration.governance.goals import score_goals
from orchestration.governance.handovers import judge_handovers
from orchestration.governance.judgements import judge_readings
from orchestration.governance.leaders import CONVENTION as LEADERS_CONVENTION
from orchestration.governance.leaders import estimate_leaders
from orchestration.governance.outlook import foreseen_rows
from orchestration.governance.payouts import simulate_plans
from orchestration.governance.process_capability import CONVENTION as CAPABILITY_CONVENTION
from orchestration.governance.process_capability import judge_processes
from orchestration.governance.proposals import propose_levels
from orchestration.governance.raters import judge_raters
from orchestration.governance.ratings import normalise_ratings
from orchestration.governance.relations import relate_kpis
from orchestration.governance.target_impact import simulate
from orchestration.governance.teamwork import assign_delays, find_free_riding, share_outcomes
from orchestration.governance.triage import triage_signals
from orchestration.governance.trials import judge_trials

Method = Callable[..., pd.DataFrame]
METHODS: Final = "statistics.methods"
"""The table of `methods`."""
LONGEST_BAR: Final = 30


@dataclass(frozen=True)
class Question:
    """A question and how it is answered.

    Attributes
    ----------
    name : str
        The answer is the table ``statistics.<name>``, an asset of Dagster.
    sources : tuple of str
        ``schema.table`` of each argument of the method; a question may read an earlier answer.
    method : callable
        Takes a DataFrame per source and returns rows: the same for the same rows, whatever their
        order. Figures over all rows may stand in their ``attrs``.
    description : str
        Grain, who reads it and why.
    convention : str
        What the method decides where tools and textbooks differ. Where rows differ in that, each
        has a `convention` of its own.
    domain, sensitivity : str
        As for models.
    by : str, optional
        Column of the one source and of the answer whose values the method treats apart from each
        other, so that only those with other rows need be asked about again.
    apart : str, optional
        Column of some of the sources whose values the question can do without, one by one, where
        the method raises an exception on them: what it weighs together is then what is left.
        Default: ``by``. Where there is none the whole question has no answer.
    only : mapping of str to str
        Source and SQL condition on the rows of it that the method reads, where they are few.
    said : str
        Column of the answer by whose values its rows are counted in the metadata of a run.
    version : int
        Of the method, in every row of the answer as `version`: raised when the same rows get
        another answer.
    """

    name: str
    sources: tuple[str, ...]
    method: Method
    description: str
    convention: str
    domain: str
    sensitivity: str
    by: str | None = None
    apart: str | None = None
    only: Mapping[str, str] = field(default_factory=dict)
    said: str = "verdict"
    version: int = 1

    def answer(self, *rows: pd.DataFrame) -> pd.DataFrame:
        """Return what the method answers, with its version."""
        return self.method(*rows).assign(version=self.version)


def methods(questions: Sequence[Question]) -> pd.DataFrame:
    """Return by what each question is answered.

    Returns
    -------
    DataFrame, one row per question
        `question`, `method` (as it is imported), `sources` (joined by commas), `convention`,
        `version`.
    """
    return pd.DataFrame(
        {
            "question": [one.name for one in questions],
            "method": [f"{one.method.__module__}.{one.method.__qualname__}" for one in questions],
            "sources": [", ".join(one.sources) for one in questions],
            "convention": [one.convention for one in questions],
            "version": [one.version for one in questions],
        }
    )


def tally(found: pd.DataFrame, said: str = "verdict") -> dict[str, int]:
    """Return how many rows of an answer say what, or why they say nothing, the most frequent first.

    Parameters
    ----------
    found : DataFrame
        May have the column ``said`` and a `refusal`, which begins with its reason and a colon. A
        row that refuses is counted by its reason alone, one that has neither is not counted.
    said : str
    """
    nothing = pd.Series(dtype="object")
    refused = found.get("refusal", nothing).dropna()
    verdicts = found.get(said, nothing).dropna().drop(refused.index, errors="ignore")
    reasons = (str(refusal).partition(":")[0] for refusal in refused)
    return dict(Counter([*reasons, *map(str, verdicts)]).most_common())


def bars(counts: Mapping[str, int]) -> str:
    """Return a tally as a table in Markdown with bars, which need no network.

    Parameters
    ----------
    counts : mapping of str to int
        None below 1.
    """
    most = max(counts.values(), default=1)
    rows = [
        f"| {said} | {count:,} | {'█' * max(1, round(LONGEST_BAR * count / most))} |"
        for said, count in counts.items()
    ]
    return "\n".join(["| says, or refuses | rows | |", "|---|--:|---|", *rows])


QUESTIONS: Final = (
    Question(
        "kpi_judgements",
        ("intermediate.int_judgements__input",),
        judge_readings,
        "Chart limits, signals, three verdicts and a score: one row per reading. Read by "
        "`fct_kpi_judgements` and through it by every scorecard, so that nobody is called to "
        "account for noise.",
        convention=(
            "chart, rules and baseline as the KPI declares them; a reading is flagged where it "
            "completes a pattern; d2 of tables; missing readings hold their place"
        ),
        domain="performance",
        sensitivity="confidential",
        apart="kpi_id",
        said="variation",
    ),
    Question(
        "kpi_comparisons",
        ("intermediate.int_comparisons__input",),
        compare_with_peers,
        "Funnels over sites and lines: one row per KPI of counts, unit and period. Read by "
        "`fct_kpi_comparisons`, so that a league table never stands for a difference: a unit is "
        "named only where it lies beyond the spread of its peers.",
        convention=(
            "95 % limits; additive spread of z drawn in to its 10 % quantiles, set right for what "
            "that takes from normal values"
        ),
        domain="performance",
        sensitivity="internal",
        by="kpi_id",
    ),
    Question(
        "kpi_outlook",
        ("intermediate.int_outlook__input",),
        foreseen_rows,
        "Forecast of the next months and odds of the target: one row per KPI and site or company. "
        "Read by `fct_kpi_outlook`, so that a target is discussed before it is missed. How often "
        "past forecasts held what came is in the metadata of each run that made new ones.",
        convention=(
            "the mean, unless a method that signs ask for errs less over twelve origins; 80 % "
            "intervals of drawn futures, widened by that backtest"
        ),
        domain="performance",
        sensitivity="internal",
        by="kpi_id",
        said="fit_state",
    ),
    Question(
        "kpi_benchmarks",
        ("intermediate.int_benchmarks__input",),
        judge_benchmarks,
        "Where sites stand among the units of others: one row per benchmark and site. Read by "
        "`fct_kpi_benchmarks`, so that nobody is held against those who cannot be compared.",
        convention=(
            "others normal between and beyond published percentiles; a comparable part of them "
            "counts as that part of a sample; 95 %"
        ),
        domain="performance",
        sensitivity="internal",
        by="kpi_id",
    ),
    Question(
        "target_proposals",
        (
            "statistics.kpi_outlook",
            "statistics.kpi_benchmarks",
            "intermediate.int_proposals__input",
        ),
        propose_levels,
        "Three levels for a target with their grounds: one row per KPI, site or company, method "
        "and basis. Read by `fct_target_proposals`, so that a target begins with what is known "
        "and not with last year's plus five per cent.",
        convention=(
            "history: odds of 0.9, 0.5 and 0.1; capacity: up to the best mean of three months; "
            "benchmark: half, a quarter, a tenth of others; none beyond the bound"
        ),
        domain="performance",
        sensitivity="internal",
        apart="kpi_id",
        said="method_code",
    ),
    Question(
        "goal_scores",
        ("intermediate.int_goals__input",),
        score_goals,
        "Scores of goals and the log of fallbacks: one row per goal, site or company and month. "
        "Read by `fct_goal_scores`, so that a stretch agreed in calm times does not punish those "
        "whom a storm hits, and the exception says why and until when.",
        convention=(
            "variance of the newest months over that of those before, F; floor, target and stretch "
            "earn 5, 8 and 10 points, while the floor stands in 8 and 10"
        ),
        domain="performance",
        sensitivity="internal",
        by="goal_id",
        said="scored_against",
    ),
    Question(
        "leader_effects",
        ("intermediate.int_leaders__input",),
        estimate_leaders,
        "Effects of leaders with interval and separability: one row per KPI and leader. Read by "
        "`fct_leader_effects`, so that nobody is credited or blamed for the line they got.",
        convention=LEADERS_CONVENTION,
        domain="leadership",
        sensitivity="confidential",
        by="kpi_id",
    ),
    Question(
        "handovers",
        ("intermediate.int_leaders__input",),
        judge_handovers,
        "What a change of leader does to lines, beside lines of the site that kept theirs: one row "
        "per KPI, question and part, over eight changes or more and never of one. Read by "
        "`fct_handovers`, so that the price of moving leaders is known before they are moved.",
        convention=(
            "six months after less six before, beside lines of the site that kept their leader; "
            "CR2 by sites, Satterthwaite; false discovery rate over KPIs"
        ),
        domain="leadership",
        sensitivity="internal",
        apart="kpi_id",
    ),
    Question(
        "behaviour_effects",
        ("intermediate.int_leaders__input", "intermediate.int_behaviours__input"),
        link_behaviours,
        "Whether lines are better after months in which their leaders walked or coached more: one "
        "row per behaviour, KPI and lag, over ten leaders or more and never of one. Read by "
        "`fct_behaviour_effects`, so that a review asks for what goes with results, and is told "
        "that this proves nothing.",
        convention=(
            "levels of leader on line and of site-month; leads as placebo, Holm over three; CR2 by "
            "leaders, Satterthwaite; false discovery rate over all rows"
        ),
        domain="leadership",
        sensitivity="internal",
        apart="kpi_id",
    ),
    Question(
        "chart_review",
        ("intermediate.int_charts__input",),
        review_charts,
        "Declared and advised chart with the reason, flags beside those of chance, and the newest "
        "signals ranked: one row per chart. Read by `fct_chart_review`, so that a chart that "
        "accuses noise is changed and not obeyed.",
        convention=(
            "newest phase; chance of an I-MR chart of independent normal readings; signals ranked "
            "by predictive t, Benjamini-Hochberg"
        ),
        domain="performance",
        sensitivity="internal",
        apart="kpi_id",
        said="advised_chart",
    ),
    Question(
        "rebase_proposals",
        ("intermediate.int_charts__input",),
        propose_rebases,
        "Since when a process has had another level, with the evidence: one row per chart whose "
        "baseline no longer holds. Read by `fct_rebase_proposals`. Limits are never redrawn here: "
        "the act `chart.rebase` does.",
        convention=(
            "breaks by least squares and BIC, Bai's interval; supF with Hansen's p-value and AR(1) "
            "allowed for, at 5 %"
        ),
        domain="performance",
        sensitivity="internal",
        apart="kpi_id",
    ),
    Question(
        "process_capability",
        ("intermediate.int_capability__input",),
        judge_processes,
        "Charts of measured characteristics and whether they fit their specification: one row per "
        "machine, characteristic and specification. Read by `fct_process_capability`, so that a "
        "capability is that of a stable process, with its interval.",
        convention=CAPABILITY_CONVENTION,
        domain="production",
        sensitivity="internal",
        by="characteristic_id",
    ),
    Question(
        "alarm_budgets",
        ("intermediate.int_alarms__input", "statistics.chart_review"),
        weigh_alarms,
        "False alarms a month under each set of rules, beside the budget, and how soon it finds a "
        "change: one row per audience and set. Read by `fct_alarm_budgets`, so that an audience is "
        "not taught to look away.",
        convention=(
            "chance of I-MR charts of independent normal readings; a lasting shift of one sigma, "
            "median chart with 24 readings in its baseline"
        ),
        domain="performance",
        sensitivity="internal",
        apart="audience",
    ),
    Question(
        "kpi_bridges",
        ("intermediate.int_bridges__input", "intermediate.int_bridges__drivers"),
        explain_changes,
        "Parts of changes: one row per KPI, site, month, month compared with, and part. Read by "
        "`fct_kpi_bridge`, so that a site does not answer for the mix it was given or for a storm, "
        "and the parts add up to what everybody sees.",
        convention=(
            "natural scale; mix and change within lines by Shapley, drivers by logarithms within "
            "site and common trend, CR2; 95 %, ends do not add"
        ),
        domain="performance",
        sensitivity="internal",
        apart="kpi_id",
        said="part",
    ),
    Question(
        "adjusted_readings",
        ("intermediate.int_bridges__input", "intermediate.int_bridges__drivers"),
        adjust_readings,
        "Figures in usual surroundings: one row per KPI, site, month and declared driver. Read by "
        "`fct_adjusted_readings` and the cards of sites, so that a raw figure is never judged "
        "without what was declared to come from outside, nor adjusted without evidence.",
        convention=(
            "drivers by logarithms within site and common trend, CR2, Satterthwaite; taken out "
            "where 95 % excludes nil"
        ),
        domain="performance",
        sensitivity="internal",
        apart="kpi_id",
    ),
    Question(
        "leader_bridges",
        (
            "intermediate.int_bridges__input",
            "intermediate.int_bridges__drivers",
            "intermediate.int_leaders__input",
            "statistics.leader_effects",
        ),
        explain_changes_of_led,
        "Parts of changes with one for leaders: one row per KPI, site, two months, and part. Read "
        "by `fct_leader_bridge`, which is not published: nobody is credited in public for what a "
        "predecessor left.",
        convention=(
            "as kpi_bridges; leaders by the difference of their effects, where both can be told "
            "apart from their lines"
        ),
        domain="leadership",
        sensitivity="confidential",
        apart="kpi_id",
        said="part",
    ),
    Question(
        "payout_simulations",
        ("intermediate.int_payouts__input", "intermediate.int_payouts__plans"),
        simulate_plans,
        "How much of the pay is luck: one row per plan, window and whether readings are drawn in. "
        "Read by `fct_payout_simulations`, so that a plan is tried before anybody is paid by it.",
        convention=(
            "1,000 draws of circular blocks of months; noise is what months differ by about a "
            "unit's own mean of 24"
        ),
        domain="performance",
        sensitivity="confidential",
        apart="plan_id",
        said="subject_kind",
    ),
    Question(
        "kpi_relations",
        ("intermediate.int_relations__input",),
        relate_kpis,
        "What speaks for redundancy, conflict or a lead: one row per question and pair of KPIs. "
        "Read by `fct_kpi_relations`, so that a KPI that says nothing new is dropped, and a goal "
        "that is paid for with another one is seen. Evidence, never a cause.",
        convention=(
            "weekly changes, Fisher's z; leads prewhitened, largest of eight lags by 1,999 "
            "permutations, lift out of sample; false discovery rate over pairs"
        ),
        domain="performance",
        sensitivity="internal",
    ),
    Question(
        "gaming_evidence",
        ("intermediate.int_gaming__events",),
        find_gaming,
        "What speaks for steered figures: one row per check and site, never per person. Read by "
        "`fct_gaming_evidence`, so that a plan which bends behaviour or bookkeeping is changed "
        "before it is paid by.",
        convention=(
            "break of the density by local polynomials, of rounded values by counts per level; "
            "heaps, month ends, digits and reopening each by its test; false discovery rate over "
            "all checks"
        ),
        domain="governance",
        sensitivity="confidential",
        apart="check_id",
    ),
    Question(
        "signal_triage",
        (
            "intermediate.int_triage__readings",
            "statistics.kpi_judgements",
            "intermediate.int_triage__deliveries",
            "intermediate.int_triage__feeds",
        ),
        triage_signals,
        "Whether a signal is one of the process or of its data, and whom to ask: one row per "
        "recent signal, and per feed that stands still. Read by `fct_signal_triage`, so that "
        "nobody hunts for a cause on the floor that lies in a file.",
        convention=(
            "a shift is held against forty readings before it and the traces that errors leave; "
            "undecided where neither speaks"
        ),
        domain="performance",
        sensitivity="internal",
        apart="kpi_id",
        only={"statistics.kpi_judgements": "signal_side <> 0"},
    ),
    Question(
        "fairness_audit",
        ("restricted.int_fairness__input",),
        audit_ratings,
        "Results of the audit of ratings by group: one row per method, group and stratum. Read by "
        "`fct_fairness_audit`. Groups of those who agree to the audit alone are read.",
        convention=(
            "each row its own; judged by mid-p where there is one, else exact, else asymptotic"
        ),
        version=2,
        domain="people",
        sensitivity="restricted",
        by="cycle_id",
    ),
    Question(
        "rater_severity",
        ("intermediate.int_raters__input",),
        judge_raters,
        "Severity and agreement of raters: one row per result. Read by `fct_rater_severity`, so "
        "that a low rating is not taken for a weak team.",
        convention="each row its own; 95 % with variances taken as known",
        version=3,
        domain="people",
        sensitivity="confidential",
        apart="source_code",
    ),
    Question(
        "normalised_ratings",
        ("intermediate.int_ratings__input",),
        normalise_ratings,
        "Ratings without what rater, size, complexity and tenure add: one row per cycle and "
        "person. Read by `fct_normalised_ratings`, so that a panel compares like with like and "
        "an outlier is explained before ratings are locked.",
        convention="each row its own; outliers beyond the residual that the register declares",
        domain="people",
        sensitivity="confidential",
    ),
    Question(
        "feedback_results",
        ("intermediate.int_feedback__input",),
        sum_up_feedback,
        "360 feedback by relationship and over all: one row per cycle, leader and relationship. "
        "Read by `fct_feedback_results`, so that a leader with severe raters is not taken for a "
        "weak one.",
        convention=(
            "mean of raters' means; severity by the many-facet model of the cycle, drawn towards "
            "the mean of its relationship; errors by rater"
        ),
        domain="people",
        sensitivity="confidential",
        by="cycle_id",
        said="correction",
    ),
    Question(
        "trials",
        ("intermediate.int_trials__input",),
        judge_trials,
        "Effects of changes that were tried on some lines: one row per trial and result. Read by "
        "`fct_trials`, so that a change is judged by what was declared before it began.",
        convention=(
            "each row its own; effect by imputation where the change came in waves, else by "
            "two-way effects"
        ),
        domain="performance",
        sensitivity="internal",
        by="trial_id",
    ),
    Question(
        "implementation_fidelity",
        ("intermediate.int_trials__input", "intermediate.int_fidelity__steps"),
        judge_fidelity,
        "Whether the steps of a change were done, and what became of the line: one row per trial "
        "and line, and per trial. Read by `fct_implementation_fidelity`, so that a change which "
        "was never made is not given up as one that does not work.",
        convention=(
            "mean effect under the change of trend, step and turn, AR(1) by REML, less the mean of "
            "lines without it; groups by Welch"
        ),
        domain="performance",
        sensitivity="internal",
        apart="trial_id",
    ),
    Question(
        "handoff_delays",
        ("intermediate.int_teamwork__tasks",),
        assign_delays,
        "Who held up work of several teams: one row per piece of work and party, and per team. "
        "Read by `fct_handoff_delays`, so that a team does not answer for what it waited for.",
        convention=(
            "Shapley over teams and waits: the span if some take as long as they did and others as "
            "planned; teams by permutation with the largest excess, at 5 %"
        ),
        domain="performance",
        sensitivity="internal",
        by="site_id",
    ),
    Question(
        "outcome_shares",
        ("intermediate.int_teamwork__tasks",),
        share_outcomes,
        "Whose an outcome is that teams share, by four rules: one row per piece of work, rule and "
        "team. Read by `fct_outcome_shares`, so that everybody sees how much hangs on the rule.",
        convention=(
            "rule of each row: declared, equal, half after thirty days, Shapley over functions"
        ),
        domain="performance",
        sensitivity="internal",
        said="rule",
    ),
    Question(
        "free_riding",
        ("intermediate.int_teamwork__scores",),
        find_free_riding,
        "Whether a team that is paid together carries a member: one row per cycle and team. Read "
        "by `fct_free_riding`, so that the plan is looked at. Nobody is named.",
        convention=(
            "scores less rater and member by least squares; permutation with the largest gap, "
            "without each rater in turn"
        ),
        domain="people",
        sensitivity="confidential",
        by="cycle_id",
    ),
    Question(
        "target_impact",
        ("intermediate.int_targets__asked",),
        simulate,
        "Score and odds under old and new levels: one row per asked or changed target and unit. "
        "Read by `rpt_target_impact`, so that whoever decides on a target sees what it does first.",
        convention=(
            "the same months and drawn futures against both; odds of the mean of the period's "
            "months"
        ),
        domain="performance",
        sensitivity="internal",
        by="kpi_id",
        said="forecast_method",
    ),
)
"""In an order in which they can be answered."""
