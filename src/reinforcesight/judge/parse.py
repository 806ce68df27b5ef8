"""The parsing rules in their order: find the letter that an output answers, or the reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from reinforcesight.judge import lexicon
from reinforcesight.judge.claimed import index_claimed
from reinforcesight.judge.comparison import read_sentence
from reinforcesight.judge.declarations import (
    CLASH,
    MISSING,
    OUT,
    SEVERAL,
    Declaration,
    find_declarations,
    letter_value,
)
from reinforcesight.judge.markup import Region, answer_region, is_blank, without_box_phrases
from reinforcesight.judge.options import Options, compile_options, without_recital
from reinforcesight.judge.records import AnswerStatus, ParsedAnswer
from reinforcesight.judge.rewording import (
    ORDER,
    after_list,
    plainer,
    with_letters,
    without_answered_questions,
    without_certainty,
    without_denied_letters,
)
from reinforcesight.judge.weighing import weighed
from reinforcesight.judge.wording import Reading, sentences
from reinforcesight.language.spelling import restated
from reinforcesight.protocol import LETTERS

_BARE_LETTER = re.compile(r"[\s(\[\"'*]{0,8}([A-Za-z])[\s)\]\"'*.:]{0,8}\Z")

# Rules after which relation claims are read too, if the text has relation words but no answer, words such as "hidden"
# or "seems", or several relation words. A claim overrides the rule.
_ASKING_FOR_CLAIMS = frozenset(
    {"no_answer", "refusal", "sentence", "sentences_disagree", "several_named", "letter_against_text"}
)
_RELATIONAL = re.compile(
    r"\b(?:left|right|above|over|below|under|beneath|high|low|clos|near|far|furth|front|behind|beyond|betw|back|rear|ahead|before|deep|dist|fore|top|bottom|"
    r"hid|occlud|cover|block|obscur|overlap|conceal|reach|obstruct|mask|eclips)|\d\s?(?:c?m|met|f(?:ee|oo)?t)"
)
# "less" is looked for before its word boundary: a search that begins with a letter is far faster.
_HIDING = re.compile(r"hid|occlud|cover|block|obscur|conceal|obstruct|less\b(?<=\bless)")
_SEEMING = re.compile(r"\b(?:but|however|seems?|appears?|looks?)\b")


def _is_doubtful(rule: str, text: str, options: Options) -> bool:
    related = options.kind == "relation"
    unread = rule in ("no_answer", "refusal")
    if (options.subject if related else options.pattern) is None or (options.kind == "yes_no" and not unread):
        return False
    if unread:
        doubtful = _RELATIONAL.search(text.lower()) is not None
    elif rule == "sentence":
        several = related and options.pattern is not None and len(options.pattern.findall(text)) > 1
        doubtful = several or _HIDING.search(text.lower()) is not None
    elif rule == "several_named":
        doubtful = ORDER.search(text) is not None
    else:
        doubtful = related or _SEEMING.search(text.lower()) is not None
    if not doubtful or options.kind in ("relation", "yes_no"):
        return doubtful
    return options.pattern is not None and options.pattern.search(text) is not None


def _last_letter(text: str, options: Options) -> int | None:
    declared = find_declarations(text, options)
    return declared[-1].value if declared else None


# Sources of text that are marked as the answer.
_MARKED = ("answer_block", "open_answer_block", "boxed", "json")
_OPTION_NUMBER = re.compile(r"\W*(?:(?:option|choice|answer)\W{1,3})?([1-9])\W*", re.IGNORECASE)
_OPTION = re.compile(r"\b(?:option|choice)s?\b", re.IGNORECASE)
_NOT_APPLICABLE = re.compile(r"\W{0,8}n\s?/\s?a\W{0,8}", re.IGNORECASE)
_WORD_INSIDE = re.compile(r"[a-z]{4}")

_SECOND_THOUGHT = re.compile(
    r"\b(?:wait|actually|therefore|thus|hence|however|reconsider\w*|so|final|but|instead|in conclusion"
    r"|correct answer|hold on|hang on)\b"
    rf"|{lexicon.CORRECTS}",
    re.IGNORECASE,
)
_AGAIN = re.compile("again|recheck|recon|re-|reex|rethink|review|revisit|twice|once more|or is it")
# The last word is a doubt: "Hmm, let me look again", "or is it the chair?"
_REOPENS = re.compile(
    r"\b(?:let me|i(?:'ll| should| need to| have to| must| will)) (?:just )?"
    r"(?:re-?(?:check|examine|consider|think|visit|view|evaluate|assess|count)"
    r"|(?:look|check|think|count|compare|see|verify|try|examine)\b[^.!?\n]{0,40}\b(?:again|once more|twice))"
    r"[^.!?\n]{0,60}[.!\s]*\Z",
    re.IGNORECASE,
)
_UNDECIDED = "cannot|can't|unable|not possible|impossible|insufficient|not enough|unclear"
_REFUSAL = re.compile(
    rf"\b(?:{_UNDECIDED}|sorry|not able|doesn't provide|does not provide|no way)\b",
    re.IGNORECASE,
)


def parse_answer(text: str, choices: Sequence[str], question: str | None = None) -> ParsedAnswer:
    """Parse the answer from a model's output.

    Args:
        text: Raw output, any string.
        choices: The options in letter order; a leading "(A) " that matches the option's index is ignored.
        question: The question as asked. It decides what a comparative means ("farther" if the question asks for the
            farther object) and which box colour marks which choice; the default is "closer to the camera".

    Returns:
        The letter with status ``answered``, or no letter and the reason. Never raises because of the text.
    """
    count = min(len(choices), len(LETTERS))
    if not count:
        return ParsedAnswer(None, AnswerStatus.NONE, "no_choices")
    bare = _BARE_LETTER.match(text)
    if bare:
        return _of_value(letter_value(bare[1], count), "bare_letter")
    options = compile_options(tuple(map(str, choices)), question)
    region = answer_region(text)
    value, rule = _read_region(region, options)
    if rule in _ASKING_FOR_CLAIMS and _is_doubtful(rule, region.text, options):
        claimed = index_claimed(without_box_phrases(region.text), tuple(map(str, choices)), question, options)
        if claimed is not None and (rule != "letter_against_text" or claimed == _last_letter(region.text, options)):
            value, rule = claimed, "claim"
    if rule in ("no_answer", "refusal"):
        other = restated(region.text, options.kind)
        if other != region.text:
            again = _read_region(Region(other, region.source, region.cut), options)
            value, rule = again if again[0] >= 0 else (value, rule)
    tail = region.text[-200:]
    if value >= 0 and region.source == "text" and _AGAIN.search(tail) and _REOPENS.search(tail):
        value, rule = MISSING, "reopened"
    if region.source in _MARKED:
        rule = f"{region.source}:{rule}"
    if region.cut and value == MISSING:
        return ParsedAnswer(None, AnswerStatus.TRUNCATED, rule)
    return _of_value(value, rule)


@lru_cache(maxsize=1024)
def _of_value(value: int, rule: str) -> ParsedAnswer:
    if value >= 0:
        return ParsedAnswer(LETTERS[value], AnswerStatus.ANSWERED, rule)
    if value == OUT:
        return ParsedAnswer(None, AnswerStatus.OUT_OF_RANGE, rule)
    if value == SEVERAL:
        return ParsedAnswer(None, AnswerStatus.AMBIGUOUS, rule)
    if value == CLASH:
        return ParsedAnswer(None, AnswerStatus.CONFLICTING, rule)
    return ParsedAnswer(None, AnswerStatus.TRUNCATED if rule == "cut_off" else AnswerStatus.NONE, rule)


def _read_region(region: Region, options: Options) -> tuple[int, str]:
    text = region.text
    if is_blank(text):
        return MISSING, region.source if "reasoning" in region.source else "empty"
    bare = _BARE_LETTER.match(text)
    if bare:
        return letter_value(bare[1], options.count), "bare_letter"
    exact = options.index_of(text.strip(" \n\t.,:;!()[]'-")) if len(text) <= 500 else None
    # In "A left", "A" is a letter, since no article goes before such words.
    lettered = options.kind != "entity" and text.lstrip().startswith("A ")
    if exact is not None and not options.labels and not lettered:
        return (exact, "option_text") if exact >= 0 else (SEVERAL, "equal_choices")
    number = _OPTION_NUMBER.fullmatch(text) if region.source in _MARKED and options.kind != "number" else None
    if number:
        return (int(number[1]) - 1 if int(number[1]) <= options.count else OUT), "option_number"
    text = without_answered_questions(with_letters(plainer(text, options), options), options)
    weights = weighed(text, options)
    if weights is not None:
        best, start, end = weights
        said = _read_plain(text[:start] + text[end:], options)[0] if len(text) > end - start + 8 else MISSING
        if best is None or said not in (best, MISSING, SEVERAL):
            return (
                (said, "declared")
                if best is None and said >= 0
                else (SEVERAL, "tie")
                if best is None
                else (CLASH, "weighed")
            )
        return best, "weighed"
    text = without_certainty(text)
    rest = without_recital(text, options)
    if rest != text:
        if is_blank(_OPTION.sub("", rest)):
            return SEVERAL, "options_only"
        text = rest
    letters = _only_letters(text)
    if letters:
        if len(letters) > 1:
            return SEVERAL, "several_letters"
        return letter_value(letters.pop(), options.count), "repeated_letter"
    text = without_box_phrases(text)
    after = after_list(text, options)
    if after is not None and not is_blank(after):
        concluded = _read_plain(without_denied_letters(after, options), options)
        if concluded[0] >= 0:
            return concluded
    return _read_plain(without_denied_letters(text, options), options)


def _read_plain(text: str, options: Options) -> tuple[int, str]:
    declarations = find_declarations(text, options)
    if declarations:
        return _from_declarations(text, declarations, options)
    return _from_sentences(text, options)


def _only_letters(text: str) -> set[str]:
    """Return the letters of a text that has nothing else ("(A) (A)", "BBBB", "A or B"); empty for any other text."""
    if _WORD_INSIDE.search(text) or _NOT_APPLICABLE.fullmatch(text):
        return set()
    characters = set(text)
    named = {char for char in characters if char.isalnum()}
    if len(named) == 1:
        (char,) = named
        return named if char in LETTERS or (char.upper() in LETTERS and char * 2 not in text) else set()
    if len(text) > 400:
        return set()
    words = re.findall(r"[^\W_]+", text)
    letters = {word for word in words if len(word) == 1}
    if all(char in LETTERS for char in letters) and all(len(word) == 1 or word in ("and", "or") for word in words):
        return letters
    return set()


# "I'd say the cup; with another lens, the jar"
_IN_OTHER_CASE = re.compile(
    r"[;,.]\s{0,2}(?:(?:with|under|for|if|should)\b[^.;,\n]{2,50},|otherwise,?|else,?)\s"
    r"(?:it(?:'s| is| would be) |i'd (?:say|go with|choose|pick) )?(?:the )?\Z",
    re.IGNORECASE,
)
# "(A) left or maybe (B) right" gives no answer, since it offers a second letter.
_OR_OTHER = re.compile(
    r"(?:[^.!?;:\n()]{0,40}?| \()\bor,?(?: (?:maybe|possibly|perhaps|probably|even|rather|alternatively),?)?"
    r"(?: option| choice)? ?(?:\(([A-Z])\)|([A-HJ-Z])(?=[,.;)]|\s*\Z))"
)


def _from_declarations(text: str, declarations: list[Declaration], options: Options) -> tuple[int, str]:
    last = declarations[-1]
    for earlier in reversed(declarations[:-1]):
        if earlier.value != last.value:
            between = text[earlier.end : last.end]
            if last.value >= 0 and _SECOND_THOUGHT.search(between):
                last = Declaration(last.start, last.end, last.value, "concluded_last")
                break
            return CLASH, "declared_twice"
    if last.value >= 0:
        other = _OR_OTHER.match(text, last.end, last.end + 100)
        if other and letter_value(other[1] or other[2], options.count) not in (last.value, OUT):
            return SEVERAL, "hedged"
        for name in options.pattern.finditer(text, last.end, last.end + 200) if options.pattern else ():
            index = options.index_of(name[0])
            if index != last.value and _IN_OTHER_CASE.search(text, last.end, name.start()):
                return SEVERAL, "hedged"
        if not is_blank(text[last.end :]):
            said, readings = _claims(text[last.end :], options)
            if said and last.value not in said:
                if len(said) == 1 and any(reading.corrects for reading in readings):
                    return said.pop(), "concluded_last"
                return CLASH, "letter_against_text"
        if last.start and _last_claim(_clauses_before(text, last.start), options) not in (None, last.value):
            return CLASH, "letter_against_text"
    return last.value, last.rule


def _clauses_before(text: str, end: int) -> str:
    before = text[:end]
    return before[: 1 + max(map(before.rfind, ".!?;,:\n"))]


def _last_claim(text: str, options: Options) -> int | None:
    """Return the last definite claim before a declaration; ``None`` if a later sentence opens with "however"."""
    if len(text) < 8:
        return None
    for sentence in reversed(sentences(text[-1000:])):
        reading = read_sentence(sentence, options)
        if reading.turns:
            return None
        outright = {index for index, strength in reading.claims if strength == 2}
        if outright:
            return outright.pop() if len(outright) == 1 else None
    return None


# --- answers in sentences ---------------------------------------------------------------------------------------


def _claims(text: str, options: Options) -> tuple[set[int], list[Reading]]:
    """Return the choices that the sentences claim (only definite claims, if there are any), and the readings."""
    readings: list[Reading] = []
    for sentence in sentences(text):
        named = {mention.index for mention in readings[-1].mentions} if readings else set()
        reading = read_sentence(sentence, options, named.pop() if len(named) == 1 else None)
        if readings and not reading.claims and lexicon.TAKES_BACK.match(sentence):
            readings[-1].claims = []
        readings.append(reading)
    claims = [claim for reading in readings for claim in reading.claims if claim[0] >= 0]
    outright = {index for index, strength in claims if strength == 2}
    return outright or {index for index, _ in claims}, readings


def _from_sentences(text: str, options: Options) -> tuple[int, str]:
    said, readings = _claims(text, options)
    last_claim = last_tie = -1
    unclear = False
    for i, reading in enumerate(readings):
        if reading.clash:
            return CLASH, "letter_against_text"
        if reading.claims:
            last_claim = i
            unclear = unclear or any(index == -1 for index, _ in reading.claims)
        elif reading.tie:
            last_tie = i
    if unclear:
        return SEVERAL, "equal_choices"
    if said:
        turns = readings[-1].turns and not readings[-1].claims
        weak = turns and not any(strength == 2 for reading in readings for _, strength in reading.claims)
        if weak and lexicon.CUT_OFF.search(text[-40:]):
            return MISSING, "cut_off"  # "... might be closer. However, the"
        if last_tie > last_claim:
            return _said_in_general(options, _EQUAL, (SEVERAL, "tie"))
        if len(said) == 1:
            return next(iter(said)), "sentence"
        closing = readings[last_claim]
        final = {index for index, strength in closing.claims if strength == max(s for _, s in closing.claims)}
        if len(final) == 1 and (closing.concludes or closing.turns or any(r.turns for r in readings[:last_claim])):
            return next(iter(final)), "concluded_last"
        return CLASH, "sentences_disagree"
    if last_tie >= 0:
        return _said_in_general(options, _EQUAL, (SEVERAL, "tie"))
    named: list[int] = []
    for reading in readings:
        if reading.corrects:
            named = []
        if reading.bare and not reading.hedge:
            named += [mention.index for mention in reading.mentions]
    if len(set(named)) == 1 and _FRAGMENT.search(text[-80:]):
        return MISSING, "cut_off"
    if len(set(named)) == 1:
        return (named[0], "named") if named[0] >= 0 else (SEVERAL, "equal_choices")
    if len(set(named)) > 1 or any(reading.hedge and not reading.asking for reading in readings):
        return SEVERAL, "several_named"
    if any(reading.bare for reading in readings):
        denied = any(reading.denied for reading in readings)
        return (MISSING, "denied_only") if denied else (SEVERAL, "several_named")
    why = _why_none(text)
    return _said_in_general(options, _UNKNOWN, (MISSING, why)) if why == "refusal" else (MISSING, why)


# Choices that mean that the objects are equal, or that the question has no answer.
_EQUAL = re.compile(r"\b(?:equal\w*|same|equidistant|tie)\b")
_UNKNOWN = re.compile(rf"\b(?:{_UNDECIDED}|unknown|not sure)\b")


def _said_in_general(options: Options, meaning: re.Pattern[str], otherwise: tuple[int, str]) -> tuple[int, str]:
    """Return the choice "cannot be determined" if the text says so in other words."""
    found = {index for name, index in options.general.items() if meaning.search(name)}
    return (found.pop(), "general_choice") if len(found) == 1 else otherwise


_DANGLING = re.compile(
    r"\b(?:answer|option|choice)(?: (?:is|would be|should be))?(?: \(| the)?\s*:?\s*\Z", re.IGNORECASE
)


# "Both are on the desk. The jar", "The distances:\n- From the jar:"
_FRAGMENT = re.compile(r"\w[.!?] (?:The|An?)(?: \w+){1,3}\s*\Z|\n[^\n]*:\s*\Z|\n\W*\d{1,2}[.)]?\s*\Z")


def _why_none(text: str) -> str:
    if _DANGLING.search(text[-60:]):
        return "cut_off"
    return "refusal" if _REFUSAL.search(text) else "no_answer"
