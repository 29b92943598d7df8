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
# # What if we paid on this?
#
# For whoever is about to tie pay to a figure, or is paid by one. A plan says what a reading earns; a
# reading is performance and noise. This page pays the same true performance a thousand times, each
# time with the noise of other months, and asks: who would earn what, how much of it would be luck,
# and what changes that? It reads the published snapshot; sites and lines are paid here and no
# persons, and the plans are examples of the company's registers (`pay_plans`).

# %% tags=["snapshot"]
import duckdb
import numpy as np
import pandas as pd
from charts import bridge, bullet, then_and_now, use_house_style
from scipy.stats import norm

from orchestration.governance.payouts import WINDOWS, performance, plan_of, simulated
from orchestration.publication.snapshot import DATABASE, read_current, verify
from orchestration.settings import Settings
from orchestration.statistics.pay.simulate import normal_noise, simulate
from orchestration.statistics.refusal import Refusal

pd.set_option("display.width", 160, "display.max_columns", 20, "display.max_rows", 60)
use_house_style()

snapshot = read_current(Settings.from_environment().published)
assert verify(snapshot) == [], "A file is not what its manifest says: publish again."
print(f"{snapshot.company} as of {snapshot.as_of}, content {snapshot.content_hash[:16]}")

# %% [markdown]
# ## Two units, one figure
#
# Before any plan: two units truly differ by `distance`, and a reading of either is off by `noise`.
# Under a plan that pays in proportion, how often does the better one earn less? Probability has the
# answer, `Phi(-distance / (noise * sqrt(2)))`; the simulator must agree with it.

# %% tags=["two_units"]
PROPORTIONAL = pd.DataFrame(
    [
        {
            "kpi_id": "any", "weight": 1.0, "is_gate": False, "cap": 100.0, "leverage": 1.0,
            "pay_at_threshold": 0.0, "pay_at_target": 1.0, "pay_at_stretch": 2.0,
        }
    ]
)  # fmt: skip


def wrong_way_round(distance: float, noise: float) -> tuple[float, float]:
    """Return how often the better of two earns less: by formula, and by simulation."""
    draws = normal_noise([noise], 2, n_draws=20_000, seed=6)
    found = simulate(plan_of(PROPORTIONAL), [[-50.0, 0.0, 50.0]], [[0.0], [distance]], draws)
    return float(norm.cdf(-distance / (noise * np.sqrt(2)))), found.better_earns_less


for noise in (0.5, 1.0, 2.0, 4.0):
    exact, drawn = wrong_way_round(1.0, noise)
    print(
        f"a difference of 1 under noise of {noise}: {exact:.1%} by formula, {drawn:.1%} simulated"
    )

# %% [markdown]
# A difference the size of the noise is paid the wrong way round in one month of four. No curve of a
# plan changes that: only less noise does, or a longer look.

# %% [markdown]
# ## The plans, and what they pay along
#
# Nothing below the threshold, no more beyond the stretch, between them straight lines.

# %% tags=["plans"]
with duckdb.connect(str(snapshot.folder / DATABASE), read_only=True) as con:
    items = con.execute(
        """
        select items.*, kpis.kpi_name, kpis.unit, kpis.decimals
        from registry.pay_plan_items as items
        inner join registry.kpis as kpis on items.kpi_id = kpis.kpi_id
        order by items.plan_id, items.kpi_id
        """
    ).df()
    readings = con.execute(
        """
        select
            kpi_id, entity_kind, entity_id, period_start_date, computed_value,
            threshold_level, target_level, stretch_level
        from kpi.fct_kpi_judgements
        where
            period_kind = 'month'
            and finality <> 'provisional'
            and entity_kind in ('site', 'line')
        """
    ).df()
    published = con.execute(
        "select * from kpi.fct_payout_simulations order by plan_id, window_months, is_drawn_in"
    ).df()
    bridges = con.execute(
        """
        select bridges.*, kpis.kpi_name, kpis.direction
        from kpi.fct_kpi_bridge as bridges
        inner join registry.kpis as kpis on bridges.kpi_id = kpis.kpi_id
        """
    ).df()

