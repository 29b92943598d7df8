"""Whether a reading can still change, as a pure function of dates and the delivery log."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

PROVISIONAL: Final = "provisional"
FINAL: Final = "final"
RESTATED: Final = "restated"
FINALITIES: Final = (PROVISIONAL, FINAL, RESTATED)


def finality(
    period_end: ArrayLike, latency_days: ArrayLike, *, as_of: ArrayLike, is_restated: ArrayLike
) -> NDArray[np.object_]:
    """Return the finality of readings.

    Parameters
    ----------
    period_end : array_like of date, shape (n,) or scalar
        Last day of the period.
    latency_days : array_like of int
        Longest of the latencies that the feeds of the reading declare.
    as_of : array_like of date
        Delivery day up to which deliveries are known.
    is_restated : array_like of bool
        Whether a delivery changed the reading after its latency had passed.

    Returns
    -------
    ndarray of str, shape (n,)
        ``provisional`` up to and including the day ``period_end + latency_days``, so that with
        no latency a day is final on the next one; then ``restated`` or ``final``. A change
        before that is no restatement: nobody had been told the figure was final.

    Raises
    ------
    ValueError
        If a latency is negative.

    Examples
    --------
    >>> finality("2026-01-31", 3, as_of=["2026-02-03", "2026-02-04"], is_restated=False).tolist()
    ['provisional', 'final']
    """
    latency = np.asarray(latency_days, dtype=np.int64)
    if np.any(latency < 0):
        raise ValueError("latency_days must not be negative")
    closes = np.asarray(period_end, dtype="datetime64[D]") + latency.astype("timedelta64[D]")
    is_open = np.asarray(as_of, dtype="datetime64[D]") <= closes
    # 0 provisional, 1 final, 2 restated: the order of FINALITIES.
    code = np.where(is_open, 0, 1 + np.asarray(is_restated, dtype=np.bool_))
    labels: NDArray[np.object_] = np.array(FINALITIES, dtype=object)[np.atleast_1d(code)]
    return labels
