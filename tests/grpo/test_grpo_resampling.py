"""Groups without spread: found, exchanged row by row, drawn alike everywhere."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from reinforcesight.grpo.resampling import draw_questions, exchange_groups, groups_without_spread

PAD = -7


def test_which_groups_have_no_spread():
    nan = float("nan")
    rewards = torch.tensor([1, 1, 1, 0.5, 0.5, 0.7, nan, nan, nan, nan, 1, 1, 0, nan, 1, 0.1 + 0.2, 0.3, 0.3])
    assert groups_without_spread(rewards, 3) == [0, 2, 3, 5]


def sampled(groups, size, prompt, completion, first):
    """A batch as TRL makes it, each row recognisable by its number; rows are of different lengths."""
    rows = groups * size
    numbers = torch.arange(first, first + rows)
    prompt_ids = numbers[:, None].repeat(1, prompt)
    prompt_ids[0, 0] = PAD
    completion_ids = 1000 + numbers[:, None].repeat(1, completion)
    completion_ids[0, -1] = PAD
    grids = torch.tensor([[1, 2, 2 + 2 * (int(n) % 2)] for n in numbers])
    pixels = torch.cat([n.float().repeat(int(g.prod()), 3) for n, g in zip(numbers, grids, strict=True)])
    return {
        "prompt_ids": prompt_ids,
        "prompt_mask": (prompt_ids != PAD).long(),
        "completion_ids": completion_ids,
        "completion_mask": (completion_ids != PAD).long(),
        "advantages": numbers.float(),
        "num_items_in_batch": torch.tensor(5),
        "ref_per_token_logps": -completion_ids.float(),
        "importance_sampling_ratio": numbers.float()[:, None],
        "mm_token_type_ids": torch.cat([(prompt_ids != PAD).long(), torch.zeros_like(completion_ids)], dim=1),
        "pixel_values": pixels,
        "image_grid_thw": grids,
        "num_images": [1] * rows,
    }


@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.tuples(st.integers(2, 4), st.integers(2, 4), st.integers(2, 4), st.integers(2, 4)),
    st.data(),
)
def test_exchanged_groups_are_whole(size, groups, fresh_groups, lengths, data):
    old, new = sampled(groups, size, *lengths[:2], 0), sampled(fresh_groups, size, *lengths[2:], 100)
    places = data.draw(st.lists(st.integers(0, groups - 1), unique=True, max_size=fresh_groups))
    merged = exchange_groups(old, new, {place: k for k, place in enumerate(places)}, size=size, pad_token_id=PAD)
    prompt, completion = max(lengths[0], lengths[2]), max(lengths[1], lengths[3])
    assert merged["prompt_ids"].shape == (groups * size, prompt)
    assert merged["mm_token_type_ids"].shape == (groups * size, prompt + completion)
    pixels = iter(merged["pixel_values"].split(merged["image_grid_thw"].prod(-1).tolist()))
    for at in range(groups * size):
        group, within = divmod(at, size)
        number = 100 + places.index(group) * size + within if group in places else at
        source, row = (new, number - 100) if number >= 100 else (old, number)
        assert merged["advantages"][at] == merged["importance_sampling_ratio"][at, 0] == number
        for name, pad in (("prompt", PAD), ("completion", PAD)):
            ids, mask = merged[f"{name}_ids"][at], merged[f"{name}_mask"][at].bool()
            assert ids[mask].tolist() == [i for i in source[f"{name}_ids"][row].tolist() if i != PAD]
            assert (ids[~mask] == pad).all()
        # Prompts end, and completions begin, where the two meet.
        assert merged["prompt_mask"][at, -1] == merged["completion_mask"][at, 0] == 1
        kinds = merged["mm_token_type_ids"][at]
        assert kinds[:prompt].tolist() == merged["prompt_mask"][at].tolist()
        assert not kinds[prompt:].any()
        own = source["ref_per_token_logps"][row]
        assert merged["ref_per_token_logps"][at, : len(own)].tolist() == own.tolist()
        assert (next(pixels) == number).all()


@given(st.integers(1, 30), st.integers(0, 10), st.sets(st.integers(0, 29)), st.integers(0, 5))
def test_drawn_questions_are_new_and_the_same_for_the_same_key(total, count, used, key):
    drawn = draw_questions(total, count, used=used, key=(key, 1))
    assert drawn == draw_questions(total, count, used=used, key=(key, 1))
    assert len(drawn) == count
    assert all(0 <= at < total for at in drawn)
    free = total - len([at for at in used if at < total])
    if free:
        assert not set(drawn) & used
        assert len(set(drawn)) == min(count, free)