plans = {plan_id: rows for plan_id, rows in items.groupby("plan_id")}
known = {plan_id: performance(readings, rows) for plan_id, rows in plans.items()}
for plan_id, one in known.items():
    if isinstance(one, Refusal):
        print(f"{plan_id}: too little history: {one.detail}.")
if not plans:
    print("No plan is registered: write one into pay_plans of the company's registers.")
items[["plan_id", "subject_kind", "kpi_name", "weight", "pay_at_threshold", "pay_at_stretch", "cap"]]

# %% [markdown]
# Below, the KPI that weighs most of each plan for sites: the levels in force, what each site truly
# does as far as two years tell (the point), and between what a single month would read it, nine
# times in ten (the line). Where the line crosses a threshold, the month decides and not the site.

# %% tags=["bullets"]


def noise_of_months(one, kpi: int) -> pd.DataFrame:
    """Return the participants of a plan on one KPI: performance, noise of a month, and levels."""
    low, high = np.nanquantile(one.residuals[..., kpi], [0.05, 0.95], axis=0)
    levels = one.levels[:, kpi]
    return pd.DataFrame(
        {
            "entity_id": one.participants,
            "reading": one.true_values[:, kpi],
            "low": one.true_values[:, kpi] + low,
            "high": one.true_values[:, kpi] + high,
            "threshold_level": levels[:, 0],
            "target_level": levels[:, 1],
            "stretch_level": levels[:, 2],
        }
    )


for plan_id, rows in plans.items():
    one = known[plan_id]
    if isinstance(one, Refusal) or rows["subject_kind"].iloc[0] != "site":
        continue
    ordered = rows.sort_values("kpi_id", ignore_index=True)
    kpi = int(ordered["weight"].astype(float).idxmax())
    display(
        bullet(
            noise_of_months(one, kpi),
            title=ordered.loc[kpi, "kpi_name"],
            subtitle="threshold to target to stretch; what each does, and what a month would say",
            number_format=".1%" if ordered.loc[kpi, "unit"] == "ratio" else ".2f",
        )
    )

# %% [markdown]
# ## How much would be luck?
#
# The published simulation of each plan. `luck_share` is the part of all differences in pay that is
# not between true performances. `better_earns_less_share` is taken over all pairs that deserve
# different pay. `overpaid` and `underpaid` are what noise costs, per head, in multiples of the pay on
# target: one is the company's money, the other is somebody's.

# %% tags=["luck"]
WORDS = {1: "a month", 3: "a quarter", 12: "a year"}
FIGURES = [
    "luck_share", "better_earns_less_share", "best_earns_most_share", "cliff_share", "expected_pay",
    "pay_low", "pay_high", "overpaid", "underpaid",
]  # fmt: skip
for row in published[published["refusal"].notna()].drop_duplicates("plan_id").itertuples():
    print(f"{row.plan_id}: not simulated: {row.refusal}.")
told = published[published["refusal"].isna()]
for row in told[~told["is_drawn_in"]].itertuples():
    print(
        f"{row.plan_id}, paid on {WORDS[row.window_months]}: {row.luck_share:.0%} luck; in "
        f"{row.better_earns_less_share:.0%} of pairs the better one earns less"
    )
told[["plan_id", "window_months", "is_drawn_in", *FIGURES]].round(3)

# %% [markdown]
# ## What would change it?
#
# The same performance and the same noise under other plans: `ramp` pays from nothing at the
# threshold instead of jumping; `steep` doubles what a plan moves about the target. Compare what a
# longer window does with what a curve does, and read `overpaid` beside `luck_share`: a steep plan
# pays more for performance and for noise.

# %% tags=["variants"]


