"""What the embedded model is pretrained to say: names, places and nearness of single objects, and how answers look.

No task compares two objects: relations are what fine-tuning is for.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano.scenes import PretrainingScene
from reinforcesight import protocol
from reinforcesight.data_gen.questions.reasoning import (
    NEARNESS,
    PLACED_APART,
    POSITION_WORDS,
    letters_text,
    nearness_words,
)
from reinforcesight.data_gen.rendering import RenderConfig
from reinforcesight.language.english import Mention, fill
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
        colour: Colour name; empty where it has none.
        kind: Noun.
        alone: No other object of the scene is of this kind, so that the noun alone names it.
        across: Centre of its box, share of the picture's width.
        down: Centre of its box, share of the picture's height.
        depth: Metres.
        box: Colour of the box that is drawn around it, if one is.
    """

    colour: str
    kind: str
    alone: bool
    across: float
    down: float
    depth: float
    box: str | None = None

    @property
    def name(self) -> str:
        """Colour and kind, or the kind where the colour has no name."""
        return f"{self.colour} {self.kind}".strip()

    def place(self, axis: Axis, rng: random.Random) -> str:
        """Where it is along an axis, in the words of the reasoning; along the depth, how far away."""
        if axis is Axis.DEPTH:
            return nearness_words(self.depth)
        return rng.choice(POSITION_WORDS[axis][self.band(axis)])

    def band(self, axis: Axis) -> int:
        """Which of the five places along an axis it is in."""
        if axis is Axis.DEPTH:
            return next(i for i, (limit, _) in enumerate(NEARNESS) if self.depth < limit)
        return min(4, int(5 * (self.across if axis is Axis.HORIZONTAL else self.down)))


def seen_objects(
    scene: PretrainingScene, options: RenderConfig, drawn: Mapping[int, str] | None = None
) -> list[SeenObject]:
    """The objects of a scene from left to right.

    Args:
        scene: The scene.
        options: What its kinds and colours are called.
        drawn: Colours of the boxes drawn in the picture, by the object's row.
    """
    assert options.kinds is not None
    assert options.colours is not None
    height, width = scene.picture.shape[:2]
    found = []
    kinds = [int(k) for k in scene.kinds if k >= 0]
    for row, kind in enumerate(kinds):
        x0, y0, x1, y1 = (float(v) for v in scene.boxes[row])
        found.append(
            SeenObject(
                colour=options.colours[colour] if (colour := int(scene.colours[row])) >= 0 else "",
                kind=options.kinds[kind],
                alone=kinds.count(kind) == 1,
                across=(x0 + x1) / 2 / width,
                down=(y0 + y1) / 2 / height,
                depth=float(scene.depths[row]),
                box=(drawn or {}).get(row),
            )
        )
    return sorted(found, key=lambda item: item.across)


def place_words(item: SeenObject, rng: random.Random) -> tuple[str, str]:
    """Where an object is across and down the picture, in the words of the reasoning."""
    return item.place(Axis.HORIZONTAL, rng), item.place(Axis.VERTICAL, rng)


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
    question: str, thought: str, choices: Sequence[str], right: int, rng: random.Random, *, article: bool
) -> Turn:
    """A question with options and the answer in the format of fine-tuning."""
    letter, answer = protocol.letter(right), choices[right]
    # CV-Bench has this line in questions about the picture plane, and none in the others.
    plain = rng.random() < 0.5
    prompt = f"{question}\n{protocol.option_lines(choices)}" if plain else protocol.with_options(question, choices)
    if rng.random() < 0.1:
        return protocol.with_instruction(prompt, protocol.Protocol.DIRECT), f"({letter})"
    named = [f"the {choice}" for choice in choices] if article else list(choices)
    ending = f"{rng.choice(_HENCE)} the answer is {named[right]}"
    if article and rng.random() < 0.3:
        ending = f"That makes {named[right]} the answer"
    ending = letters_text(named, right, ending) if rng.random() < 0.85 else f"{ending}."
    thought = f"{thought} {ending}".strip()
    return (
        protocol.with_instruction(prompt, protocol.Protocol.REASON),
        protocol.completion_text(thought, f"({letter}) {answer}"),
    )


def _shuffled(right: str, wrong: Sequence[str], rng: random.Random) -> tuple[list[str], int]:
    choices = [right, *wrong]
    rng.shuffle(choices)
    return choices, choices.index(right)


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
    choices, right = _shuffled(item.name, [f"{colour} {kind}"], rng)
    return _choice("Which of these is in the picture?", thought, choices, right, rng, article=True)


