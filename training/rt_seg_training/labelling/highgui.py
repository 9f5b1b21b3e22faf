"""Find an OpenCV that can open windows, with an instruction if there is none.

The one that the requirements pin has no windows (headless). The distribution's, which ROS's cv_bridge brings, has; both
get along in one process, so that one computes and the other shows.

Not opencv-python from a requirements file: pip puts it into the folder of the headless one, over its files, and a robot
would get Qt and libGL; the distribution's is there wherever ROS is.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
from types import ModuleType

PROBE_SECONDS = 60


class NoWindowError(RuntimeError):
    """No window can be opened; the text says why and what to do."""


def _has_windows(module: ModuleType) -> bool:
    toolkit = re.search(r"^\s*GUI:\s*(\S+)", module.getBuildInformation(), re.MULTILINE)
    if toolkit:
        return toolkit[1] != "NONE"
    return bool(re.search(r"^\s*(QT|GTK\+?|Win32 UI|Cocoa):\s*YES", module.getBuildInformation(), re.MULTILINE))


def _load(folder: str) -> ModuleType | None:
    """The OpenCV of a folder of Python modules beside the imported one; None where there is none that loads."""
    spec = importlib.machinery.PathFinder.find_spec("cv2", [folder])
    if spec is None or spec.loader is None:
        return None
    present = {name: module for name, module in sys.modules.items() if name == "cv2" or name.startswith("cv2.")}
    for name in present:
        del sys.modules[name]
    path = list(sys.path)
    try:
        module = importlib.util.module_from_spec(spec)
        sys.modules["cv2"] = module
        spec.loader.exec_module(module)
        return sys.modules["cv2"]
    except Exception:  # whatever a foreign build may raise: another one may still do
        return None
    finally:
        for name in [name for name in sys.modules if name == "cv2" or name.startswith("cv2.")]:
            del sys.modules[name]
        sys.modules.update(present)
        sys.path[:] = path


def find_highgui() -> ModuleType:
    """A `cv2` module with windows: the imported one, else another one on Python's path. Raises NoWindowError."""
    import cv2

    if _has_windows(cv2):
        return cv2
    own = os.path.dirname(os.path.dirname(cv2.__file__))
    for folder in [*sys.path, "/usr/lib/python3/dist-packages"]:
        if not folder or os.path.realpath(folder) == os.path.realpath(own) or not os.path.isdir(folder):
            continue
        module = _load(folder)
        if module is not None and _has_windows(module):
            return module
    raise NoWindowError(
        f"the OpenCV of this Python ({cv2.__file__}) was built without window support, and no other one was found. "
        "Install the distribution's: sudo apt install python3-opencv"
    )


def window_flags(highgui: ModuleType) -> tuple[int, ...]:
    """Flags of namedWindow, the best first; only a window with WINDOW_OPENGL takes other sizes and tells them."""
    fixed = highgui.WINDOW_AUTOSIZE | highgui.WINDOW_GUI_NORMAL
    # The plain window of Qt zooms by itself when the wheel turns, and then takes the left button for itself; the one
    # with OpenGL leaves the pointer alone.
    if is_qt(highgui) and re.search(r"OpenGL support:\s*YES", highgui.getBuildInformation()):
        normal = highgui.WINDOW_NORMAL | highgui.WINDOW_FREERATIO | highgui.WINDOW_GUI_NORMAL
        return (normal | highgui.WINDOW_OPENGL, fixed)
    return (fixed,)


def is_qt(highgui: ModuleType) -> bool:
    """Whether the windows are Qt's."""
    return bool(re.search(r"^\s*(GUI:\s*QT|QT:\s*YES)", highgui.getBuildInformation(), re.MULTILINE))


def probe_window() -> int:
    """Open a window in a child process and return the flags to open it with; Qt ends the process where it cannot.

    Raises NoWindowError: no display, no OpenCV with windows.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NoWindowError(
            "no display (DISPLAY is not set). Run it on a desktop, through `ssh -X`, or under a virtual display; "
            "`label_binary --auto` needs none"
        )
    highgui = find_highgui()
    said = ""
    for flags in window_flags(highgui):
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import open_once; open_once({flags})"
        try:
            child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            said = f"no answer within {PROBE_SECONDS} s"
            continue
        if child.returncode == 0:
            return flags
        said = " ".join(child.stderr.split())[:300]
    raise NoWindowError(
        f"no window can be opened on the display {os.environ.get('DISPLAY')!r} ({said}). Run it on a desktop, through "
        "`ssh -X`, or under a virtual display; `label_binary --auto` needs none"
    )


def open_once(flags: int) -> None:
    """Open a small window and close it: what probe_window tries in a child process."""
    import numpy as np

    highgui = find_highgui()
    highgui.namedWindow("rt_seg", flags)
    highgui.imshow("rt_seg", np.zeros((16, 16, 3), np.uint8))
    highgui.waitKey(1)
    highgui.destroyAllWindows()
