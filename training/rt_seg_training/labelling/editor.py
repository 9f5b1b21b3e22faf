"""What the keys and the pointer do to the frames: the labelling window without a window."""

from __future__ import annotations

import time
from collections.abc import Callable

from rt_seg_training.labelling.drawing.tool import Point, Target, Tool
from rt_seg_training.labelling.labelling_session import LabellingSession

AUTOSAVE_SECONDS = 2.0
"""Rest after a change, after which the mask is written."""
VIEWS = ("overlay", "outline", "picture")

KEYS = (
    ("Enter", "accept, next frame"), ("n p", "next, previous frame"), ("u", "next unlabelled"),
    ("z y", "undo, redo"), ("x", "erase on / off"), ("1-9 Tab", "class"), ("i", "only inside object"),
    ("r", "propagate last mask"), ("e", "empty mask"), ("[ ]", "first slider"), ("+ - f", "zoom, fit"),
    ("v", "view"), ("s", "save now"), ("Esc", "cancel"), ("q", "save and quit"),
)  # fmt: skip
"""As they are shown beside the image; tools have keys of their own."""


class Editor:
    """Frames of a session, edited with `tools`; places are those of the image.

    `inside_only`: pixels outside the object stay as they are. `finished` turns true when the window should close.
    """

    def __init__(self, session: LabellingSession, tools: list[Tool], inside_only: bool = False) -> None:
        self.session = session
        self.tools = tools
        self.tool = tools[0]
        self.label = min(1, len(session.labels) - 1)
        self.erasing = False
        self.inside_only = inside_only
        self.view = VIEWS[0]
        self.message = ""
        self.alarming = False
        self.finished = False
        self.fit_wanted = True
        self._quit_asked = False
        self._pressed = False
        self._changed_at: float | None = None
        self._actions: dict[str, Callable[[], None]] = {
            "n": self.next, "Right": self.next, "p": self.previous, "Left": self.previous, "u": self.next_unlabelled,
            "Return": self.confirm, "space": self.accept, "z": self.undo, "y": self.redo, "x": self._toggle_erasing,
            "i": self._toggle_inside, "r": self.carry_over, "e": self.empty, "[": lambda: self._resize(0.8),
            "]": lambda: self._resize(1.25), "v": self._next_view, "s": self.save, "Escape": self.cancel,
            "q": self.quit, "Tab": self._next_class, "BackSpace": self._back, "f": self._fit,
        }  # fmt: skip
        first = session.without_mask(0)
        self._open(first or 0)
        if first is None:
            self.say(f"all {len(session.captures)} frames have masks; this is the first")

    def say(self, message: str | None, alarming: bool = False) -> None:
        """Show a message until the next key or press; `alarming` ones in red."""
        self.message, self.alarming = message or "", alarming and bool(message)

    @property
    def target(self) -> Target | None:
        """What tools change now; None where the image cannot be read."""
        document = self.session.document
        if document is None:
            return None
        allowed = None
        if self.inside_only:
            inside = (document.began_with > 0) | (document.mask > 0)
            allowed = inside if inside.any() else None
        return Target(document, self.label, self.erasing, allowed)

    @property
    def title(self) -> str:
        """Frame, place, tool, and a star while a change is not on disk."""
        session = self.session
        star = " *" if session.document is not None and session.document.touched else ""
        kind = " proposal" if session.proposed else ""
        return f"{session.capture.name} ({session.index + 1}/{len(session.captures)}) {self.tool.name}{kind}{star}"

    # Keys

    def key(self, name: str) -> None:
        """A key by its X name, printable ones by their character."""
        if name != "q":
            self._quit_asked = False
        tool = next((tool for tool in self.tools if tool.key == name), None)
        if tool is not None:
            self.say("")
            self.tool.cancel()
            self.tool = tool
        elif name in self._actions:
            self.say("")
            self._actions[name]()
        elif name.isdigit() and int(name) < len(self.session.labels):
            self.choose(int(name))
        self._note_changes()

    def choose(self, label: int) -> None:
        """Paint with this class from now on."""
        self.label, self.erasing = label, False

    def confirm(self) -> None:
        """End what the tool has begun, else accept the frame."""
        target = self.target
        if target is None or not self.tool.confirm(target):
            self.accept()

    def accept(self) -> None:
        """Write the mask even if it was not changed, or is empty, and continue."""
        self.tool.cancel()
        wrong = self.session.save(accepted=True)
        name = self.session.capture.name
        if self.session.index + 1 < len(self.session.captures):
            self._open(self.session.index + 1)
        elif wrong is None:
            self.say(f"{name} is written; that was the last frame")
        if wrong is not None:
            self.say(wrong, alarming=True)

    def next(self) -> None:
        """The next frame; an untouched one stays without a mask."""
        self._go(self.session.index + 1)

    def previous(self) -> None:
        """The frame before."""
        self._go(self.session.index - 1)

    def next_unlabelled(self) -> None:
        """The next frame that has no mask."""
        index = self.session.without_mask(self.session.index + 1)
        if index is None or index == self.session.index:
            others = "all" if index is None else "all other"
            self.say(f"{others} frames have masks")
        else:
            self._go(index)

    def undo(self) -> None:
        """Take back the tool's last step, else the last change."""
        target = self.target
        if target is None or self.tool.back(target):
            return
        if not target.document.undo():
            self.say("nothing to undo")

    def redo(self) -> None:
        """Make again what was taken back."""
        if self.session.document is not None and not self.session.document.redo():
            self.say("nothing to redo")

    def carry_over(self) -> None:
        """Propose the mask of the frame that was shown before."""
        self.say(self.session.propose())

    def empty(self) -> None:
        """Take everything away."""
        if self.session.document is not None:
            self.session.document.change(self.session.document.mask * 0)

    def save(self) -> None:
        """Write now."""
        wrong = self.session.save()
        self.say(wrong or "saved", alarming=wrong is not None)
        self._changed_at = None

    def cancel(self) -> None:
        """Forget what the tool has begun."""
        self.tool.cancel()
        self._pressed = False

    def quit(self) -> None:
        """Save and finish; where masks cannot be written, only when asked twice."""
        self.tool.cancel()
        wrong = self.session.save()
        if wrong is not None and not self._quit_asked:
            self._quit_asked = True
            self.say(f"{wrong}; press q again to quit without saving", alarming=True)
            return
        self.finished = True

    # Pointer

    def press(self, point: Point, secondary: bool = False, shift: bool = False) -> None:
        """A button went down over the image."""
        self.say("")
        target = self.target
        if target is None:
            return
        self._pressed = True
        self.tool.press(target, point, secondary, shift)
        self._note_changes()

    def move(self, point: Point) -> None:
        """The pointer moved."""
        target = self.target
        if target is not None:
            self.tool.move(target, point)

    def release(self, point: Point) -> None:
        """The button went up."""
        target = self.target
        if target is None or not self._pressed:
            return
        self._pressed = False
        message = self.tool.release(target, point)
        if message:
            self.say(message)
        self._note_changes()

    def idle(self) -> None:
        """To be called now and then: writes a mask some time after its last change."""
        if self._changed_at is None or self._pressed or time.monotonic() - self._changed_at < AUTOSAVE_SECONDS:
            return
        self._changed_at = None
        wrong = self.session.save()
        if wrong is not None:
            self.say(wrong, alarming=True)

    # Parts of the above

    def _note_changes(self) -> None:
        document = self.session.document
        if document is not None and document.touched:
            self.session.proposed = False
            self._changed_at = time.monotonic()

    def _go(self, index: int) -> None:
        if not 0 <= index < len(self.session.captures):
            self.say("this is the last frame" if index > 0 else "this is the first frame")
            return
        self.tool.cancel()
        wrong = self.session.save()
        self._open(index)
        if wrong is not None:
            self.say(wrong, alarming=True)

    def _open(self, index: int) -> None:
        self.tool.cancel()
        wrong = self.session.open(index)
        self._changed_at = None
        self.fit_wanted = True
        if wrong is None and self.session.proposed:
            self.say("proposal: Enter accepts it, or correct it")
        else:
            self.say(wrong, alarming=True)

    def _toggle_erasing(self) -> None:
        self.erasing = not self.erasing

    def _toggle_inside(self) -> None:
        self.inside_only = not self.inside_only

    def _next_view(self) -> None:
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]

    def _next_class(self) -> None:
        ids = [label.id for label in self.session.labels.labels] + [self.session.labels.ignore_id]
        self.choose(ids[(ids.index(self.label) + 1) % len(ids)])

    def _resize(self, factor: float) -> None:
        if self.tool.sliders:
            slider = self.tool.sliders[0]
            step = max(1, abs(round(slider.value * (factor - 1))))
            slider.set(slider.value + (step if factor > 1 else -step))

    def _back(self) -> None:
        if self.target is not None:
            self.tool.back(self.target)

    def _fit(self) -> None:
        self.fit_wanted = True