def choose_colour(item: SeenObject, options: RenderConfig, rng: random.Random) -> Turn:
    """Choose the colour of an object whose kind is named."""
    assert options.colours is not None
    wrong = rng.choice([c for c in options.colours if c != item.colour])
    thought = f"The {item.kind} is {item.colour}."
    choices, right = _shuffled(item.colour, [wrong], rng)
    return _choice(f"What colour is the {item.kind}?", thought, choices, right, rng, article=False)


def look_up(options: RenderConfig, rng: random.Random) -> Turn:
    """Find the letter of an answer that is given, in a text without a picture."""
    if rng.random() < 0.5:
        choices = [*rng.choice(_WORD_PAIRS)]
        rng.shuffle(choices)
        right = rng.randrange(2)
        return _choice(f"Choose {choices[right]}.", "", choices, right, rng, article=False)
    choices = _made_up_names(options, rng, rng.choice((2, 2, 3, 4)))
    right = rng.randrange(len(choices))
    return _choice(f"Choose the {choices[right]}.", "", choices, right, rng, article=True)


def _made_up_names(options: RenderConfig, rng: random.Random, count: int) -> list[str]:
    """Different names; many share a word, which makes them harder to tell apart."""
    assert options.kinds is not None
    assert options.colours is not None
    names: list[str] = []
    shared = rng.choice((*options.kinds, *options.colours))
    while len(names) < count:
        kind, colour = rng.choice(options.kinds), rng.choice(options.colours)
        if rng.random() < 0.4:
            kind, colour = (shared, colour) if shared in options.kinds else (kind, shared)
        name = kind if rng.random() < 0.2 else f"{colour} {kind}"
        if name not in names:
            names.append(name)
    return names


def _mentions(items: Sequence[SeenObject], rng: random.Random) -> tuple[list[str], list[Mention]]:
    """How objects are called in a question and in its answer; a drawn box is mentioned or not."""
    marked = rng.random() < 0.7
    mark = rng.choice((" (annotated by the {} box)", " (highlighted by a {} box)"))
    asked, told = [], []
    for item in items:
        name = _call(item, rng)
        if marked and item.box is not None:
            asked.append(f"{name}{mark.format(item.box)}")
            told.append(Mention(f"the {name} in the {item.box} box", False, f"the {name}"))
        else:
            asked.append(name)
            told.append(Mention(f"the {name}"))
    return asked, told


# What is asked about several objects at once. {names} are their names, each with its article.
_WHERE: dict[Axis | None, tuple[str, ...]] = {
    Axis.HORIZONTAL: ("Where are {names} from side to side?", "Where across the picture are {names}?"),
    Axis.VERTICAL: ("Where are {names} in height?", "How high up are {names}?"),
    Axis.DEPTH: ("How far from the camera are {names}?", "How far away are {names}?"),
    None: ("Where are {names}?", "Where are {names}, and how far away?"),
}


def _place_in_turn(items: Sequence[SeenObject], told: Sequence[Mention], axis: Axis | None, rng: random.Random) -> str:
    """Where each of some objects is, one after the other; nothing is said about one beside another."""
    mentions = {f"o{i}": mention for i, mention in enumerate(told)}
    if axis is not None and len(items) == 2:
        pattern = rng.choice(PLACED_APART).replace("{x}", "{o0}").replace("{y}", "{o1}")
        first, second = (item.place(axis, rng) for item in items)
        return fill(pattern.replace("<x>", first).replace("<y>", second), mentions)
    axes = (axis,) if axis is not None else (Axis.HORIZONTAL, Axis.DEPTH)
    sentences = [f"{{o{i}}} is {', '.join(item.place(a, rng) for a in axes)}." for i, item in enumerate(items)]
    return fill(" ".join(sentences), mentions)


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def locate_several(objects: Sequence[SeenObject], rng: random.Random) -> Turn:
    """Say where each of two or three named objects is, in the order in which they are named."""
    items = rng.sample(objects, min(len(objects), rng.choice((2, 3))))
    axis = rng.choice((Axis.HORIZONTAL, Axis.VERTICAL, Axis.DEPTH, None, None))
    asked, told = _mentions(items, rng)
    question = rng.choice(_WHERE[axis]).format(names=_and([f"the {name}" for name in asked]))
    return question, _place_in_turn(items, told, axis, rng)


