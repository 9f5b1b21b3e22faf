"""Makes docs/live.webp, the animation of the README: the live view's own page, of a simulated scene and its masks.

Each frame of the scene is segmented by the shipped model and shown on the page in a headless Chromium, of which a
picture is taken: `make animation`. Wants chromium, chromium-driver, and requirements-test.txt and -training.txt.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, FrozenSet, List, Optional

import numpy as np
from aiohttp import web
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from rt_seg.bundle import load_bundle
from rt_seg.products.objects import find_objects
from rt_seg.products.overlay import Palette
from rt_seg.products.point_cloud import Rays
from rt_seg.products.statistics import class_statistics
from rt_seg.segmenter import load_segmenter
from rt_seg.simulation import simulate_recording
from rt_seg.web.access import Access
from rt_seg.web.robot import Robot
from rt_seg.web.server import LiveView

OUTPUT = Path(__file__).parents[1] / "docs" / "live.webp"
SEED, FRAMES, RATE = 3, 24, 3.0
SIZE = (1180, 620)
LIMIT = 480_000
"""Bytes: the repository takes no larger files."""


class Scene(Robot):
    """The frames of a simulated scene, one after the other."""

    def __init__(self) -> None:
        self.bundle = load_bundle("tabletop")
        self._segmenter, self._palette = load_segmenter(self.bundle), Palette(self.bundle.labels)
        self._state: Dict[str, Any] = {}
        self._seconds: List[float] = []

    def advance(self, frame: Any) -> None:
        """Segment a frame, and show it."""
        started = time.monotonic()
        result = self._segmenter.segment(frame.color, True)
        self._seconds.append(time.monotonic() - started)
        metres = np.where(frame.depth > 0, frame.depth * np.float32(0.001), np.float32("nan"))
        labels, mask = self.bundle.labels, result.mask
        rays = Rays(frame.intrinsics)
        objects = find_objects(mask, labels, 150, metres, rays, result.confidence, frozenset({"hole"}))
        statistics = {item.class_id: item for item in class_statistics(mask, metres, labels)}
        number = lambda value: None if not np.isfinite(value) else float(value)  # noqa: E731
        latency = float(np.median(self._seconds[-10:]))
        self._state = {
            "level": 0, "summary": f"{1.0 / latency:.1f} masks a second", "enabled": True,
            "model": f"{self.bundle.name} {self.bundle.version}",
            "classes": [{"name": label.name, "color": list(label.color),
                         "share": number(statistics[label.id].pixel_share) if label.id in statistics else None,
                         "nearest": number(statistics[label.id].depth_nearest) if label.id in statistics else None}
                        for label in labels.labels],
            "object_count": len(objects),
            "objects": [{"name": labels.names[item.class_id], "title": labels.names[item.class_id],
                         "confidence": number(item.confidence),
                         "distance": None if item.pose is None else float(np.linalg.norm(item.pose.centroid))}
                        for item in objects[:8]],
            "latency": latency, "rate": 1.0 / latency, "settings_key": "",
            "diagnostics": [{"name": "stream", "level": 0, "text": "simulated scene"}],
        }  # fmt: skip
        overlay = self._palette.blend(frame.color, mask, 0.5, False, False)
        self.show("overlay", lambda: overlay)
        self.show("camera", lambda: frame.color)

    def watch(self, streams: Optional[FrozenSet[str]]) -> None:
        """See Robot."""

    def state(self) -> Dict[str, Any]:
        """See Robot."""
        return self._state

    def settings(self) -> List[Dict[str, Any]]:
        """See Robot."""
        return []

    models = saved_frames = settings  # type: ignore[assignment]


def serve(robot: Robot) -> int:
    """Serve the page from a thread; returns the port."""
    ports: List[int] = []
    ready = threading.Event()

    async def run() -> None:
        runner = web.AppRunner(LiveView(robot, Access("127.0.0.1"), 30.0).application())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
        ready.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: asyncio.run(run()), daemon=True).start()
    ready.wait(30)
    return ports[0]


def main() -> int:
    """Write the animation; returns the exit code."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        print("needs chromium and chromium-driver: sudo apt install chromium chromium-driver", file=sys.stderr)
        return 2
    scene = Scene()
    port = serve(scene)
    frames = list(simulate_recording(SEED, FRAMES, RATE))
    scene.advance(frames[0])
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    with tempfile.TemporaryDirectory() as profile:
        for flag in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync",
                     "disable-background-networking", "disable-component-update", "hide-scrollbars",
                     f"user-data-dir={profile}", f"window-size={SIZE[0]},{SIZE[1]}"):  # fmt: skip
            options.add_argument(f"--{flag}")
        browser = webdriver.Chrome(options=options, service=Service(driver))
        browser.get(f"http://127.0.0.1:{port}/")
        browser.execute_script("toggle('camera')")
        time.sleep(2.0)
        pictures = []
        for frame in frames:
            before = browser.execute_script("return images.overlay.src")
            scene.advance(frame)
            end = time.monotonic() + 5.0
            while browser.execute_script("return images.overlay.src") == before and time.monotonic() < end:
                time.sleep(0.02)
            time.sleep(0.6)  # for the numbers, which come twice a second
            png = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
            pictures.append(png.resize((SIZE[0] * 3 // 4, png.height * 3 // 4), Image.Resampling.LANCZOS))
        browser.quit()
    for quality in (70, 55, 40, 25):
        pictures[0].save(
            OUTPUT, save_all=True, append_images=pictures[1:], duration=round(1000 / RATE), loop=0, quality=quality
        )
        if OUTPUT.stat().st_size < LIMIT:
            break
    print(f"{OUTPUT}: {len(pictures)} frames, {OUTPUT.stat().st_size / 1e6:.2f} MB")
    return 0 if OUTPUT.stat().st_size < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
