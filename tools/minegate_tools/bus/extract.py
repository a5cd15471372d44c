"""One device's part of a recording as a text capture, as `minegate sniff` would have written it.

The meaning under each frame is what the present driver says, so that the capture is a test of the driver as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from minegate_agent.site import Site, SiteDevice
from minegate_drivers.sdk import CanDriver, LineDriver, MessageDriver
from minegate_tools.bus.recording import Recording
from minegate_tools.bus.traffic import Asked, Came, Entry, RecordingError


def capture(site: Site, traffic: list[Entry], name: str) -> Iterator[str]:
    """The lines of the capture of device `name`. RecordingError if the site has none of that name."""
    device = next((each for each in site.devices.values() if each.name == name), None)
    if device is None:
        known = ", ".join(each.name for each in site.devices.values())
        raise RecordingError(f"{site.folder}: device {name!r} is not one of {known}")
    recording = Recording(device.driver)
    yield from recording.head(device.config.driver, device.config.options)
    yield from (
        _exchanges(device, traffic, recording)
        if isinstance(device.driver, LineDriver)
        else _frames(device, traffic, recording)
    )


def _exchanges(device: SiteDevice, traffic: list[Entry], recording: Recording) -> Iterator[str]:
    """What was heard after a request of this device and before the next one on its line belongs to it."""
    on_line = deque(entry for entry in traffic if isinstance(entry, Asked | Came) and entry.port == device.port)
    while on_line:
        asked = on_line.popleft()
        if not isinstance(asked, Asked) or asked.device != device.number:
            continue
        heard, at_ms = b"", asked.ms
        while on_line and isinstance(came := on_line[0], Came):
            assert isinstance(came.what, bytes)
            heard, at_ms = heard + came.what, came.ms
            on_line.popleft()
        assert isinstance(device.driver, LineDriver)
        device.driver.ask(int(asked.ms))
        yield from recording.asked(asked.data, int(asked.ms))
        yield from recording.heard(heard, int(at_ms)) if heard else recording.silence(int(at_ms))


def _frames(device: SiteDevice, traffic: list[Entry], recording: Recording) -> Iterator[str]:
    """What concerns a device that speaks by itself."""
    driver = device.driver
    for entry in traffic:
        if not isinstance(entry, Came) or entry.port != device.port:
            continue
        what = entry.what
        if isinstance(driver, CanDriver):
            wanted = not isinstance(what, bytes) and (what[0], getattr(what, "extended", False)) in driver.can_ids
        else:
            assert isinstance(driver, MessageDriver)
            wanted = not isinstance(what, bytes) and what[0] in driver.topics
        if wanted:
            yield from recording.heard(what, int(entry.ms))
