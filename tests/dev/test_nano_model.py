"""The embedded model's vocabulary and batches are those of the processor that goes with it; training can be stopped."""

import json
import os
import signal
import time

import forked
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nano.batches import Encoder, patches
from nano.build import build_nano
from nano.config import NanoArchitecture, PretrainConfig, PretrainRound
from nano.vision import batch_vision_attention
from nano.vocabulary import FIXED_WORDINGS
from PIL import Image

from reinforcesight import protocol
from reinforcesight.data_gen.rendering import RenderConfig
from reinforcesight.model.chat import encode

SMALL = {
    "picture_size": (64, 48),
    "vision_steps": 3,
    "steps": 5,
    "vision_batch_size": 4,
    "batch_size": 3,
    "text_batch_size": 2,
    "first_scenes": 48,
    "scenes_per_step": 0,
    "shift": 3,
    "workers": 0,
    "save_steps": 2,
    "log_steps": 1,
    "score_steps": 100,
    "score_scenes": 10,
    "threads": 1,
    "architecture": {"vision_width": 48, "vision_layers": 1, "vision_heads": 2, "vision_hidden": 64}
    | {"text_width": 48, "text_layers": 2, "text_heads": 2, "text_hidden": 64, "vocabulary": 700},
    "rendering": {
        "world": "toys",
        "objects_min": 2,
        "objects_max": 3,
        "kinds": ["ball", "box"],
        "colours": ["red", "blue"],
    }
    | {"min_extent": 0.2, "shadows": False, "furnishing": 0, "same_name": 0.0},
}


@pytest.fixture(scope="module")
def nano():
    return build_nano(PretrainConfig.model_validate(SMALL))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_comes_back(nano, text):
    tokenizer = nano[1].tokenizer
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_fixed_wordings_and_names_are_single_tokens(nano):
    tokenizer = nano[1].tokenizer
    for text in (*FIXED_WORDINGS, " red", " ball", " left", " behind"):
        assert len(tokenizer.encode(text, add_special_tokens=False)) == 1, text


def test_batches_are_what_the_processor_makes(nano):
    """Ids, rotary positions and patches of one conversation, against template, processor and model themselves."""
    model, processor = nano
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (48, 64, 3), np.uint8)
    turns = [("Where is the red ball?", "Near."), (f"Choose it.\n{protocol.REASON_INSTRUCTION}", "(A) left")]
    messages = []
    for user, answer in turns:
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    messages[0]["content"] = [{"type": "image"}, {"type": "text", "text": turns[0][0]}]
    text = processor.apply_chat_template(messages, tokenize=False)
    stock = encode(processor, [text], [Image.fromarray(picture)])
    batch = Encoder(processor, (3, 4)).encode([turns], pictures=True)
    length = batch.ids.shape[1]
    assert batch.ids[0].tolist() == stock["input_ids"][0, :length].tolist()
    positions, _ = model.model.get_rope_index(
        stock["input_ids"],
        mm_token_type_ids=stock["mm_token_type_ids"],
        image_grid_thw=stock["image_grid_thw"],
        attention_mask=stock["attention_mask"],
    )
    assert torch.equal(batch.positions[:, :1], positions[:, :, :length])
    learnt = [t for t in batch.targets[0].tolist() if t != -100]
    assert processor.tokenizer.decode(learnt) == "Near.<|im_end|>(A) left<|im_end|>"
    normal = processor.image_processor
    ours = patches(picture[None], 16, 1, normal.image_mean, normal.image_std)
    assert torch.allclose(ours, stock["pixel_values"], atol=1e-5)


def test_attention_over_a_batch_of_pictures_is_the_stock_one(nano):
    model, _ = nano
    pixels = torch.randn(3 * 12, 3 * 16 * 16)
    grid = torch.tensor([[1, 3, 4]] * 3)
    with torch.no_grad():
        stock = model.model.visual(pixels, grid_thw=grid).pooler_output
        batch_vision_attention(model)
        ours = model.model.visual(pixels, grid_thw=grid).pooler_output
    assert torch.allclose(stock, ours, atol=1e-5)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """The folder of a small model, whose scenes other runs share."""
    from nano.pretrain import pretrain_nano

    folder = tmp_path_factory.mktemp("pretrained")
    pretrain_nano(PretrainConfig.model_validate(SMALL | {"output": folder}))
    return folder


