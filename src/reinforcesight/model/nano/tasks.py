"""What the embedded model is pretrained to say: names, places and nearness of single objects, and how answers look.

No task compares two objects: relations are what fine-tuning is for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from reinforcesight import protocol
from reinforcesight.data_gen.reasoning import PLACES, nearness_words
from reinforcesight.data_gen.sources.rendering import RenderConfig
from reinforcesight.model.nano.scenes import PretrainingScene
from reinforcesight.relations import Axis

Turn = tuple[str, str]
"""What the user says, and what the model should answer."""

# Pointing gives depth on this logarithmic scale (metres).
_NEAREST, _FARTHEST = 1.0, 12.0
# Words that an answer may consist of, in the pairs in which questions offer them.
_WORD_PAIRS = (
    ("left", "right"),
    ("above", "below"),
    ("in front", "behind"),
    ("yes", "no"),
)
_HENCE = ("So", "Therefore", "Hence", "Thus")


@dataclass(frozen=True)
class SeenObject:
    """An object in words.

    Attributes:
        colour: Colour name.
        kind: Noun.
        alone: No other object of the scene is of this kind, so that the noun alone names it.
        across: Centre of its box, share of the picture's width.
        down: Centre of its box, share of the picture's height.
        depth: Metres.
    """

    colour: str
    kind: str
    alone: bool
    across: float
    down: float
    depth: float

    @property
    def name(self) -> str:
        """Colour and kind."""
        return f"{self.colour} {self.kind}"


def seen_objects(scene: PretrainingScene, options: RenderConfig) -> list[SeenObject]:
    """The objects of a scene from left to right."""
    assert options.kinds is not None
    assert options.colours is not None
    height, width = scene.picture.shape[:2]
    found = []
    kinds = [int(k) for k in scene.kinds if k >= 0]
    for row, kind in enumerate(kinds):
        x0, y0, x1, y1 = (float(v) for v in scene.boxes[row])
        found.append(
            SeenObject(
                colour=options.colours[int(scene.colours[row])],
                kind=options.kinds[kind],
                alone=kinds.count(kind) == 1,
                across=(x0 + x1) / 2 / width,
                down=(y0 + y1) / 2 / height,
                depth=float(scene.depths[row]),
            )
        )
    return sorted(found, key=lambda item: item.across)


def place_words(item: SeenObject, rng: random.Random) -> tuple[str, str]:
    """Where an object is across and down the picture, in the words of the reasoning."""
    across, down = (min(4, int(5 * share)) for share in (item.across, item.down))
    return rng.choice(PLACES[Axis.HORIZONTAL][across]), rng.choice(PLACES[Axis.VERTICAL][down])


def point_text(item: SeenObject) -> str:
    """Where an object is, in hundredths of the picture's width and height and of a logarithmic scale of depth."""
    share = math.log(item.depth / _NEAREST) / math.log(_FARTHEST / _NEAREST)
    values = (item.across, item.down, share)
    return f"<point>{' '.join(f'{min(99, max(0, int(100 * v))):02d}' for v in values)}</point>"


def describe(objects: Sequence[SeenObject], rng: random.Random) -> Turn:
    """Name every object and say where it is, from left to right."""
    sentences = []
    for item in objects:
        across, down = place_words(item, rng)
        sentences.append(f"The {item.name} is {across}, {down}, {nearness_words(item.depth)}.")
    return "Describe the picture.", " ".join(sentences)


def list_objects(objects: Sequence[SeenObject]) -> Turn:
    """Say which objects are there, from left to right."""
    return "Which objects are in the picture?", ", ".join(item.name for item in objects) + "."


def _call(item: SeenObject, rng: random.Random) -> str:
    return item.kind if item.alone and rng.random() < 0.4 else item.name


def locate(item: SeenObject, rng: random.Random) -> Turn:
    """Say in words where a named object is."""
    name = _call(item, rng)
    across, down = place_words(item, rng)
    return f"Where is the {name}?", f"The {name} is {across}, {down}, {nearness_words(item.depth)}."


def point_out(item: SeenObject, rng: random.Random) -> Turn:
    """Point out where a named object is."""
    return f"Point to the {_call(item, rng)}.", point_text(item)


def point_to_all(objects: Sequence[SeenObject]) -> Turn:
    """Name every object and point to it, from left to right: few words, and nearly each of them must be seen."""
    return "Point to every object.", " ".join(f"{item.name}{point_text(item)}" for item in objects)


