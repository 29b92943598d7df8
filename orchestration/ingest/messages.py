"""One sentence per code for a steward: what is wrong, and what it means for the record."""

from __future__ import annotations

SENTENCES = {
    # set aside
    "NOT_A_RECORD": "{column} is no key of this feed ({value}): the line is a total or a footer.",
    "COLUMN_COUNT": "Too many or too few fields; nothing was padded or shifted.",
    "CONTROL_CHARACTER": "A field holds control characters; the source has to export clean text.",
    "FIELD_TOO_LONG": "A field is longer than the contract allows.",
    "KEY_FORMAT": "{column} does not have the declared form ({value}); keys are never guessed.",
    "REQUIRED_VALUE_MISSING": "{column} is empty, and the contract requires a value.",
    "NOT_A_NUMBER": "{column} is no number as declared ({value}); it is not taken for 0.",
    "NOT_AN_INTEGER": "{column} is no whole number ({value}).",
    "UNIT_SUFFIX": "{column} carries a unit or sign beside the number ({value}).",
    "NEGATIVE_QUANTITY": "{column} is negative ({value}); a reversal needs its own flag.",
    "RANGE": "{column} lies outside the declared range ({value}).",
    "NAIVE_TIMESTAMP": "{column} has no offset, and no zone is declared for it ({value}).",
    "NONEXISTENT_LOCAL_TIME": "{column} names a time that the clock skipped ({value}).",
    "TIMESTAMP_FORMAT": "{column} is in no declared form of date or time ({value}).",
    "INVALID_DATE": "{column} is a date that the calendar lacks ({value}).",
    "EXCEL_SERIAL_DATE": "{column} is an Excel day number ({value}); export it as a date.",
    "FUTURE_TIMESTAMP": "{column} lies after the arrival of the file ({value}): a wrong clock?",
    "IMPLAUSIBLE_DATE": "{column} lies outside the plausible time ({value}).",
    "NEGATIVE_DURATION": "{column} lies before its start ({value}).",
    "CONSENT_MISSING": "{column} is not true where the law demands consent; nothing may be kept.",
    "OVERRIDE_REASON_MISSING": "{column} is empty: an override without a reason is not taken.",
    # noted
    "NFC_NORMALISED": "{column} was brought to composed characters (NFC).",
    "KEY_NORMALISED": "Blanks or invisible characters were cut from {column}.",
    "CASE_FOLDED": "{column} is written in another case than declared ({value}).",
    "UNKNOWN_CODE": "{column} is not in the list of codes ({value}); kept as UNCLASSIFIED.",
    "TIME_24H": "{column} says 24:00, read as 00:00 of the next day.",
    "LEAP_SECOND": "{column} has second 60, read as 59.",
    "OPEN_ENDED": "{column} holds a value that means no end ({value}).",
    "CENTURY_PIVOT": "{column} has a two-digit year; the century is the one with a plausible age.",
    "EPOCH_DURATION": "{column} is a duration written as a date since 1970, read as seconds.",
    "AMBIGUOUS_LOCAL_TIME": "{column} names a time that occurred twice ({value}); the first is "
    "summer time.",
    "FORMULA_INJECTION": "{column} begins like a spreadsheet formula; it is kept as text.",
    "PII_IN_FREE_TEXT": "{column} seems to hold an e-mail address, number or phone of a person.",
    "MOJIBAKE": "{column} was decoded twice at the source; it is kept as it came.",
    "RATE_OVER_ONE": "{column} is above 1 ({value}); it is not clipped.",
    "METRIC_RECOMPUTED": "{column} does not follow from its factors ({value}); recomputed.",
}


def sentence(code: str, column: str, value: str, count: int, what: str = "") -> str:
    """Return the sentence of a code, with the number of records in front where it is several."""
    text = SENTENCES[code].format(column=column, value=value) + what
    return text if count == 1 else f"{count:,} records: {text}"
