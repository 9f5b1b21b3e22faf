"""The labelling windows on a virtual display, with real key and mouse events; and what is said where there is none."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from rt_seg.labels import load_labels
from rt_seg_training.commands.label_binary import main as label_binary
from rt_seg_training.commands.label_semantic import main as label_semantic
from rt_seg_training.datasets.labelled_frame import encode
from rt_seg_training.labelling import highgui
from rt_seg_training.labelling.highgui import NoWindowError, find_highgui, probe_window
from rt_seg_training.labelling.labelling_window import key_name
from rt_seg_training.labelling.screen import PANEL, STATUS

pytestmark = pytest.mark.rendering
ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 90
"""Seconds for anything that a window should do; only a failure waits that long."""


def _why_not() -> str:
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    try:
        find_highgui()
    except NoWindowError as error:
        return str(error)
    return ""


needs_windows = pytest.mark.skipif(bool(_why_not()), reason=_why_not())


def _eventually(condition, what):
    """Wait until `condition` is true; returns its value."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE} s: {what}")


@pytest.fixture(scope="module")
def display():
    """The number of a virtual display, like ":97"."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        # -noreset: a server whose last client has gone starts anew, and refuses those who come meanwhile.
        ["Xvfb", "-noreset", "-displayfd", str(writing), "-screen", "0", "1300x900x24", "-nolisten", "tcp"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading) as number:
        yield f":{number.readline().strip()}"
    server.terminate()
    server.wait(30)


class Desk:
    """A labelling program on a display, and somebody's hands."""

    def __init__(self, display, tool, *arguments):
        environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'training'}"}
        environment.pop("WAYLAND_DISPLAY", None)
        self._environment = environment
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "training" / tool), *map(str, arguments)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.tool = tool
        self.window = _eventually(self._find, f"the window of {tool}")

    def _do(self, *words):
        done = subprocess.run(["xdotool", *map(str, words)], env=self._environment, capture_output=True, text=True)
        return done.stdout.strip()

    def _find(self):
        assert self.process.poll() is None, self.process.communicate()
        return self._do("search", "--name", f"^{self.tool} - ").split("\n")[0]

    def title(self):
        return self._do("getwindowname", self.window).partition(" - ")[2]

    def wait_for(self, pattern):
        _eventually(lambda: re.search(pattern, self.title()), f"the title {pattern!r}, it is {self.title()!r}")

    def key(self, name, pattern=""):
        """Press a key, until the title shows what it should do."""
        self._do("windowfocus", "--sync", self.window, "key", name)
        self.wait_for(pattern)

    def view(self, x, y):
        """Place on the screen of a place in the image of 640x480, fitted into the view."""
        size = self._do("getwindowgeometry", "--shell", self.window)
        width, height = (int(re.search(f"{name}=(\\d+)", size)[1]) for name in ("WIDTH", "HEIGHT"))
        width, height = width - PANEL, height - STATUS
        scale = min(width / 640, height / 480)
        return (
            round(PANEL + (width - 640 * scale) / 2 + (x + 0.5) * scale),
            round((height - 480 * scale) / 2 + (y + 0.5) * scale),
        )

    def drag(self, button, *places):
        self._do("mousemove", "--sync", "--window", self.window, *self.view(*places[0]), "mousedown", button)
        for place in places[1:]:
            self._do("mousemove", "--sync", "--window", self.window, *self.view(*place))
        self._do("mouseup", button)

    def end(self):
        output, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, output, errors


