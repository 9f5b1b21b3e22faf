"""What the TFDS builders of this package have in common: the features, the checks before writing, the metadata."""
from __future__ import annotations

import abc
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from rt_seg_training.datasets.images import is_plain_rgb, read_image
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source, check_source


class SourceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder over a source. Built examples: image uint8 (H,W,3) RGB, label uint8 (H,W,1) ids, name text.

    Where the source has depth, also depth uint16 (H,W,1) in millimetres, 0 = no reading.

    The label set travels in the built set's metadata, with its fingerprint, the digest of the source, and the
    pixels per label value of each split. A source that is not usable raises DatasetError before anything is written.

    Args:
        source: folder or zip file; without it, TFDS's manual folder of this data set.
        kwargs: those of tfds.core.GeneratorBasedBuilder (data_dir, config, …).
    """

    def __init__(self, *, source: str | Path | None = None, **kwargs: Any):
        self._source = source
        super().__init__(**kwargs)

    @abc.abstractmethod
    def read_source(self, path: Path) -> Source:
        """List the source's pairs and labels without decoding pictures. Raises DatasetError."""

    def _has_depth(self) -> bool:
        """Whether the examples carry depth, which TFDS wants to know before it has read anything."""
        if self._source is None:
            return False
        return self.read_source(Path(self._source)).has_depth

    def _info(self) -> tfds.core.DatasetInfo:
        depth = {"depth": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16, encoding_format="png")}
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "label": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                    "name": tfds.features.Text(),
                    **(depth if self._has_depth() else {}),
                }
            ),
            supervised_keys=("image", "label"),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        source = self.read_source(Path(self._source if self._source is not None else dl_manager.manual_dir))
        pixels = check_source(source)
        self.info.metadata.update(
            labels=source.labels.to_dict(),
            fingerprint=source.labels.fingerprint,
            source=str(source.path),
            source_digest=source.digest,
            pixels={split: counts.tolist() for split, counts in pixels.items()},
        )
        return {split: self._generate_examples(source, pairs) for split, pairs in source.splits.items()}

    def _generate_examples(self, source: Source, pairs: tuple[Pair, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        from tqdm import tqdm

        for pair in tqdm(pairs, desc="writing", unit="pair", leave=False, disable=None):
            depth = {"depth": source.read_depth(pair)[..., np.newaxis]} if "depth" in self.info.features else {}
            # Plain files keep their bytes; all others are decoded here, for TensorFlow reads them differently.
            plain = is_plain_rgb(pair.image)
            yield (
                pair.name,
                {
                    "image": io.BytesIO(pair.image.read_bytes()) if plain else read_image(pair.image),
                    "label": source.read_label(pair).astype(np.uint8)[..., np.newaxis],
                    "name": pair.name,
                    **depth,
                },
            )
