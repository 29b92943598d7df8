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
# # A fairness audit
#
# For whoever answers for ratings: what an audit can find, what it cannot, and how it is misread.
# The lessons are on companies that are drawn from the demo company's own model, so that the truth
# is known; your own audit comes last. Groups are read only of people who agree to it, here too.

# %% tags=["start"]
import duckdb
import numpy as np
import pandas as pd
from charts import intervals, use_house_style

from orchestration.demo.rating_draws import NOTHING_PLANTED, RatingPlants, draw_ratings
from orchestration.governance.fairness import audit_ratings
from orchestration.settings import Settings

pd.set_option("display.width", 160, "display.max_columns", 20, "display.max_rows", 80)
use_house_style()
SEED = 4


def audited(plants: RatingPlants, **company: float) -> pd.DataFrame:
    """Return the audit of a drawn company."""
    return audit_ratings(draw_ratings(SEED, plants, **company).ratings)


def ratios(audit: pd.DataFrame) -> pd.DataFrame:
    """Return the impact ratio of women with everything that must stand beside it."""
    rows = audit[(audit["method"] == "impact_ratio") & (audit["group_code"] == "female")]
    return rows[
        [
            *("stage_code", "n", "n_reference", "estimate", "low_value", "high_value"),
            *("exact_p_value", "mid_p_value", "adjusted_p_value", "is_turned_by_one", "verdict"),
        ]
    ].reset_index(drop=True)


# %% [markdown]
# ## A ratio is one figure of eight
#
# 1,500 people, 40 managers. Every manager proposes women lower: 0.7 as log odds of a higher label.
# The impact ratio is the share of women with a favourable rating over that of men, and below four
# fifths it is called adverse. It says nothing of chance. So beside it stand how many people it is
# of, the interval, two exact tests (mid-p counts half of the table that was seen, and is less
# timid), the test held against all groups that were looked at, and whether **one** person more
# would bring it to the other side of the cut.

# %% tags=["biased"]
biased = audited(RatingPlants(biased_rater_sd=0))
ratios(biased).round(4)

# %% [markdown]
# And the same company without any bias. An audit that finds something here finds it everywhere: of
# a hundred such companies about five may be flagged, because that is what was declared to be put up
# with.

# %% tags=["unbiased"]
unbiased = audited(NOTHING_PLANTED)
ratios(unbiased).round(4)

# %% [markdown]
# ## Whose bias?
#
# Stages are audited apart: what managers proposed, what calibration made of it, what became final.
# A bias at the proposal and one at the calibration are other people's. `stage_change` asks whether
# a stage raised one group more than the other.

# %% tags=["stages"]
stages = biased[(biased["group_code"] == "female") & (biased["method"] == "ordinal")]
display(
    intervals(
        stages.rename(
            columns={"stage_code": "name", "low_value": "low", "high_value": "high"}
        )[["name", "estimate", "low", "high"]],
        title="Log odds of a higher label, women against men of the same site",
        subtitle="95 % intervals; planted at the proposal: -0.7 for all",
        nil=0,
        estimate_title="log odds",
    )
)
moved = biased[(biased["method"] == "stage_change") & (biased["group_code"] == "female")]
for row in moved.itertuples():
    said = row.verdict if isinstance(row.verdict, str) else row.refusal
    print(f"{row.stage_code}: {said}")

# %% [markdown]
# ## Severe is not biased
#
# Rater R01 takes 0.8 points off everybody, R02 adds as much. R00 rates like the others, but women
# two and a half standard deviations lower. Severity cancels in the difference between groups, so
# the interaction of rater and group names R00 and leaves R01 alone. With 15 ratees in each group a
# bias of **one** standard deviation is missed six times in ten: `docs/methods.md` has the table.

# %% tags=["raters"]
one_rater = audited(RatingPlants(bias_logit=0, biased_rater_sd=2.5))
named = one_rater[one_rater["method"] == "rater"]
named[["stage_code", "stratum_id", "estimate", "low_value", "high_value", "verdict"]].round(2)

# %% [markdown]
# ## Simpson
#
# Two sites. At each women are rated favourably as often as men or more often; most women work where
# few ratings are favourable. Together they look disadvantaged. Whether the site may explain that is
# no question of statistics: it is declared before (`legitimate`, or `possibly_tainted` for a
# stratum that may itself come of bias, as a level given by the same managers). Where strata
# disagree (Breslow-Day) there is no pooled figure at all.

