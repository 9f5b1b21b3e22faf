"""Which frames to label next: the selection of `suggest` against random selection, at equal numbers of labels.

    python benchmarks/suggestion.py custom:~/polehole --seeds 3
    python benchmarks/suggestion.py camvid:~/CamVid --train train_other_drives --validation validation --seeds 3

For each seed some frames of the training split are labelled at random; then each round adds frames by each method:
random, most uncertain, most diverse, and both as in `suggest`. To make many rounds affordable, the learner is a linear
classifier on the frozen ImageNet features of EfficientNet-Lite0 at 1/8 (strides 8, 16 and 32), scored at the centre of
each cell: a stand-in for a network, not one. Features are cached in --cache.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("src", "training")]

from rt_seg.confusion import confusion_matrix, mean_iou  # noqa: E402
from rt_seg_training.datasets.layouts import read_layout  # noqa: E402
from rt_seg_training.datasets.source import read_pair  # noqa: E402
from rt_seg_training.learning.frame_choice import choose_frames  # noqa: E402

HEIGHT, WIDTH, STRIDE = 256, 320, 8
PENALTY = 1e-3
ITERATIONS = 60
WAYS = ("random", "unsure", "different", "suggest")


class Frames:
    """Features of a split: `cells` (N, C, D) float16, `labels` (N, C) uint8 and `looks` (N, E) float32."""

    def __init__(self, cells: np.ndarray, labels: np.ndarray, looks: np.ndarray) -> None:
        self.cells, self.labels, self.looks = cells, labels, looks

    def __len__(self) -> int:
        return len(self.cells)


def _encoder():
    import keras

    from rt_seg_training.nets.efficientnet_lite import encode, load_imagenet_weights

    image = keras.Input((HEIGHT, WIDTH, 3), name="image")
    taps = encode(image)
    model = keras.Model(image, [taps[8], taps[16], taps[32]])
    load_imagenet_weights(model)
    return model


def read_frames(source, pairs: list, cache: Path) -> Frames:
    """The features of some pairs, from the cache where they are there."""
    if cache.is_file():
        with np.load(cache) as kept:
            return Frames(kept["cells"], kept["labels"], kept["looks"])
    encoder = _encoder()
    cells, labels, looks = [], [], []
    for pair in pairs:
        image, label, _ = read_pair(pair, source)
        small = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        maps = [np.asarray(x)[0] for x in encoder((small[None] - 127) / 128, training=False)]
        size = maps[0].shape[1::-1]
        cells.append(np.concatenate([cv2.resize(x, size) for x in maps], axis=2).reshape(-1, 472).astype(np.float16))
        rows = ((np.arange(size[1]) + 0.5) * label.shape[0] / size[1]).astype(int)
        columns = ((np.arange(size[0]) + 0.5) * label.shape[1] / size[0]).astype(int)
        labels.append(label[np.ix_(rows, columns)].ravel())
        looks.append(np.concatenate([maps[2].mean(axis=(0, 1)), maps[2].std(axis=(0, 1))]))
    frames = Frames(np.stack(cells), np.stack(labels), np.stack(looks).astype(np.float32))
    np.savez(cache, cells=frames.cells, labels=frames.labels, looks=frames.looks)
    return frames


class Linear:
    """Multinomial logistic regression, fitted by L-BFGS on standardised features."""

    def __init__(self, cells: np.ndarray, labels: np.ndarray, classes: int, ignore_id: int) -> None:
        from scipy.optimize import minimize

        known = labels.ravel() != ignore_id
        x, y = cells.reshape(-1, cells.shape[-1])[known].astype(np.float32), labels.ravel()[known]
        self._mean, self._scale = x.mean(axis=0), x.std(axis=0) + 1e-3
        x = self._with_one(x)
        target = np.eye(classes, dtype=np.float32)[y]

        def loss(flat):
            weights = flat.reshape(-1, classes).astype(np.float32)
            p = _softmax(x @ weights)
            value = -np.log(np.maximum(p[np.arange(len(y)), y], 1e-9)).mean() + PENALTY * (weights**2).sum()
            gradient = x.T @ (p - target) / len(y) + 2 * PENALTY * weights
            return float(value), gradient.ravel().astype(float)

        start = np.zeros(x.shape[1] * classes)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
        self._weights = found.x.reshape(-1, classes).astype(np.float32)

    def _with_one(self, x: np.ndarray) -> np.ndarray:
        x = (x - self._mean) / self._scale
        return np.concatenate([x, np.ones((len(x), 1), np.float32)], axis=1)

    def probabilities(self, cells: np.ndarray) -> np.ndarray:
        """(C, K) of the cells (C, D) of a frame."""
        return _softmax(self._with_one(cells.astype(np.float32)) @ self._weights)


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def choose(way: str, model: Linear, pool: Frames, labelled: list[int], count: int, random) -> list[int]:
    """Numbers in the pool of the next frames."""
    rest = np.setdiff1d(np.arange(len(pool)), labelled)
    if way == "random":
        return random.choice(rest, count, replace=False).tolist()
    doubts = np.ones(len(rest))
    if way != "different":
        doubts = np.array([1 - model.probabilities(pool.cells[i]).max(axis=1).mean() for i in rest])
    if way == "unsure":
        return rest[np.argsort(-doubts)[:count]].tolist()
    return [int(rest[i]) for i in choose_frames(doubts, pool.looks[rest], count, pool.looks[labelled])]


def main(arguments: list[str] | None = None) -> int:
    """Print, for each number of labels and way, the mean IoU over the seeds and the gain over random choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="LAYOUT:PATH")
    parser.add_argument("--train", default="train")
    parser.add_argument("--validation", default="validation")
    parser.add_argument("--begin", type=int, default=5, help="frames labelled at random (default: %(default)s)")
    parser.add_argument("--step", type=int, default=5, help="frames per round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=250, help="frames of each split, evenly spaced")
    parser.add_argument("--cache", type=Path, default=Path("suggestion_features"))
    options = parser.parse_args(arguments)
    layout, path = options.source.split(":", 1)
    source = read_layout(layout, Path(path).expanduser())
    options.cache.mkdir(parents=True, exist_ok=True)
    pool, held_out = (
        read_frames(source, _spread(source.splits[split], options.most), options.cache / f"{source.path.name}_{split}"
                    f"_{options.most}.npz")
        for split in (options.train, options.validation)
    )  # fmt: skip
    print(f"{source.path.name}: {len(pool)} frames to choose from, scored on {len(held_out)}")
    classes, ignore = len(source.labels), source.labels.ignore_id

    def fit(labelled: list[int]) -> tuple[Linear, float]:
        model = Linear(pool.cells[labelled], pool.labels[labelled], classes, ignore)
        matrix = sum(
            confusion_matrix(truth, model.probabilities(cells).argmax(axis=1).astype(np.uint8), classes, ignore)
            for cells, truth in zip(held_out.cells, held_out.labels)
        )
        return model, mean_iou(matrix)

    scores: dict[tuple[str, int], list[float]] = {}
    for seed in range(options.seeds):
        first = np.random.default_rng(seed).choice(len(pool), options.begin, replace=False).tolist()
        begun = fit(first)
        for way in WAYS:
            random, labelled, (model, score) = np.random.default_rng(100 + seed), list(first), begun
            scores.setdefault((way, len(labelled)), []).append(score)
            for _ in range(options.rounds):
                labelled += choose(way, model, pool, labelled, options.step, random)
                model, score = fit(labelled)
                scores.setdefault((way, len(labelled)), []).append(score)
    print(f"{'labels':>6} " + " ".join(f"{way:>24}" for way in WAYS))
    for count in sorted({count for _, count in scores}):
        cells = []
        for way in WAYS:
            values = np.array(scores[way, count])
            gain = 100 * (values - scores["random", count])
            cells.append(f"{values.mean():.3f} ({gain.mean():+.1f}; {gain.min():+.1f} to {gain.max():+.1f})".rjust(24))
        print(f"{count:6d} " + " ".join(cells), flush=True)
    print("in brackets: gain in points of mean IoU over random choice, mean and range over the seeds")
    return 0


def _spread(pairs, most: int) -> list:
    return [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, min(most, len(pairs))).round().astype(int))]


if __name__ == "__main__":
    sys.exit(main())
