"""The legend of a model's classes."""

from rt_seg.labels import Label, LabelSet
from rt_seg.products.legend import draw_legend


def test_each_class_has_a_row_with_its_color():
    colors = [(0, 0, 0), (230, 60, 60), (60, 130, 240)]
    labels = LabelSet(tuple(Label(i, name, color) for i, (name, color) in enumerate(zip("abc", colors))))
    image = draw_legend(labels)
    rows = [[tuple(pixel) for pixel in row] for row in image.tolist()]
    first = [next(y for y, row in enumerate(rows) if color in row) for color in colors]
    assert first == sorted(first) and len(set(first)) == 3


def test_a_long_name_fits():
    names = ["a", "a class of many words in its name"]
    short, long = (draw_legend(LabelSet((Label(0, name, (9, 9, 9)),))) for name in names)
    assert long.shape[1] > short.shape[1]
    assert (long[:, -8:] == 32).all()