# %% tags=["simpson"]
TABLES = {"A": {"male": (160, 40), "female": (17, 3)}, "B": {"male": (4, 16), "female": (50, 150)}}
people = pd.DataFrame(
    [
        (site, group, points)
        for site, groups in TABLES.items()
        for group, counts in groups.items()
        for points, count in zip((4.0, 3.0), counts, strict=True)
        for _ in range(count)
    ],
    columns=["site_id", "group_code", "rating_points"],
)
drawn = draw_ratings(SEED, NOTHING_PLANTED, employees=len(people)).ratings
proposed = drawn[drawn["stage_code"] == "proposed"].reset_index(drop=True)
simpson = audit_ratings(
    proposed.assign(**{column: people[column] for column in people}, rater_id=None)
)
rows = simpson[simpson["method"].isin(["impact_ratio", "stratified"])]
rows[["method", "stratum_name", "estimate", "low_value", "high_value", "verdict"]].round(3)

# %% [markdown]
# ## Who is in the audit
#
# Only people who agree are in it. Here 40 in a hundred do, and those with a favourable rating
# sooner: the audit then speaks of the content. `coverage` tests it; `favourable_share` says what the
# share of all may be, if none or all of those left out had a favourable rating. That is wide,
# because it is honest.

# %% tags=["coverage"]
selected = audited(RatingPlants(biased_rater_sd=0, selective_logit=1.0), agree=0.4)
final = selected[(selected["stage_code"] == "final") & (selected["attribute_name"] == "*")]
columns = ["method", "stratum_name", "stratum_id", "n", "estimate", "low_value", "high_value"]
print(final.loc[final["method"] == "coverage", "verdict"].dropna().tolist())
final.loc[
    (final["method"] == "favourable_share")
    | ((final["method"] == "coverage") & (final["stratum_name"] == "outcome")),
    columns,
].round(3)

# %% [markdown]
# And with few the ratio is noise. The bias is the same in each of these:

# %% tags=["few"]
parts = []
for agree in (1.0, 0.5, 0.15):
    found = ratios(audited(RatingPlants(biased_rater_sd=0), agree=agree))
    row = found[found["stage_code"] == "proposed"].iloc[0]
    parts.append(
        {
            "name": f"{agree:.0%} agree, {row['n']} women",
            "estimate": row["estimate"],
            "low": row["low_value"],
            "high": row["high_value"],
        }
    )
few = pd.DataFrame(parts)
display(
    intervals(
        few,
        title="Impact ratio of the same bias, by how many agree to the audit",
        subtitle="95 % score intervals; dashed: equal shares",
        nil=1,
        estimate_title="share of women over share of men",
    )
)
few.round(2)

# %% [markdown]
# ## Your own audit
#
# Results about groups are not published: what is left out because few people are in it can often
# be subtracted from totals that stand elsewhere. So this cell reads the warehouse itself, where you
# may; while a run writes, it cannot be read.

# %% tags=["own"]
warehouse = Settings.from_environment().company_home / "warehouse.duckdb"
with duckdb.connect(str(warehouse), read_only=True) as con:
    own = con.execute(
        """
        select *
        from governance.fct_fairness_audit
        where cycle_id = (select max(cycle_id) from governance.fct_fairness_audit)
        order by attribute_name, group_code, method_code, stratum_name, stratum_id, stage_code
        """
    ).df()

if own.empty:
    print("Nobody was rated yet.")
else:
    print(f"cycle {own['cycle_id'].iloc[0]}")
    spoken = own[own["verdict"].notna()]
    print(spoken.groupby(["method_code", "verdict"]).size().to_string())
    silent = own[own["refusal"].notna()]
    for refusal, count in silent["refusal"].value_counts(sort=True).items():
        print(f"{count} results refused: {refusal}")

# %% tags=["own_findings"]
findings = own[own["verdict"].isin(["adverse", "differs", "departs_from_others"])]
findings[
    [
        *("stage_code", "attribute_name", "group_code", "method_code", "stratum_name"),
        *("stratum_id", "member_count", "estimate_value", "low_value", "high_value"),
        *("adjusted_p_value", "verdict"),
    ]
].round(4)

# %% [markdown]
# A finding is a question, not an answer: it says that groups were treated differently beyond
# chance and beyond what was declared legitimate, and not why. No finding among few people says next
# to nothing.
