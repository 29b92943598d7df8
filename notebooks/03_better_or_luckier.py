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
# # Better, or luckier?
#
# For whoever is shown a league table of sites or lines, or stands in one. A table always has a
# first and a last, also where all are alike. This page asks of each table of your company: does it
# say anything? It reads the published snapshot; tables are of sites and lines, not of people, and
# nothing on this page should be made into one of people.

# %% tags=["snapshot"]
import duckdb
import numpy as np
import pandas as pd
from charts import funnel, ranks, then_and_now, use_house_style

from orchestration.publication.snapshot import DATABASE, read_current, verify
from orchestration.settings import Settings
from orchestration.statistics.calibration.league import (
    rank_persistence,
    regression_to_mean,
    shrink_newest,
)
from orchestration.statistics.calibration.shrinkage import james_stein
from orchestration.statistics.refusal import Refusal

pd.set_option("display.width", 160, "display.max_columns", 20, "display.max_rows", 60)
use_house_style()

snapshot = read_current(Settings.from_environment().published)
assert verify(snapshot) == [], "A file is not what its manifest says: publish again."
print(f"{snapshot.company} as of {snapshot.as_of}, content {snapshot.content_hash[:16]}")

# %% [markdown]
# ## The tables
#
# One table per KPI, kind of unit and month: months that are no longer provisional, units that were
# compared with their peers. Where a comparison was refused, the reason is named.

# %% tags=["tables"]
TABLE = ["kpi_id", "entity_kind"]
MONTH, YEAR = 1, 12

with duckdb.connect(str(snapshot.folder / DATABASE), read_only=True) as con:
    compared = con.execute(
        """
        select
            compared.kpi_id, kpis.kpi_name, kpis.unit, kpis.decimals, kpis.direction,
            compared.entity_kind, compared.entity_id, compared.period_start_date,
            compared.reading_value as reading, readings.denominator::double as size,
            compared.peers_value, compared.phi, compared.z,
            compared.peers_lower_limit as lower_limit, compared.peers_upper_limit as upper_limit,
            compared.verdict, compared.refusal
        from kpi.fct_kpi_comparisons as compared
        inner join kpi.fct_kpi_readings as readings
            using (kpi_id, entity_kind, entity_id, period_kind, period_start_date)
        inner join registry.kpis as kpis on compared.kpi_id = kpis.kpi_id
        where compared.period_kind = 'month' and readings.finality <> 'provisional'
        order by compared.kpi_id, compared.entity_kind, compared.period_start_date, compared.entity_id
        """
    ).df()

refused = compared[compared["refusal"].notna()]
for (kpi_id, kind, refusal), rows in refused.groupby([*TABLE, "refusal"]):
    months = rows["period_start_date"].nunique()
    print(f"{kpi_id} by {kind}: no comparison in {months} months: {refusal}")
compared = compared[compared["verdict"].notna()].reset_index(drop=True)
# 1 is best; equal readings share a place.
compared["place"] = (
    compared.assign(worth=compared["reading"] * np.where(compared["direction"] == "higher", -1, 1))
    .groupby([*TABLE, "period_start_date"])["worth"]
    .rank(method="min")
    .astype(int)
)
tables = compared.groupby([*TABLE, "kpi_name"], as_index=False).agg(
    months=("period_start_date", "nunique"),
    units=("entity_id", "nunique"),
    phi=("phi", "median"),
    outside=("verdict", lambda verdicts: (verdicts != "within_spread").mean()),
)


def by_month(table: pd.DataFrame, values: str = "reading") -> pd.DataFrame:
    """Return one row per month, without a gap, and one column per unit."""
    wide = table.pivot(index="period_start_date", columns="entity_id", values=values)
    return wide.asfreq("MS")


if tables.empty:
    print("Too little history: there is no final month in which enough units were compared.")
tables.round({"phi": 1, "outside": 3})

