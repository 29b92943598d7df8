"""The answer of the guard: codes with their level, findings, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Level = Literal["info", "warn", "quarantine", "reject", "skip", "ignore"]
Action = Literal[
    "accept", "accept_with_warning", "quarantine_rows", "reject_file", "skip_file", "ignore_file"
]

# From the mildest to the strongest: a file gets the action of its strongest finding.
ACTIONS: dict[Level, Action] = {
    "info": "accept",
    "warn": "accept_with_warning",
    "quarantine": "quarantine_rows",
    "reject": "reject_file",
    "skip": "skip_file",
    "ignore": "ignore_file",
}
EXIT_CODES: dict[Action, int] = {
    "accept": 0,
    "accept_with_warning": 0,
    "skip_file": 0,
    "ignore_file": 0,
    "quarantine_rows": 3,
    "reject_file": 4,
}

_CODES: dict[Level, str] = {
    "info": """
        DECOMPRESSED HEADER_NORMALISED PREAMBLE_SKIPPED BOM_REMOVED LINE_ENDS_NORMALISED
        NFC_NORMALISED KEY_NORMALISED CASE_FOLDED TIME_24H OPEN_ENDED CENTURY_PIVOT EPOCH_DURATION
        COUNTER_RESET COLLAPSED_REPEATS IDEMPOTENT_UPSERT
    """,
    "warn": """
        ENCODING_FALLBACK BOM_INSIDE_FILE LINE_ENDS_MIXED MOJIBAKE UNKNOWN_COLUMN REPEATED_HEADER
        EXACT_DUPLICATE RESTATED RETROACTIVE_CHANGE LATE DISTRIBUTION_SHIFT AMBIGUOUS_LOCAL_TIME
        LEAP_SECOND ORPHAN_KEY MISSING_MANAGER MULTIPLE_ROOTS HIERARCHY_CYCLE ID_REUSE INTERVAL_GAP
        STATES_OVERLAP UNKNOWN_CODE METRIC_RECOMPUTED RATE_OVER_ONE FORMULA_INJECTION
        PII_IN_FREE_TEXT SMALL_CELL EXPECTATION_NOTED
    """,
    "quarantine": """
        NOT_A_RECORD COLUMN_COUNT CONTROL_CHARACTER FIELD_TOO_LONG KEY_FORMAT KEY_CONFLICT
        REQUIRED_VALUE_MISSING NOT_A_NUMBER NOT_AN_INTEGER UNIT_SUFFIX NEGATIVE_QUANTITY RANGE
        NAIVE_TIMESTAMP NONEXISTENT_LOCAL_TIME TIMESTAMP_FORMAT INVALID_DATE EXCEL_SERIAL_DATE
        FUTURE_TIMESTAMP IMPLAUSIBLE_DATE NEGATIVE_DURATION OVERLAPPING_INTERVALS CONSENT_MISSING
        OVERRIDE_REASON_MISSING EXPECTATION_FAILED
    """,
    "reject": """
        EMPTY_FILE NO_ROWS TRUNCATED CONTROL_TOTAL_MISMATCH CHECKSUM_MISMATCH PERIOD_MISMATCH
        SCHEMA_MISMATCH NOT_TABULAR REQUIRED_COLUMN_MISSING DUPLICATE_COLUMN TYPE_PROFILE_MISMATCH
        UNBALANCED_QUOTE AMBIGUOUS_NUMBER_FORMAT DATES_DESTROYED DATE_ORDER VOLUME_DROP
        ARCHIVE_RATIO UNSAFE_PATH AMBIGUOUS_ARCHIVE FILE_TOO_LARGE BATCH_BLOCKED SOURCE_REJECTED
    """,
    "skip": "DUPLICATE_FILE",
    "ignore": "IN_FLIGHT",
}
LEVELS: dict[str, Level] = {
    code: level for level, codes in _CODES.items() for code in codes.split()
}


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    Attributes
    ----------
    code : str
        A key of `LEVELS`.
    row : int or None
        Number of the first data record concerned, from 1; None for the file.
    message : str
        One sentence for a steward.
    column : str or None
        The contract's column, where one is concerned.
    count : int
        How many records are concerned.
    """

    code: str
    row: int | None
    message: str
    column: str | None = None
    count: int = 1

    @property
    def level(self) -> Level:
        """The level of the code."""
        return LEVELS[self.code]


@dataclass(frozen=True)
class Verdict:
    """What is to be done with one file.

    Attributes
    ----------
    action : str
        The strongest action that the findings ask for.
    rows_ok, rows_quarantined : int
        Records kept and set aside; both 0 when the file is not taken.
    findings : tuple of Finding
        File first, then by the order of the checks.
    records : int
        Data records read, dropped repeats included.
    """

    action: Action
    rows_ok: int
    rows_quarantined: int
    findings: tuple[Finding, ...]
    records: int

    @property
    def accepted(self) -> bool:
        """Whether rows of the file are taken."""
        return self.action in {"accept", "accept_with_warning", "quarantine_rows"}

    @property
    def exit_code(self) -> int:
        """What `steelyard feed check` answers to the shell."""
        return EXIT_CODES[self.action]


class FileRefusedError(Exception):
    """The first finding that ends the check of a file: refused, skipped or ignored."""

    def __init__(self, code: str, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.finding = Finding(code, None, message, column)


def action_of(findings: Iterable[Finding]) -> Action:
    """Return the strongest action among findings; no finding is `accept`."""
    order = list(ACTIONS)
    return ACTIONS[max((finding.level for finding in findings), key=order.index, default="info")]
