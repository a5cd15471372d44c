"""The drivers that gateway.toml can name, and the check of their options.

Drivers of other distributions register their class under the entry point group "minegate.drivers"; the entry point's
name is the driver's name. A name of ours cannot be taken over.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from minegate_drivers.sdk import CanDriver, Catalogued, Driver, LineDriver, MessageDriver, Option

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "minegate.drivers"
# Name -> where its class is. Only what a site names is loaded: a gateway with one kind of sensor has no memory for the
# others' tables.
OURS = {
    "gas_head": "minegate_drivers.gas_head:GasHead",
    "modbus": "minegate_drivers.modbus_map:ModbusMap",
    "dlt645": "minegate_drivers.dlt645_meter:Dlt645Meter",
    "framed": "minegate_drivers.framed:FramedDevice",
    "wire_node": "minegate_drivers.wire_node:WireNode",
    "wire_node_can": "minegate_drivers.wire_node_can:WireNodeCan",
    "dbc": "minegate_drivers.dbc:DbcListener",
    "j1939": "minegate_drivers.j1939:J1939Listener",
    "canopen": "minegate_drivers.canopen:CanopenNode",
    "vda5050": "minegate_drivers.vda5050:Vda5050",
    "port_health": "minegate_drivers.port_health:PortHealth",
}
_SPEAKS: dict[type[Driver], str] = {LineDriver: "serial", CanDriver: "can", MessageDriver: "mqtt"}

Value = int | float | str | bool


class Described(NamedTuple):
    """One driver for a person: its name, the kind of port it speaks on, its promise, its options."""

    name: str
    port: str
    summary: str
    options: dict[str, Option]


def names() -> tuple[str, ...]:
    """Every name that `build` takes, ours first. Loads nothing."""
    others = {entry.name for entry in _others()} - OURS.keys()
    return (*sorted(OURS), *sorted(others))


def build(driver: str, options: Mapping[str, Value], folder: Path) -> Driver:
    """The driver of that name with these options; files are sought in `folder` first.

    ValueError in one line that names driver, option, value and limit.
    """
    form = find(driver)
    try:
        checked = _checked(form, options, folder)
        construct: Callable[..., Catalogued] = form
        return construct(**checked)
    except ValueError as error:
        raise ValueError(f"driver {driver}: {error}") from error


def describe(driver: str) -> Described:
    """What there is to know about a driver before it is built. ValueError if nobody knows the name."""
    form = find(driver)
    port = next((word for base, word in _SPEAKS.items() if issubclass(form, base)), "any")
    summary = (inspect.getdoc(form) or "").partition("\n\n")[0].replace("\n", " ")
    return Described(driver, port, summary, form.options)


def find(driver: str) -> type[Catalogued]:
    """The class of that name. ValueError if there is none, or more than one, or it is no driver."""
    if driver in OURS:
        module, _, name = OURS[driver].partition(":")
        form: type[Catalogued] = getattr(import_module(module), name)
        return form
    found = tuple(entry for entry in _others() if entry.name == driver)
    if not found:
        raise ValueError(f"driver {driver}: not one of {', '.join(names())}")
    if len({entry.value for entry in found}) > 1:
        raise ValueError(f"driver {driver}: given by {' and by '.join(sorted(entry.value for entry in found))}")
    return _loaded(driver, found[0])


def _others() -> Iterable[EntryPoint]:
    """What other distributions register. Asked only where our own names are not enough: it loads the e-mail library."""
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _loaded(driver: str, entry: EntryPoint) -> type[Catalogued]:
    try:
        form = entry.load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"driver {driver}: {entry.value} cannot be loaded: {error}") from error
    if not (isinstance(form, type) and issubclass(form, Catalogued) and issubclass(form, tuple(_SPEAKS))):
        raise ValueError(f"driver {driver}: {entry.value} is not a Catalogued line, CAN or message driver")
    return form


def _checked(form: type[Catalogued], options: Mapping[str, Value], folder: Path) -> dict[str, Value]:
    for key in options:
        if key not in form.options:
            raise ValueError(f"option {key} is unknown; known are {', '.join(sorted(form.options))}")
    checked = {}
    for key, option in form.options.items():
        value = options.get(key, option.default)
        if value is None:
            raise ValueError(f"option {key} must be given: {option.help}")
        checked[key] = _value(key, value, option)
        if option.file:
            checked[key] = _file(key, str(value), form, folder)
    return checked


def _value(key: str, value: Value, option: Option) -> Value:
    if option.type is float and type(value) is int:
        value = float(value)
    if type(value) is not option.type:  # not isinstance: a bool is no number here
        raise ValueError(f"option {key}: {value!r} is not of type {option.type.__name__}")
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        raise ValueError(f"option {key}: {value} is not a number that can be used")
    if option.low is not None and not value >= option.low:
        raise ValueError(f"option {key}: {value} is below {option.low:g}")
    if option.high is not None and not value <= option.high:
        raise ValueError(f"option {key}: {value} is above {option.high:g}")
    return value


def _file(key: str, value: str, form: type[Catalogued], folder: Path) -> str:
    beside = Path(inspect.getfile(form)).parent / form.files
    for path in (folder / value, beside / value):
        if path.is_file():
            return str(path.absolute())
    raise ValueError(f"option {key}: {value!r} is neither in {folder} nor one of {_shipped(beside)}")


def _shipped(beside: Path) -> list[str]:
    return sorted(path.name for path in beside.glob("*.*"))