def sharing_scenes(pretrained, output):
    """The folder of another run, which need not render the same scenes again."""
    output.mkdir()
    (output / "scenes").symlink_to(pretrained / "scenes")
    return output


RUN = """
import json, sys
from nano.config import PretrainConfig
from nano.pretrain import pretrain_nano
pretrain_nano(PretrainConfig.model_validate(json.loads(sys.argv[1])))
"""


def start(output):
    return forked.start_code(RUN, json.dumps({**SMALL, "output": str(output)}))


def test_a_killed_run_goes_on_to_the_same_weights(pretrained, tmp_path):
    from safetensors.torch import load_file

    cut = sharing_scenes(pretrained, tmp_path / "cut")
    process = start(cut)
    deadline = time.monotonic() + 200
    while not list(cut.glob("checkpoint-*/checkpoint_files.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    process = start(cut)
    _, said = process.communicate(timeout=250)
    assert process.returncode == 0, said
    first, second = (load_file(folder / "model.safetensors") for folder in (pretrained, cut))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    record = json.loads((cut / "run_record.json").read_text())
    assert record["status"] == "finished"
    assert {"named", "placed", "letters"} <= record["results"].keys()


def test_configuration_names_what_does_not_fit():
    with pytest.raises(ValueError, match="multiple of 16"):
        PretrainConfig.model_validate({**SMALL, "picture_size": (100, 48)})
    with pytest.raises(ValueError, match="listed"):
        PretrainConfig(rendering=RenderConfig())
    assert NanoArchitecture(patch_size=8, merge_size=2).cell == 16


def test_a_run_can_be_made_longer_until_its_rate_falls_with_the_same_result(pretrained, tmp_path, monkeypatch):
    from nano.pretrain import Pretraining, change_length, pretrain_nano
    from safetensors.torch import load_file

    from reinforcesight.errors import ConfigError

    def config(name, **changed):
        return PretrainConfig.model_validate({**SMALL, "output": tmp_path / name, "save_steps": 4, **changed})

    learn, stop_at = Pretraining.learn, 4

    def learn_and_stop(run):
        figures = learn(run)
        if run.step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return figures

    for name in ("changed", "plain"):
        sharing_scenes(pretrained, tmp_path / name)
    monkeypatch.setattr(Pretraining, "learn", learn_and_stop)
    assert pretrain_nano(config("changed", steps=40)).content["status"] == "interrupted"
    with pytest.raises(ConfigError, match="other weights after step 3"):
        change_length(config("changed", steps=1))
    monkeypatch.setattr(Pretraining, "learn", learn)
    for name in ("changed", "plain"):
        assert pretrain_nano(config(name)).content["status"] == "finished"
    changed, plain = (load_file(tmp_path / name / "model.safetensors") for name in ("changed", "plain"))
    assert all(torch.equal(changed[name], plain[name]) for name in plain)
    with pytest.raises(ConfigError, match="has made 8"):
        change_length(config("plain", steps=50))


def test_a_finished_run_given_another_round_comes_to_the_weights_of_a_run_that_had_it_from_the_start(
    pretrained, tmp_path
):
    from nano.pretrain import change_length, pretrain_nano
    from safetensors.torch import load_file

    from reinforcesight.errors import ConfigError

    more = [{"vision_steps": 3, "steps": 2, "scenes_per_step": 0}]

    def config(name, **changed):
        return PretrainConfig.model_validate({**SMALL, "output": tmp_path / name, **changed})

    for name in ("later", "at_once"):
        sharing_scenes(pretrained, tmp_path / name)
    pretrain_nano(config("later"))
    short = load_file(tmp_path / "later" / "model.safetensors")
    for name in ("later", "at_once"):
        record = pretrain_nano(config(name, further=more))
        assert record.content["status"] == "finished"
        assert record.content["results"]["steps"] == 13
    later, at_once = (load_file(tmp_path / name / "model.safetensors") for name in ("later", "at_once"))
    assert all(torch.equal(later[name], at_once[name]) for name in later)
    assert not all(torch.equal(later[name], short[name]) for name in later)
    with pytest.raises(ConfigError, match="has made 13 steps"):
        change_length(config("later", further=[{**more[0], "steps": 50}]))
    # Nor may a round that is over be said to have seen other scenes, while another is added.
    with pytest.raises(ConfigError, match="other weights after step 8"):
        change_length(config("later", further=[{**more[0], "scenes_per_step": 5}, *more]))


def test_words_stay_where_they_are_while_the_vision_tower_learns_alone_in_a_further_round(pretrained, tmp_path):
    from nano.pretrain import Pretraining

    settings = SMALL | {"output": sharing_scenes(pretrained, tmp_path / "run"), "vision_steps": 1, "steps": 1}
    run = Pretraining(PretrainConfig.model_validate(settings | {"further": [{"vision_steps": 2, "steps": 1}]}))
    run.model.train()
    run.learn(), run.learn()
    words, seeing = run.embed.weight.clone(), run.visual.state_dict()["blocks.0.attn.qkv.weight"].clone()
    run.learn(), run.learn()
    assert torch.equal(run.embed.weight, words)
    assert not torch.equal(run.visual.state_dict()["blocks.0.attn.qkv.weight"], seeing)
    run.learn()
    assert not torch.equal(run.embed.weight, words)
    run.supply.close()


def test_new_scenes_come_in_at_the_pace_of_each_round():
    further = [{"vision_steps": 10, "steps": 10, "scenes_per_step": 2}]
    config = PretrainConfig.model_validate(SMALL | {"scenes_per_step": 4, "further": further})
    assert [config.new_scenes(step) for step in (0, 8, 9, 28)] == [0, 32, 34, 72]


def going_on(pretrained, output, **changed):
    own = {"output": sharing_scenes(pretrained, output), "start_model": str(pretrained), "warmup_steps": 2}
    return PretrainConfig.model_validate(SMALL | own | changed)


def test_a_run_from_a_model_has_its_weights_and_leaves_them_until_the_new_layers_fit(pretrained, tmp_path):
    from nano.pretrain import Pretraining
    from safetensors.torch import load_file

    config = going_on(pretrained, tmp_path / "run")
    run = Pretraining(config)
    run.begin_from(config.start_model)
    run.model.train()
    published = load_file(pretrained / "model.safetensors")
    words = published["model.embed_tokens.weight"].float()
    seeing = published["visual.blocks.0.attn.qkv.weight"].float()
    layer = run.heads.where.weight.clone()
    for _ in range(config.warmup_steps):
        run.learn()
    assert torch.equal(run.visual.state_dict()["blocks.0.attn.qkv.weight"], seeing)
    assert not torch.equal(run.heads.where.weight, layer)
    run.learn()
    assert not torch.equal(run.visual.state_dict()["blocks.0.attn.qkv.weight"], seeing)
    # The vision tower alone learns in these three steps: words stay, also in the first round.
    assert torch.equal(run.embed.weight, words)
    run.learn()
    assert not torch.equal(run.embed.weight, words)
    run.supply.close()


def test_a_run_from_a_model_goes_on_after_a_stop_even_where_that_model_is_gone(pretrained, tmp_path, monkeypatch):
    import shutil

    from nano.pretrain import Pretraining, pretrain_nano
    from safetensors.torch import load_file

    model = tmp_path / "model"
    shutil.copytree(pretrained, model, ignore=shutil.ignore_patterns("checkpoint-*", "scenes"))
    whole, cut = (going_on(pretrained, tmp_path / name, start_model=str(model)) for name in ("whole", "cut"))
    record = pretrain_nano(whole)
    assert record.content["model"]["model_path"] == str(model)
    assert len(record.content["model"]["fingerprint"]) == 64
    card = (whole.output / "README.md").read_text()
    assert record.content["model"]["fingerprint"] in card
    assert "random weights, so" not in card
    learn = Pretraining.learn

    def learn_and_stop(run):
        figures = learn(run)
        if run.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return figures

    monkeypatch.setattr(Pretraining, "learn", learn_and_stop)
    assert pretrain_nano(cut).content["status"] == "interrupted"
    monkeypatch.setattr(Pretraining, "learn", learn)
    shutil.rmtree(model)
    assert pretrain_nano(cut).content["status"] == "finished"
    first, second = (load_file(run.output / "model.safetensors") for run in (whole, cut))
    assert all(torch.equal(first[name], second[name]) for name in first)
    start = load_file(pretrained / "model.safetensors")
    assert not all(torch.equal(first[name], start[name]) for name in first)


def test_a_start_model_that_does_not_fit_is_refused(pretrained, tmp_path):
    from nano.pretrain import pretrain_nano

    from reinforcesight.errors import ConfigError, InputError

    wider = SMALL["architecture"] | {"text_hidden": 80}
    with pytest.raises(ConfigError, match="other sizes"):
        pretrain_nano(going_on(pretrained, tmp_path / "wider", architecture=wider))
    other = SMALL["rendering"] | {"kinds": ["mug", "car"]}
    with pytest.raises(ConfigError, match="another vocabulary"):
        pretrain_nano(going_on(pretrained, tmp_path / "other", rendering=other))
    with pytest.raises(InputError, match="no such model folder"):
        pretrain_nano(going_on(pretrained, tmp_path / "none", start_model=str(tmp_path / "nowhere")))
    assert not list(tmp_path.glob("*/run_record.json"))


def test_scenes_that_the_start_model_has_seen_are_passed_over(tmp_path, monkeypatch):
    from nano import supply

    rendered = []
    monkeypatch.setattr(supply, "render_chunk", lambda config, number, *rest: rendered.append(number))
    monkeypatch.setattr(supply, "_read", lambda path: {name: np.zeros((supply.CHUNK, 1)) for name in supply._FIELDS})
    # 257 scenes are two chunks: a chunk that is seen in part is passed over whole.
    settings = SMALL | {"skip_scenes": 257, "window": 512, "first_scenes": 512, "scenes_per_step": 64}
    config = PretrainConfig.model_validate(settings)
    scenes = supply.SceneSupply(config, tmp_path, config.new_scenes)
    scenes.prepare(0)
    assert rendered == [2, 3]
    scenes.prepare(4)
    assert rendered == [2, 3, 4]
    assert sorted(scenes._chunks) == [3, 4]


def test_the_rate_falls_from_where_it_is_told_to(pretrained, tmp_path):
    from nano.pretrain import Pretraining, change_length, pretrain_nano

    from reinforcesight.jobs.record import RunRecord

    def rates(decay_from):
        settings = SMALL | {"warmup_steps": 0, "steps": 101, "vision_steps": 0, "decay_from": decay_from}
        run = Pretraining(PretrainConfig.model_validate(settings | {"output": tmp_path / "rates"}))
        found = []
        for run.step in (0, 25, 50, 75, 100):
            found.append(run._rates()[1] / run.config.learning_rate)
        run.supply.close()
        return found

    assert rates(0.5) == pytest.approx([1, 1, 1, 0.53, 0.07], abs=0.02)
    assert rates(0.0) == pytest.approx([1, 0.76, 0.53, 0.29, 0.06], abs=0.02)
    # A run of a version that had no choice did the same as the default, and may be given another round.
    config = PretrainConfig.model_validate(SMALL | {"output": sharing_scenes(pretrained, tmp_path / "former")})
    pretrain_nano(config)
    record = RunRecord.load(config.output)
    for name in ("decay_from", "start_model", "skip_scenes", "further"):
        del record.content["recipe"][name]
    record.save()
    longer = config.model_copy(update={"further": [PretrainRound(vision_steps=1, steps=1, scenes_per_step=0)]})
    change_length(longer)
    assert pretrain_nano(longer).content["results"]["steps"] == 10
