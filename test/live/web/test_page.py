"""The page in a real browser, on a desk and in a hand. RT_SEG_SCREENSHOTS names a folder to keep pictures of it."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed")
pytest.importorskip("selenium", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

from aiohttp import web  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402
from web_robot import WebRobot  # noqa: E402

from rt_seg.web.access import Access  # noqa: E402
from rt_seg.web.server import LiveView  # noqa: E402

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture(scope="module")
def served():
    """A robot, and the address of its page."""
    robot, loop, ready = WebRobot(), asyncio.new_event_loop(), threading.Event()
    address = []

    async def serve():
        runner = web.AppRunner(LiveView(robot, Access("127.0.0.1"), 10.0).application())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/")
        ready.set()
        return runner

    def run():
        runner = loop.run_until_complete(serve())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    yield robot, address[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    robot.end()


@pytest.fixture(params=[(1366, 900), (390, 844)], ids=["desk", "phone"])
def page(request, served, tmp_path):
    width, height = request.param
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        if width < 500:
            metrics = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(served[1])
        yield browser
        folder = os.environ.get("RT_SEG_SCREENSHOTS")
        if folder:
            browser.save_screenshot(str(Path(folder) / f"page_{request.node.name}.png"))
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    finally:
        browser.quit()


def until(page, script, seconds=30):
    return WebDriverWait(page, seconds).until(lambda browser: browser.execute_script(f"return {script}"))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_pictures_move_numbers_come_and_wishes_reach_the_robot(page, served):
    robot, _ = served
    until(page, "document.getElementById('picture-overlay').naturalWidth === 640")
    first = page.execute_script("return document.getElementById('picture-overlay').src")
    until(page, f"document.getElementById('picture-overlay').src !== {first!r}")
    until(page, "document.getElementById('health').textContent === '14.0 masks a second'")
    assert "3.1 %" in page.find_element("id", "classes").text and "0.61 m" in page.find_element("id", "objects").text
    assert "no frame for 3 s" in page.find_element("id", "diagnostics").text
    # Nothing is wider than the screen.
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")

    for stream in ("camera", "depth"):
        page.find_element("xpath", f"//nav/button[text()='{stream}']").click()
        until(page, f"document.getElementById('picture-{stream}').naturalWidth === 640")
    assert robot.watched == {"overlay", "camera", "depth"}

    robot.wishes.clear()
    page.find_element("id", "pause").click()
    until(page, "document.getElementById('pause').textContent === 'Resume'")
    page.find_element("id", "pause").click()
    until(page, "document.getElementById('pause').textContent === 'Pause'")
    page.find_element("css selector", "details:has(#settings) summary").click()
    until(page, "document.getElementById('setting-overlay_names') !== null")
    page.find_element("id", "setting-overlay_names").click()
    page.execute_script("const s = document.getElementById('setting-threshold'); s.value = 0.75; s.onchange();")
    WebDriverWait(page, 30).until(lambda browser: ("set", "threshold", 0.75) in robot.wishes)
    page.find_element("id", "save").click()
    WebDriverWait(page, 30).until(lambda browser: ("save",) in robot.wishes)
    assert ("enable", False) in robot.wishes and ("enable", True) in robot.wishes
    assert any(wish[:2] == ("set", "overlay_names") for wish in robot.wishes)


@pytest.mark.timeout(240)
def test_a_hidden_or_closed_page_is_no_viewer(page, served):
    robot, _ = served
    WebDriverWait(page, 30).until(lambda browser: robot.watched == {"overlay"})
    page.get("about:blank")
    WebDriverWait(page, 30).until(lambda browser: robot.watched is None)
