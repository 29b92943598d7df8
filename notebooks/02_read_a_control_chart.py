# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Read a control chart
#
# For a manager who is shown a figure that rose or fell and has to decide whether to ask about it.
# The charts are those of your own company, from the published snapshot; at the end you try
# yourself on charts that you have not seen, and get a mark.
#
# Every process varies. **Common cause** is the variation that the process always has: a thousand
# small things, none of which is worth asking about. **Special cause** is something that happened.
# The two call for different work: who wants less common-cause variation has to change the process;
# who sees a special cause has to find out what happened. To take one for the other costs in both
# directions.

# %% tags=["snapshot"]
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from charts import control_chart, small_multiples, use_house_style

from orchestration.publication.snapshot import DATABASE, read_current, verify
from orchestration.settings import Settings
from orchestration.statistics.spc.judge import judge_series
from orchestration.statistics.spc.rules import flag_runs
from orchestration.statistics.spc.run_length import shewhart_arl

pd.set_option("display.width", 160, "display.max_columns", 20, "display.max_rows", 60)
use_house_style()

snapshot = read_current(Settings.from_environment().published)
assert verify(snapshot) == [], "A file is not what its manifest says: publish again."
print(f"{snapshot.company} as of {snapshot.as_of}, content {snapshot.content_hash[:16]}")

# %% [markdown]
# ## Which charts
#
# Charts of sites, by month where there are enough months, else by week or day: a chart teaches
# little before its limits rest on 24 readings.

# %% tags=["which"]
FULL_BASELINE, SHOWN = 24, 36

with duckdb.connect(str(snapshot.folder / DATABASE), read_only=True) as con:
    charted = con.execute(
        """
        select
            judged.kpi_id, kpis.kpi_name, kpis.unit, kpis.decimals, judged.entity_id,
            judged.period_kind, judged.period_start_date, judged.computed_value as reading,
            judged.lower_limit, judged.centre, judged.upper_limit, judged.signal_rule,
            judged.finality, judged.chart_kind
        from kpi.fct_kpi_judgements as judged
        inner join registry.kpis as kpis on judged.kpi_id = kpis.kpi_id
        where
            judged.entity_kind = 'site'
            -- This page teaches two rules, on charts of what each period gave.
            and kpis.rule_set = 'nelson_1_2'
            and judged.chart_kind not in ('g', 't')
        order by judged.kpi_id, judged.entity_id, judged.period_start_date
        """
    ).df()

SERIES = ["kpi_id", "entity_id"]
enough = {}
for kind in ("month", "week", "day"):
    points = charted[charted["period_kind"] == kind].groupby(SERIES)["centre"].count()
    enough[kind] = int((points >= FULL_BASELINE).sum())
    print(f"by {kind}: {enough[kind]} charts of sites with {FULL_BASELINE} readings or more")
period = next((kind for kind in enough if enough[kind] >= 3), None)
if period is None:
    print("Too little history: no kind of period has three such charts. Come back later.")
else:
    print(f"This page shows charts by {period}.")
    if period != "month":
        print(f"There is too little history for charts by month; a {period} varies more.")
charted = charted[charted["period_kind"] == period].reset_index(drop=True)

# %% [markdown]
# ## The engine
#
# Two rules call a point a signal: it lies **beyond a limit** (three sigma from the centre), or it
# is at least the **ninth in a row on one side** of the centre. What follows applies these rules to
# the published lines again. The answers to the exercises come from there, and they must be what
# was published.

# %% tags=["engine"]