# %% [markdown]
# `phi` says how much the units differ, in multiples of what counting alone would make of equal
# units: near 1 there is nothing to explain. `outside` is the share of readings that stand out even
# from the spread of all; by chance it would be about 0.05.

# %% [markdown]
# ## Does the order last?
#
# If a place in the table says something about a unit, the order of one month is found again in the
# next. The rank correlation of a month with the next is 1 if all keep their places, and about 0 if
# the table is shuffled. By luck alone its mean over all pairs of months would stay within
# `luck_limit` of 0, in 95 of 100 tables. `alike` is the same among units within the spread of all in
# both months: those of whom no table should make anything.

# %% tags=["lasting"]
found = []
for (kpi_id, kind), table in compared.groupby(TABLE):
    order = rank_persistence(by_month(table), periods_apart=MONTH)
    if isinstance(order, Refusal):
        print(f"{kpi_id} by {kind}: too little history: {order.detail}.")
        continue
    shared = table.duplicated(["period_start_date", "place"], keep=False).mean()
    within = by_month(table[table["verdict"] == "within_spread"])
    alike = rank_persistence(within, periods_apart=MONTH)
    found.append(
        {
            "kpi_id": kpi_id,
            "entity_kind": kind,
            "kpi_name": table["kpi_name"].iloc[0],
            "pairs": len(order.correlation),
            "correlation": order.mean,
            "luck_limit": order.luck_limit,
            "shared_places": shared,
            "alike": np.nan if isinstance(alike, Refusal) else alike.mean,
            "is_luck": order.mean <= order.luck_limit,
        }
    )
lasting = pd.DataFrame(
    found,
    columns=[
        "kpi_id",
        "entity_kind",
        "kpi_name",
        "pairs",
        "correlation",
        "luck_limit",
        "alike",
        "shared_places",
        "is_luck",
    ],
).sort_values(["correlation", "kpi_id"], ignore_index=True)
for row in lasting.itertuples():
    if row.is_luck:
        print(
            f"{row.kpi_name} by {row.entity_kind}: the order of a month foretells the next no better than a shuffle."
        )
lasting.round({"correlation": 2, "luck_limit": 2, "alike": 2, "shared_places": 2})

# %% [markdown]
# A high correlation is no praise of the units at the top. It says that they differ, not why: what
# they make differs, and so do their machines and what is asked of them. Units within the spread
# may keep their order too: the spread holds such differences.
#
# ## The table that lasts least, month by month
#
# Of the tables in which fewer than one place in ten is shared (one of incidents is mostly noughts).
# The unit that is best now is drawn in colour. Follow it back.

# %% tags=["ranks"]


def number_format(table: pd.DataFrame) -> str:
    """A ratio is shown in percent, with the digits that the register gives the KPI."""
    is_ratio = table["unit"].iloc[0].startswith("ratio")
    return f".{table['decimals'].iloc[0]}{'%' if is_ratio else 'f'}"


def table_of(row: pd.Series) -> pd.DataFrame:
    return compared[
        (compared["kpi_id"] == row["kpi_id"]) & (compared["entity_kind"] == row["entity_kind"])
    ]


distinct = lasting[lasting["shared_places"] < 0.1]
if len(distinct):
    least, most = distinct.iloc[0], distinct.iloc[-1]
    recent = sorted(table_of(least)["period_start_date"].unique())[-YEAR:]
    places = table_of(least)[table_of(least)["period_start_date"].isin(recent)]
    firsts = places.loc[places["place"] == 1, "entity_id"].nunique()
    display(
        ranks(
            places,
            title=f"{least['kpi_name']}: places of each {least['entity_kind']}",
            subtitle=f"rank correlation from month to month {least['correlation']:.2f}",
        )
    )
    print(
        f"{firsts} of {places['entity_id'].nunique()} were first at least once in {len(recent)} months"
    )
else:
    print("Too little history: there is no table of two months in which places are not shared.")

