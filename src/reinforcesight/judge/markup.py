"""Extract the plain text that contains the answer from a raw output.

Reasoning blocks, markup and special tokens are removed, and the last complete answer block or ``\\boxed{}`` is chosen.
All patterns are bounded or scan with one character class, so the time grows linearly with the text. If the text
without tags is longer than `_LIMIT` characters, only its head and tail are read.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# In a long output, the answer is at the head (direct answers) or at the tail (conclusions).
_HEAD = 4_000
_TAIL = 12_000
_LIMIT = _HEAD + _TAIL

_BLANK = re.compile(r"[\W_]*\Z")
_BLOCK_TAG = re.compile(
    r"[<◁＜]\s{0,2}([/\\]{0,3})\s{0,2}"
    r"(?:(think|thinking|thoughts?|reason|reasoning|analysis|scratchpad|reflection|summary|caption)"
    r"|(answer|ans|final_?answer|conclusion))\s{0,2}[>▷＞]"
    r"|\[(/?)(?:(THINK)|(ANSWER))\]",
    re.IGNORECASE,
)
_END_OF_TEXT = re.compile(
    r"</s>|<\|(?:im_end|endoftext|eot_id|end|endofchunk|end_of_text|eos)\|>|<(?:end_of_utterance|end_of_turn|eos|EOS)>"
    r"|<｜end▁of▁sentence｜>"
)
_SPECIAL = re.compile(
    r"<[|｜][^<>\n]{1,40}[|｜]>|</?s>|<(?:unk|pad|bos|eos|image|start_of_turn|end_of_turn|end_of_utterance)>"
    r"|\[/?INST\]|<<?/?SYS>>?",
    re.IGNORECASE,
)
_USER_TURN = re.compile(r"^[ \t#*]{0,8}(?:(user|human)|question|q)[ \t*]{0,3}:", re.IGNORECASE | re.MULTILINE)
_ASSISTANT_TURN = re.compile(r"\b(?:assistant|gpt|answer|a)[ \t*]{0,3}:", re.IGNORECASE)
_ASSISTANT_HEAD = re.compile(r"[\s*#]{0,8}(?:assistant|model|gpt|bot)[ *]{0,3}(?::|\n)\s*", re.IGNORECASE)
_JSON_ANSWER = re.compile(
    r"[\"']?\b(?:final[_ ]?)?(?:answer|choice|option|prediction|response|result|letter|label)[\"']\s{0,4}:\s{0,4}"
    r"(?:\"([^\"\n]{1,200})\"|'([^'\n]{1,200})'|\[([^\]\n]{1,200})\]|([\w.-]{1,40}))",
    re.IGNORECASE,
)

# Braces nested twice, as in \boxed{\text{(\textbf{B})}}.
_INNERMOST = r"\{[^{}]{0,200}\}"
_INNER = rf"\{{(?:[^{{}}]|{_INNERMOST}){{0,300}}\}}"
_BOXED = re.compile(rf"\\boxed\s{{0,9}}\{{((?:[^{{}}]|{_INNER}){{0,400}})\}}")
# Between two marked answers: "\boxed{A} or \boxed{B}"
_EITHER = re.compile(
    r"[\s$]{0,9}(?:(?:(?:or|and)(?: maybe| perhaps| possibly| also)?|[/&,])[\s$]{0,9})?", re.IGNORECASE
)
_MOST_JOINED = 1_000  # characters
_QUICK_PLAIN = re.compile(r"[A-Za-z0-9 .,;:!?()'\n-]*\Z")
_CJK = re.compile(r"([\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+)")
_TRANSLATE = {
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0e\ufe0f"), None),
    **dict.fromkeys(map(ord, "‘’‛′`´"), "'"),
    **dict.fromkeys(map(ord, "“”„‟«»″"), '"'),
    **dict.fromkeys(map(ord, "–—―−‒"), " - "),
    **dict.fromkeys(map(ord, "•◦▪‣·●"), " "),
    ord("。"): ". ",
    ord("、"): ", ",
    ord("【"): "(",
    ord("】"): ")",
    ord("「"): " ",
    ord("」"): " ",
    ord("🅰"): "A",
    ord("🅱"): "B",
}
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~")
_TABLE_ROW = re.compile(r"^[ \t]{0,8}\|[^\n]*", re.MULTILINE)
_HTML = re.compile(r"<(/?[a-zA-Z][^<>\n]{0,80})>")
_HTML_BREAK = re.compile(r"/?(?:br|p|li|div|h\d|tr)\b", re.IGNORECASE)
_LATEX_COMMAND = re.compile(r"\\(?:n(?![a-z])|[a-zA-Z]{2,14}|[()\[\],;! ])")
_EDGE_QUOTE = re.compile(r"(?<!\w)'|'(?!\w)")
_SPACES = re.compile(r"[^\S\n]+")
_MARKS = str.maketrans({"*": None, "`": None, "#": " ", "$": None, "{": " ", "}": " ", "_": " ", '"': None, ">": " "})
# CV-Bench's addition to a name: "the table (highlighted by a blue box)".
_BOX_PHRASE = re.compile(
    r"\s{0,2}\(?\s?,?\s?\b(?:which is |that is )?"
    r"(?:highlighted|annotated|marked|outlined|indicated|bounded|enclosed|shown|labell?ed)"
    r" (?:by|with|in|using|as)(?: a| the| its)? (\w{3,10})"
    r"(?: bounding| rectangular)? (?:box|rectangle|frame|outline)\)?"
    r"|\s?\((?:in )?(?:the )?(\w{3,10})(?: bounding)? box\)",
    re.IGNORECASE,
)


# The ends of "highlighted", "marked", ...; searching for them is far faster.
_DECORATED = re.compile(r"[dklnst]ed |hown |box\)")


@dataclass(slots=True)
class Region:
    """Plain text to parse, its source, and whether the output was cut off."""

    text: str
    source: str
    cut: bool = False


def is_blank(text: str) -> bool:
    """Return whether a text has no letter and no digit."""
    return _BLANK.match(text) is not None


def _cap(text: str) -> str:
    return text if len(text) <= _LIMIT else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


# A text that opens with an option letter is an answer, even before a closing reasoning tag.
_LETTERED = re.compile(r"\s*(?:\([A-Z]\)|[A-Z](?:[.):]|\s*(?:<|\Z)))")


def _without_reasoning(text: str) -> tuple[str, str, bool]:
    """Return the text outside reasoning blocks, the text of the last block, and whether that block is unclosed."""
    outside: list[str] = []
    position, start_inside, inside = 0, 0, False
    thought = ""
    tags = list(_BLOCK_TAG.finditer(text))
    said = len(text)  # start of the tags that end the text; unmatched closing tags from here on are ignored
    for tag in reversed(tags):
        if tag.start() < said and text[tag.end() : said].strip():
            break
        said = tag.start()
    for tag in tags:
        if not (tag[2] or tag[5]):
            continue
        if tag[1] or tag[4]:
            if inside:
                thought = text[start_inside : tag.start()]
                if outside and "answer>" in outside[-1]:
                    outside.append("…")  # reasoning between two answer blocks: they aren't one answer
            elif tag.start() >= said and (
                outside or _LETTERED.match(unicodedata.normalize("NFKC", text.lstrip()[:40]))
            ):
                outside.append(text[position : tag.start()])
            else:
                # The opening tag is missing: the chat template wrote it into the prompt.
                thought = text[position : tag.start()]
                outside.clear()
            inside, position = False, tag.end()
        elif not inside:
            outside.append(text[position : tag.start()])
            inside, start_inside = True, tag.end()
    if inside:
        thought = text[start_inside:]
    else:
        outside.append(text[position:])
    return "\n".join(outside), thought, inside


def _answer_block(text: str) -> tuple[str, str] | None:
    """Return text and source of the last complete answer block that isn't blank, or else of an unclosed one."""
    found: str | None = None
    opened = closed = start = -1
    first_close = -1
    for tag in _BLOCK_TAG.finditer(text):
        if not (tag[3] or tag[6]):
            continue
        if tag[1] or tag[4]:
            if first_close < 0:
                first_close = tag.start()
            if opened >= 0 and not is_blank(text[opened : tag.start()]):
                before, said = found, text[opened : tag.start()]
                beside = before is not None and len(before) < _MOST_JOINED and _EITHER.fullmatch(text, closed, start)
                found = _together(before, text[closed:start], said) if before is not None and beside else said
                closed = tag.end()
            opened = -1
        else:
            opened, start = tag.end(), tag.start()
    if found is not None:
        return found, "answer_block"
    if opened >= 0 and not is_blank(_SPECIAL.sub(" ", text[opened : opened + _LIMIT])):
        return text[opened:], "open_answer_block"
    if opened < 0 and start < 0 and first_close >= 0 and not is_blank(text[:first_close]):
        return text[:first_close], "answer_block"
    return None