def find_signals(points: pd.DataFrame) -> pd.DataFrame:
    """Return points with `rules` (a set of rules for each) and whether a signal `starts` there."""
    starts = np.flatnonzero(~points.duplicated(SERIES).to_numpy())
    flags = flag_runs(
        points["reading"].where(points["centre"].notna()),
        centre=points["centre"],
        sigma=(points["upper_limit"] - points["centre"]) / 3,
        lower=points["lower_limit"],
        upper=points["upper_limit"],
        series_start=starts if len(points) else (0,),
    )
    sides = pd.DataFrame({"nelson_1": flags.rule_1, "nelson_2": flags.rule_2}, index=points.index)
    rules = [frozenset(sides.columns[row != 0]) for row in sides.to_numpy()]
    # A point has one side. A signal goes on while points on that side are flagged, by either rule.
    side = sides["nelson_1"].where(sides["nelson_1"] != 0, sides["nelson_2"])
    before = side.groupby([points[name] for name in SERIES]).shift(fill_value=0)
    is_new = (side != 0) & (side != before)
    return points.assign(
        rules=rules,
        new_rules=[found if new else frozenset() for found, new in zip(rules, is_new, strict=True)],
    )


charted = find_signals(charted)
published = charted["signal_rule"].notna()
found = charted["rules"].map(len) > 0
print(
    f"{charted['centre'].notna().sum()} charted points, {published.sum()} published signals, "
    f"{(published != found).sum()} points on which the two disagree"
)

# %% [markdown]
# Charts for lessons and exercises: each of another KPI, and of another site while there is one, so
# that no chart is the mirror of another. They are chosen by what they show, not by what they mean:
# none, few points beyond a limit, few runs, both.

# %% tags=["choice"]


def last_points(series: pd.DataFrame) -> pd.DataFrame:
    """Return the newest charted points of a series, numbered from 1, with signals as shown."""
    shown = series[series["centre"].notna()].tail(SHOWN).reset_index(drop=True)
    shown = shown.drop(columns=["rules", "new_rules"])
    return find_signals(shown).assign(point=np.arange(1, len(shown) + 1))


def kind_of(shown: pd.DataFrame) -> str | None:
    """Return what a chart shows, or None where it shows too much for a lesson."""
    starts = [rules for rules in shown["new_rules"] if rules]
    if len(starts) > 4:
        return None
    names = {(): "quiet", ("nelson_1",): "limit", ("nelson_2",): "run"}
    return names.get(tuple(sorted(frozenset().union(*shown["rules"]))), "both")


def farthest(shown: pd.DataFrame) -> float:
    """Return how far the farthest point lies from the centre, in distances of its limit."""
    is_above = shown["reading"] > shown["centre"]
    limit = shown["upper_limit"].where(is_above, shown["lower_limit"])
    return float(((shown["reading"] - shown["centre"]) / (limit - shown["centre"])).max())


windows = [last_points(one) for _, one in charted.groupby(SERIES)]
# A run that began before the first point shown would be a riddle.
pool = [
    (kind_of(one), one)
    for one in windows
    if len(one) >= FULL_BASELINE
    and ((one["rules"].map(len) > 0) == one["signal_rule"].notna()).all()
]
chosen, used_kpis, used_sites = [], set(), set()
for wanted in ("quiet", "limit", "run", "quiet", "limit", "run", "both"):
    fitting = [
        one for kind, one in pool if kind == wanted and one["kpi_id"].iloc[0] not in used_kpis
    ]
    # Another site while there is one; then the chart on which it is the plainest to see.
    fitting.sort(key=lambda one: (one["entity_id"].iloc[0] in used_sites, -farthest(one)))
    if fitting:
        chosen.append((wanted, fitting[0]))
        used_kpis.add(fitting[0]["kpi_id"].iloc[0])
        used_sites.add(fitting[0]["entity_id"].iloc[0])
lessons, rest = {}, []
for wanted, one in chosen:
    rest.append(one) if wanted in lessons or wanted == "both" else lessons.update({wanted: one})
exercises = dict(zip("ABCD", rest, strict=False))


def name_of(shown: pd.DataFrame) -> str:
    return f"{shown['kpi_name'].iloc[0]}, {shown['entity_id'].iloc[0]}"


def number_format(shown: pd.DataFrame) -> str:
    """A ratio is shown in percent, with the digits that the register gives the KPI."""
    is_ratio = shown["unit"].iloc[0].startswith("ratio")
    return f".{shown['decimals'].iloc[0]}{'%' if is_ratio else 'f'}"


for wanted, one in lessons.items():
    print(f"lesson {wanted}: {name_of(one)}, {len(one)} points")
