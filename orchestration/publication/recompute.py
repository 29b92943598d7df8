"""Compute the published readings of an audit pack again: `python recompute.py` in its folder.

Handed over with every pack, so it needs Python's standard library alone and nothing of the project
that published the readings.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

# Published figures are DECIMAL sums and DOUBLE quotients; a product of factors has six digits.
OF_VALUE, OF_PRODUCT = Fraction(1, 10**9), Fraction(1, 10**6)


def changed_files(folder: Path) -> Iterator[str]:
    """Yield a sentence per file that is not the one that was handed over."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for name, expected in manifest["files"].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            yield f"{name} is not the file that was handed over"
    for path in (folder / "definitions").glob("*.json"):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.stem:
            yield f"{path.name} is not the definition that its name says"


def side(reading: dict[str, Any], factor: str, role: str) -> Fraction | None:
    """Return the sum of a factor's terms in the numerator or denominator.

    None where nothing was measured, unless the formula says that this means nothing happened.
    """
    measured = {one["measure_id"]: one["component_value"] for one in reading["components"]}
    found, constant = None, Fraction(0)
    for term in reading["terms"]:
        if (term["factor"], term["role"]) != (factor, role):
            continue
        if term["measure_id"] is None:
            constant += Fraction(term["coefficient"]) * Fraction(term["constant"])
        elif measured.get(term["measure_id"]) is not None:
            part = Fraction(term["coefficient"]) * Fraction(measured[term["measure_id"]])
            found = part if found is None else found + part
    if found is None and reading[f"absent_{role}_is_zero"]:
        found = Fraction(0)
    return None if found is None else found + constant


def product(sides: Iterable[Fraction | None]) -> Fraction | None:
    """Return the product, None where a part is missing."""
    result = Fraction(1)
    for one in sides:
        if one is None:
            return None
        result *= one
    return result


def near(found: Fraction, said: Fraction, least: Fraction) -> bool:
    """Tell whether two figures differ by rounding alone."""
    return abs(found - said) <= max(least, abs(said) * OF_VALUE)


def differences(reading: dict[str, Any], acts: dict[int, dict[str, Any]]) -> Iterator[str]:
    """Yield what differs between a published reading and what its components and acts give."""
    factors = sorted({term["factor"] for term in reading["terms"] if term["role"] != "trials"})
    found = {
        role: product(side(reading, one, role) for one in factors)
        for role in ("numerator", "denominator")
    }
    if not reading["has_denominator"]:
        del found["denominator"]
    for role, part in found.items():
        said = None if reading[role] is None else Fraction(reading[role])
        # A single sum is exact.
        is_same = (
            part == said
            if len(factors) == 1 or part is None or said is None
            else near(part, said, OF_PRODUCT)
        )
        if not is_same:
            yield f"{role} {said and float(said)}, computed {part and float(part)}"
    top, bottom = found["numerator"], found.get("denominator", Fraction(1))
    value = top * Fraction(reading["multiplier"]) / bottom if top is not None and bottom else None
    if value is None or not near(value, Fraction(reading["computed_value"]), OF_VALUE):
        yield f"{reading['computed_value']}, computed {value and float(value)}"
    override = acts.get(reading["override_act_seq"])
    shown = override["new_value"] if override else reading["computed_value"]
    if not near(Fraction(shown), Fraction(reading["reading_value"]), OF_VALUE):
        yield f"shown as {reading['reading_value']}, which no act says"


def main(folder: Path) -> int:
    """Print what differs and how many readings were computed; return 1 if anything differs."""
    acts = {act["act_seq"]: act for act in _lines(folder / "acts.jsonl")}
    readings = list(_lines(folder / "readings.jsonl"))
    wrong = list(changed_files(folder))
    for reading in readings:
        name = " ".join(str(part) for part in reading["key"].values())
        wrong += [f"{name}: {difference}" for difference in differences(reading, acts)]
    for sentence in wrong:
        print(sentence)  # noqa: T201 (it has nothing else to speak by)
    print(f"{len(readings)} readings computed again, {len(wrong)} differences")  # noqa: T201
    return 1 if wrong else 0


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, path.read_text("utf-8").splitlines())


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))
