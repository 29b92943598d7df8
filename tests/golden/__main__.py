"""Run reference cases: `python -m tests.golden DIR [--json]`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.golden.cases import Case, figures, find, named
from tests.golden.compare import MISSING, Figure, Refused, compare
from tests.golden.kinds import KINDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every figure and how many are wrong; 0 only if none is."""
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("directory", type=Path, help="folder with cases, at any depth")
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    chosen = parser.parse_args(arguments)
    if not chosen.directory.is_dir():
        parser.error(f"{chosen.directory} is no folder")
    total = differ = missing = 0
    for folder in find(chosen.directory):
        for figure in _answered(folder, chosen.directory):
            print(_as_json(figure) if chosen.json else _as_text(figure))  # noqa: T201
            total += 1
            differ += figure.verdict == "differs"
            # A refusal where a figure is expected is a figure that is not there.
            missing += figure.verdict in {"missing", "refused"}
    print(f"{total} figures, {differ} differ, {missing} missing")  # noqa: T201
    # A folder without any figure proves nothing.
    return 0 if total and not differ and not missing else 1


def _answered(folder: Path, root: Path) -> list[Figure]:
    """The figures of a case; one that cannot be read or answered is reported and is missing."""
    try:
        case = Case.read(folder, root)
    except (OSError, ValueError, TypeError) as fault:
        _say(f"{named(folder, root)} cannot be read: {fault}")
        return compare(named(folder, root), _expected(folder), MISSING, {})
    found = figures(case, KINDS)
    # The same word in several answers is remarked once.
    for remark in dict.fromkeys(case.remarks):
        _say(f"{case.name} ({case.kind}): {remark}")
    return found


def _expected(folder: Path) -> Any:
    """What a case without readable data expects; one figure stands for what cannot be read."""
    try:
        return json.loads((folder / "expected.json").read_text(encoding="utf-8-sig"))["expected"]
    except (OSError, ValueError, TypeError, KeyError):
        return {"expected.json": None}


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201


def _as_text(figure: Figure) -> str:
    expected, ours = _short(figure.expected), _short(figure.ours)
    return f"{figure.case}  {figure.path}  {expected}  {ours}  {figure.verdict}"


def _as_json(figure: Figure) -> str:
    ours = figure.ours
    if isinstance(ours, Refused):
        ours = {"refused": ours.reason, "detail": ours.detail}
    return json.dumps(
        {
            "case": figure.case,
            "path": figure.path,
            "expected": figure.expected,
            "ours": ours,
            "verdict": figure.verdict,
        }
    )


def _short(value: Any, most: int = 4) -> str:
    if isinstance(value, Refused):
        return f"{value.reason} ({value.detail})"
    if isinstance(value, list):
        shown = ", ".join(_short(item) for item in value[:most])
        return f"[{shown}, ... {len(value)} in all]" if len(value) > most else f"[{shown}]"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
