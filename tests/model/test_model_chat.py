import pytest
import torch
from jinja2 import TemplateError
from PIL import Image
from tiny_models import SPECIAL_TOKENS, build_tiny

from reinforcesight.errors import ConfigError, InputError
from reinforcesight.model.chat import (
    chat_text,
    encode,
    generate_text,
    structured,
    suppressed_token_ids,
    training_texts,
    user_message,
)
from reinforcesight.model.load import ModelConfig, load_model

PROMPT = [{"role": "user", "content": "Where is it?"}]
COMPLETION = [{"role": "assistant", "content": "<think>Seen.</think><answer>(A) left</answer>"}]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_model(ModelConfig(model_path=str(build_tiny(tmp_path_factory.mktemp("tiny")))))


def test_training_prompt_is_what_generation_sees(loaded):
    before, after = training_texts(loaded.processor, PROMPT, COMPLETION)
    assert before == chat_text(loaded.processor, [user_message("Where is it?")])
    assert after == "<think>Seen.</think><answer>(A) left</answer><|im_end|>\n"


def test_picture_goes_into_the_first_user_turn_once():
    turns = [{"role": "system", "content": "s"}, *PROMPT, *COMPLETION, *PROMPT]
    parts = [[part["type"] for part in turn["content"]] for turn in structured(turns)]
    assert parts == [["text"], ["image", "text"], ["text"], ["text"]]
    assert structured(structured(turns)) == structured(turns)
    assert [p["type"] for p in structured(PROMPT, with_image=False)[0]["content"]] == ["text"]


def test_template_that_opens_the_thinking_tag_itself(loaded):
    class Opening:
        chat_template = "x"

        def apply_chat_template(self, messages, tokenize, add_generation_prompt):
            said = messages[-1]["content"][0]["text"] if messages[-1]["role"] == "assistant" else ""
            return "user:assistant:" + ("<think>" if add_generation_prompt else said)

    before, after = training_texts(Opening(), PROMPT, [{"role": "assistant", "content": "<answer>x</answer>"}])
    assert before + after == "user:assistant:<answer>x</answer>"


def test_no_chat_template_is_an_error_the_user_can_mend():
    class Bare:
        chat_template = None

    with pytest.raises(ConfigError, match="instruction-tuned"):
        chat_text(Bare(), PROMPT)


def test_placeholders_are_suppressed_and_nothing_else(loaded):
    tokens = {loaded.processor.tokenizer.convert_ids_to_tokens(i) for i in suppressed_token_ids(loaded.processor)}
    assert tokens == {t for t in SPECIAL_TOKENS if "pad" in t or "vision" in t}
    assert set(suppressed_token_ids(loaded.model)) <= set(suppressed_token_ids(loaded.processor))


def test_a_model_that_wants_to_say_placeholders_cannot(loaded):
    head = loaded.model.get_output_embeddings().weight
    kept = head.detach().clone()
    try:
        with torch.no_grad():
            head[suppressed_token_ids(loaded.processor)] *= 50
        image = Image.new("RGB", (56, 56), "red")
        for temperature in (0.0, 2.0):
            for found in generate_text(
                loaded.model, loaded.processor, ["hi"] * 4, [image] * 4, 12, temperature=temperature
            ):
                ids = loaded.processor.tokenizer(found.text)["input_ids"]
                assert not set(ids) & set(suppressed_token_ids(loaded.processor))
    finally:
        with torch.no_grad():
            head.copy_(kept)


def test_a_batch_answers_as_one_by_one(loaded):
    images = [Image.new("RGB", (w, 56), c) for w, c in ((56, "red"), (112, "blue"), (28, "green"))]
    prompts = [
        "Where?",
        "Where is the red square, to the left or to the right of it?",
        "A longer one than the first.",
    ]
    together = generate_text(loaded.model, loaded.processor, prompts, images, 10)
    alone = [
        generate_text(loaded.model, loaded.processor, [p], [i], 10)[0] for p, i in zip(prompts, images, strict=True)
    ]
    assert together == alone
    halves = generate_text(loaded.model, loaded.processor, prompts, images, 10, batch_size=2)
    assert halves == alone


def test_prompts_without_pictures(loaded):
    seen = generate_text(loaded.model, loaded.processor, ["a", "b"], [None, Image.new("RGB", (56, 56))], 4)
    assert len(seen) == 2
    assert all(g.token_count <= 4 for g in seen)
    blind = generate_text(loaded.model, loaded.processor, ["a"], [None], 4)
    assert "pixel_values" not in encode(loaded.processor, ["a"], [None])
    assert blind[0] == seen[0]


def test_length_limit_is_told_from_an_end(loaded):
    [cut] = generate_text(loaded.model, loaded.processor, ["a"], [None], 3)
    assert (cut.token_count, cut.finished) == (3, False)


def test_special_tokens_of_a_question_are_plain_text(loaded):
    """A placeholder asks for no picture, and the end of a turn ends nothing."""
    text = "Is <|image_pad|> left?<|im_end|>"
    picture = Image.new("RGB", (56, 56))
    rendered = chat_text(loaded.processor, [user_message(text)])
    plain = chat_text(loaded.processor, [user_message("Is it left?")])
    tokens = [encode(loaded.processor, [t], [picture])["input_ids"][0] for t in (rendered, plain)]
    for token in ("<|image_pad|>", "<|im_end|>"):
        number = loaded.processor.tokenizer.convert_tokens_to_ids(token)
        assert (tokens[0] == number).sum() == (tokens[1] == number).sum()
    assert "< |image_pad|>" in rendered
    [answer] = generate_text(loaded.model, loaded.processor, [text], [picture], 2)
    assert answer.token_count


def test_a_template_that_fails_is_named(loaded):
    class Failing:
        chat_template = "x"

        def apply_chat_template(self, *_, **__):
            raise TemplateError("no user\nturn")

    with pytest.raises(InputError, match="the chat template can't be rendered: no user turn"):
        chat_text(Failing(), PROMPT)


def test_generation_and_training_where_the_template_opens_the_block(loaded):
    """As templates of reasoning models: the prompt ends inside the block, and the model continues in it."""
    kept = loaded.processor.chat_template
    marker = "{% if add_generation_prompt %}"
    try:
        loaded.processor.chat_template = kept + marker + "<think>\n{% endif %}"
        for found in generate_text(loaded.model, loaded.processor, ["a", "longer than that"], [None, None], 3):
            assert found.text.startswith("<think>\n")
            assert found.token_count == 3
        before, after = training_texts(loaded.processor, PROMPT, COMPLETION)
        assert before == chat_text(loaded.processor, PROMPT)
        assert before.endswith("<think>\n")
        assert after == "Seen.</think><answer>(A) left</answer><|im_end|>\n"
    finally:
        loaded.processor.chat_template = kept
