"""The one question every driver asks of its values: do they lie where they can be believed?"""

from __future__ import annotations

from collections.abc import Sequence

from minegate_drivers.sdk import Layout, Quality


def range_quality(layout: Layout, values: Sequence[float]) -> Quality:
    """OUT_OF_RANGE if one of `values` (in the order of the layout's fields) is not within its field's range.

    NaN is within no range.
    """
    for field, value in zip(layout.fields, values, strict=True):
        if field.low is not None and not value >= field.low:
            return Quality.OUT_OF_RANGE
        if field.high is not None and not value <= field.high:
            return Quality.OUT_OF_RANGE
    return Quality.GOOD