@pytest.fixture
def desk(display):
    """Starts programs; what still runs at the end of a test is ended."""
    started = []

    def start(*arguments):
        started.append(Desk(display, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


BOX = (slice(150, 330), slice(200, 440))
HOLE = (slice(210, 270), slice(290, 350))


@pytest.fixture
def captures(tmp_path):
    """Two images of 640x480 with a dark box that has a light hole."""
    (tmp_path / "rgb").mkdir()
    for number in range(2):
        color = np.random.default_rng(number).normal(180, 5, (480, 640, 3))
        color[BOX] -= 110
        color[HOLE] += 60
        (tmp_path / "rgb" / f"{number}.png").write_bytes(encode(".png", np.clip(color, 0, 255).astype(np.uint8)))
    return tmp_path


def _mask(folder, name):
    return cv2.imread(str(folder / "gt" / f"{name}.png"), cv2.IMREAD_UNCHANGED)


@pytest.mark.slow
@needs_windows
def test_a_box_and_a_brush_of_real_events_make_masks_and_the_next_frame_is_proposed(desk, captures):
    window = desk("label_binary", captures, "--name", "box", "--propagate")
    window.wait_for(r"^0 \(1/2\) clicks")
    window.key("g", r"^0 \(1/2\) GrabCut")
    window.drag(1, (180, 130), (300, 300), (460, 350))
    _eventually((captures / "gt" / "0.png").exists, "the mask, written by itself")
    box = np.zeros((480, 640), bool)
    box[BOX] = True
    found = _mask(captures, "0") > 0
    assert np.count_nonzero(found & box) / np.count_nonzero(found | box) > 0.85
    window.key("b", "brush")
    window.drag(1, (560, 60), (600, 60))
    _eventually(lambda: _mask(captures, "0")[60, 580] == 1, "the stroke of the brush in the mask")
    window.key("z")
    _eventually(lambda: _mask(captures, "0")[60, 580] == 0, "the stroke taken back")
    window.key("Return", r"^1 \(2/2\) brush proposal")
    assert not (captures / "gt" / "1.png").exists()
    window.key("Return", r"brush$")
    _eventually((captures / "gt" / "1.png").exists, "the accepted proposal")
    window.key("q")
    code, output, errors = window.end()
    assert code == 0 and "2 of 2 frames have masks" in output and "Traceback" not in errors


@needs_windows
def test_a_hole_in_the_object_gets_its_class_and_a_terminated_program_has_saved(desk, captures):
    (captures / "gt").mkdir()
    mask = np.zeros((480, 640), np.uint8)
    mask[BOX] = 1
    for number in range(2):
        (captures / "gt" / f"{number}.png").write_bytes(encode(".png", mask))
    (captures / "labels.yaml").write_text(
        "classes:\n- {id: 0, name: background, color: [0, 0, 0]}\n- {id: 1, name: box, color: [230, 25, 75]}\n"
    )
    window = desk("label_semantic", captures, "--add-class", "hole")
    window.wait_for(r"clicks")
    window.key("c", r"contours")
    window.drag(1, (320, 240))
    window.wait_for(r"\*$")
    window.process.send_signal(signal.SIGTERM)
    code, _, errors = window.end()
    assert code == 130 and "run the same command again to resume" in errors
    hole = np.zeros((480, 640), bool)
    hole[HOLE] = True
    found = _mask(captures, "0")
    assert np.count_nonzero((found == 2) & hole) / np.count_nonzero((found == 2) | hole) > 0.85
    assert load_labels(captures / "labels.yaml").names == ["background", "box", "hole"]


@pytest.fixture
def no_display(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command, more", [(label_binary, []), (label_semantic, ["--add-class", "a"])])
def test_without_a_display_it_is_said_what_to_do_and_nothing_is_written(captures, no_display, capsys, command, more):
    assert command([str(captures), *more]) == 2
    assert "no display" in capsys.readouterr().err
    assert [path.name for path in captures.iterdir()] == ["rgb"]


@needs_windows
def test_a_display_that_does_not_answer_is_an_error_and_no_crash(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":54321")
    with pytest.raises(NoWindowError, match=r"':54321'.*ssh -X"):
        probe_window()


def test_an_opencv_without_windows_is_named_with_the_package_to_install(monkeypatch):
    monkeypatch.setattr(highgui, "_has_windows", lambda module: False)
    with pytest.raises(NoWindowError, match="apt install python3-opencv"):
        find_highgui()
    assert sys.modules["cv2"] is cv2


@needs_windows
def test_the_opencv_that_computes_stays_the_one_of_the_requirements():
    module = find_highgui()
    assert hasattr(module, "imshow") and sys.modules["cv2"] is cv2


def test_classes_for_label_semantic_must_come_from_somewhere(captures, capsys):
    assert label_semantic([str(captures)]) == 2
    assert "--add-class" in capsys.readouterr().err


def test_keys_have_one_name_in_every_toolkit():
    assert [key_name(code) for code in (13, 0xFF0D, 0x10FF0D, 0xFF53, 9, ord("a"), ord("A"), 0xFFB2, 0xFFE1)] == [
        "Return", "Return", "Return", "Right", "Tab", "a", "a", "2", None,
    ]  # fmt: skip