for letter, one in exercises.items():
    print(f"exercise {letter}: {len(one)} points")
missing = {"quiet", "limit", "run"} - set(lessons)
if missing:
    print(f"There is no chart yet for the lesson: {', '.join(sorted(missing))}.")

# %% [markdown]
# ## Lesson 1: common cause
#
# No point is beyond a limit, no nine in a row are on one side. It rises, it falls, and every rise
# and fall has its story; none of them was needed to explain it. **What not to ask:** why it is
# lower than last time, who did better, what happened at the lowest point. **What to ask:** is the
# centre where we need it, and are the limits narrow enough? If not, the process has to change.

# %% tags=["quiet"]
if "quiet" in lessons:
    shown = lessons["quiet"]
    change = shown["reading"].diff().abs()
    at = int(change.idxmax())
    subtitle = f"largest change: point {at} to {at + 1}, and still the same process"
    display(
        control_chart(
            shown, title=name_of(shown), subtitle=subtitle, number_format=number_format(shown)
        )
    )
    print(
        f"largest change {change.max():.6g}, distance between the limits there "
        f"{shown['upper_limit'].iloc[at] - shown['lower_limit'].iloc[at]:.6g}"
    )
else:
    print("No chart of a site is without a signal.")

# %% [markdown]
# ## Lesson 2: a point beyond a limit
#
# Something happened there. **Ask about the first such point, soon:** what was different, not who was
# to blame. Where the points after it stay beyond the limit, the process has moved: that is one
# question, and not one for each point. A point on the good side is a signal too, and worth as much.

# %% tags=["limit"]
if "limit" in lessons:
    shown = lessons["limit"]
    display(control_chart(shown, title=name_of(shown), number_format=number_format(shown)))
    print(
        shown.loc[
            shown["new_rules"].map(len) > 0,
            ["point", "period_start_date", "reading", "lower_limit", "upper_limit"],
        ].to_string(index=False)
    )
else:
    print("No chart of a site shows just this.")

# %% [markdown]
# ## Lesson 3: nine in a row on one side
#
# No single point stands out, yet the process has moved. **Ask what changed at the start of the
# run,** not at the ninth point, where the rule first can see it.

# %% tags=["run"]
if "run" in lessons:
    shown = lessons["run"]
    display(control_chart(shown, title=name_of(shown), number_format=number_format(shown)))
    ninth = shown.loc[shown["new_rules"].map(lambda rules: "nelson_2" in rules), "point"]
    for point in ninth:
        print(f"the run is seen at point {point}; it began at point {max(1, point - 8)} or before")
else:
    print("No chart of a site shows just this.")

# %% [markdown]
# ## Tampering: what it costs to react to noise
#
# Take a process like that of lesson 1 and let a diligent manager correct it after every reading by
# just what it was off the centre. The noise is drawn with a fixed seed; the correction is the only
# difference. Each reading then carries its own noise and, turned round, the noise that was
# corrected: the variance doubles, and the spread becomes 1.41 times as large (Deming's funnel, his
# second rule).

# %% tags=["tampering"]
# In sigma from the centre, 20,000 readings; the first 60 are drawn.
left_alone = np.random.default_rng(20260101).normal(size=20_000)
corrected = left_alone.copy()
setting = 0.0
for at in range(len(corrected)):
    corrected[at] += setting
    setting -= corrected[at]
times = corrected.std() / left_alone.std()
beyond = [np.mean(np.abs(each) > 3) for each in (left_alone, corrected)]
print(f"spread after correcting every reading: {times:.3f} times that of leaving it alone")
print(f"readings beyond the limits: left alone {beyond[0]:.2%}, corrected {beyond[1]:.2%}")
both = pd.concat(
    pd.DataFrame({"panel": panel, "point": np.arange(1, 61), "reading": values[:60]})
    for panel, values in {
        "left alone": left_alone,
        "corrected after every reading": corrected,
    }.items()
).assign(
    lower_limit=-3.0,
    centre=0.0,
    upper_limit=3.0,
    signal_rule=lambda points: np.where(points["reading"].abs() > 3, "nelson_1", None),
)
small_multiples(
    both,
    title="The same noise, left alone and corrected, in sigma",
    columns=2,
    is_same_scale=True,
    number_format=".0f",
)

