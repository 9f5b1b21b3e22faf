#!/usr/bin/env python3
"""The live view beside a real node: pictures and numbers come, wishes are fulfilled, nobody looking leaves no trace."""

import asyncio
import json
import sys
import time
import unittest
import urllib.request

import aiohttp
import numpy as np
import rosgraph
import rospy
import rostest
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from rt_seg.ros.conversions import camera_info_message, image_message
from rt_seg.simulation import simulate_scene

PORT = 18086
URL = f"http://127.0.0.1:{PORT}"


def get(path):
    with urllib.request.urlopen(URL + path, timeout=20) as response:
        return json.load(response)


def post(wish, values):
    request = urllib.request.Request(
        f"{URL}/api/{wish}", json.dumps(values).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


async def look(streams, seconds):
    pictures, states, end = {}, [], time.monotonic() + seconds
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{URL}/live") as socket:
            await socket.send_str(json.dumps(streams))
            while time.monotonic() < end:
                try:
                    message = await asyncio.wait_for(socket.receive(), 1.0)
                except asyncio.TimeoutError:
                    continue
                if message.type == aiohttp.WSMsgType.BINARY:
                    pictures[message.data[0]] = pictures.get(message.data[0], 0) + 1
                    await socket.send_str("shown")
                elif message.type == aiohttp.WSMsgType.TEXT:
                    states.append(json.loads(message.data))
    return pictures, states


def subscribers(topic):
    _, found, _ = rosgraph.Master("/test").getSystemState()
    return dict(found).get(topic, [])


class WebTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rospy.init_node("web_test")
        frame = simulate_scene(1)
        color = rospy.Publisher("/camera/color/image_raw", Image, queue_size=1)
        depth = rospy.Publisher("/camera/aligned_depth_to_color/image_raw", Image, queue_size=1)
        info = rospy.Publisher("/camera/color/camera_info", CameraInfo, queue_size=1)

        def send(event):
            header = Header(stamp=rospy.Time.now(), frame_id="camera_color_optical_frame")
            info.publish(camera_info_message(frame.intrinsics, header))
            depth.publish(image_message(frame.depth, header))
            color.publish(image_message(frame.color, header))

        cls.timer = rospy.Timer(rospy.Duration(0.1), send)
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                if get("/api/settings"):
                    return
            except OSError:
                pass
            time.sleep(0.5)
        raise AssertionError("no live view, or no node behind it")

    def test_pictures_and_numbers_come_and_end_with_the_page(self):
        pictures, states = asyncio.run(look(["overlay", "camera", "mask", "confidence", "depth"], 12.0))
        self.assertEqual(sorted(pictures), [0, 1, 2, 3, 4])
        state = states[-1]
        self.assertTrue(state["model"].startswith("tabletop"))
        self.assertIn("peg", [entry["name"] for entry in state["classes"]])
        self.assertAlmostEqual(sum(entry["share"] for entry in state["classes"]), 1.0, places=2)
        self.assertTrue(any(entry["distance"] for entry in state["objects"]))
        self.assertTrue(all(np.isfinite(entry["confidence"]) for entry in state["objects"]))
        end = time.monotonic() + 10
        while time.monotonic() < end and subscribers("/segmentation/overlay"):
            time.sleep(0.2)
        for topic in ("overlay", "mask_color", "confidence_8bit", "statistics", "objects", "timing"):
            self.assertNotIn("/web_view", subscribers(f"/segmentation/{topic}"))

    def wish(self, path, **values):
        answer = post(path, values)
        self.assertTrue(answer["done"], f"{path} {values}: {answer}")
        return answer

    def test_wishes_reach_the_node(self):
        self.wish("set", name="threshold", value=0.3)
        values = {entry["name"]: entry["value"] for entry in get("/api/settings")}
        self.assertAlmostEqual(values["threshold"], 0.3)
        refused = post("set", {"name": "threshold", "value": 3.0})
        self.assertFalse(refused["done"])
        self.assertIn("accepted is 0.0 to 1.0", refused["said"])
        refused = post("set", {"name": "classes", "value": "nosuch"})
        self.assertFalse(refused["done"])
        self.assertEqual({entry["name"]: entry["value"] for entry in get("/api/settings")}["classes"], "")
        self.wish("enable", enabled=False)
        self.wish("enable", enabled=True)
        self.assertIn("tabletop", get("/api/models"))
        self.assertFalse(post("model", {"name": "../../etc"})["done"])
        self.wish("model", name="polehole")
        self.wish("model", name="tabletop")
        saved = self.wish("save")
        self.assertEqual(saved["said"].rpartition("/")[2], get("/api/frames")[0])


if __name__ == "__main__":
    rostest.rosrun("rt_seg", "web_test", WebTest, sys.argv)
