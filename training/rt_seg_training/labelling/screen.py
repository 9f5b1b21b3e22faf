"""Draw the editor, and map screen positions to its parts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rt_seg.products.overlay import Palette
from rt_seg_training.labelling.drawing.grabcut import BACKGROUND, OBJECT, GrabCut
from rt_seg_training.labelling.drawing.tool import Slider
from rt_seg_training.labelling.editor import KEYS, Editor

PANEL = 250
ROW = 18
MARGIN = 10
KEY_WIDTH = 62
STATUS = 26
TEXT = 0.45
MIN_SIZE = (PANEL + 100, 200)
MAX_CLASSES = 12
ALPHA = 0.4

INK, FAINT, STRONG, GROUND, ALARM = (225, 225, 225), (150, 150, 150), (255, 210, 70), (38, 40, 44), (190, 30, 30)
LINE, LINE_STRONG = (90, 200, 255), (255, 210, 70)
STROKES = {OBJECT: (60, 220, 60), BACKGROUND: (40, 90, 255)}


@dataclass(frozen=True)
class _Row:
    """A place of the panel that answers to the pointer: a slider, or the class or tool of its number."""

    top: int
    bottom: int
    kind: str
    what: object


class Screen:
    """The image of an editor at a size, and the way of the pointer from there to the editor."""

    def __init__(self, editor: Editor) -> None:
        from rt_seg_training.labelling.viewport import Viewport

        self.editor = editor
        self.viewport = Viewport()
        self._palette = Palette(editor.session.labels)
        self._rows: list[_Row] = []
        self._sliding: Slider | None = None
        self._panning: tuple[int, int] | None = None
        self._pointer = (0, 0)
        self._size = (0, 0)

    # The pointer

    def press(self, x: int, y: int, button: str, shift: bool = False) -> None:
        """A button (left, middle, right) went down at (x, y) of the screen."""
        self._pointer = (x, y)
        if x < PANEL:
            if button == "left":
                self._press_panel(x, y)
        elif button == "middle":
            self._panning = (x, y)
        else:
            self.editor.press(self.viewport.to_picture(x - PANEL, y), secondary=button == "right", shift=shift)

    def move(self, x: int, y: int) -> None:
        """The pointer is at (x, y) of the screen."""
        if self._sliding is not None:
            self._slide(x)
        elif self._panning is not None:
            self.viewport.pan(x - self._panning[0], y - self._panning[1])
            self._panning = (x, y)
        else:
            self.editor.move(self.viewport.to_picture(x - PANEL, y))
        self._pointer = (x, y)

    def release(self, x: int, y: int) -> None:
        """A button went up."""
        if self._sliding is not None or self._panning is not None:
            self._sliding = self._panning = None
        else:
            self.editor.release(self.viewport.to_picture(x - PANEL, y))

    def wheel(self, x: int, y: int, steps: float) -> None:
        """The wheel turned: away from the user, `steps` above 0, is larger."""
        if x >= PANEL:
            self.viewport.zoom(steps, x - PANEL, y)

    def key(self, name: str) -> None:
        """A key; those of the view are answered here, the others by the editor."""
        if name in ("+", "=", "-"):
            x, y = self._pointer
            inside = x >= PANEL and y < self._size[1] - STATUS
            place = (x - PANEL, y) if inside else ((self._size[0] - PANEL) / 2, self._size[1] / 2)
            self.viewport.zoom(-1 if name == "-" else 1, *place)
        else:
            self.editor.key(name)

    def _press_panel(self, x: int, y: int) -> None:
        row = next((row for row in self._rows if row.top <= y < row.bottom), None)
        if row is None:
            return
        if isinstance(row.what, Slider):
            self._sliding = row.what
            self._slide(x)
        elif row.kind == "tool":
            self.editor.key(str(row.what))
        elif isinstance(row.what, int):
            self.editor.choose(row.what)

    def _slide(self, x: int) -> None:
        slider = self._sliding
        if slider is not None:
            share = (x - MARGIN) / (PANEL - 2 * MARGIN)
            slider.set(slider.least + share * (slider.most - slider.least))

    # The image

    def draw(self, size: tuple[int, int]) -> np.ndarray:
        """(H, W, 3) uint8 RGB of a screen of `size` (width, height), which is made no smaller than MIN_SIZE."""
        width, height = (max(given, least) for given, least in zip(size, MIN_SIZE))
        self._size = (width, height)
        canvas = np.full((height, width, 3), GROUND, np.uint8)
        self._draw_panel(canvas[:, :PANEL])
        self._draw_picture(canvas[: height - STATUS, PANEL:])
        self._draw_status(canvas[:, PANEL:])
        return canvas

    def _draw_picture(self, view: np.ndarray) -> None:
        editor, document = self.editor, self.editor.session.document
        if document is None:
            _write(view, "This image cannot be read. n: next frame", (20, 40), ALARM, 0.6)
            return
        height, width = document.mask.shape
        self.viewport.place((width, height), (view.shape[1], view.shape[0]))
        if editor.fit_wanted:
            self.viewport.fit()
            editor.fit_wanted = False
        picture = self.viewport.draw(document.color)
        target = editor.target
        preview = editor.tool.preview(target) if target is not None else None
        mask = self.viewport.draw(document.mask if preview is None else preview, nearest=True)
        if editor.view != "picture":
            alpha = ALPHA if editor.view == "overlay" else 0.0
            ignored = mask == editor.session.labels.ignore_id
            picture = self._palette.blend(picture, mask, alpha, contours=True)
            picture[ignored] = picture[ignored] // 2 + 127
        strokes = editor.tool.strokes(target) if isinstance(editor.tool, GrabCut) and target is not None else None
        if strokes is not None:
            shown = self.viewport.draw(strokes, nearest=True)
            for value, color in STROKES.items():
                picture[shown == value] = color
        if target is not None:
            for line in editor.tool.lines(target):
                points = self.viewport.to_view(line.points).reshape(-1, 1, 2)
                color = LINE_STRONG if line.strong else LINE
                cv2.polylines(picture, [points], line.closed, color, 2 if line.strong else 1, cv2.LINE_AA)
        view[:] = picture

    def _draw_status(self, canvas: np.ndarray) -> None:
        """The line below the image; a long message takes several, over the image."""
        editor = self.editor
        if editor.message:
            lines = _wrapped(editor.message, canvas.shape[1] - 16, TEXT)
            bar = canvas[-max(STATUS, 8 + ROW * len(lines)) :]
            bar[:] = ALARM if editor.alarming else GROUND
            for number, line in enumerate(lines):
                _write(bar, line, (8, 17 + ROW * number), INK if editor.alarming else STRONG, TEXT)
            return
        bar = canvas[-STATUS:]
        x, y = self._pointer
        document = editor.session.document
        text = f"{editor.tool.name}   zoom {100 * self.viewport.scale:.0f} %"
        if document is not None and x >= PANEL:
            column, row = (round(value) for value in self.viewport.to_picture(x - PANEL, y))
            height, width = document.mask.shape
            if 0 <= column < width and 0 <= row < height:
                text += f"   x {column} y {row}: {self._name(int(document.mask[row, column]))}"
        _write(bar, text, (8, 17), FAINT, TEXT)

    def _name(self, label: int) -> str:
        labels = self.editor.session.labels
        return "ignored" if label == labels.ignore_id else labels.names[label]

    def _draw_panel(self, panel: np.ndarray) -> None:
        editor, session = self.editor, self.editor.session
        self._rows = []
        y = 20
        star = " *" if session.document is not None and session.document.touched else ""
        _write(panel, session.capture.name + star, (MARGIN, y), INK, 0.5)
        y += ROW
        done = f"frame {session.index + 1} of {len(session.captures)}, {session.count_with_mask} with masks"
        _write(panel, done, (MARGIN, y), FAINT)
        y += ROW
        state = ", ".join(
            text
            for text, on in (
                (f"{len(session.unsaved)} NOT SAVED", bool(session.unsaved)), ("proposal", session.proposed),
                ("ERASING", editor.erasing), ("inside object only", editor.inside_only),
            )
            if on
        )  # fmt: skip
        _write(panel, state, (MARGIN, y), STRONG)
        y = self._heading(panel, "tools", y)
        for tool in editor.tools:
            y = self._row(panel, tool.key, tool.name, y, tool is editor.tool, "tool", tool.key)
        for line in editor.tool.hint:
            y += ROW - 2
            _write(panel, line, (MARGIN + 8, y), FAINT)
        for slider in editor.tool.sliders:
            y = self._draw_slider(panel, slider, y)
        y = self._heading(panel, "classes", y)
        y = self._draw_classes(panel, y)
        y = self._heading(panel, "keys", y)
        for keys, meaning in KEYS:
            y += ROW - 2
            _write(panel, keys, (MARGIN, y), INK)
            _write(panel, meaning, (MARGIN + KEY_WIDTH, y), FAINT)

    def _heading(self, panel: np.ndarray, text: str, y: int) -> int:
        y += ROW + 6
        _write(panel, text, (MARGIN, y), FAINT)
        cv2.line(panel, (MARGIN + 60, y - 4), (PANEL - MARGIN, y - 4), (80, 80, 80), 1)
        return y

    def _row(self, panel: np.ndarray, key: str, text: str, y: int, chosen: bool, kind: str, what: object) -> int:
        y += ROW
        self._rows.append(_Row(y - ROW + 5, y + 5, kind, what))
        if chosen:
            cv2.rectangle(panel, (MARGIN - 4, y - ROW + 5), (PANEL - MARGIN, y + 4), (70, 74, 82), cv2.FILLED)
        _write(panel, key, (MARGIN, y), STRONG if chosen else INK)
        _write(panel, text, (MARGIN + 40, y), STRONG if chosen else INK)
        return y

    def _draw_slider(self, panel: np.ndarray, slider: Slider, y: int) -> int:
        y += ROW
        _write(panel, f"{slider.name} {slider.value}", (MARGIN, y), INK)
        left, right = MARGIN, PANEL - MARGIN
        y += 12
        share = (slider.value - slider.least) / (slider.most - slider.least)
        place = round(left + share * (right - left))
        cv2.line(panel, (left, y), (right, y), (95, 95, 95), 3)
        cv2.line(panel, (left, y), (place, y), STRONG, 3)
        cv2.circle(panel, (place, y), 6, STRONG, cv2.FILLED, cv2.LINE_AA)
        self._rows.append(_Row(y - 10, y + 10, "slider", slider))
        return y + 4

    def _draw_classes(self, panel: np.ndarray, y: int) -> int:
        labels = self.editor.session.labels
        entries = [(label.id, label.name, label.color) for label in labels.labels]
        entries.append((labels.ignore_id, "(ignored)", (255, 255, 255)))
        chosen = next(place for place, entry in enumerate(entries) if entry[0] == self.editor.label)
        first = max(0, min(chosen - MAX_CLASSES // 2, len(entries) - MAX_CLASSES))
        for number, name, color in entries[first : first + MAX_CLASSES]:
            key = str(number) if number < 10 else ""
            y = self._row(panel, key, name, y, number == self.editor.label, "class", number)
            cv2.rectangle(panel, (MARGIN + 16, y - 10), (MARGIN + 30, y), color, cv2.FILLED)
            cv2.rectangle(panel, (MARGIN + 16, y - 10), (MARGIN + 30, y), (150, 150, 150), 1)
        return y


def _write(canvas: np.ndarray, text: str, place: tuple[int, int], color: tuple[int, ...], scale: float = 0.4) -> None:
    shown = text.encode("ascii", "replace").decode("ascii")  # OpenCV's font knows no more
    cv2.putText(canvas, shown, place, cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)


def _wrapped(text: str, width: int, scale: float) -> list[str]:
    """Lines of whole words that are at most `width` pixels wide, where words are not wider themselves."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cv2.getTextSize(longer, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
