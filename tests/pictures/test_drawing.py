"""Drawn boxes: exact pixels, pure colours, inside the picture, without touching the input."""

import numpy as np
import pytest
from PIL import Image

from reinforcesight.errors import InputError
from reinforcesight.pictures.drawing import BOX_COLOURS, draw_boxes, line_width

GREY = (90, 90, 90)


def grey(width=448, height=336):
    return Image.new("RGB", (width, height), GREY)


def changed(image, background=GREY):
    return (np.asarray(image) != np.array(background, dtype=np.uint8)).any(axis=2)


@pytest.mark.parametrize("colour", list(BOX_COLOURS))
def test_outline_covers_exactly_the_border_of_the_box(colour):
    box = (100.0, 50.0, 200.0, 150.0)
    drawn = np.asarray(draw_boxes(grey(), [(box, colour)]))
    expected = np.zeros((336, 448), dtype=bool)
    expected[50:150, 100:200] = True
    expected[52:148, 102:198] = False
    assert (changed(drawn) == expected).all()
    assert (drawn[expected] == BOX_COLOURS[colour]).all()


def test_box_at_the_border_stays_visible_on_all_sides():
    drawn = changed(draw_boxes(grey(), [((0.0, 0.0, 448.0, 336.0), "red")]))
    assert drawn[0].all()
    assert drawn[-1].all()
    assert drawn[:, 0].all()
    assert drawn[:, -1].all()
    assert not drawn[4:-4, 4:-4].any()


def test_line_width_grows_with_the_picture():
    assert line_width(448, 336) == 2
    assert 3 <= line_width(768, 1024) <= 5
    assert line_width(4000, 3000) > line_width(1024, 768)
    assert line_width(112, 112) == 1


def test_the_input_is_not_changed_and_the_result_is_a_new_picture():
    image = grey()
    before = image.tobytes()
    drawn = draw_boxes(image, [((10, 10, 60, 60), "blue")])
    assert image.tobytes() == before
    assert drawn is not image
    untouched = draw_boxes(image, [])
    assert untouched is not image
    assert untouched.tobytes() == before


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I;16", "YCbCr", "HSV", "F", "I"])
def test_every_mode_becomes_rgb(mode):
    image = Image.new("I;16", (80, 60), 25700) if mode == "I;16" else grey(80, 60).convert(mode)
    drawn = draw_boxes(image, [((10, 10, 60, 50), "green")])
    assert drawn.mode == "RGB"
    assert drawn.getpixel((10, 10)) == (0, 255, 0)
    if mode not in ("1",):
        assert np.abs(np.asarray(drawn)[30, 35].astype(int) - 90).max() <= 12


def test_tiny_and_fractional_boxes_are_drawn():
    assert changed(draw_boxes(grey(), [((10.2, 10.4, 10.9, 10.8), "red")])).any()
    assert changed(draw_boxes(grey(), [((447.2, 335.1, 448.0, 336.0), "red")])).any()


def test_wrong_boxes_and_colours_are_refused():
    with pytest.raises(InputError, match="purple"):
        draw_boxes(grey(), [((0, 0, 10, 10), "purple")])
    with pytest.raises(InputError, match="outside"):
        draw_boxes(grey(), [((500, 10, 600, 60), "red")])
