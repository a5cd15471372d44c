"""What a person sees: the real page, really served, in headless Chromium, in both languages.

Pictures of every state are left in the test's folder for a person to look at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, open_browser
from minegate_agent.link.view import View
from minegate_drivers.sdk import Quality
from minegate_interlock.lines import Cause, Feed
from page_served import Served, served
from page_site import AREA, CUT, PERMITTED, area, methane
from page_work import CLOCK, speak, working

SIZES = {"panel": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def fresh_window(browser: Browser) -> None:
    browser.open("about:blank")
    browser.size(*SIZES["panel"])
    browser.scheme("light")
    browser.complaints()
    browser.requests()


@pytest.fixture
def view() -> View:
    return working()


async def look(browser: Browser, page: Served, lang: str, *texts: str) -> None:
    await asyncio.to_thread(browser.open, f"{page.address}/?lang={lang}")
    await asyncio.to_thread(browser.see, *texts)


async def shoot(browser: Browser, tmp_path: Path, name: str) -> None:
    for size, (width, height) in SIZES.items():
        await asyncio.to_thread(browser.size, width, height)
        full = await asyncio.to_thread(browser.run, "return document.documentElement.scrollHeight")
        assert await asyncio.to_thread(browser.run, "return document.documentElement.scrollWidth") <= width, size
        await asyncio.to_thread(browser.size, width, full)
        await asyncio.sleep(0)  # the picture is taken of a page that has its size
        await asyncio.to_thread(browser.shoot, tmp_path / f"{name}-{size}.png")
    await asyncio.to_thread(browser.size, *SIZES["panel"])


@pytest.mark.parametrize(
    ("lang", "texts"),
    [
        ("zh", ("允许供电", "所有断电条件均已确认正常", "掘进工作面 T1", "0.42 %CH4", "超量程", "运行", "采集进程",
                "断电用时", "391 毫秒", "无信号、故障或人工 → relay-1")),
        ("en", ("Power permitted", "every limit is known to be met", "heading face T1", "0.42 %CH4", "out of range",
                "running", "1,204 items lost", "reset by wang", "Cut-off times", "391 ms",
                "silence, fault or a person → relay-1")),
    ],
)  # fmt: skip
async def test_the_heading_at_work_in_both_languages(
    browser: Browser, view: View, tmp_path: Path, lang: str, texts: tuple[str, ...]
) -> None:
    async with served(view) as page:
        await look(browser, page, lang, *texts)
        assert await asyncio.to_thread(browser.run, "return document.documentElement.lang") == lang
        await shoot(browser, tmp_path, f"work-{lang}")
        await asyncio.to_thread(browser.scheme, "dark")
        await shoot(browser, tmp_path, f"work-dark-{lang}")
        assert await asyncio.to_thread(browser.complaints) == []
        requests = await asyncio.to_thread(browser.requests)
        assert requests
        assert [each for each in requests if not each.startswith((page.address, "about:"))] == []


async def test_a_value_change_is_seen_without_reloading(browser: Browser, view: View) -> None:
    async with served(view) as page:
        await look(browser, page, "en", "0.42 %CH4")
        view.on_scan(methane(1, 0.87, utc_ms=CLOCK.utc_ms()), 20, CLOCK.monotonic_ms())
        await asyncio.to_thread(browser.see, "0.87 %CH4")
        assert await asyncio.to_thread(browser.complaints) == []


@pytest.mark.parametrize(
    ("lang", "texts"),
    [
        ("zh", ("断电", "掘进工作面 T1 1201-T1-ch4 越限：1.62 %CH4，断电值 1.50 %CH4", "达到断电值", "断开", "无电",
                "可以复位\n否")),
        ("en", ("Power cut", "heading face T1 1201-T1-ch4 passed its limit: 1.62 %CH4, limit 1.50 %CH4", "at cut limit",
                "open", "dead", "can be reset\nno")),
    ],
)  # fmt: skip
async def test_a_cut_is_seen_with_its_cause(
    browser: Browser, view: View, tmp_path: Path, lang: str, texts: tuple[str, ...]
) -> None:
    async with served(view) as page:
        await look(browser, page, lang, "0.42 %CH4")
        speak(view, CUT, 1.62)
        cut = {"kind": "cut", "from": "interlock", "area": AREA, "cause": "limit", "point": CUT.point, "value": 1.62}
        view.on_event(30, {**cut, "limit": 1.5, "utc_ms": CLOCK.utc_ms()})
        await asyncio.to_thread(browser.see, *texts)
        spoken = await asyncio.to_thread(browser.run, "return document.getElementById('announcement').textContent")
        assert AREA in spoken
        assert "1.62" in spoken
        await shoot(browser, tmp_path, f"cut-{lang}")
        speak(view, area(restorable=1, since_ms=90_000, feed=Feed.DEAD), 0.44)
        await asyncio.to_thread(browser.see, *(("可以复位\n是",) if lang == "zh" else ("can be reset\nyes",)))
        assert await asyncio.to_thread(browser.complaints) == []


async def test_an_alarm_is_seen_before_it_becomes_a_cut(browser: Browser, view: View, tmp_path: Path) -> None:
    async with served(view) as page:
        await look(browser, page, "zh", "0.42 %CH4")
        speak(view, PERMITTED._replace(alarms=1), 1.21)
        await asyncio.to_thread(browser.see, "允许供电", "1 个测点报警", "1.21 %CH4", "报警")
        await shoot(browser, tmp_path, "alarm-zh")


async def test_a_stopped_fan_is_told_in_words_and_not_in_numbers(browser: Browser, view: View, tmp_path: Path) -> None:
    async with served(view) as page:
        await look(browser, page, "en", "0.42 %CH4")
        speak(view, area(cause=Cause.LIMIT, point="1201-fan-run", value=0.0, limit=0.0, feed=Feed.LIVE), 0.5, running=0)
        await asyncio.to_thread(browser.see, "local fan 1201-fan-run: stopped")
        assert await asyncio.to_thread(browser.run, "return document.querySelector('.against').hidden")


async def test_the_backlog_is_seen_while_the_broker_is_away(browser: Browser, view: View, tmp_path: Path) -> None:
    async with served(view) as page:
        await look(browser, page, "zh", "已连接")
        view.on_delivery(196_565, 184_220, False, CLOCK.monotonic_ms())
        await asyncio.to_thread(browser.see, "12,345", "连接中断", "断网期间数据保存在网关")
        await shoot(browser, tmp_path, "backlog-zh")
        view.on_delivery(196_600, 196_600, True, CLOCK.monotonic_ms())
        await asyncio.to_thread(browser.see, "已连接")
        await asyncio.to_thread(browser.wait, lambda: browser.text("#waiting") == "0", "an empty backlog")


async def test_an_interlock_that_is_gone_makes_every_area_unknown(browser: Browser, view: View, tmp_path: Path) -> None:
    async with served(view) as page:
        await look(browser, page, "en", "Power permitted")
        view.on_interlock(False, CLOCK.monotonic_ms())
        await asyncio.to_thread(browser.see, "State unknown", "take power as locked")
        assert "Power permitted" not in await asyncio.to_thread(browser.text, "#areas")
        await shoot(browser, tmp_path, "unknown-en")


async def test_quality_is_told_in_words_and_symbols(browser: Browser, view: View, tmp_path: Path) -> None:
    now_ms = CLOCK.monotonic_ms()
    speak(view, area(cause=Cause.FAULT, point="1201-T1-ch4"), 0.4)
    view.on_scan(methane(1, 0.4, utc_ms=CLOCK.utc_ms(), quality=Quality.LINE_BREAK), 40, now_ms)
    view.on_scan(methane(2, 0.9, utc_ms=CLOCK.utc_ms(), quality=Quality.CALIBRATING), 41, now_ms)
    async with served(view) as page:
        await look(browser, page, "zh", "断线", "标校", "闭锁", "掘进工作面 T1 1201-T1-ch4 故障")
        tones = await asyncio.to_thread(
            browser.run,
            "return [...document.querySelectorAll('tr.point')].map(row =>"
            " [row.dataset.point, row.dataset.tone, row.querySelector('.mark svg').dataset.name])",
        )
        assert ["1201-T1-ch4", "bad", "lost"] in tones
        assert ["1201-T2-ch4", "note", "wrench"] in tones
        await shoot(browser, tmp_path, "quality-zh")


async def test_ages_count_on_between_words_of_the_gateway(browser: Browser, view: View) -> None:
    view.on_scan(methane(1, 0.4), 50, CLOCK.monotonic_ms() - 1_000_000)
    async with served(view) as page:
        await look(browser, page, "en", "16 min", "stale")
        await asyncio.to_thread(browser.see, "16 min 42 s")


@pytest.mark.parametrize(
    ("lang", "texts"), [("zh", ("画面已停止更新", "不能作为依据")), ("en", ("This page has stopped", "do not rely"))]
)
async def test_a_page_that_hears_nothing_says_so_and_recovers(
    browser: Browser, view: View, tmp_path: Path, lang: str, texts: tuple[str, str]
) -> None:
    async with served(view) as page:
        await look(browser, page, lang, "0.42 %CH4")
        assert not await asyncio.to_thread(browser.run, "return document.body.classList.contains('lost')")
        assert await asyncio.to_thread(browser.complaints) == []
        await page.stop()
        await asyncio.to_thread(browser.see, *texts)
        dimmed = await asyncio.to_thread(browser.run, "return getComputedStyle(document.querySelector('main')).filter")
        assert dimmed == "grayscale(1)"
        areas = await asyncio.to_thread(browser.text, "#areas")
        assert ("状态未知" if lang == "zh" else "State unknown") in areas  # it may be cut by now
        assert "允许供电" not in areas
        assert "Power permitted" not in areas
        await shoot(browser, tmp_path, f"lost-{lang}")
    async with served(view, page.port):
        speak(view, PERMITTED, 0.66)
        await asyncio.to_thread(browser.see, "0.66 %CH4")
        assert await asyncio.to_thread(browser.run, "return document.getElementById('stale').hidden")


async def test_the_language_is_switched_on_the_page_and_remembered(browser: Browser, view: View) -> None:
    async with served(view) as page:
        await look(browser, page, "en", "Power permitted")
        await asyncio.to_thread(browser.run, "document.querySelector('[data-lang=zh]').click()")
        await asyncio.to_thread(browser.see, "允许供电", "掘进工作面 T1")
        await asyncio.to_thread(browser.open, page.address)
        await asyncio.to_thread(browser.see, "允许供电")
        await asyncio.to_thread(browser.run, "localStorage.clear()")
        await asyncio.to_thread(browser.open, page.address)
        await asyncio.to_thread(browser.see, "Power permitted")  # the browser of this test speaks English
        assert await asyncio.to_thread(browser.complaints) == []


async def test_there_is_nothing_on_the_page_that_acts(browser: Browser, view: View) -> None:
    async with served(view) as page:
        await look(browser, page, "en", f"minegate reset {AREA}", "does not replace it")
        actors = await asyncio.to_thread(
            browser.run, "return document.querySelectorAll('button, form, input, select, textarea').length"
        )
        assert actors == 0


LIMIT = {"area": AREA, "cause": "limit", "point": "1201-T1-ch4", "value": 1.62, "limit": 1.5}
SENTENCES: tuple[tuple[dict[str, object], str, str], ...] = (
    ({"kind": "cut", **LIMIT},
     "1201掘进工作面 断电：掘进工作面 T1 1201-T1-ch4 越限：1.62 %CH4，断电值 1.50 %CH4",
     "heading face 1201 cut: heading face T1 1201-T1-ch4 passed its limit: 1.62 %CH4, limit 1.50 %CH4"),
    ({"kind": "lock", "area": AREA, "cause": "silence", "point": "1201-T2-ch4", "value": None},
     "1201掘进工作面 闭锁：回风 T2 1201-T2-ch4 没有新数据",
     "heading face 1201 locked: no fresh reading from return air T2 1201-T2-ch4"),
    ({"kind": "lock", "area": AREA, "cause": "fault", "point": ""},
     "1201掘进工作面 闭锁：闭锁链路设备 故障", "heading face 1201 locked: fault of a device of the interlock chain"),
    ({"kind": "cut", "area": AREA, "cause": "limit", "point": "1201-fan-run", "value": 0, "limit": 0},
     "1201掘进工作面 断电：局部通风机 1201-fan-run：停止", "heading face 1201 cut: local fan 1201-fan-run: stopped"),
    ({"kind": "output_open", "area": AREA, "value": 183.0},
     "1201掘进工作面 断电器触点已断开，用时 183 毫秒", "heading face 1201: contact read back open after 183 ms"),
    ({"kind": "reset_refused", "area": AREA, "by": "li", "reason": "CH4 1.20"},
     "1201掘进工作面 复位被拒绝（li）：CH4 1.20", "heading face 1201: reset by li refused: CH4 1.20"),
    ({"kind": "started", "from": "interlock"}, "闭锁进程已启动", "interlock started"),
    ({"kind": "device_lost", "device": 2, "from": "field"},
     "设备 T2-head（回风流甲烷传感器） 失联", "device T2-head (return methane head) lost"),
    ({"kind": "loss", "from": "field", "reason": "field_died", "count": 7, "first": 1200, "last": 1206},
     "丢失 7 条数据（采集进程，采集进程异常退出），编号 1,200–1,206",
     "7 items lost (field, field died), numbers 1,200–1,206"),
    ({"kind": "quality", "point": "1201-T1-ch4", "quality": ["OUT_OF_RANGE", "CALIBRATING"]},
     "掘进工作面 T1 1201-T1-ch4 数据状态：超量程、标校",
     "heading face T1 1201-T1-ch4: out of range, calibrating"),
    ({"kind": "alarm", "point": "unheard-of", "value": 1.0, "limit": None},
     "unheard-of 报警：1.00，报警值 –", "unheard-of in alarm: 1.00, alarm limit –"),
    ({"kind": "brand_new"}, "brand_new", "brand_new"),
)  # fmt: skip


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_event_is_a_sentence(browser: Browser, view: View, lang: str) -> None:
    events = [event for event, *_ in SENTENCES]
    async with served(view) as page:
        await look(browser, page, lang, "0.42 %CH4")
        script = "return import('/static/words.js').then(({words}) => arguments[0].map(words))"
        said = await asyncio.to_thread(browser.run, script, events)
    assert said == [zh if lang == "zh" else en for _, zh, en in SENTENCES]


async def test_names_from_outside_are_text_and_never_markup(browser: Browser, view: View) -> None:
    evil = "<img src=x onerror=document.title='owned'>"
    view.on_event(60, {"kind": "reset", "area": AREA, "by": evil, "utc_ms": CLOCK.utc_ms()})
    view.on_event(61, {"kind": evil, "utc_ms": CLOCK.utc_ms()})
    async with served(view) as page:
        await look(browser, page, "en", f"reset by {evil}")
        assert await asyncio.to_thread(browser.run, "return document.querySelectorAll('#events img').length") == 0
        assert await asyncio.to_thread(browser.complaints) == []
