"""The benchmark's judgement of a threshold on rooms that did not choose it."""

from __future__ import annotations

import numpy as np
from calibration_draws import one_draw

from reinforcesight.data_gen.calibration.claims import Claims


def test_a_threshold_is_judged_on_the_other_rooms() -> None:
    rooms, each = 300, 20
    picture = np.repeat(np.arange(rooms), each)
    score = np.tile(np.arange(each) / each, rooms)
    wrong = score < 0.2  # the chosen threshold leaves most of them out
    wrong[picture >= 200] = score[picture >= 200] < 0.5
    claims = Claims(picture.astype(str), score, wrong, 0)
    members = [np.flatnonzero(picture == room) for room in range(rooms)]
    chosen, judges = np.arange(200), np.arange(200, 300)
    (result,) = one_draw(claims, members, chosen, judges, [0.02])
    assert result is not None
    kept, error = result
    assert kept == 0.8
    assert error == 0.375  # 6 of the 16 that are kept
    assert one_draw(claims, members, chosen[:5], judges, [0.001]) == [None]
