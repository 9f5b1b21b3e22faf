"""Serves the page: pictures and numbers by WebSocket, wishes by POST. Nothing changes by GET.

Nobody looking costs nothing: the robot is told, and the loop sleeps. While somebody looks, each picture is encoded once
for all, at most `rate` times a second, and only if some page is ready for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, Optional, Set

import cv2
import numpy as np
from aiohttp import WSMsgType, web

from rt_seg.web.access import COOKIE, Access
from rt_seg.web.robot import STREAMS, Picture, Refused, Robot
from rt_seg.web.viewer import Viewer

PAGE = Path(__file__).parent / "page"
LIMIT = 64 * 1024
"""Bytes of the largest wish."""
VIEWERS = 32
STATE_PERIOD = 0.5
QUALITY = 75
"""Of the JPEGs."""
THUMBNAIL = 240
"""Pixels of the width of a saved frame in the list."""
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; connect-src 'self' ws: wss:; "
                               "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}  # fmt: skip
LOG = logging.getLogger("rt_seg.web")


def jpeg(image: np.ndarray, width: int = 0) -> bytes:
    """An (H, W, 3) uint8 RGB image as JPEG, made smaller to `width` where it is wider."""
    if width and image.shape[1] > width:
        size = (width, max(round(image.shape[0] * width / image.shape[1]), 1))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


class LiveView:
    """The page of one robot."""

    def __init__(self, robot: Robot, access: Access, rate: float = 10.0) -> None:
        """`rate`: pictures a second of each stream, at most."""
        self._robot, self._access, self._period = robot, access, 1.0 / rate
        self.viewers: Set[Viewer] = set()
        self._newest: Dict[str, Picture] = {}
        self._watched: Optional[frozenset] = None
        self._arrived: Optional[asyncio.Event] = None
        # Of the robot's answers, some wait for a service; pictures must not wait for them.
        self._pictures = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._answers = ThreadPoolExecutor(4, thread_name_prefix="answers")
        robot.show = self._newest.__setitem__  # atomic, and what comes too fast is forgotten unseen

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=LIMIT, middlewares=[self._guard])
        app.router.add_get("/", self._page)
        for name in ("view.js", "view.css"):
            app.router.add_get(f"/{name}", self._file)
        app.router.add_get("/live", self._live)
        app.router.add_get("/api/settings", self._read(self._robot.settings))
        app.router.add_get("/api/models", self._read(self._robot.models))
        app.router.add_get("/api/frames", self._read(self._robot.saved_frames))
        app.router.add_get("/frames/{name}", self._saved_frame)
        app.router.add_post("/api/{wish}", self._wish)
        app.cleanup_ctx.append(self._feeding)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
        host, access = request.headers.get("Host"), self._access
        if not access.knows_host(host):
            return _refusal(403, f"{host!r} is not a name of this computer; use 127.0.0.1")
        if request.path == "/" and "token" in request.query and access.knows_token(request.query["token"]):
            # Out of the address, where it would be seen and kept, into a cookie.
            response = web.Response(status=303, headers={"Location": "/", **HEADERS})
            response.set_cookie(COOKIE, request.query["token"], httponly=True, samesite="Strict", max_age=30 * 86400)
            return response
        bearer = request.headers.get("Authorization", "")
        given = bearer[len("Bearer ") :] if bearer.startswith("Bearer ") else request.cookies.get(COOKIE)
        if not access.knows_token(given):
            return _refusal(401, "the token is missing or wrong: open the address shown in the robot's terminal")
        if (request.method != "GET" or request.path == "/live") and not access.is_own_page(
            request.headers.get("Origin"), host
        ):
            return _refusal(403, "the request comes from another page")
        return await handler(request)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / "index.html", headers=HEADERS)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / request.path.lstrip("/"), headers=HEADERS)

    def _read(self, answer: Callable[[], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            return web.json_response(await self._ask(answer), headers=HEADERS)

        return handler

    async def _saved_frame(self, request: web.Request) -> web.Response:
        image = await self._ask(self._robot.saved_frame, request.match_info["name"])
        if image is None:
            return _refusal(404, "no such frame")
        width = 0 if "full" in request.query else THUMBNAIL
        return web.Response(body=await self._ask(jpeg, image, width), content_type="image/jpeg", headers=HEADERS)

    async def _wish(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _refusal(415, "accepted is application/json")
        try:
            values = await request.json()
        except ValueError:
            return _refusal(400, "not valid JSON")
        wish = request.match_info["wish"]
        kinds: Dict[str, Dict[str, tuple]] = {
            "set": {"name": (str,), "value": (str, int, float, bool)},
            "model": {"name": (str,)},
            "enable": {"enabled": (bool,)},
            "save": {},
        }
        if wish not in kinds:
            return _refusal(404, f"accepted are {', '.join(kinds)}")
        wanted = kinds[wish]
        if not isinstance(values, dict) or set(values) != set(wanted):
            return _refusal(400, f"accepted are exactly: {', '.join(wanted) or 'nothing'}")
        for name, accepted in wanted.items():
            if type(values[name]) not in accepted:
                return _refusal(400, f"{name} is {values[name]!r:.80}")
        robot = self._robot
        acts: Dict[str, Callable[..., str]] = {
            "set": robot.set, "model": robot.load_model, "enable": robot.enable, "save": robot.save_frame
        }  # fmt: skip
        try:
            said = await self._ask(acts[wish], *(values[name] for name in wanted))
        except Refused as error:
            return web.json_response({"done": False, "said": str(error)}, headers=HEADERS)
        return web.json_response({"done": True, "said": said}, headers=HEADERS)

    async def _ask(self, answer: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._answers, answer, *arguments)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if len(self.viewers) >= VIEWERS:
            return _refusal(503, f"{VIEWERS} pages are open; close one")
        socket = web.WebSocketResponse(heartbeat=15.0, max_msg_size=4096, compress=False)
        await socket.prepare(request)
        viewer = Viewer(socket.send_bytes, socket.send_str)
        self.viewers.add(viewer)
        sending = asyncio.ensure_future(viewer.run())
        self._look()
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._hear(viewer, message.data)
        finally:
            sending.cancel()
            self.viewers.discard(viewer)
            self._look()
        return socket

    def _hear(self, viewer: Viewer, text: str) -> None:
        """What a page says: "shown", or the streams that it looks at. All else is ignored: it can be anything."""
        if text == "shown":
            viewer.shown()
            return
        try:
            streams = json.loads(text)
        except (ValueError, RecursionError):
            return
        if isinstance(streams, list):
            viewer.streams = frozenset(name for name in streams if isinstance(name, str)) & frozenset(STREAMS)
            self._look()

    def _look(self) -> None:
        """Wake the loop: somebody came or went, or looks elsewhere."""
        if self._arrived is not None:
            self._arrived.set()

    async def _feeding(self, app: web.Application) -> Any:
        self._arrived = asyncio.Event()
        task = asyncio.ensure_future(self._feed())
        yield
        task.cancel()
        self._robot.watch(None)
        self._pictures.shutdown(wait=False)
        self._answers.shutdown(wait=False)

    async def _feed(self) -> None:
        assert self._arrived is not None
        next_state = 0.0
        while True:
            try:
                self._arrived.clear()
                wanted = frozenset().union(*(viewer.streams for viewer in self.viewers)) if self.viewers else None
                if wanted != self._watched:
                    self._watched = wanted
                    await self._ask(self._robot.watch, wanted)
                if wanted is None:
                    self._newest.clear()
                    await self._arrived.wait()
                    continue
                started = time.monotonic()
                for stream in STREAMS:
                    await self._send(stream)
                if started >= next_state:
                    next_state = started + STATE_PERIOD
                    text = json.dumps(await self._ask(self._robot.state))
                    for viewer in self.viewers:
                        viewer.offer("state", text)
                await asyncio.sleep(max(self._period - (time.monotonic() - started), 0.005))
            except Exception:
                LOG.exception("the live view continues")
                await asyncio.sleep(1.0)

    async def _send(self, stream: str) -> None:
        """Encode the newest picture of a stream for those who are ready for it."""
        if stream not in self._newest or not any(viewer.wants(stream) for viewer in self.viewers):
            return
        picture = self._newest.pop(stream)
        loop = asyncio.get_running_loop()
        try:
            data = await loop.run_in_executor(self._pictures, lambda: jpeg(picture()))
        except (ValueError, cv2.error) as error:
            LOG.debug("%s: %s", stream, error)
            return
        for viewer in self.viewers:
            if viewer.wants(stream):
                viewer.offer(stream, data)


def _refusal(status: int, text: str) -> web.Response:
    return web.json_response({"done": False, "said": text}, status=status, headers=HEADERS)
