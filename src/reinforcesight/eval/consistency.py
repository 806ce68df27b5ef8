"""Variants of a question whose answers must agree: other letters, nouns, wording, box colours, a mirrored picture.

The correct answers of variants come from the item's scene, by the same relations and question forms as the data set.
An item whose question can't be reproduced word by word from its scene gets only the variants that need no scene.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reinforcesight.data_gen.questions.compose import Candidate, WordedQuestion, word_question
from reinforcesight.data_gen.questions.forms import Form, QuestionKind
from reinforcesight.data_gen.questions.templates import Templates, load_templates
from reinforcesight.errors import InputError
from reinforcesight.eval.config import CONSISTENCY, listed
from reinforcesight.eval.items import Item, Request, Variant, make_request, user_text
from reinforcesight.language.vocabulary import canonical_words
from reinforcesight.pages.pictures import read_question_scene
from reinforcesight.pictures.drawing import BOX_COLOURS
from reinforcesight.pictures.encode import mirror_image, with_boxes
from reinforcesight.protocol import LETTERS, Protocol, letter, option_lines
from reinforcesight.relations import Axis, Relation, RelationResult, relate
from reinforcesight.scene import ObjectId, Scene

_WITHOUT_SCENE = (Variant.LETTERS, Variant.SWAPPED)
_CV_BENCH = (Form.CVBENCH, Form.CVBENCH_BOXES)
_PNG = b"\x89PNG"
_SIDES = {"left", "right"}


class _CannotVary(Exception):  # noqa: N818  (not an error: it carries a reason to the caller)
    """Raised if the scene allows no variants of a question; the reason is counted."""


class ConsistencyRequests:
    """Makes the requests of all variants of an item; counts why items have none from their scene."""

    def __init__(self, variants: Sequence[Variant], protocol: Protocol) -> None:
        self._variants, self._protocol = variants, protocol
        self._needs_scene = any(variant not in _WITHOUT_SCENE for variant in variants)
        self.left_out: Counter[str] = Counter()  # reason to number of items without variants from the scene

    def of(self, item: Item) -> Iterator[Request]:
        known = None
        if self._needs_scene:
            try:
                known = _Restated.of(item)
            except _CannotVary as problem:
                self.left_out[str(problem)] += 1
        for variant in self._variants:
            if variant in _WITHOUT_SCENE:
                request = make_request(item, variant, self._protocol)
            else:
                request = known.request(variant, self._protocol) if known is not None else None
            if request is not None:
                yield request


def parse_consistency(text: str | None) -> tuple[Variant, ...]:
    """Read ``--consistency``, which the configuration has checked."""
    names = CONSISTENCY if text == "all" else listed(text)
    return tuple(Variant(name) for name in CONSISTENCY if name in names)


@dataclass(frozen=True)
class _Restated:
    """An item's question, written again from its scene.

    Attributes:
        relation: Relation of subject to reference, from the scene.
        wording: Position of the wording among the form's wordings.
        colours: Drawn box of each marked object, in drawing order.
    """

    item: Item
    scene: Scene
    form: Form
    subject: ObjectId
    reference: ObjectId
    anchor: ObjectId | None
    relation: Relation
    asked: Relation
    index: int
    wording: int
    colours: Mapping[ObjectId, str]

    @staticmethod
    def of(item: Item) -> _Restated:
        if not item.scene:
            raise _CannotVary("no scene")
        try:
            known = read_question_scene(item.scene, item.evidence)
            evidence = known.evidence
            form, asked = Form(item.form), Relation(evidence["asked"])
            ids = (evidence["subject"], evidence["reference"], evidence.get("anchor"))
            colours = {box["object"]: str(box["colour"]) for box in evidence.get("boxes") or ()}
        except (InputError, KeyError, ValueError, TypeError) as error:
            raise _CannotVary("the scene or its evidence can't be read") from error
        if form in _CV_BENCH:  # files in CV-Bench's columns do not say which of the two
            form = Form.CVBENCH_BOXES if colours else Form.CVBENCH
        if len(item.choices) != 2 or not item.prompt.startswith(item.question):
            raise _CannotVary("not a question with two options")
        found = _relation(known.scene, asked.axis, *ids)
        if found.relation is None:
            raise _CannotVary("the scene claims no relation with the default margins")
        bare = _Restated(item, known.scene, form, *ids, found.relation, asked, LETTERS.index(item.gold), 0, colours)
        wordings = 1 if form in _CV_BENCH else len(load_templates().wordings[form][asked])
        for wording in range(wordings):
            restated = replace(bare, wording=wording)
            same = restated.worded(found)
            if same.question == item.question and same.choices == item.choices:
                return restated
        raise _CannotVary("another wording or another right option than the scene gives")

    def worded(
        self,
        result: RelationResult,
        *,
        exchanged: bool = False,
        asked: Relation | None = None,
        form: Form | None = None,
        wording: int | None = None,
        colours: Mapping[ObjectId, str] | None = None,
    ) -> WordedQuestion:
        """Write the question about a relation of the scene or its mirror image.

        Args:
            exchanged: Name the two objects in the other order.
        """
        assert result.relation is not None
        form, asked = form or self.form, asked or self.asked
        candidate = Candidate(
            result.axis,
            self.subject,
            self.reference,
            self.anchor,
            result.relation,
            result.margin,
            result.evidence,
            frozenset({form}),
        )
        flips = exchanged + (asked is not self.asked) + (result.relation is not self.relation)
        index = self.index if flips % 2 == 0 else 1 - self.index
        if form is Form.YES_NO:
            relation = result.relation.inverse if exchanged else result.relation
        elif self.names_objects:
            relation = asked  # the subject is then the right answer
        else:
            relation = asked = result.relation.inverse if exchanged else result.relation
        templates = load_templates()
        if form not in _CV_BENCH:
            texts = templates.wordings[form][asked]
            chosen = texts[(self.wording if wording is None else wording) % len(texts)]
            templates = Templates({form: {asked: (chosen,)}})
        return word_question(
            self.scene,
            candidate,
            QuestionKind(relation, form, index, asked is relation),
            templates=templates,
            rng=random.Random(0),  # one wording is left to choose
            colours=self.colours if colours is None else colours,
        )

    @property
    def names_objects(self) -> bool:
        if self.form is Form.YES_NO:
            return False
        return not {choice.strip() for choice in self.item.choices} <= {relation.value for relation in Relation}

    def request(self, variant: Variant, protocol: Protocol) -> Request | None:
        """Return the request in one variant, or None if the question has no such variant."""
        same = _relation(self.scene, self.asked.axis, self.subject, self.reference, self.anchor)
        alter: Callable[[bytes], bytes] | None = None
        if variant is Variant.NOUNS:
            phrased = self.worded(same, exchanged=True)
        elif variant is Variant.INVERSE:
            # "Where is the cup?" has no inverse but the exchange of its nouns.
            if not self.names_objects and self.form is not Form.YES_NO:
                return None
            phrased = self.worded(same, asked=self.asked.inverse)
        elif variant is Variant.MIRROR:
            things = [self.scene[thing] for thing in (self.subject, self.reference, self.anchor) if thing is not None]
            if any(_SIDES & {*canonical_words(thing.name)} for thing in things):
                return None  # a left shoe becomes a right one
            result = _relation(_mirror(self.scene), self.asked.axis, self.subject, self.reference, self.anchor)
            if result.relation is None:
                return None
            phrased, alter = self.worded(result), mirror_image
        elif variant is Variant.WORDING:
            phrased = self._in_other_words(same)
        else:
            # Colours of a lossy picture leave a fringe around the lines drawn over them.
            if not self.colours or not self.item.picture.startswith(_PNG):
                return None
            colours = {thing: _next_colour(colour) for thing, colour in self.colours.items()}
            phrased = self.worded(same, colours=colours)
            alter = partial(with_boxes, boxes=[(self.scene[thing].box, c) for thing, c in colours.items()])
        return self._request(variant, phrased, protocol, alter)

    def _in_other_words(self, same: RelationResult) -> WordedQuestion:
        """Write the question in another wording of its form, or a CV-Bench question in one of another form."""
        draw = random.Random(self.item.item_key)
        if self.form in _CV_BENCH:
            form = Form.WHICH_OBJECT if self.names_objects else Form.OPEN
            return self.worded(same, form=form, wording=draw.randrange(len(_texts(form, self.asked))))
        count = len(_texts(self.form, self.asked))
        return self.worded(same, wording=(self.wording + draw.randrange(1, count)) % count if count > 1 else 0)

    def _request(
        self, variant: Variant, phrased: WordedQuestion, protocol: Protocol, alter: Callable[[bytes], bytes] | None
    ) -> Request | None:
        item = self.item
        new_question = phrased.question != item.question
        if variant in (Variant.NOUNS, Variant.INVERSE, Variant.WORDING, Variant.COLOURS) and not new_question:
            return None
        rest = item.prompt.removeprefix(item.question)
        prompt = phrased.question + rest.replace(option_lines(item.choices), option_lines(phrased.choices))
        gold = letter(phrased.choices.index(phrased.answer_text))
        text = user_text(item, prompt, protocol)
        return Request(item, variant, text, phrased.question, phrased.choices, gold, alter)


def _texts(form: Form, asked: Relation) -> Sequence[str]:
    return load_templates().wordings[form][asked]


def _next_colour(colour: str) -> str:
    known = [*BOX_COLOURS]
    return known[(known.index(colour) + 1) % len(known)]


def _relation(
    scene: Scene, axis: Axis, subject: ObjectId, reference: ObjectId, anchor: ObjectId | None
) -> RelationResult:
    return relate(scene, subject, reference, axis, anchor=anchor, marked=True)


def _mirror(scene: Scene) -> Scene:
    objects = []
    for item in scene.objects:
        x0, y0, x1, y1 = item.box
        centre = item.centre and (-item.centre[0], item.centre[1], item.centre[2])
        objects.append(item.model_copy(update={"box": (scene.width - x1, y0, scene.width - x0, y1), "centre": centre}))
    camera = scene.camera and scene.camera.model_copy(update={"cx": scene.width - scene.camera.cx})
    return scene.model_copy(update={"objects": tuple(objects), "camera": camera})