def _choice(
    question: str, thought: str, right: str, wrong: Sequence[str], rng: random.Random, *, article: bool
) -> Turn:
    """A question with options and the answer in the format of fine-tuning."""
    choices = [right, *wrong]
    rng.shuffle(choices)
    letter = protocol.letter(choices.index(right))
    prompt = protocol.with_options(question, choices)
    if rng.random() < 0.15:
        return protocol.with_instruction(prompt, protocol.Protocol.DIRECT), f"({letter})"
    the = "the " if article else ""
    listed = ""
    if len(choices) == 2 and rng.random() < 0.4:
        verb = "names" if article else "says"
        listed = f"Option A {verb} {the}{choices[0]}, and option B {verb} {the}{choices[1]}. "
    hence = rng.choice(_HENCE)
    if listed and rng.random() < 0.3:
        ending = f"{hence} the answer is option {letter}: {the}{right}."
    elif article and rng.random() < 0.3:
        ending = f"That makes {the}{right} the answer."
    else:
        ending = f"{hence} the answer is {the}{right}."
    thought = f"{thought} {listed}{ending}".strip()
    return (
        protocol.with_instruction(prompt, protocol.Protocol.REASON),
        protocol.completion_text(thought, f"({letter}) {right}"),
    )


def choose_present(objects: Sequence[SeenObject], options: RenderConfig, rng: random.Random) -> Turn:
    """Choose the one of two objects that is in the picture; the wrong one differs in colour or in kind."""
    assert options.kinds is not None
    assert options.colours is not None
    item = rng.choice(objects)
    names = {other.name for other in objects}
    for _ in range(20):
        kind = item.kind if rng.random() < 0.4 else rng.choice(options.kinds)
        colour = item.colour if kind != item.kind and rng.random() < 0.4 else rng.choice(options.colours)
        if f"{colour} {kind}" not in names:
            break
    else:
        return list_objects(objects)
    across, down = place_words(item, rng)
    thought = f"The {item.name} is {across if rng.random() < 0.5 else down}."
    return _choice(
        "Which of these is in the picture?", thought, item.name, [f"{colour} {kind}"], rng, article=True
    )


def choose_colour(item: SeenObject, options: RenderConfig, rng: random.Random) -> Turn:
    """Choose the colour of an object whose kind is named."""
    assert options.colours is not None
    wrong = rng.choice([c for c in options.colours if c != item.colour])
    thought = f"The {item.kind} is {item.colour}."
    return _choice(f"What colour is the {item.kind}?", thought, item.colour, [wrong], rng, article=False)


def look_up(options: RenderConfig, rng: random.Random) -> Turn:
    """Find the letter of an answer that is given, in a text without a picture."""
    assert options.kinds is not None
    assert options.colours is not None
    if rng.random() < 0.5:
        right, wrong = rng.sample(rng.choice(_WORD_PAIRS), 2)
        return _choice(f"Choose {right}.", "", right, [wrong], rng, article=False)
    count = rng.choice((2, 2, 3, 4))
    names: list[str] = []
    shared = rng.choice((*options.kinds, *options.colours))
    while len(names) < count:
        kind, colour = rng.choice(options.kinds), rng.choice(options.colours)
        # Options that share a word are the hard ones.
        if rng.random() < 0.4:
            kind, colour = (shared, colour) if shared in options.kinds else (kind, shared)
        name = kind if rng.random() < 0.2 else f"{colour} {kind}"
        if name not in names:
            names.append(name)
    right = names.pop(rng.randrange(count))
    return _choice(f"Choose the {right}.", "", right, names, rng, article=True)


def picture_turns(scene: PretrainingScene, options: RenderConfig, rng: random.Random) -> list[Turn]:
    """A conversation about one picture, which is encoded once for all of its turns."""
    objects = seen_objects(scene, options)
    if not objects:
        return [("Which objects are in the picture?", "None.")]
    turns: list[Turn] = []
    first = rng.random()
    if first < 0.6:
        turns.append(point_to_all(objects))
    elif first < 0.75:
        turns.append(describe(objects, rng))
    elif first < 0.85:
        turns.append(list_objects(objects))
    for _ in range(1 if turns else 3):
        kind = rng.random()
        if kind < 0.4:
            turns.append(locate(rng.choice(objects), rng))
        elif kind < 0.75:
            turns.append(point_out(rng.choice(objects), rng))
        elif kind < 0.93:
            turns.append(choose_present(objects, options, rng))
        else:
            alone = [item for item in objects if item.alone]
            turns.append(
                choose_colour(rng.choice(alone), options, rng) if alone else locate(rng.choice(objects), rng)
            )
    return turns


def text_turns(options: RenderConfig, rng: random.Random, count: int = 4) -> list[Turn]:
    """A conversation without a picture: letters are looked up."""
    return [look_up(options, rng) for _ in range(count)]
