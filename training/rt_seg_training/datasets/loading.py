"""Load a built data set with the labels it was built with, so that nobody types classes again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rt_seg.labels import LabelError, LabelSet, labels_from_dict
from rt_seg_training.datasets.errors import DatasetError

INFO_FILE = "dataset_info.json"  # TFDS writes it last: a folder with it is a complete data set


def split_names(expression: str) -> list[str]:
    """The names of the splits in a split expression: `a[:10%]+b` has a and b."""
    return [part.split("[")[0].strip() for part in expression.split("+")]


@dataclass(frozen=True)
class DataSet:
    """A built data set: `splits` are {name: number of examples}, `pixels` {split: (256,) int64 per label value}.

    `warnings`: what lint_dataset found doubtful when it was built.
    """

    name: str
    folder: Path
    labels: LabelSet
    splits: Mapping[str, int]
    pixels: Mapping[str, np.ndarray]
    source: str
    source_digest: str
    builder: Any
    warnings: tuple[str, ...] = ()

    def count(self, split: str) -> int:
        """Number of examples of a TFDS split expression: `train`, `train+validation`, `train[:10%]`.

        Raises DatasetError, naming the splits there are.
        """
        try:
            total = 0
            for part in split.split("+"):
                total += self.builder.info.splits[part.strip()].num_examples
            return total
        except (KeyError, ValueError, AssertionError) as error:
            raise DatasetError(
                f"{self.name}: split {split!r} is not known; accepted are {', '.join(self.splits)}, "
                "sums as a+b, and slices as a[:10%]"
            ) from error

    @property
    def has_depth(self) -> bool:
        """Whether the set was built with depth."""
        return "depth" in self.builder.info.features

    def examples(self, split: str, shuffle_files: bool = False, depth: bool = False) -> Any:
        """tf.data.Dataset of {image: uint8 (H,W,3) RGB, label: uint8 (H,W,1) ids, name: text} of a split expression.

        With `depth` each also has depth, uint16 (H,W,1) millimetres aligned to the image, 0 where there is no reading,
        and valid, bool (H,W,1), which says where there is one.
        The order is the same on each run unless `shuffle_files`. Raises DatasetError for an unknown split, and if
        depth is asked of a set without.
        """
        self.count(split)
        import tensorflow as tf
        import tensorflow_datasets as tfds

        if depth and not self.has_depth:
            raise DatasetError(
                f"{self.name}: was built without depth, which this network needs. Put depth images into depth/ of "
                f"its source ({self.source}) and build it again, or choose a network of RGB only."
            )
        wanted = [name for name in self.builder.info.features if depth or name != "depth"]
        # TFDS would judge by the size of the compressed files whether to keep the decoded images in memory.
        examples = self.builder.as_dataset(
            split=split,
            shuffle_files=shuffle_files,
            read_config=tfds.ReadConfig(try_autocache=False),
            decoders=tfds.decode.PartialDecoding(dict.fromkeys(wanted, True), decoders={"image": _image_decoder()}),
        )
        if not depth:
            return examples
        return examples.map(lambda example: {**example, "valid": example["depth"] > 0}, tf.data.AUTOTUNE)


def _image_decoder() -> Any:
    """Decodes colour images to the pixels that OpenCV and Pillow see, and so the live node and `predict`.

    TensorFlow's own default for JPEG is a faster inverse DCT, which is up to 18 of 255 levels apart.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    @tfds.decode.make_decoder()
    def decode(encoded, feature):
        def jpeg():
            return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")

        image = tf.cond(tf.io.is_jpeg(encoded), jpeg, lambda: tf.io.decode_png(encoded, channels=3))
        return tf.ensure_shape(image, feature.shape)

    return decode()


def default_data_dir() -> Path:
    """The folder of built data sets: $TFDS_DATA_DIR, else TFDS's own default."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def _version_key(folder: Path) -> list[int]:
    return [int(part) if part.isdigit() else -1 for part in folder.name.split(".")]


def _built_folder(name: str | Path, data_dir: Path) -> Path:
    for folder in (Path(name).expanduser(), data_dir / name, data_dir / "custom" / name):
        if (folder / INFO_FILE).is_file():
            return folder
        versions = [file.parent for file in folder.glob(f"*/{INFO_FILE}")]
        if versions:
            return max(versions, key=_version_key)
    built = sorted(
        str(file.parent.parent.relative_to(data_dir))
        for pattern in (f"*/*/{INFO_FILE}", f"*/*/*/{INFO_FILE}")
        for file in data_dir.glob(pattern)
        if not any(part.startswith(".") for part in file.relative_to(data_dir).parts)
    )
    there = f"built there: {', '.join(built)}" if built else "nothing is built there"
    raise DatasetError(
        f"data set {str(name)!r}: not found in {data_dir}; {there}. "
        "Build it with build_dataset, or name the folder of built data sets with --data-dir."
    )


def load_dataset(name: str | Path, data_dir: str | Path | None = None) -> DataSet:
    """The built data set `name` in `data_dir` (default: `default_data_dir()`), or in the folder `name`.

    A custom data set answers to `custom/<name>` and to `<name>`. Of several versions the newest is taken.
    Raises DatasetError if it is not found, incomplete, or not built by this package.
    """
    folder = _built_folder(name, Path(data_dir).expanduser() if data_dir is not None else default_data_dir())
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(folder))
    metadata: dict[str, Any] = dict(builder.info.metadata or {})
    if "labels" not in metadata:
        raise DatasetError(f"{folder}: holds no label set, so it was not built by build_dataset. Build it again.")
    try:
        labels = labels_from_dict(metadata["labels"], f"{folder}: labels")
    except LabelError as error:
        raise DatasetError(str(error)) from error
    if labels.fingerprint != metadata.get("fingerprint"):
        raise DatasetError(
            f"{folder}: the labels do not have the recorded fingerprint: edited by hand? Build it again."
        )
    return DataSet(
        name=builder.info.full_name.rsplit("/", 1)[0],
        folder=folder,
        labels=labels,
        splits={split: info.num_examples for split, info in builder.info.splits.items()},
        pixels={split: np.array(counts, np.int64) for split, counts in metadata["pixels"].items()},
        source=metadata["source"],
        source_digest=metadata["source_digest"],
        builder=builder,
        warnings=tuple(metadata.get("warnings", ())),
    )
