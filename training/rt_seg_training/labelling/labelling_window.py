"""The window around the editor: HighGUI's events in, images out, and nothing else."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import ModuleType

from rt_seg_training.labelling.editor import Editor
from rt_seg_training.labelling.highgui import find_highgui, is_qt, probe_window
from rt_seg_training.labelling.screen import Screen

FIRST_SIZE = (1240, 740)
WAIT_MS = 20
KEY_NAMES = {
    8: "BackSpace", 9: "Tab", 10: "Return", 11: "Tab", 13: "Return", 27: "Escape", 32: "space", 0xFF08: "BackSpace",
    0xFF09: "Tab", 0xFE20: "Tab", 0xFF0D: "Return", 0xFF8D: "Return", 0xFF1B: "Escape", 0xFF51: "Left", 0xFF53: "Right",
    0xFFAB: "+", 0xFFAD: "-",
}  # fmt: skip


def key_name(code: int) -> str | None:
    """The X name, or the character, of a key code of waitKeyEx; None for those that mean nothing here.

    GTK sets bits for the modifiers above the code; keys of the number pad give their digits.
    """
    code &= 0xFFFF
    if code in KEY_NAMES:
        return KEY_NAMES[code]
    if 0xFFB0 <= code <= 0xFFB9:
        return str(code - 0xFFB0)
    # With the shift key or caps lock, too: which case a toolkit reports differs.
    return chr(code).lower() if 32 < code < 127 else None


class LabellingWindow:
    """Shows an editor until the user has finished. Raises NoWindowError where no window can be opened."""

    def __init__(self, editor: Editor, name: str) -> None:
        self._flags = probe_window()
        self._highgui: ModuleType = find_highgui()
        self.editor = editor
        self._screen = Screen(editor)
        self.name = name
        self._title = ""
        self._stale = True
        self._resizable = bool(self._flags & self._highgui.WINDOW_OPENGL)
        self._zoomed = False
        self._zooms_itself = is_qt(self._highgui) and not self._resizable

    def run(self) -> None:
        """Return when the user quits or closes the window; what could be saved is then saved."""
        self._open(FIRST_SIZE)
        size = FIRST_SIZE
        try:
            while not self.editor.finished:
                now = self._window_size(size)
                if self._stale or now != size:
                    size, self._stale = now, False
                    self._show(size)
                code = self._highgui.waitKeyEx(WAIT_MS)
                if self._zoomed:
                    # Only a new window forgets the zoom of its own.
                    self._zoomed = False
                    self._highgui.destroyWindow(self.name)
                    self._open(size)
                    self._show(size)
                    continue
                if self._highgui.getWindowProperty(self.name, self._highgui.WND_PROP_VISIBLE) < 1:
                    self.editor.quit()
                    return
                name = key_name(code) if code >= 0 else None
                if name is not None:
                    self._guarded(lambda name=name: self._screen.key(name))
                before = self.editor.message, self.editor.title
                self.editor.idle()
                self._stale |= before != (self.editor.message, self.editor.title)
        finally:
            self._highgui.destroyAllWindows()
            self._highgui.waitKey(1)

    def _open(self, size: tuple[int, int]) -> None:
        self._highgui.namedWindow(self.name, self._flags)
        if self._resizable:
            self._highgui.resizeWindow(self.name, *size)
        self._highgui.setMouseCallback(self.name, self._on_mouse)
        self._title = ""

    def _window_size(self, before: tuple[int, int]) -> tuple[int, int]:
        if not self._resizable:
            return before
        try:
            _, _, width, height = self._highgui.getWindowImageRect(self.name)
        except self._highgui.error:  # just closed
            return before
        return (width, height) if width > 0 and height > 0 else before

    def _show(self, size: tuple[int, int]) -> None:
        import cv2

        self._highgui.imshow(self.name, cv2.cvtColor(self._screen.draw(size), cv2.COLOR_RGB2BGR))
        title = f"{self.name} - {self.editor.title}"
        if title != self._title:
            self._highgui.setWindowTitle(self.name, title)
            self._title = title

    def _on_mouse(self, event: int, x: int, y: int, flags: int, _: object) -> None:
        self._guarded(lambda: self._answer(event, x, y, flags))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do what the user asked; an error is said on the screen, for with the window the work would be lost."""
        try:
            action()
        except Exception as error:  # masks are whole before and after every change
            self.editor.cancel()
            self.editor.say(f"failed ({type(error).__name__}: {error})", alarming=True)
            print(f"{self.name}: {type(error).__name__}: {error}", file=sys.stderr)
        self._stale = True

    def _answer(self, event: int, x: int, y: int, flags: int) -> None:
        gui = self._highgui
        downs = {gui.EVENT_LBUTTONDOWN: "left", gui.EVENT_MBUTTONDOWN: "middle", gui.EVENT_RBUTTONDOWN: "right",
                 gui.EVENT_LBUTTONDBLCLK: "left", gui.EVENT_RBUTTONDBLCLK: "right"}  # fmt: skip
        if event in downs:
            self._screen.press(x, y, downs[event], bool(flags & gui.EVENT_FLAG_SHIFTKEY))
        elif event == gui.EVENT_MOUSEMOVE:
            self._screen.move(x, y)
        elif event in (gui.EVENT_LBUTTONUP, gui.EVENT_MBUTTONUP, gui.EVENT_RBUTTONUP):
            self._screen.release(x, y)
        elif event == gui.EVENT_MOUSEWHEEL:
            self._screen.wheel(x, y, 1 if flags > 0 else -1)
            self._zoomed |= self._zooms_itself


def label_in_window(window: LabellingWindow) -> str:
    """Run the window, return what to tell the user when it is closed. Raises KeyboardInterrupt.

    However it ends, masks that the disk refused are written to a folder for temporary files, which is named.
    """
    session, name = window.editor.session, window.name
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: by way of what follows
    try:
        window.run()
    finally:
        signal.signal(signal.SIGTERM, before)
        wrong = session.save()
        if wrong is not None:
            print(f"{name}: {wrong}", file=sys.stderr)
            try:
                print(f"{name}: unsaved masks are in {session.rescue()}", file=sys.stderr)
            except OSError as error:
                lost = ", ".join(session.unsaved)
                print(f"{name}: no space for temporary files either ({error}); lost: {lost}", file=sys.stderr)
    return f"{session.output}: {session.count_with_mask} of {len(session.captures)} frames have masks"