# %% [markdown]
# ## How many flags to expect when nothing happened
#
# Limits of three sigma flag one reading in 370 by chance, if sigma were known. Runs of nine add to
# that, and limits that rest on 24 readings are sometimes too narrow. So a company with many charts
# always has some flags without a cause: here they are, from a simulation of processes in which
# nothing ever happens, beside the flags that were published. The simulated readings are independent
# and normal, as many as on your charts, and judged by the same engine.

# %% tags=["false_flags"]


def expected_share(lengths: pd.Series, per_length: int = 400, seed: int = 20260102) -> pd.Series:
    """Return the expected share of flagged points of a chart on which nothing happens.

    By number of points; limits from the first 24 of them. By simulation.
    """
    random = np.random.default_rng(seed)
    shares = {}
    for length in sorted(set(lengths)):
        value = random.normal(size=per_length * length)
        noise = pd.DataFrame(
            {
                "series_id": np.repeat(np.arange(per_length), length),
                "period_start": np.tile(np.arange(length), per_length),
                "chart": "i_mr",
                "value": value,
                "numerator": np.nan,
                "denominator": np.nan,
                "is_final": True,
            }
        )
        judged = judge_series(noise)
        shares[length] = float(((judged["rule_1"] != 0) | (judged["rule_2"] != 0)).mean())
    return lengths.map(shares)


counted = charted[charted["centre"].notna()]
per_chart = counted.groupby([*SERIES, "kpi_name"], as_index=False).agg(
    points=("reading", "size"), flagged=("signal_rule", "count")
)
per_chart["expected"] = expected_share(per_chart["points"]) * per_chart["points"]
flags = per_chart.groupby(["kpi_id", "kpi_name"], as_index=False).agg(
    charts=("points", "size"),
    points=("points", "sum"),
    expected=("expected", "sum"),
    flagged=("flagged", "sum"),
)
total = flags[["charts", "points", "expected", "flagged"]].sum()
print(f"one reading in {shewhart_arl():.0f} lies beyond known limits by chance")
if len(flags):
    print(
        f"{total['charts']:.0f} charts, {total['points']:.0f} points: about {total['expected']:.0f} flags "
        f"without a cause are to be expected, {total['flagged']:.0f} were published"
    )
else:
    print("Too little history: there is no chart to count.")
flags.round({"expected": 1}).set_index("kpi_id")

# %% [markdown]
# Where the two are alike, most flags of that KPI are chance: look for a cause, and do not be
# surprised to find none. Where there are far more, either things happen, or the readings are not
# independent (seasons, slow drift, one month's trouble carried into the next): then the limits
# belong to the first 24 readings alone and should be discussed before the points are.

# %% [markdown]
# ## Exercises
#
# Look at each chart and write down, before you scroll on: at which points does a signal **start**,
# and by which rule? Where nothing is to be asked, write nothing. One line per chart,
# `{point: rule}`, with `"limit"` or `"run"` as the rule. A run starts to be a signal at its ninth
# point.

# %% tags=["exercises"]
for letter, shown in exercises.items():
    display(
        control_chart(
            shown.assign(signal_rule=None),
            title=f"Exercise {letter}",
            number_format=number_format(shown),
        )
    )
if not exercises:
    print("Too little history: there is no chart left for an exercise.")

# %% [markdown]
# Your answers go here, for instance `{"A": {}, "B": {14: "limit"}, "C": {}, "D": {9: "run"}}`. Until
# you write some, the answers are those of somebody who asks about the two largest changes of every
# chart.

# %% tags=["answers"]
my_answers: dict[str, dict[int, str]] | None = None

largest_changes = {
    letter: dict.fromkeys(
        shown.loc[shown["reading"].diff().abs().nlargest(2).index, "point"].tolist(), "limit"
    )
    for letter, shown in exercises.items()
}
answers = largest_changes if my_answers is None else my_answers

