"""What the words for a part of a data set mean."""

import pytest

from rt_seg.bundle import TrainingData
from rt_seg_training.datasets.loading import split_names
from rt_seg_training.evaluation.protocol import score_warnings


@pytest.mark.parametrize(
    "expression, names",
    [("train", ["train"]), ("train[:10%]", ["train"]), ("a+b", ["a", "b"]), (" a[:10%] + b[90%:] ", ["a", "b"])],
)
def test_the_splits_of_an_expression_are_named_without_sums_slices_and_spaces(expression, names):
    assert split_names(expression) == names


class Built:
    name, warnings, source_digest, source, folder = "set", (), "", "", None


def test_evaluate_knows_the_splits_of_an_expression_as_training_does():
    warnings = score_warnings(TrainingData("set", "train[:90%] + validation"), Built(), "test+validation[50%:]")
    assert any("on frames of set validation (" in warning for warning in warnings)
