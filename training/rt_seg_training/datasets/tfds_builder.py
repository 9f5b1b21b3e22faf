"""What the TFDS builders of this package have in common: the features, the checks before writing, the metadata."""

from __future__ import annotations

import abc
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from rt_seg_training.datasets.example import make_example
from rt_seg_training.datasets.linting import check_source
from rt_seg_training.datasets.pairing import Pair
from rt_seg_training.datasets.source import Source

WARNINGS_KEPT = 200


class SourceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A builder over a source. Built examples: image uint8 (H,W,3) RGB, label uint8 (H,W,1) ids, name text.

    Where the source has depth, also depth uint16 (H,W,1) in millimetres, 0 = no reading.

    The label set travels in the built set's metadata, with its fingerprint, the digest of the source, the pixels per
    label value of each split and the warnings of lint_dataset. A source that is not usable raises DatasetError before
    anything is written. It is checked and written on Apache Beam if the DownloadConfig has a runner or options of it.

    Args:
        source: folder or zip file; without it, TFDS's manual folder of this data set.
        kwargs: those of tfds.core.GeneratorBasedBuilder (data_dir, config, …).
    """

    def __init__(self, *, source: str | Path | None = None, **kwargs: Any):
        self._source = source
        super().__init__(**kwargs)

    @abc.abstractmethod
    def reader(self) -> Callable[[Path], Source]:
        """What lists a source's pairs and labels without decoding images; it can be pickled.

        It raises DatasetError for a source that is not understood.
        """

    def read_source(self) -> Source:
        """The source of this builder. Raises DatasetError."""
        return self.reader()(Path(self._source))  # type: ignore[arg-type]

    def _features(self, with_depth: bool) -> tfds.features.FeaturesDict:
        depth = {"depth": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16, encoding_format="png")}
        return tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                "name": tfds.features.Text(),
                **(depth if with_depth else {}),
            }
        )

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=self._features(self._source is not None and self.read_source().has_depth),
            supervised_keys=("image", "label"),
            metadata=tfds.core.MetadataDict(),
        )

    def _download_and_prepare(self, dl_manager: Any, download_config: tfds.download.DownloadConfig) -> None:
        if self._source is None:
            self._source = dl_manager.manual_dir
            # TFDS asks for the features before it says where the files are.
            self.info._features = self._features(self.read_source().has_depth)
        # A runner or options ask for Beam, as they do on the command line of TFDS.
        self._on_beam = bool(download_config.beam_runner or download_config.beam_options)
        self._beam = {"runner": download_config.beam_runner, "options": download_config.beam_options}
        super()._download_and_prepare(dl_manager=dl_manager, download_config=download_config)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        source = self.read_source()
        if self._on_beam:
            from rt_seg_training.datasets.beam_building import inspect_on_beam

            with tempfile.TemporaryDirectory(prefix="inspecting-", dir=self.data_dir) as folder:
                inspected = inspect_on_beam(self.reader(), source, **self._beam, folder=Path(folder))
            report = check_source(source, inspected)
        else:
            report = check_source(source)
        self.info.metadata.update(
            labels=source.labels.to_dict(),
            fingerprint=source.labels.fingerprint,
            source=str(source.path),
            source_digest=source.digest,
            pixels={split: counts.tolist() for split, counts in report.pixels.items()},
            warnings=[finding.text for finding in report.findings[:WARNINGS_KEPT]],
        )
        return {split: self._generate_examples(source, split) for split in source.splits}

    def _generate_examples(self, source: Source, split: str) -> Any:
        if not self._on_beam:
            return self._examples(source, source.splits[split])
        from rt_seg_training.datasets.beam_building import examples_on_beam

        return examples_on_beam(self.reader(), source, split)

    def _examples(self, source: Source, pairs: tuple[Pair, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        from rt_seg.progress import progress

        for pair in progress(pairs, desc="writing", unit="pair", leave=False):
            yield make_example(pair, source)
