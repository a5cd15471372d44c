"""What can be wrong with a device, as flags that are set from outside while it works."""

from __future__ import annotations

from dataclasses import dataclass

SLOW_MS_MAX = 60_000


@dataclass(slots=True)
class Faults:
    """A healthy device has none of these."""

    dead: bool = False  # without supply: hears nothing, says nothing; a relay drops
    frozen: bool = False  # answers on, with the last value for ever
    slow_ms: int = 0  # begins every answer this much later
    garble: float = 0.0  # share of its answers that arrive with one wrong bit
    welded: bool = False  # of a contactor: does not open any more
    stuck_open: bool = False  # of a contactor: does not close any more

    def set(self, name: str, value: object) -> None:
        """Set one fault by name. ValueError names the fault, the value and its limit."""
        if name in ("dead", "frozen", "welded", "stuck_open"):
            if not isinstance(value, bool):
                raise ValueError(f"fault {name}: {value!r} is not true or false")
            setattr(self, name, value)
        elif name == "slow_ms":
            self.slow_ms = int(_number(name, value, SLOW_MS_MAX))
        elif name == "garble":
            self.garble = _number(name, value, 1.0)
        else:
            raise ValueError(f"fault {name!r} is not one of {', '.join(self.__slots__)}")


def _number(name: str, value: object, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise ValueError(f"fault {name}: {value!r} is not a number within 0..{high:g}")
    return float(value)