def choose_by_place(objects: Sequence[SeenObject], rng: random.Random) -> Turn:
    """Choose which of two objects is at a place; both are placed first, and none is compared with the other."""
    items = rng.sample(objects, min(len(objects), 2))
    axis = rng.choice((Axis.HORIZONTAL, Axis.VERTICAL, Axis.DEPTH))
    if len(items) < 2 or items[0].band(axis) == items[1].band(axis):
        return locate_several(objects, rng)
    asked, told = _mentions(items, rng)
    names = [mention.later or mention.text for mention in told]
    wanted = rng.randrange(2)
    place = items[wanted].place(axis, rng)
    listed = rng.random()
    question = f"Which object is {place}"
    if listed < 0.6:
        question += f", the {asked[0]} or the {asked[1]}"
    choices = [name.removeprefix("the ") for name in names]
    thought = _place_in_turn(items, told, axis, rng)
    if listed > 0.9:
        # The options alone name the objects, in the other order.
        choices.reverse()
    return _choice(f"{question}?", thought, choices, choices.index(names[wanted][4:]), rng, article=True)


def read_places(options: RenderConfig, rng: random.Random) -> Turn:
    """Choose which of two things is at a place that a text tells: the same answer without a picture."""
    names = _made_up_names(options, rng, rng.choice((2, 3, 4)))
    axis = rng.choice((Axis.HORIZONTAL, Axis.VERTICAL, Axis.DEPTH))
    bands = [[words] for _, words in NEARNESS] if axis is Axis.DEPTH else [[*b] for b in POSITION_WORDS[axis]]
    places = [rng.choice(band) for band in rng.sample(bands, len(names))]
    facts = " ".join(f"The {name} is {place}." for name, place in zip(names, places, strict=True))
    rows = rng.sample(range(len(names)), 2)
    wanted = rng.choice(rows)
    pattern = rng.choice(PLACED_APART).replace("<x>", places[rows[0]]).replace("<y>", places[rows[1]])
    thought = fill(pattern, {"x": Mention(f"the {names[rows[0]]}"), "y": Mention(f"the {names[rows[1]]}")})
    choices = [names[row] for row in rows]
    return _choice(
        f"{facts} Which object is {places[wanted]}?", thought, choices, rows.index(wanted), rng, article=True
    )


def repeat_names(options: RenderConfig, rng: random.Random) -> Turn:
    """Write names again in their order."""
    names = _made_up_names(options, rng, rng.choice((2, 3, 4)))
    text = _and([f"the {name}" for name in names])
    return f"Repeat: {text}.", f"{text[0].upper()}{text[1:]}."


def picture_turns(
    scene: PretrainingScene,
    options: RenderConfig,
    rng: random.Random,
    drawn: Mapping[int, str] | None = None,
) -> list[Turn]:
    """A conversation about one picture, which is encoded once for all of its turns; empty if nothing can be named."""
    objects = seen_objects(scene, options, drawn)
    if not objects:
        return [("Which objects are in the picture?", "None.")]
    if not all(item.colour for item in objects):
        return _by_kinds([item for item in objects if item.alone], rng)
    turns: list[Turn] = []
    first = rng.random()
    if first < 0.4:
        turns.append(point_to_all(objects))
    elif first < 0.75:
        turns.append(describe(objects, rng))
    elif first < 0.8:
        turns.append(list_objects(objects))
    for _ in range(1 if turns else 3):
        kind = rng.random()
        if kind < 0.08:
            turns.append(locate(rng.choice(objects), rng))
        elif kind < 0.15:
            turns.append(point_out(rng.choice(objects), rng))
        elif kind < 0.55:
            turns.append(locate_several(objects, rng))
        elif kind < 0.85:
            turns.append(choose_by_place(objects, rng))
        elif kind < 0.96:
            turns.append(choose_present(objects, options, rng))
        else:
            alone = [item for item in objects if item.alone]
            turns.append(choose_colour(rng.choice(alone), options, rng) if alone else locate(rng.choice(objects), rng))
    return turns


def _by_kinds(objects: Sequence[SeenObject], rng: random.Random) -> list[Turn]:
    """About a picture whose colours have no names: objects that their kind alone tells from the others."""
    if not objects:
        return []
    turns: list[Turn] = []
    for _ in range(3):
        task = rng.random()
        if task < 0.2:
            turns.append(locate(rng.choice(objects), rng))
        elif task < 0.4:
            turns.append(point_out(rng.choice(objects), rng))
        elif task < 0.7:
            turns.append(locate_several(objects, rng))
        else:
            turns.append(choose_by_place(objects, rng))
    return turns


def text_turns(options: RenderConfig, rng: random.Random, count: int = 4) -> list[Turn]:
    """A conversation without a picture: letters are looked up, names repeated, and told places read."""
    turns = []
    for _ in range(count):
        kind = rng.random()
        if kind < 0.5:
            turns.append(look_up(options, rng))
        elif kind < 0.85:
            turns.append(read_places(options, rng))
        else:
            turns.append(repeat_names(options, rng))
    return turns
