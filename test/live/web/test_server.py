"""The live view's server, over real sockets."""

import asyncio
import json
import time

import pytest

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")

from aiohttp import web  # noqa: E402
from web_robot import WebRobot  # noqa: E402

from rt_seg.web.access import Access  # noqa: E402
from rt_seg.web.robot import STREAMS  # noqa: E402
from rt_seg.web.server import LiveView  # noqa: E402


class Served:
    """A server on a free port of this computer, and a client session."""

    def __init__(self, host="127.0.0.1", token="", rate=20.0, size=(480, 640)):
        self.robot = WebRobot(size=size)
        self.access = Access(host, token)
        self.view = LiveView(self.robot, self.access, rate)

    async def __aenter__(self):
        self.runner = web.AppRunner(self.view.application())
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *error):
        await self.session.close()
        await self.runner.cleanup()
        self.robot.end()

    async def post(self, wish, values, **headers):
        async with self.session.post(f"{self.url}/api/{wish}", json=values, headers=headers) as response:
            return response.status, await response.json()

    async def status(self, path, method="GET", **options):
        async with self.session.request(method, self.url + path, allow_redirects=False, **options) as response:
            return response.status


def run(test, **options):
    async def served():
        async with Served(**options) as server:
            return await asyncio.wait_for(test(server), 60)

    return asyncio.run(served())


async def look(server, streams, seconds, answers=True):
    """Pictures by stream and states that one page gets."""
    pictures, states, end = dict.fromkeys(STREAMS, 0), [], time.monotonic() + seconds
    async with server.session.ws_connect(f"{server.url}/live") as socket:
        await socket.send_str(json.dumps(streams))
        while time.monotonic() < end:
            try:
                message = await asyncio.wait_for(socket.receive(), max(end - time.monotonic(), 0.01))
            except asyncio.TimeoutError:
                break
            if message.type == aiohttp.WSMsgType.BINARY:
                assert message.data[1:3] == b"\xff\xd8"  # a JPEG
                pictures[STREAMS[message.data[0]]] += 1
                if answers:
                    await socket.send_str("shown")
            elif message.type == aiohttp.WSMsgType.TEXT:
                states.append(json.loads(message.data))
    return pictures, states


def test_a_page_gets_the_streams_that_it_looks_at_at_most_at_the_rate():
    pictures, states = run(lambda server: look(server, ["overlay", "depth", "nonsense", 3], 2.0), rate=10.0)
    for name, count in pictures.items():
        assert (2 <= count <= 22) if name in ("overlay", "depth") else count == 0
    assert states[0]["classes"][0]["name"] == "peg"


def test_nobody_looking_costs_nothing_and_the_robot_is_told():
    async def test(server):
        assert server.robot.watched is None
        await look(server, ["overlay"], 0.6)
        for _ in range(50):
            if server.robot.watched is None:
                break
            await asyncio.sleep(0.05)
        assert server.robot.watched is None
        made, used = server.robot.made, time.process_time()
        await asyncio.sleep(1.0)
        assert server.robot.made == made
        assert time.process_time() - used < 0.05  # the robot of the test has a thread, too

    run(test)


def test_a_page_that_shows_nothing_gets_two_pictures_and_holds_up_nobody():
    async def test(server):
        stalled, keen = await asyncio.gather(
            look(server, ["overlay"], 3.0, answers=False), look(server, ["overlay"], 3.0)
        )
        assert stalled[0]["overlay"] == 2
        assert keen[0]["overlay"] > 6

    run(test)


@pytest.mark.slow
def test_twenty_pages_share_one_encoding_and_a_socket_that_is_not_read_harms_nobody():
    async def test(server):
        # A client that opens the WebSocket, asks for pictures, and never reads.
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        body = b'["overlay"]'
        writer.write(bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)
        await writer.drain()
        seen = await asyncio.gather(*(look(server, ["overlay"], 4.0) for _ in range(20)))
        counts = [pictures["overlay"] for pictures, _ in seen]
        assert min(counts) >= 3, counts
        assert server.robot.made <= 4.0 * 20 + 20  # not once for each page
        assert len(server.view.viewers) <= 21
        writer.close()

    run(test)