def _together(first: str, between: str, second: str) -> str:
    """Join two answers without a correction between them; one is enough if they are the same."""
    if first.strip() == second.strip():
        return second
    return f"{first}\n{second}" if is_blank(between) else f"{first} or {second}"


def _boxed(text: str) -> str | None:
    """Return the content of the last ``\\boxed{...}`` that isn't blank and has balanced braces."""
    found = [match for match in _BOXED.finditer(text) if not is_blank(match[1])]
    if len(found) > 1 and _EITHER.fullmatch(text, found[-2].end(), found[-1].start()):
        return _together(found[-2][1], text[found[-2].end() : found[-1].start()], found[-1][1])
    return found[-1][1] if found else None


def _first_turn(text: str) -> str:
    """Return the model's turn, without a prompt that it repeated or a user turn that it invented."""
    head = _ASSISTANT_HEAD.match(text)
    if head:
        text = text[head.end() :]
    turn = _USER_TURN.search(text)
    if turn is None:
        return text
    before = text[: turn.start()]
    if is_blank(before):
        reply = _ASSISTANT_TURN.search(text, turn.end())
        if reply and not is_blank(text[reply.end() :]):
            following = _USER_TURN.search(text, reply.end())
            return text[reply.end() : following.start() if following else len(text)]
        return text
    # "Question:" starts a new turn only after a bare answer, not inside an explanation.
    return before if turn[1] or len(before) < 60 else text


