"""The images that are labelled one after the other: read, written, and kept in memory when the disk refuses."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from rt_seg.atomic_file import write_atomically
from rt_seg.labelled_folder import LabelledFolder
from rt_seg.labels import LabelSet
from rt_seg_training.datasets.errors import DatasetError
from rt_seg_training.datasets.images import read_image
from rt_seg_training.datasets.labelled_frame import encode, write_labels
from rt_seg_training.labelling.captures import (
    Capture,
    LabellingError,
    copy_into_set,
    find_captures,
    labelled_names,
    mask_file,
    names_of_mask,
    read_class_ids,
)
from rt_seg_training.labelling.label_document import LabelDocument
from rt_seg_training.labelling.model_proposal import ModelProposal, combine
from rt_seg_training.labelling.propagation import propagate


class LabellingSession:
    """The frames of `folder`, whose masks are written to `output`/gt; a mask only in `folder`/gt is the beginning.

    With `propagating` a frame without a mask begins with the one before, carried over; it is written once somebody
    accepts or changes it; `proposal` corrects it where it is sure, and proposes where there is none before. Raises
    LabellingError when there are no images.
    """

    def __init__(
        self,
        folder: Path,
        output: Path,
        labels: LabelSet,
        propagating: bool = False,
        proposal: ModelProposal | None = None,
    ) -> None:
        self.captures = find_captures(folder)
        self.output = output
        self.labels = labels
        self.propagating = propagating
        self._proposal = proposal
        self._folder = folder
        self._copying = output.resolve() != folder.resolve() or not LabelledFolder(folder).color.is_dir()
        self._kept: dict[int, LabelDocument] = {}
        """Documents whose masks could not be written."""
        present = labelled_names(output)
        self._with_mask = {index for index, capture in enumerate(self.captures) if names_of_mask(capture) & present}
        self._last_mask: tuple[np.ndarray, np.ndarray] | None = None
        self.index = -1
        self.document: LabelDocument | None = None
        """None while the image cannot be read."""
        self.proposed = False
        """The mask is a proposal that nobody has accepted."""

    @property
    def capture(self) -> Capture:
        """The frame that is shown."""
        return self.captures[self.index]

    @property
    def mask_path(self) -> Path:
        """Where the mask of the frame belongs."""
        return mask_file(self.output, self.capture)

    @property
    def unsaved(self) -> list[str]:
        """Names of the frames whose masks could not be written."""
        return [self.captures[index].name for index in sorted(self._kept)]

    def has_mask(self, index: int) -> bool:
        """Whether the frame's mask is in the output, or waits to be written."""
        return index in self._kept or index in self._with_mask

    @property
    def count_with_mask(self) -> int:
        """How many frames have a mask."""
        return len(self._with_mask | set(self._kept))

    def without_mask(self, after: int) -> int | None:
        """The next frame without a mask, from `after` on and round to the first; None when all have one."""
        count = len(self.captures)
        order = (number % count for number in range(after, after + count))
        return next((index for index in order if not self.has_mask(index)), None)

    def open(self, index: int) -> str | None:
        """Show another frame; the one before must be saved. Returns what is wrong with its files, or None.

        An image that cannot be read leaves `document` None. A mask that cannot be used is shown as empty, and is
        overwritten only by a mask that somebody draws.
        """
        if self.document is not None:
            self._last_mask = (self.document.color, self.document.mask.copy())
        self.index, self.document, self.proposed = index, None, False
        if index in self._kept:
            self.document = self._kept[index]
            return None
        try:
            color = read_image(self.capture.color)
        except DatasetError as error:
            return str(error)
        mask, wrong = np.zeros(color.shape[:2], np.uint8), None
        path = self.mask_path
        if not path.exists():
            path = mask_file(self._folder, self.capture)
        if path.exists():
            try:
                mask = read_class_ids(path, color.shape, self.labels)
            except LabellingError as error:
                wrong = f"{error}. Shown as empty; the file is kept until you label this frame."
        self.document = LabelDocument(color, mask)
        if not path.exists() and self.propagating:
            self.propose()
        return wrong

    def propose(self) -> str | None:
        """Carry the mask of the frame shown before over to this one; returns why that is not possible, or None."""
        document = self.document
        if document is None:
            return "this image cannot be read"
        carried = None
        if self._last_mask is None or not self._last_mask[1].any():
            if self._proposal is None:
                return "no labelled frame to propagate from; start from a labelled frame"
        elif self._last_mask[0].shape != document.color.shape:
            return "the previous frame has a different size; its mask cannot be propagated"
        else:
            carried = propagate(self._last_mask[0], self._last_mask[1], document.color)
        touched = document.touched
        if self._proposal is None:
            assert carried is not None
        else:
            carried = combine(carried, *self._proposal.propose(self.capture, document.color))
        document.change(carried)
        if not touched and not self.has_mask(self.index):
            document.touched, self.proposed = False, True
        return None

    def save(self, accepted: bool = False) -> str | None:
        """Write the mask of the frame if it was changed, or anyway where `accepted`; with it those kept from before.

        An empty mask, which teaches that the object is nowhere, is new only where `accepted`. Returns what went
        wrong, or None. A mask that cannot be written stays in memory; every save tries again.
        """
        document = self.document
        changed = document is not None and document.touched and (document.mask.any() or self.has_mask(self.index))
        if document is not None and (changed or accepted):
            self._kept[self.index] = document
        wrong = None
        for index in sorted(self._kept):
            capture, kept = self.captures[index], self._kept[index]
            try:
                if not LabelledFolder(self.output).labels.exists():
                    write_labels(self.output, self.labels)
                path = mask_file(self.output, capture)
                write_atomically(path, encode(path.suffix.lower(), kept.mask))
                if self._copying:
                    copy_into_set(capture, self.output)
            except OSError as error:
                wrong = (
                    f"NOT SAVED ({error.strerror or error}: {error.filename or self.output}). The mask of "
                    f"{', '.join(self.unsaved)} is kept in memory; free disk space, then press s"
                )
                break
            kept.touched = False
            if kept is document:
                self.proposed = False
            self._with_mask.add(index)
            del self._kept[index]
        return wrong

    def rescue(self) -> Path | None:
        """Write masks that could not be saved to a new folder for temporary files; None when there are none.

        Raises OSError when there is no room either.
        """
        if not self._kept:
            return None
        folder = Path(tempfile.mkdtemp(prefix="rt_seg_unsaved_"))
        for index, document in self._kept.items():
            write_atomically(folder / f"{self.captures[index].name}.png", encode(".png", document.mask))
        return folder