def variants(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the plan as it is and as it could be."""
    as_it_is = rows.astype(
        {name: float for name in rows.filter(regex="pay_at|weight|cap|leverage").columns}
    )
    return {
        "as it is": as_it_is,
        "ramp": as_it_is.assign(pay_at_threshold=0.0),
        "steep": as_it_is.assign(leverage=2.0, cap=2.0),
    }


tried = []
for plan_id, rows in plans.items():
    if isinstance(known[plan_id], Refusal):
        continue
    for name, changed in variants(rows).items():
        for window in WINDOWS:
            found = simulated(plan_of(changed), known[plan_id], window, is_drawn_in=False)
            if isinstance(found, Refusal):
                print(f"{plan_id}, paid on {WORDS[window]}: {found.detail}.")
                continue
            tried.append(
                {
                    "plan_id": plan_id,
                    "variant": name,
                    "months": window,
                    "luck_share": found.luck_share,
                    "better_earns_less": found.better_earns_less,
                    "cliff_share": found.cliff_share,
                    "overpaid": found.overpaid,
                    "cost": found.cost,
                }
            )
tried = pd.DataFrame(
    tried,
    columns=[
        "plan_id", "variant", "months", "luck_share", "better_earns_less", "cliff_share",
        "overpaid", "cost",
    ],
)  # fmt: skip
for plan_id, rows in tried.groupby("plan_id"):
    display(
        then_and_now(
            rows.assign(
                entity_id=rows["variant"],
                view=rows["months"].map(WORDS),
                reading=rows["luck_share"],
            ).sort_values("months"),
            title=f"{plan_id}: luck's share of pay",
            subtitle="by what is paid on together",
            number_format=".0%",
        )
    )
if tried.empty:
    print("Too little history: no plan can be tried.")
tried.round(3)

# %% [markdown]
# ## And before paying for a change: what made it?
#
# The largest change against the year before, of a KPI that pays, in a site. A plan pays the whole
# way from one point to the other. Of the parts only some are anybody's doing: a mix that was
# ordered from above, or freight that was dear, is not the site's. The parts add up; the ends of
# their intervals do not.

# %% tags=["change"]
if bridges.empty:
    paying = bridges
else:
    paying = bridges[
        bridges["kpi_id"].isin(items["kpi_id"]) & (bridges["part"] != "unexplained")
    ]
if paying.empty:
    print("Too little history: no change of a KPI that pays can be divided.")
else:
    yearly = "previous_year" if (paying["comparison"] == "previous_year").any() else "previous_month"
    newest = paying.loc[paying["comparison"] == yearly, "period_start_date"].max()
    same = paying[(paying["comparison"] == yearly) & (paying["period_start_date"] == newest)]
    span = (same["outcome_value"] - same["baseline_value"]).abs() / same["baseline_value"].abs()
    chosen = same.loc[span.idxmax()]
    way = bridges[
        (bridges[["kpi_id", "entity_id", "period_start_date", "comparison"]]
         == chosen[["kpi_id", "entity_id", "period_start_date", "comparison"]]).all(axis=1)
    ]  # fmt: skip
    order = way["part"].map(lambda part: {"mix": 0, "site": 2, "unexplained": 3}.get(part, 1))
    way = way.loc[order.sort_values(kind="stable").index]
    print(
        f"{chosen['kpi_name']} of {chosen['entity_id']}, {newest:%B %Y} against "
        f"{chosen['compared_start_date']:%B %Y}: {chosen['baseline_value']:.4f} to "
        f"{chosen['outcome_value']:.4f}"
    )
    for note in way["not_told"].dropna().unique():
        print(f"not told: {note}")
    display(
        bridge(
            way,
            title=f"{chosen['kpi_name']}, {chosen['entity_id']}",
            subtitle=f"{chosen['compared_start_date']:%B %Y} to {newest:%B %Y}",
            number_format=".4f",
        )
    )

# %% [markdown]
# ## What to take along
#
# * Ask of a plan how much of its pay is luck, before it pays. If it is half, it is a lottery.
# * Try a longer window before a steeper curve: every curve pays noise, and a steep one pays more.
# * No jumps: where a hundredth decides on half a bonus, people will find the hundredth.
# * Pay nobody for the mix they were given or for the weather: divide the change first.
# * Whoever counts the cost of a plan counts what it pays to the wrong ones too.