# %% [markdown]
# ## The funnel
#
# What a table leaves out is how much was counted. The fewer, the wider chance throws; the limits
# hold 95 of 100 units that differ as the units of this table do. First the table that lasts least,
# then the one that lasts most, both in their newest month.

# %% tags=["funnels"]
if len(distinct):
    for row in (least, most):
        table = table_of(row)
        newest = table[table["period_start_date"] == table["period_start_date"].max()]
        display(
            funnel(
                newest,
                title=f"{row['kpi_name']} by {row['entity_kind']}, {newest['period_start_date'].iloc[0]:%B %Y}",
                subtitle="limits: 95 % of units that differ as these do; line: all together",
                size_title="counted in the month (denominator of the KPI)",
                number_format=number_format(newest),
            )
        )
        outside = newest[newest["verdict"] != "within_spread"]
        print(
            f"{row['kpi_name']}: {len(outside)} of {len(newest)} outside: {', '.join(outside['entity_id']) or 'none'}"
        )
else:
    print("Too little history: there is no month to draw.")

# %% [markdown]
# ## Regression to the mean: what becomes of the best and the worst
#
# Take the best and the worst third of a month, and the same units in the same month a year later
# (like for like: units that are in both, compared with all of that month). What was luck is not
# repeated. `kept` is the share of the distance from their peers that is still there: 1 would be all
# of it, and 0 none. Whoever praises the best third and takes the worst to task will see the first
# fall and the second improve, and believe that it helped.

# %% tags=["regression"]
distances = {}
for key, table in compared.groupby(TABLE):
    is_lower = table["direction"].iloc[0] == "lower"
    distance = (table["reading"] - table["peers_value"]) * (-1 if is_lower else 1)
    distances[key] = (
        table["kpi_name"].iloc[0],
        by_month(table.assign(distance=distance), "distance"),
    )

# Refused where no month has its month of the year before.
is_yearly = any(
    not isinstance(regression_to_mean(one, periods_apart=YEAR), Refusal)
    for _, one in distances.values()
)
apart, words = (YEAR, "a year later") if is_yearly else (MONTH, "a month later")
if not is_yearly:
    print(
        "Too little history for year on year: no month has its month of the year before. Shown is month on month."
    )
later_rows = []
for (kpi_id, kind), (name, distance) in distances.items():
    moved = regression_to_mean(distance, periods_apart=apart)
    if isinstance(moved, Refusal):
        print(f"{kpi_id} by {kind}: {moved.detail}.")
        continue
    for group, then, later in (
        ("best third", moved.highest_then, moved.highest_later),
        ("worst third", moved.lowest_then, moved.lowest_later),
    ):
        kept = later.mean() / then.mean() if then.mean() else np.nan
        later_rows.append((kpi_id, kind, name, group, len(then), then.mean(), later.mean(), kept))
regression = pd.DataFrame(
    later_rows,
    columns=["kpi_id", "entity_kind", "kpi_name", "group", "pairs", "then", "later", "kept"],
)
print(f"distance from all together, above 0 is better; then, and {words}")
regression.round({"then": 4, "later": 4, "kept": 2})

# %% tags=["regression_chart"]
if len(regression) and len(distinct):
    of_least = regression[
        (regression["kpi_id"] == least["kpi_id"])
        & (regression["entity_kind"] == least["entity_kind"])
    ]
    views = of_least.melt(["group"], ["then", "later"], "view", "reading")
    display(
        then_and_now(
            views.assign(
                entity_id=views["group"],
                view=views["view"].replace({"then": "in a month", "later": words}),
            ),
            title=f"{least['kpi_name']}: best and worst third",
            subtitle="mean distance from all together; above 0 is better",
            number_format=number_format(table_of(least)),
        )
    )
else:
    print("Too little history: no unit can be followed.")

