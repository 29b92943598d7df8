"""Nelson's rules of the kernel against the same rules in SQL, on points with ties and gaps."""

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.statistics.spc.rules import violated_rules
from orchestration.statistics.spc.scan import NELSON
from tests.benchmarks.charts import apply_sql, found_by_sql


def drawn(seed):
    """Series in which every rule is broken, on whole and half sigmas and with missing readings."""
    rng = np.random.default_rng(seed)
    series = []
    for length in rng.integers(1, 60, size=120):
        at = np.arange(length)
        shape = [
            rng.normal(0, 1.5, length),
            np.cumsum(rng.choice([-0.5, 0.5, 0.5, 0.5, 0.5, 0.0], length)),
            rng.choice([-1, 1]) * np.where(at % 2, 1.0, -1.0) + rng.normal(0, 0.3, length),
            rng.normal(0, 0.4, length),
            rng.choice([-1.0, 1.0], length) * rng.uniform(0.9, 2.5, length),
            rng.normal(1, 0.7, length),
        ][rng.integers(6)]
        # To half sigmas, on which lines, ties and the centre itself lie.
        steps = np.round(shape * 2) / 2 if rng.random() < 0.6 else shape
        series.append(np.where(rng.random(length) < 0.04, np.nan, steps))
    return series


def test_every_rule_is_the_same_in_sql_and_in_the_kernel():
    # A unit in which half sigmas are no exact binary fractions.
    centre, sigma = 0.1, 0.3
    flagged = np.zeros(len(NELSON), dtype=int)
    for seed in range(2):
        series = drawn(seed)
        lengths = [one.size for one in series]
        value = centre + sigma * np.concatenate(series)
        points = pa.table(
            {
                "series_id": np.repeat(np.arange(len(series)), lengths),
                "position": np.concatenate([np.arange(1, n + 1) for n in lengths]),
                "value": pa.array(value, from_pandas=True),
                "centre": np.full(value.size, centre),
                "sigma": np.full(value.size, sigma),
            }
        )
        start = np.cumsum([0, *lengths[:-1]])
        ours = violated_rules(value, NELSON, centre=centre, sigma=sigma, series_start=start)
        with duckdb.connect() as con:
            con.execute("set threads = 1")
            con.register("arrow_points", points)
            con.execute("create table points as select * from arrow_points")
            apply_sql(con)
            theirs = found_by_sql(con)

        assert value.size > 3000
        assert np.isnan(value).sum() > 50
        assert np.flatnonzero(ours != theirs).tolist() == []
        flagged += [int(np.count_nonzero(ours & (1 << bit))) for bit in range(len(NELSON))]
    # Nothing is equal by never happening.
    assert flagged.min() > 20
