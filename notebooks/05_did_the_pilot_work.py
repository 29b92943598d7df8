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
# # Did the pilot work?
#
# For whoever decides whether a change is rolled out. Lines are better after a change than before
# for many reasons, most of which have nothing to do with it. This page compares what lines under
# the change did with what lines without it did meanwhile, says how far that can be believed, and
# holds it against what was decided **before** it began.

# %% tags=["start"]
import duckdb
import numpy as np
import pandas as pd
from charts import groups_over_time, intervals, use_house_style

from orchestration.demo.pilot_draws import draw_pilot
from orchestration.governance.trials import judge_trials
from orchestration.publication.snapshot import DATABASE, read_current, verify
from orchestration.settings import Settings

pd.set_option("display.width", 160, "display.max_columns", 20, "display.max_rows", 80)
use_house_style()


def overall(results: pd.DataFrame, method: str) -> pd.Series:
    """Return the row of a method that is of all lines and months."""
    return results[(results["method"] == method) & (results["part_id"] == "*")].iloc[0]


def waves_over_time(readings: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of the lines of each wave, month by month, those without the change first."""
    month = readings["starts_on_date"].dt.strftime("%b %Y")
    named = readings.assign(group=("since " + month).fillna("without"))
    means = named.groupby(["group", "period_start_date"], as_index=False, sort=False).agg(
        reading=("computed_value", "mean"), starts_on_date=("starts_on_date", "first")
    )
    order = means["starts_on_date"].fillna(pd.Timestamp.min)
    return means.assign(order=order).sort_values(["order", "period_start_date"])


def since_start(results: pd.DataFrame) -> pd.DataFrame:
    """Return the effects by months since the start, as a chart takes them."""
    parts = results[results["part_id"].str.startswith("since ")]
    return pd.DataFrame(
        {
            "name": [f"month {int(part[6:]) + 1}" for part in parts["part_id"]],
            "estimate": parts["estimate"],
            "low": parts["low_value"],
            "high": parts["high_value"],
        }
    ).dropna()


# %% [markdown]
# ## Before and after is no comparison
#
# Drawn: 40 lines over two years, 12 of them under a change that is worth 2 points, in two waves.
# What all lines share (a mild summer, a new product) falls into before and after as well.

# %% tags=["drawn"]
drawn = draw_pilot(2)
results = judge_trials(drawn)
treated = drawn[drawn["starts_on_date"].notna()]
after = treated["period_start_date"] >= treated["starts_on_date"]
naive = treated.loc[after, "computed_value"].mean() - treated.loc[~after, "computed_value"].mean()
decision = overall(results, "decision")
print(f"planted 0.020; before and after {naive:.3f}; compared with the other lines")
print(f"{decision['estimate']:.3f} ({decision['low_value']:.3f} to {decision['high_value']:.3f})")
display(
    groups_over_time(
        waves_over_time(drawn),
        title="Mean of the lines of each wave",
        subtitle="dashed: where the change began",
        number_format=".1%",
    )
)

# %% [markdown]
# Each line of a later wave is compared only while it is without the change: readings under it are
# held against what the same line would have shown, as the lines and months without it foretell. Two
# columns of dummies (two-way effects) would take early lines as a comparison for late ones, so of
# several waves that figure is refused.

# %% tags=["drawn_since"]
display(
    intervals(
        since_start(results),
        title="Effect by months under the change",
        subtitle="95 % intervals by the jackknife over lines; planted: 0.02 in every month",
        nil=0,
        estimate_title="in the unit of the KPI",
        number_format=".3f",
    )
)

# %% [markdown]
# ## Four doubts, each with its figure
#
# 1. Might chance do it? Dealing the change out again among lines gives effects as large in
#    `permutation` of the deals.
# 2. Did the lines drift apart before? `pre_trend` tests the months before, and says what drift it
#    would have seen: a test without power reassures nobody.
# 3. Does a straight line through the months before slope? `drift` asks that alone, and sees more.
# 4. Were lines chosen for an odd month? Then they return to their usual, change or no change.

# %% tags=["doubts"]
DOUBTS = ["permutation", "pre_trend", "drift", "selection"]
SHOWN = ["method", "estimate_kind", "estimate", "p_value", "power", "verdict"]
results.loc[results["method"].isin(DOUBTS), SHOWN].round(4)

# %% [markdown]
# What each looks like when it bites: a pilot that did nothing, on lines that gained 0.3 points a
# month on the others all the time, and one on lines that were picked for a bad last month.

# %% tags=["spoilt"]
idle = draw_pilot(2, effect=0.0)
is_treated = idle["starts_on_date"].notna()
number = idle.groupby("line_id").cumcount()
dip = is_treated & (number == number[idle["period_start_date"] == "2024-12-01"].iloc[0])
spoilt = {
    "nothing happened": idle,
    "they drifted apart before": idle.assign(
        computed_value=idle["computed_value"] + 0.003 * number * is_treated
    ),
    "picked for a bad month": idle.assign(computed_value=idle["computed_value"] - 0.05 * dip),
}
for what, readings in spoilt.items():
    row = overall(judge_trials(readings), "decision")
    print(f"{what}: effect {row['estimate']:.3f}, p {row['p_value']:.3f}: {row['verdict']}")

# %% [markdown]
# ## Your own pilots
#
# What was decided before each began, from `registry/trials` of the company, and what came of it.

# %% tags=["own"]
snapshot = read_current(Settings.from_environment().published)
assert verify(snapshot) == [], "A file is not what its manifest says: publish again."
print(f"{snapshot.company} as of {snapshot.as_of}, content {snapshot.content_hash[:16]}")
with duckdb.connect(str(snapshot.folder / DATABASE), read_only=True) as con:
    trials = con.execute("select * from registry.trials order by trial_id").df()
    own = con.execute(
        """
        select *, method_code as method, estimate_value as estimate
        from kpi.fct_trials
        order by trial_id, method_code, part_id
        """
    ).df()
    readings = con.execute(
        """
        select
            trials.trial_id, readings.entity_id as line_id, readings.period_start_date,
            readings.computed_value, lines.starts_on_date
        from registry.trials as trials
        inner join kpi.fct_kpi_readings as readings
            on
                trials.kpi_id = readings.kpi_id
                and readings.entity_kind = 'line'
                and readings.period_kind = 'month'
                and readings.finality <> 'provisional'
                and readings.computed_value is not null
        left join registry.trial_lines as lines
            on trials.trial_id = lines.trial_id and readings.entity_id = lines.line_id
        order by trials.trial_id, line_id, readings.period_start_date
        """
    ).df()

if trials.empty:
    print("No trial is declared: put one into registry/trials of the company, before it begins.")
for trial in trials.itertuples():
    print(f"\n{trial.title} ({trial.kpi_id}), decided on {trial.decided_on_date:%Y-%m-%d}")
    print(f"  {trial.question}")
    print(f"  worth having from {trial.smallest_effect} on. {trial.decision}")
    found = own[own["trial_id"] == trial.trial_id]
    if found.empty:
        print("  The KPI is not published.")
        continue
    decision = overall(found, "decision")
    if isinstance(decision["refusal"], str):
        print(f"  Cannot be judged: {decision['refusal']}")
        continue
    ends = f"{decision['low_value']:.4f} to {decision['high_value']:.4f}"
    print(f"  effect {decision['estimate']:.4f} ({ends}): {decision['verdict']}")
    for row in found[found["method"].isin(DOUBTS)].itertuples():
        said = row.refusal if isinstance(row.refusal, str) else row.verdict
        print(f"  {row.method}: p {row.p_value:.3f}{f', {said}' if isinstance(said, str) else ''}")

# %% tags=["own_charts"]
for trial in trials.itertuples():
    found = own[(own["trial_id"] == trial.trial_id) & own["estimate"].notna()]
    if not len(found):
        continue
    display(
        groups_over_time(
            waves_over_time(readings[readings["trial_id"] == trial.trial_id]),
            title=f"{trial.title}: mean of the lines of each wave",
            subtitle="dashed: where the change began",
            number_format=".3~g",
        ),
        intervals(
            since_start(found),
            title=f"{trial.title}: effect by months under the change",
            subtitle=f"95 % intervals; worth having from {trial.smallest_effect} on",
            nil=0,
            estimate_title="in the unit of the KPI",
            number_format=".3f",
        ),
    )

# %% [markdown]
# Lines of one site share its shocks, and the figures here take lines for independent given the
# month: a pilot on all lines of one site is compared with other sites' luck. Spread it over sites
# before it begins.