def plain(text: str) -> str:
    """Return text in NFKC, without markdown, LaTeX, HTML or table rows, with straight quotes; keep line breaks."""
    if _QUICK_PLAIN.match(text):
        if "  " in text:
            text = _SPACES.sub(" ", text)
        return _EDGE_QUOTE.sub("", text) if "'" in text else text
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_TRANSLATE)).translate(_TRANSLATE)[: 4 * _LIMIT]
        text = _CJK.sub(r" \1 ", text)
    if "~~" in text:
        text = _STRUCK.sub(" ", text)
    if "|" in text:
        rest = _TABLE_ROW.sub("", text)
        text = text.replace("|", " ") if is_blank(rest) else rest.replace("|", " ")
    if "<" in text:
        untagged = _HTML.sub(lambda tag: "\n" if _HTML_BREAK.match(tag[1]) else " ", text)
        text = text.replace("<", " ") if is_blank(untagged) and len(text) < 12 else untagged
    if "\\" in text:
        text = _LATEX_COMMAND.sub(lambda command: "\n" if command[0] == "\\n" else " ", text)
    text = text.translate(_MARKS)
    if "'" in text:
        text = _EDGE_QUOTE.sub("", text)
    return _SPACES.sub(" ", text)


def without_box_phrases(text: str) -> str:
    """Remove "(highlighted by a red box)" after a name."""
    if ("box" in text or "rect" in text) and _DECORATED.search(text.lower()):
        return _BOX_PHRASE.sub(_keep_unless_decoration, text)
    return text


def _keep_unless_decoration(phrase: re.Match[str]) -> str:
    before = phrase.string[max(0, phrase.start() - 12) : phrase.start()].lower()
    # In "the object highlighted by the blue box", only the box says which object is meant.
    naming = ("object", "one", "item", "thing", "that", "objects", " is", " are")
    return phrase[0] if before.endswith(naming) else " "


def answer_region(raw: str) -> Region:
    """Return the plain text of a raw output that contains the answer."""
    source, cut = "text", False
    text = raw
    if "_of_box|>" in text:
        text = text.replace("<|begin_of_box|>", "<answer>").replace("<|end_of_box|>", "</answer>")
    if "<" in text or "◁" in text or "＜" in text or "[" in text:
        text, thought, cut = _without_reasoning(text)
        block = _answer_block(text)
        if block is None and thought and is_blank(_SPECIAL.sub(" ", _BLOCK_TAG.sub(" ", text))):
            # If there is only reasoning, an answer block inside it is the answer.
            block = _answer_block(thought)
            if block is None:
                return Region("", "cut_reasoning" if cut else "only_reasoning", cut)
        if block is not None:
            text, source = block
            cut = source == "open_answer_block"
        else:
            text = _BLOCK_TAG.sub(" ", text)
        text = _cap(text)
        start = 0
        for end in _END_OF_TEXT.finditer(text):
            if not is_blank(_SPECIAL.sub(" ", text[start : end.start()])):
                text = text[: end.start()]
                break
            start = end.end()
        text = _SPECIAL.sub(" ", text)
    text = _cap(text)
    if ":" in text or "ssistant" in text:
        text = _first_turn(text)
    if "\\boxed" in text:
        boxed = _boxed(text)
        if boxed is not None:
            text, source, cut = boxed, "boxed", False
    if "{" in text:
        values = list(_JSON_ANSWER.finditer(text))
        if values:
            text, source, cut = next(g for g in values[-1].groups() if g is not None), "json", False
    return Region(plain(text), source, cut)