# %% [markdown]
# ## Shrinkage: what to believe of a unit after one month
#
# The best guess of what a unit is like lies between its own month and what all have together: the
# more a unit's months differ among themselves, compared with how units differ from each other, the
# less its own month counts. Both variances come from the twelve months before: the months' own from
# each unit about its mean, all units pooled; that between units from their means (random effects,
# restricted maximum likelihood). James and Stein's estimate, beside it, takes the same variance of
# the months, but tells from this one month how far units differ, and so believes more of an odd one.

# %% tags=["shrinkage"]


def year_to(readings: pd.DataFrame, month: pd.Timestamp) -> pd.DataFrame:
    """Return the month and the twelve before it."""
    return readings.loc[month - pd.DateOffset(months=YEAR) : month]


def print_or_draw(row: pd.Series) -> None:
    table = table_of(row)
    month = table["period_start_date"].max()
    readings = by_month(table)
    raw = readings.loc[month].dropna()
    year = year_to(readings, month)[raw.index]
    found = shrink_newest(year)
    head = f"{row['kpi_name']} by {row['entity_kind']}, {month:%B %Y}"
    if isinstance(found, Refusal):
        print(f"{head}: too little history: {found.detail}.")
        return
    stein = james_stein(raw, found.within)
    answer = pd.DataFrame(
        {
            "entity_id": raw.index,
            "raw": raw.to_numpy(),
            "shrunken": found.estimates,
            "james_stein": np.nan if isinstance(stein, Refusal) else stein.estimates,
        }
    )
    print(f"{head}: {found.own_share:.0%} of a unit's distance is believed")
    print(answer.round(5).to_string(index=False))
    views = answer.melt(["entity_id"], ["raw", "shrunken"], "view", "reading")
    # Forty names do not fit beside one column.
    if len(answer) <= 8:
        display(
            then_and_now(
                views,
                title=f"{row['kpi_name']}, {month:%B %Y}",
                subtitle="as read, and what to believe of each",
                number_format=number_format(table),
            )
        )


if len(distinct):
    print_or_draw(least)
    print_or_draw(most)
else:
    print("Too little history: nothing to shrink.")

# %% [markdown]
# ### Is it worth it?
#
# The test is the next month, which neither has seen: the mean squared distance between a unit's
# distance from its peers in a month, as read or shrunken, and that of the month after. Below 1,
# shrunken values foretell better.

# %% tags=["next_month"]


def error_ratio(table: pd.DataFrame) -> tuple[float, int]:
    """Return squared error of shrunken over that of raw values as forecasts, and their number."""
    readings = by_month(table)
    errors = []
    for month, later in zip(readings.index[:-1], readings.index[1:], strict=True):
        found = shrink_newest(year_to(readings, month))
        if isinstance(found, Refusal):
            continue
        three = np.array([readings.loc[month], found.estimates, readings.loc[later]])
        three = three[:, np.isfinite(three).all(axis=0)]
        if three.shape[1]:
            # Month against month all may rise or fall together; that is nobody's error.
            three -= three.mean(axis=1, keepdims=True)
            errors.append((three[:2] - three[2]) ** 2)
    if not errors:
        return np.nan, 0
    raw, shrunken = np.hstack(errors)
    return float(shrunken.sum() / raw.sum()), raw.size


worth = pd.DataFrame(
    [
        (
            row.kpi_id,
            row.entity_kind,
            row.kpi_name,
            row.correlation,
            *error_ratio(table_of(row._asdict())),
        )
        for row in lasting.itertuples()
    ],
    columns=["kpi_id", "entity_kind", "kpi_name", "correlation", "error_ratio", "forecasts"],
)
for row in worth[worth["forecasts"] == 0].itertuples():
    print(f"{row.kpi_name} by {row.entity_kind}: too little history to try.")
worth.round({"correlation": 2, "error_ratio": 3})

# %% [markdown]
# ## What to take along
#
# * Ask of a table first whether its order lasts. If not, it ranks luck: do not show it.
# * Ask next whether a unit stands outside the spread of all. If not, its place is no news.
# * If one does stand outside, ask what is different there. The table does not know.
# * Never judge a measure by what became of the worst: they improve anyway.
