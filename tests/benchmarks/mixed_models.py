"""Mixed models beside R's lme4 in the same run: `python -m tests.benchmarks.mixed_models`.

Both read the same columns, fit by REML and predict every level with its conditional variance; what
is timed is that alone, in CPU seconds, the second of two runs. Nothing is asserted but that our
log-likelihood is not below lme4's by more than 1e-6. Without R only our own figures are printed
(Debian: `apt-get install r-base-core r-cran-lme4`).

Figures of the last run (limits: a third of lme4, and not slower than lme4 where crossed), two free
cores, lme4 1.1-31 with the reference BLAS:

    50,000 rows, 2,000 leaders in 60 sites: ours 0.040 s, lme4 0.567 s, 14.0 times
    4,000 rows, 200 x 120 crossed: ours 0.026 s, lme4 0.090 s, 3.5 times
    48,000 rows, 2,000 x 1,500 crossed: ours 2.288 s, lme4 39.774 s, 17.4 times
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from orchestration.statistics.mixed.linear import fit_linear
from orchestration.statistics.refusal import Refusal

Columns = dict[str, np.ndarray]
PEER = """
suppressMessages(library(lme4))
arguments <- commandArgs(TRUE)
made <- read.csv(arguments[1])
for (name in setdiff(names(made), c("y", "x"))) made[[name]] <- factor(made[[name]])
for (run in 1:2) taken <- system.time({
  fit <- lmer(as.formula(arguments[2]), made); effects <- ranef(fit, condVar = TRUE)
})
cat(format(c(taken[["user.self"]] + taken[["sys.self"]], logLik(fit)), digits = 15))
"""


def nested(rows: int, leaders: int, sites: int) -> tuple[str, Columns]:
    """Return leaders within sites."""
    rng = np.random.default_rng(1)
    home = rng.integers(0, sites, leaders)
    leader = rng.integers(0, leaders, rows)
    x = rng.normal(size=rows)
    effects = rng.normal(size=sites)[home[leader]] + rng.normal(size=leaders)[leader]
    y = 80 + 0.5 * x + effects + 2 * rng.normal(size=rows)
    return "y ~ x + (1 | site/leader)", {"y": y, "x": x, "leader": leader, "site": home[leader]}


def crossed(rows: int, ones: int, others: int) -> tuple[str, Columns]:
    """Return two crossed factors of a sparse table."""
    rng = np.random.default_rng(2)
    g, h = rng.integers(0, ones, rows), rng.integers(0, others, rows)
    x = rng.normal(size=rows)
    effects = rng.normal(size=ones)[g] + 0.5 * rng.normal(size=others)[h]
    y = 3 + 0.3 * x + effects + rng.normal(size=rows)
    return "y ~ x + (1 | g) + (1 | h)", {"y": y, "x": x, "g": g, "h": h}


def ours(formula: str, columns: Columns) -> tuple[float, float]:
    """Return CPU seconds of the second of two runs, and the log-likelihood."""
    for _ in range(2):
        start = _cpu_seconds()
        found = fit_linear(formula, columns)
        taken = _cpu_seconds() - start
    if isinstance(found, Refusal):
        raise TypeError(found.detail)
    return taken, found.log_likelihood


def theirs(formula: str, columns: Columns, folder: Path) -> tuple[float, float]:
    """Return the same of lme4."""
    path = folder / "columns.csv"
    header = ",".join(columns)
    np.savetxt(
        path, np.column_stack(list(columns.values())), "%.17g", ",", header=header, comments=""
    )
    run = subprocess.run(
        ["Rscript", "-e", PEER, str(path), formula], capture_output=True, text=True, check=True
    )
    taken, log_likelihood = run.stdout.split()
    return float(taken), float(log_likelihood)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print CPU seconds of both, and how many times we are quicker."""
    say = Console(highlight=False).print
    with_peer = (
        shutil.which("Rscript") is not None
        and not subprocess.run(
            ["Rscript", "-e", "stopifnot(requireNamespace('lme4'))"],
            capture_output=True,
            check=False,
        ).returncode
    )
    if not with_peer:
        say("R with lme4 is not installed: our own figures only")
    cases = {
        "50,000 rows, 2,000 leaders in 60 sites": nested(50_000, 2_000, 60),
        "4,000 rows, 200 x 120 crossed": crossed(4_000, 200, 120),
        "48,000 rows, 2,000 x 1,500 crossed": crossed(48_000, 2_000, 1_500),
    }
    below = False
    with tempfile.TemporaryDirectory() as folder:
        for name, (formula, columns) in cases.items():
            mine, log_likelihood = ours(formula, columns)
            line = f"{name}: ours {mine:.3f} s"
            if with_peer:
                peer, peer_likelihood = theirs(formula, columns, Path(folder))
                below |= log_likelihood < peer_likelihood - 1e-6
                line += (
                    f", lme4 {peer:.3f} s, {peer / mine:.1f} times; log-likelihood above theirs by "
                    f"{log_likelihood - peer_likelihood:.1e}"
                )
            say(line, soft_wrap=True)
    if below:
        sys.exit("a log-likelihood is below lme4's")


if __name__ == "__main__":
    main()
