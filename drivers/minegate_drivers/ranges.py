"""Does a value lie where it can be believed? Asked of one field at a time, where its value is decoded.

The quality of a scan says what speaks against the whole record; a range must not, or one channel's oil temperature
would speak against its neighbour's methane.
"""

from __future__ import annotations

from minegate_drivers.sdk import Field, Quality


def range_quality(field: Field, value: float) -> Quality:
    """OUT_OF_RANGE if `value` is not within the field's range; NaN is within no range."""
    if field.low is not None and not value >= field.low:
        return Quality.OUT_OF_RANGE
    if field.high is not None and not value <= field.high:
        return Quality.OUT_OF_RANGE
    return Quality.GOOD