def test_wishes_are_fulfilled_or_refused_in_words():
    async def test(server):
        assert await server.post("set", {"name": "threshold", "value": 0.5}) == (
            200, {"done": True, "said": "threshold is 0.5"}
        )  # fmt: skip
        assert (await server.post("enable", {"enabled": False}))[0] == 200
        assert (await server.post("model", {"name": "camvid"}))[1]["said"] == "loaded camvid"
        assert (await server.post("save", {}))[1]["done"] is True
        status, answer = await server.post("set", {"name": "nosuch", "value": 1})
        assert status == 200 and answer == {"done": False, "said": "nosuch is not a setting"}
        assert server.robot.wishes == [("set", "threshold", 0.5), ("enable", False), ("model", "camvid"), ("save",)]

    run(test)


@pytest.mark.parametrize(
    "wish, values",
    [
        ("set", {"name": 3, "value": 1}),
        ("set", {"name": "threshold"}),
        ("set", {"name": "threshold", "value": [1]}),
        ("set", {"name": "threshold", "value": 1, "more": 1}),
        ("set", []),
        ("set", "threshold"),
        ("enable", {"enabled": "false"}),
        ("model", {"name": None}),
        ("shutdown", {}),
    ],
)
def test_what_is_no_wish_never_reaches_the_robot(wish, values):
    async def test(server):
        status, answer = await server.post(wish, values)
        assert status in (400, 404) and answer["done"] is False
        assert server.robot.wishes == []

    run(test)


def test_nothing_changes_by_get_nor_from_another_page_nor_by_a_form():
    async def test(server):
        for wish in ("set", "enable", "model", "save"):
            assert await server.status(f"/api/{wish}") in (404, 405)
        assert (await server.post("save", {}, Origin="https://evil.example"))[0] == 403
        assert (await server.post("save", {}, Origin=server.url))[0] == 200
        assert await server.status("/api/save", "POST", data={"a": "b"}) == 415
        assert await server.status("/api/save", "POST", data=b"{", headers={"Content-Type": "application/json"}) == 400
        big = {"name": "classes", "value": "x" * 100_000}
        assert await server.status("/api/set", "POST", json=big) == 413
        assert await server.status("/", headers={"Host": "evil.example"}) == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await server.session.ws_connect(f"{server.url}/live", headers={"Origin": "https://evil.example"})
        assert server.robot.wishes == [("save",)]

    run(test)


def test_beyond_this_computer_nothing_is_shown_without_the_token():
    async def test(server):
        for path in ("/", "/view.js", "/api/settings", "/frames/1_0.png", "/?token=wrong"):
            assert await server.status(path) == 401
        assert (await server.post("save", {}))[0] == 401
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await server.session.ws_connect(f"{server.url}/live")
        assert (await server.post("save", {}, Authorization="Bearer secret"))[0] == 200
        async with server.session.get(f"{server.url}/?token=secret", allow_redirects=False) as response:
            assert response.status == 303
            cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
        assert await server.status("/", headers={"Cookie": cookie.split(";")[0]}) == 200

    run(test, host="0.0.0.0", token="secret")


def test_noise_on_the_websocket_is_ignored():
    async def test(server):
        async with server.session.ws_connect(f"{server.url}/live") as socket:
            for text in ("", "{", "[" * 2000, '{"a": 1}', "[[[]]]", '"overlay"', "12", "shown", "shown"):
                await socket.send_str(text)
            await socket.send_bytes(b"\x00\xff")
            await socket.send_str('["overlay"]')
            while True:
                message = await asyncio.wait_for(socket.receive(), 10)
                if message.type == aiohttp.WSMsgType.BINARY:
                    return

    run(test)


def test_saved_frames_are_shown_by_name_and_nothing_else_is():
    async def test(server):
        async with server.session.get(f"{server.url}/frames/1_0.png") as response:
            assert response.content_type == "image/jpeg" and (await response.read())[:2] == b"\xff\xd8"
        for name in ("2_0.png", "..%2f..%2fetc%2fpasswd", "%00"):
            assert await server.status(f"/frames/{name}") in (400, 404)

    run(test)
