"""Models of the SAM kind: a tiny encoder and decoder with the very inputs and outputs of the real ones."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from rt_seg_training.clicks.click_model import ClickModelError
from rt_seg_training.clicks.installed_model import open_click_model
from rt_seg_training.clicks.sam_model import DECODER_INPUTS
from rt_seg_training.clicks.simulated_clicks import Click

SIDE = 32


def write(path, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
        [helper.make_tensor(name, kind, dims, values) for name, kind, dims, values in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def tiny(folder, without=()):
    """Encoder: mean over the colours. Decoder: bright pixels plus the mask so far, three times, the second the best."""
    write(
        folder / "encoder.onnx",
        [helper.make_node("ReduceMean", ["image"], ["embeddings"], axes=[1], keepdims=1)],
        [("image", [1, 3, SIDE, SIDE])],
        [("embeddings", [1, 1, SIDE, SIDE])],
    )
    inputs = dict(zip(DECODER_INPUTS, ([1, 1, SIDE, SIDE], [1, "n", 2], [1, "n"], [1, 1, SIDE, SIDE], [1], [2])))
    nodes = [
        # The mask so far is weighed by has_mask_input; the sum of the labels, one of them -1, moves everything.
        helper.make_node("Mul", ["mask_input", "has_mask_input"], ["known"]),
        helper.make_node("ReduceSum", ["point_labels"], ["sum"], keepdims=0),
        helper.make_node("Add", ["image_embeddings", "known"], ["a"]),
        helper.make_node("Add", ["a", "sum"], ["low"]),
        helper.make_node("Concat", ["low", "low", "low"], ["low_res_masks"], axis=1),
        helper.make_node("Cast", ["orig_im_size"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Concat", ["two", "whole"], ["sizes"], axis=0),
        helper.make_node("Resize", ["low_res_masks", "", "", "sizes"], ["masks"], mode="linear"),
        helper.make_node("ReduceMean", ["point_coords"], ["c"], keepdims=0),
        helper.make_node("Mul", ["c", "zero"], ["z"]),
        helper.make_node("Add", ["scores", "z"], ["iou_predictions"]),
    ]
    constants = [
        ("two", TensorProto.INT64, [2], [1, 3]),
        ("zero", TensorProto.FLOAT, [], [0.0]),
        ("scores", TensorProto.FLOAT, [1, 3], [0.1, 0.9, 0.3]),
    ]
    outputs = [("masks", [1, 3, "h", "w"]), ("iou_predictions", [1, 3]), ("low_res_masks", [1, 3, SIDE, SIDE])]
    write(
        folder / "decoder.onnx",
        nodes,
        list(inputs.items()),
        [output for output in outputs if output[0] not in without],
        constants,
    )
    return folder


def image():
    picture = np.zeros((24, 32, 3), np.uint8)
    picture[6:18, 8:24] = 255
    return picture


def test_the_bright_region_is_found_and_later_clicks_see_the_mask_so_far(tmp_path):
    model = open_click_model(tiny(tmp_path))
    clicks = [Click(16, 12)]
    first = model.mask(image(), clicks)
    assert first.shape == (24, 32) and first[12, 16] and not first[1, 1]
    second = model.mask(image(), [*clicks, Click(1, 1, False)], first)
    # The mask so far, 2.2 inside, is added to the image's 2.2; labels sum up to 0 both times.
    assert second[12, 16] and not second[1, 1]
    again = model.mask(image(), clicks)
    np.testing.assert_array_equal(again, first)


def test_an_output_that_lacks_and_a_file_that_lacks_are_named(tmp_path):
    with pytest.raises(ClickModelError, match=r"encoder.onnx: not found"):
        open_click_model(tmp_path)
    tiny(tmp_path, without=("iou_predictions",))
    with pytest.raises(ClickModelError, match="lacks iou_predictions"):
        open_click_model(tmp_path)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    tiny(tmp_path)
    (tmp_path / "decoder.onnx").write_bytes(b"nothing")
    with pytest.raises(ClickModelError, match="ONNX Runtime refuses"):
        open_click_model(tmp_path)
