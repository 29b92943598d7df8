"""How often a single line is shown to have got better: `python -m` this module, 20 CPU seconds.

Lines as `demo.pilot_draws` draws them: twelve of forty under the change, from the 13th or the 17th
of 24 months on, whose own months vary by 1 point with autocorrelation 0.5. A refusal counts as no
finding; intervals are those of the lines that were judged.
"""

import pandas as pd

from orchestration.demo.pilot_draws import draw_pilot
from orchestration.governance.fidelity import judge_fidelity

PILOTS = 60


def all_done(readings: pd.DataFrame) -> pd.DataFrame:
    """Return one step per line under the change, done in time."""
    lines = readings.dropna(subset=["starts_on_date"]).drop_duplicates("line_id")
    names = ["trial_id", "kpi_id", "line_id", "starts_on_date"]
    return lines[names].assign(
        least_fidelity_share=0.8, step_id="s", is_due=True, is_done=True, is_done_in_time=True
    )


def main() -> None:
    """Print the table."""
    for effect in (0.0, 0.02, 0.04):
        for is_alone in (False, True):
            found = []
            for seed in range(PILOTS):
                drawn = draw_pilot(seed, effect=effect)
                if is_alone:
                    drawn = drawn[drawn["starts_on_date"].notna()]
                found.append(judge_fidelity(drawn, all_done(drawn)).query("line_id != '*'"))
            lines = pd.concat(found)
            judged = lines[lines["refusal"].isna()]
            holds = (judged["low_value"] <= effect) & (effect <= judged["high_value"])
            print(  # noqa: T201
                f"effect {effect:.2f}, {'line alone' if is_alone else 'beside others'}: "
                f"of {len(lines)} lines {(lines['low_value'] > 0).mean():.1%} above nil, "
                f"{lines['refusal'].notna().mean():.1%} not judged; "
                f"{holds.mean():.1%} of intervals hold it"
            )


if __name__ == "__main__":
    main()