# %% [markdown]
# ## The mark
#
# For each chart: points that you named rightly, over points where a signal starts or that you named.
# The right point for the wrong reason counts half. A chart without a signal counts full if you let
# it be, and nothing if you asked about any point of it. The mark is the mean over the charts, from 0
# to 100.

# %% tags=["score"]


@dataclass(frozen=True)
class Mark:
    """Mark of one chart: points named rightly, missed, and asked about for nothing."""

    right: tuple[int, ...]
    wrong_rule: tuple[int, ...]
    missed: tuple[int, ...]
    for_nothing: tuple[int, ...]

    @property
    def share(self) -> float:
        """From 0 to 1."""
        named = len(self.right) + len(self.wrong_rule)
        out_of = named + len(self.missed) + len(self.for_nothing)
        return 1.0 if out_of == 0 else (len(self.right) + len(self.wrong_rule) / 2) / out_of


def mark_answers(
    answers: dict[str, dict[int, str]], signals: dict[str, dict[int, frozenset[str]]]
) -> tuple[float, dict[str, Mark]]:
    """Return the mark from 0 to 100, and that of each chart.

    `answers` and `signals` hold, per chart, points from 1 and their rule (`limit` or `run`; of a
    signal all that hold). Charts without an answer count as left alone; ValueError names charts,
    points or rules that are unknown.
    """
    unknown = sorted(set(answers) - set(signals))
    if unknown:
        raise ValueError(f"there is no exercise {', '.join(unknown)}")
    if not signals:
        raise ValueError("there is no exercise to mark")
    marks = {}
    for letter, right in signals.items():
        named = answers.get(letter, {})
        for point, rule in named.items():
            if rule not in {"limit", "run"}:
                raise ValueError(
                    f"exercise {letter}, point {point}: the rule is limit or run, not {rule}"
                )
        marks[letter] = Mark(
            right=tuple(sorted(p for p in named if named[p] in right.get(p, ()))),
            wrong_rule=tuple(sorted(p for p in named if p in right and named[p] not in right[p])),
            missed=tuple(sorted(set(right) - set(named))),
            for_nothing=tuple(sorted(set(named) - set(right))),
        )
    return 100 * sum(mark.share for mark in marks.values()) / len(marks), marks


# %% tags=["mark"]
WORDS = {"nelson_1": "limit", "nelson_2": "run"}
right_answers = {
    letter: {
        int(point): frozenset(WORDS[rule] for rule in rules)
        for point, rules in zip(shown["point"], shown["new_rules"], strict=True)
        if rules
    }
    for letter, shown in exercises.items()
}
if right_answers:
    result, marks = mark_answers(answers, right_answers)
    whose = "asking about the largest changes" if my_answers is None else "your answers"
    print(f"{whose}: {result:.0f} of 100")
    alone, _ = mark_answers({}, right_answers)
    print(f"asking about nothing: {alone:.0f} of 100")
    for letter, mark in marks.items():
        print(
            f"{letter}: right {list(mark.right)}, wrong rule {list(mark.wrong_rule)}, "
            f"missed {list(mark.missed)}, asked for nothing {list(mark.for_nothing)}"
        )
else:
    print("Too little history: nothing to mark.")

# %% [markdown]
# ## The answers
#
# What to ask about is marked. The largest change of a chart that starts no signal is what not to ask
# about: it is named below each chart.

# %% tags=["solutions"]
for letter, shown in exercises.items():
    display(
        control_chart(
            shown, title=f"{letter}: {name_of(shown)}", number_format=number_format(shown)
        )
    )
    starts = {point: " and ".join(sorted(rules)) for point, rules in right_answers[letter].items()}
    print(f"{letter}: signals start at {starts or 'no point'}")
    is_signal = shown["rules"].map(len) > 0
    # The way back from a signal belongs to it.
    quiet = shown["reading"].diff().abs()[~is_signal & ~is_signal.shift(fill_value=False)]
    at = int(quiet.idxmax())
    print(
        f"{letter}: do not ask about point {shown['point'].iloc[at]}, though it is the largest change without a signal"
    )
