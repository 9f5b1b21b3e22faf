"""A robot without ROS for the live view: pictures that change, and a record of what was wished for."""

import threading
import time

import numpy as np

from rt_seg.web.robot import STREAMS, Refused, Robot


class WebRobot(Robot):
    """Shows pictures at a rate from a thread of its own while somebody looks, as subscribers do."""

    def __init__(self, rate=50.0, size=(480, 640)):
        self.watched, self.made, self.wishes = None, 0, []
        self.values = {"threshold": 0.25, "overlay_names": False, "classes": ""}
        self.enabled = True
        self._ended = threading.Event()
        self._size, self._period = size, 1.0 / rate
        self._noise = np.random.default_rng(1).integers(0, 255, (*size, 3), np.uint8)
        threading.Thread(target=self._run, daemon=True).start()

    def end(self):
        self._ended.set()

    def _run(self):
        while not self._ended.wait(self._period):
            for name in self.watched or ():
                self.show(name, lambda name=name: self._picture(name))

    def _picture(self, name):
        self.made += 1
        image = self._noise // 8 + np.uint8(40 * STREAMS.index(name) + 20)
        column = int(time.monotonic() * 100) % (self._size[1] - 20)
        image[:, column : column + 20] = 255
        return image

    def watch(self, streams):
        self.watched = streams

    def state(self):
        return {
            "level": 0, "summary": "14.0 masks a second", "enabled": self.enabled, "model": "tabletop 1.1.0",
            "classes": [{"name": "peg", "color": [230, 60, 60], "share": 0.031, "nearest": 0.52},
                        {"name": "hole", "color": [60, 220, 120], "share": None, "nearest": None}],
            "object_count": 1,
            "objects": [{"name": "peg", "title": "peg 3", "confidence": 0.93, "distance": 0.61}],
            "latency": 0.085, "rate": 14.0,
            "diagnostics": [{"name": "stream", "level": 0, "text": "14.0 masks a second"},
                            {"name": "camera camera", "level": 1, "text": "no frame for 3 s"}],
            "settings_key": str(self.values),
        }  # fmt: skip

    def settings(self):
        kinds = {"threshold": ("double", 0.0, 1.0), "overlay_names": ("bool", False, True), "classes": ("str", "", "")}
        return [{"name": name, "type": kind, "low": low, "high": high, "default": self.values[name],
                 "value": self.values[name], "help": f"what {name} does"}
                for name, (kind, low, high) in kinds.items()]  # fmt: skip

    def models(self):
        return ["camvid", "tabletop"]

    def set(self, name, value):
        if name not in self.values:
            raise Refused(f"{name} is not a setting")
        self.values[name] = value
        self.wishes.append(("set", name, value))
        return f"{name} is {value}"

    def load_model(self, name):
        self.wishes.append(("model", name))
        return f"loaded {name}"

    def enable(self, enabled):
        self.enabled = enabled
        self.wishes.append(("enable", enabled))
        return "ok"

    def save_frame(self):
        self.wishes.append(("save",))
        return "saved x.png"

    def saved_frames(self):
        return ["1_0.png"]

    def saved_frame(self, name):
        return self._noise if name == "1_0.png" else None
