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
# # Read a scorecard
#
# For a leader who has a card in hand and wants to know what it says, and what it does not.
# Everything below is read from the published snapshot, the same files that dashboards read; this
# page computes nothing of its own. It shows the company that `STEELYARD_HOME` and
# `STEELYARD_COMPANY` name: after `make run` that is the demo company.

# %% tags=["snapshot"]
import duckdb
import pandas as pd

from orchestration.publication.scorecard import read_scorecard
from orchestration.publication.snapshot import DATABASE, read_current, verify
from orchestration.settings import Settings

pd.set_option("display.width", 160, "display.max_columns", 20, "display.max_rows", 40)

snapshot = read_current(Settings.from_environment().published)
assert verify(snapshot) == [], "A file is not what its manifest says: publish again."
print(f"{snapshot.company} as of {snapshot.as_of}, content {snapshot.content_hash[:16]}")

# %% [markdown]
# ## The card
#
# One line per KPI of the template. `n` is how much was counted behind the value: units, orders,
# cases; for times, machine days. A value without its `n` says little.

# %% tags=["card"]
card = read_scorecard(snapshot, "leader")
lines = pd.DataFrame(card.lines).set_index("kpi_name")
print(f"{card.title}: {card.subject_id}, {card.period_start:%B %Y}, {card.template}")
print(f"leads {', '.join(card.leads)}")
lines[["value", "unit", "n", "target", "weight", "score"]]

# %% [markdown]
# ## Is it final, and can it be trusted?
#
# *Provisional*: deliveries may still change it. *Final*: its time has passed. *Restated*: it
# changed after that. `trust_state` says whether its input is sound; where there is no value,
# `trust_reason` says why. A line that was not measured counts for nothing, least of all for zero.

# %% tags=["trust"]
lines[["value", "finality", "trust_state", "trust_reason"]]

# %% [markdown]
# ## Three verdicts, and no fourth
#
# | verdict | question |
# |---|---|
# | band | Where does this month stand: threshold, target or stretch reached? |
# | variation | Is this month a signal, or the noise of a process that has not changed? |
# | assurance | Will this process meet its target as it runs, every month? |
#
# A red month inside the limits calls for a better process, not for an explanation of the month. A
# card's chart needs readings first: with few months it says "not charted" instead of guessing.

# %% tags=["verdicts"]
lines[["band", "variation", "assurance"]]

# %% [markdown]
# ## The score
#
# 0 at the floor, 5 at the threshold, 8 at the target, 10 at the stretch; the total weighs what was
# measured. Here is how much of the card that is.

# %% tags=["score"]
print(f"score {card.total_score}, over {card.measured_weight:.0%} of the weight")

# %% [markdown]
# ## Where a value comes from
#
# A ratio is a sum divided by a sum, never an average of ratios. The register names the measures;
# `definition_hash` is the definition that was in force.

# %% tags=["parts"]
kpi = card.lines[0].kpi_id
with duckdb.connect(str(snapshot.folder / DATABASE), read_only=True) as con:
    terms = con.execute(
        """
        select terms.role, terms.measure_id, terms.coefficient, measures.description
        from registry.kpi_terms as terms
        inner join registry.measures as measures on terms.measure_id = measures.measure_id
        where terms.kpi_id = ?
        order by terms.role desc, terms.measure_id
        """,
        [kpi],
    ).df()
    parts = con.execute(
        """
        select numerator, denominator, reading_value, n, final_on_date, definition_hash
        from kpi.fct_kpi_readings
        where kpi_id = ? and entity_kind = 'leader' and entity_id = ? and period_kind = 'month'
            and period_start_date = ?
        """,
        [kpi, card.subject_id, card.period_start],
    ).df()
print(terms.to_string(index=False))
print(parts.T.to_string(header=False))

# %% [markdown]
# ## One KPI on its chart
#
# The longest series that the first KPI of the card has anywhere in the company. Between the limits
# the process does what it always does; `signal_rule` marks what calls for a look: a point beyond
# a limit (`nelson_1`) or nine in a row on one side of the centre (`nelson_2`).

# %% tags=["chart"]
with duckdb.connect(str(snapshot.folder / DATABASE), read_only=True) as con:
    points = con.execute(
        """
        with series as (
            select kpi_id, entity_kind, entity_id, period_kind
            from kpi.fct_kpi_judgements
            where kpi_id = ?
            group by all
            order by count(centre) desc, entity_kind, entity_id
            limit 1
        )
        select
            entity_kind, entity_id, period_start_date, reading_value, lower_limit, centre,
            upper_limit, is_trial, signal_rule, variation
        from kpi.fct_kpi_judgements
        inner join series using (kpi_id, entity_kind, entity_id, period_kind)
        where centre is not null
        order by period_start_date
        """,
        [kpi],
    ).df()
print(f"{len(points)} charted points of {', '.join(points['entity_id'].unique()) or 'no series'}")
chart_columns = ["period_start_date", "lower_limit", "reading_value", "centre", "upper_limit"]
points[chart_columns].tail(14)

# %% tags=["signals"]
points.loc[points["signal_rule"].notna(), [*chart_columns, "signal_rule", "variation"]]
