"""The words that decide what a sentence claims about the choices."""

from __future__ import annotations

import re

from reinforcesight.language.vocabulary import word_set


def by_first_letter(alternatives: str) -> str:
    """Group alternatives by their first letter, so that few are tried at each position; "|" may not be nested."""
    groups: dict[str, list[str]] = {}
    for alternative in alternatives.split("|"):
        groups.setdefault(alternative[0], []).append(alternative[1:])
    return "(?:" + "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in groups.items()) + ")"


# Kind of each deciding word. "ask" opens a clause that leaves the answer open, "cut" ends a clause.
WORD_KINDS: dict[str, str] = {
    word: kind
    for kind, listed in {
        "than": "than",
        "versus": "compared comparison relative versus vs",
        "ask": "whether if what who how determine decide unable unclear impossible difficult uncertain unsure cannot "
        "can't couldn't nothing assume assuming suppose supposing initially comparing compare question",
        "tie": "same equal equally equidistant",
        "both": "both either neither",
        "not": "not never unlike nor without wrong incorrect",
        "done": "therefore thus hence so consequently overall ultimately conclusion final finally summary answer",
        "turn": "however but actually wait instead although yet",
        "cut": ", ; : while whereas because since though and making when",
        "space": "distance depth",
        "between": "between",
        "may": "may might could",
        "small": "shorter shortest smaller smallest less lower lowest lesser least",
        "large": "greater greatest larger largest longer longest higher highest more most",
    }.items()
    for word in listed.split()
} | {" - ": "cut"}

# All words that may decide a comparison, besides those of the asked axis and those in "n't".
DECIDING = WORD_KINDS.keys() | word_set("close near far nearby which as rather being")

# Words that say that an object is nearer, more to the left or higher (+1), or the reverse (-1).
_DEPTH = {
    **dict.fromkeys(word_set("closer nearer closest nearest"), ("comparative", 1)),
    **dict.fromkeys(word_set("farther further farthest furthest farer distant remote"), ("comparative", -1)),
    "foreground": ("weak", 1),
    "background": ("weak", -1),
    **dict.fromkeys(word_set("front infront"), ("place", 1)),
    **dict.fromkeys(word_set("behind beyond"), ("place", -1)),
}
_LEFT = {
    **dict.fromkeys(word_set("left leftmost"), ("place", 1)),
    **dict.fromkeys(word_set("right rightmost"), ("place", -1)),
}
_ABOVE = {
    **dict.fromkeys(word_set("above over atop"), ("place", 1)),
    **dict.fromkeys(word_set("below under beneath underneath"), ("place", -1)),
    **dict.fromkeys(word_set("higher highest"), ("comparative", 1)),
    **dict.fromkeys(word_set("lower lowest"), ("comparative", -1)),
}
_NOTHING: dict[str, tuple[str, int]] = {}
AXIS_WORDS = {
    "near": (_DEPTH, 1),
    "far": (_DEPTH, -1),
    "left": (_LEFT, 1),
    "right": (_LEFT, -1),
    "above": (_ABOVE, 1),
    "below": (_ABOVE, -1),
    "": (_NOTHING, 1),
}
# The same with the words of an asked axis
DECIDING_ABOUT = {axis: DECIDING | words.keys() for axis, (words, _) in AXIS_WORDS.items()}

# Before these words, a capital letter is an option or an object's label; elsewhere "A" is the article.
AFTER_LETTER = word_set(
    "is was appears appear seems seem looks look lies sits stands has and or than would being because since as are "
    "should must in at due with"
)
BEFORE_LETTER = word_set(
    "option options choice object point circle letter label labeled labelled marked marker item dot spot location "
    "region points circles objects than"
)
# "closer look" and "further details" compare no objects.
NO_COMPARISON_BEFORE = word_set(
    "look looks inspection examination view attention analysis together details detail information context evidence "
    "observation examine inspect explanation up consider"
)
# Words for the camera after "closer to", if the question asks about the camera.
VIEWER = word_set(
    "camera cameras viewer viewers observer photographer photographers us me you lens foreground front bottom eye eyes "
    "viewpoint perspective screen point lower edge photo image picture frame it center centre"
)
CAMERA = word_set("camera viewer observer photographer")
# Filler words around a bare name: "I think it is the table", "that would be the chair".
FILLER = word_set(
    "the a an it is it's its that that's this would be i i'd think believe guess say sure okay ok yes so probably "
    "likely definitely certainly object one answer therefore thus hence in on at to of image picture photo not but "
    "rather than option choice point circle and or either both could might may well clearly my final correct side hand "
    "course located positioned thing item isn't also just only actually most instead them other without doubt "
    "highlighted marked outlined annotated labelled labeled by with box bounding around item between these two objects"
)

# Every declared answer starts with one of these (lower case), and searching for them is far faster.
CUE = re.compile(
    r"\b"
    + by_first_letter(
        r"ans|option|choice|letter|choos|chose|select|pick|solution|respon|conclusion|verdict|reponse|respuesta|antwort"
        r"|risposta|resposta|es ist|op[cç][aã]o|output|prediction|result|final|correct|therefore|thus|hence|so|say"
        r"|guess|think|believe|corresponds|best one|chosen|winner|leav|remain|opt|vote|voting|lean|settl|chang|switch"
        r"|end|stick|stay|revis|in favou?r|money|bet(?:ting)?\b|that makes"
        r"|everything|evidence|cues?\b|signs?\b|all of this|this all"
        r"|i meant|looking again|update|edit|oops|richtig|korrekt|la corr"
        r"|la bonne|opci|altern|bonne|je choisis|go for|go with|going for|going with|it would be|it must be"
        r"|it has to be|it can only be|it's|it is|right one|wait|actually|on reflection|correction|sorry|no\b|i mean"
        r"|maybe|perhaps|i'd answer|i would answer|i'll answer|i will answer|choisis|elijo|escojo|ich "
    )
)
THINGS = word_set("object one thing item point circle")

# Text between two words that belong together.
OBJECT_GAP = re.compile(
    r"\s*(?:of\s+|than\s+)?(?:(?:the|a|an|point|object|option|circle|that)\s+){0,2}(?:[a-z]+\s+){0,2}\(?\Z",
    re.IGNORECASE,
)
# "farther than all the others"
REST = re.compile(
    r"\s*(?:the rest|everything|any(?: of the)? other|(?:all )?(?:of )?the (?:other|remaining)|all\b)", re.IGNORECASE
)
REACH_GAP = re.compile(r"\s*(?:away\s+)?(?:to|from)\s+(?:(?:the|a|an|point|object)\s+)?\(?\Z", re.IGNORECASE)
REACH = re.compile(
    r"\s*(?:away\s+)?(?:to|from)\s+(?:the\s+|a\s+|an\s+|our\s+|this\s+|my\s+)?([^\W_]+(?:[ -][^\W_]+){0,2})",
    re.IGNORECASE,
)
PRONOUN = re.compile(r"\s*(?:of\s+)?(?:it|them|that one|this one|the other)\b(?!\s+(?:is|was)\b)", re.IGNORECASE)
BEFORE_VIEWER = re.compile(
    r"\s*(?:of\s+)?(?:the\s+)?(?:camera|viewer|photographer|observer|us|others?|scene|frame|image|picture|photo)\b",
    re.IGNORECASE,
)
OTHER_NOUN = re.compile(r"\s*(?:of\s+)?(?:the|a|an|some|another|his|her|my)\s+\w", re.IGNORECASE)
PAIR_GAP = re.compile(
    r"\s*(and|or|&|/|,\s?or|,\s?and|,)\s*(?:(?:to|on|at|the|a|an|point|object|option|circle|choice)\s+){0,2}\(?\Z",
    re.IGNORECASE,
)
MERGE_GAP = re.compile(r"[\s).:,(-]{0,5}(?:(?:the|a|an)\s+)?\(?\Z", re.IGNORECASE)
NOT_GAP = re.compile(
    r"\s*(?:(?:the|a|an|be|is|it|than|of|option|choice|object|point|on|to|in|from)\s+){0,3}\(?\Z",
    re.IGNORECASE,
)
IS_WRONG = re.compile(
    r"\s+(?:(?:is|are|would be|seems|looks|appears)\s+(?:\w+ly )?(?:wrong|incorrect|false|excluded|eliminated|ruled out"
    r"|unlikely\b(?! to)|implausible|impossible|out of the question"
    r"|not\b\s*(?:correct|right|the answer|it\b|\W*$))"
    r"|can(?: thus| therefore)? be (?:excluded|eliminated|ruled out|rejected))",
    re.IGNORECASE,
)
# "The object that is closer ... is the table."
OPENS_WITH_OBJECT = re.compile(
    r"\W*(?:(?:so|thus|hence|therefore|overall|clearly|in conclusion)\W{1,2})?"
    r"((?:the|what)\s(?:object|one|thing|item|is\b|(?:closer|nearer|closest|nearest|farther|further|farthest|furthest)\b))",
    re.IGNORECASE,
)
IS_BEFORE = re.compile(r"(?:\b(?:is|are|would be|must be)\s+|:\s*)(?:(?:the|a|an)\s+)?\(?\Z", re.IGNORECASE)
CALLED_WRONG = r"(?:\w+ly )?(?:a mistake|wrong|false|incorrect|untrue|mistaken|not (?:true|right|correct|so|the case))"
# "Option A would mean that the chair is closer", "the chair is closer, which is wrong".
# Every such sentence has one of these; a search for plain texts is far faster.
DENYING = re.compile(
    "would |wrong|false|true|correct|mistake|not right|not so|the case| hold|ll but |thing but|ll exc|thing exc"
)
UNREAL = re.compile(
    r"\bwould (?:mean|imply|require|have to|need to)\b|\b(?:everything|all) (?:but|except)\b"
    rf"|\bwhich is {CALLED_WRONG}\b|\b(?:is|would be|was) {CALLED_WRONG} (?:that|to say)\b"
    r"|\b(?:claim|statement|idea|notion|suggestion|assumption|hypothesis|saying|caption)\b[^.]{0,120}"
    rf"(?:\b(?:is|was|would be) {CALLED_WRONG}\b|(?:n't| not| fails to) hold\b)",
    re.IGNORECASE,
)
# "in the lower left corner" is a part of the picture, not a relation to another object.
PART_OF_PICTURE = re.compile(
    r"(?:[ -](?:left|right|hand))?\s(?:corner|edge|end|half|third|quadrant|border|part|portion)\b", re.IGNORECASE
)
# "ruling out the shop on the left"
RULED_OUT = re.compile(r"\b(?:rul(?:e|es|ed|ing) out|exclud(?:e|es|ed|ing))\b[^,;:.]*\Z", re.IGNORECASE)
# "There's no way it is on the left", "I doubt that the chair is closer": denies the whole clause
DISBELIEF = re.compile(
    r"(?:\b|(?<=[a-z])(?=n't))(?:no (?:way|chance)(?! to\b)"
    r"|(?:i|we) (?:strongly |really |would )?(?:doubt|disagree|disbelieve|refuse|deny|reject)\b"
    r"|(?:(?:do|would|could|can) ?not|(?:do|would|could|ca)n't) (?:really )?(?:think|believe|agree|say|see(?: how)?)\b"
    r"|(?:by no means|under no circumstances|in no way|hardly|scarcely|anything but|nowhere near|fails to"
    r"|out of the question that|far from(?= (?:being|closer|nearer|farther|further|left|right|above|below)))\b"
    r"|(?:nobody|no one|no-one)\b(?! (?:\w+ )?(?:doubt|den|disput|question))|never (?:say|think|believe|pick|choose)\b"
    r"|(?:n't|not) (?:true|the case|correct|right|so) that\b"
    r"|(?:wrong|mistaken|mistake|incorrect|stretch|absurd|foolish) to"
    r" (?:say|call|answer|claim|conclude|think|believe)\b"
    r"|(?:impossible|unlikely|doubtful) (?:that|to be)\b"
    r"|(?P<open>(?:n't|not) (?:\w+ )?(?:sure|clear|certain|convinced)(?= (?:that|it's|it is|the \w+ is)\b)"
    r"|(?:some|many|others|people|someone) (?:would|might|may|could) (?:say|argue|claim|think|object)\b))",
    re.IGNORECASE,
)
# Every such phrase has one of these words or "n't"; looking for them is far faster.
DISBELIEVING = word_set(
    "no not never nobody cannot doubt disagree disbelieve refuse deny reject circumstances hardly scarcely anything "
    "nowhere fails question far means way impossible unlikely doubtful wrong mistaken mistake incorrect stretch absurd "
    "foolish some many others people someone"
)
# "The stool, highlighted by a": the output was cut off.
CUT_OFF = re.compile(
    r"\b(?:by|with|in|the|of|and|or|to|than)"
    r"(?: (?:an?|the)(?: (?:red|blue|green|yellow|orange|purple|black|white)(?: bounding)?)?)?\s*\Z"
)
CONCLUDES = re.compile(
    r"(?:suggest|mean|indicat|impl|mak|show|plac|put|tell|tells)"
)  # "which suggests that it is nearer"
RELATIVE = re.compile(r",\s{0,2}(?:which|that)\s*\Z", re.IGNORECASE)
# "I first thought left, but it is right."
FIRST_THOUGHT = re.compile(
    r"\b(?:thought|initially|at first|first glance|(?:going|about) to say"
    r"|first (?:read|said|saw|took|guess(?:ed)?|answer(?:ed)?|impression|reading))\b",
    re.IGNORECASE,
)
# Words that take back what was said just before, at the start of a sentence and between two declared answers
CORRECTS = (
    r"(?:\b(?:hmm|no|oh|oops|sorry|correction|edit|update|erratum)\b\s?[,.;:-]|\b(?:scratch|strike) that\b"
    r"|\bon (?:second thoughts?|reflection)\b|\bor rather\b|\bmy (?:mistake|bad)\b|\blooking again\b"
    r"|\bi (?:meant|misread|misjudged|mixed|confused|swapped|was wrong)\b|\b(?:that|this|it) was wrong\b)"
)
OPENS_CORRECTION = re.compile(rf"\W*{CORRECTS}", re.IGNORECASE)
# Another viewpoint than the camera's, up to "but"
OTHER_VIEW = re.compile(
    r",? (?:though|although|while|whereas|but) (?=[^.;,]{0,40}\bfrom (?:the |an? )?(?!camera|viewer|observer"
    r"|photographer)\w+'s )"
    r"[^.;]*|(?:(?:\A|(?<=[,;] ))in (?:the|a) (?:mirror|reflection),? (?=the |it |an? )"
    r"|\bfrom (?:the |an? )?(?!camera|viewer|observer|photographer)\w+'s (?:own )?"
    r"(?:perspective|point of view|viewpoint)\b)"
    r"(?:(?!\bbut\b|\bhowever\b)[^.;])*",
    re.IGNORECASE,
)
# "The drum is left of": another subject. "left of the drum": another object.
STRANGER = re.compile(
    r"\W*(?:the|an?)\s([^\W_]+)\s"
    r"(?:is|are|sits|stands|lies|hangs|to the|on the|left|right|above|below|behind|in front)\b",
    re.IGNORECASE,
)
IN_SIGHT = re.compile(r"\b(?:is|are|there|stands|sits|lies|see)\b")  # "left of the chair there is a post"
ARE_BOTH = re.compile(r"\s(?:are|both|lie|sit|stand)\b", re.IGNORECASE)

THIRD_OBJECT = re.compile(r"(?: side)?(?: of| to| from)?\s(?:the|(?P<new>an?))\s([^\W_]+)", re.IGNORECASE)
NO_OBJECT = word_set(
    "image picture photo photograph frame scene room view screen center centre middle box bounding other object same "
    "one viewer camera observer two pair item thing position location relation answer option choice correct result "
    "side animal vehicle person man woman girl boy child device appliance instrument furniture fruit food toy plant "
    "building relationship direction final conclusion red blue green yellow orange purple left right above below"
)
ON_THE = re.compile(r"\b(?:on|to|at|towards?) (?:the )?\Z", re.IGNORECASE)
HEADING = re.compile(
    r"\b(?:fac|look|mov|turn|point|head|lean|driv|walk)(?:e?s|e|ing|ed)?(?: to| towards?)?(?: the)? \Z", re.IGNORECASE
)
CONCLUDED = re.compile(
    r"\s*(?:so|thus|hence|therefore)\b", re.IGNORECASE
)  # "..., so right": about the object asked for
SIDE_IS = re.compile(
    r"(?: (?:side|hand side|part|one|object))?(?: of the (?:image|picture|photo|frame|scene))?,?"
    r" (?:is|are|stands|sits|lies|hangs|there is|we (?:can )?see) (?:the|an?) ",
    re.IGNORECASE,
)
# "the chair's shadow is", "the lamp on the chair is": not the chair itself
_NEXT_TO = "on|in|inside|behind|under|next to|beside|near|holding|with"
_ANOTHER_AFTER = re.compile(r"'s (?:shadow|reflection)\b", re.IGNORECASE)
_SHADOW_BEFORE = re.compile(r"\b(?:shadow|reflection)s? of (?:the |an? )?\Z", re.IGNORECASE)
_ANOTHER_BEFORE = re.compile(
    r"\W*(?:the|an?|another) (?!object|item|one|thing|box)\w+(?: (?!is|are|sits|stands|lies|rests|object|item)\w+)?"
    rf" (?:{_NEXT_TO}) (?:the|an?) ",
    re.IGNORECASE,
)
# "That would be wrong." takes the sentence before back.
TAKES_BACK = re.compile(
    r"\W*(?:but |however,? )?(?:that|this|it)(?:'s| is| was| would be| cannot be| can't be)"
    rf" {CALLED_WRONG}\b",
    re.IGNORECASE,
)
# Nouns after "same" that say nothing about the distance; a height matters only where no relation is named.
SAME_BUT = word_set(
    "size colour color type kind shelf table room wall row object thing time side material scene image"
)
SAME_HEIGHT = word_set("height level elevation")
# "near the box which stands on the floor": a relative clause; "see which is closer": a question.
RELATIVE_VERBS = word_set("is was are stands sits lies hangs has appears seems extends leans")
ASKERS = word_set(
    "determine decide see tell know question of identify find check compare to is are about on in for and"
)
ASKS = re.compile(r"\W*(?:is|are|does|do|which|what|where|or)\b", re.IGNORECASE)  # "is it left?"; but "left?"
REFERS_BACK = re.compile(
    r"\s*(?:(?:therefore|thus|hence|so|and|also)\W{1,2})?"
    r"(?:it|this|that|this one|that one)\s(?:is|appears|seems|looks|was)\b",
    re.IGNORECASE,
)
EDGE_OF_CLAUSE = re.compile(r"[,;:=→]| (?:and|while|whereas|but) ", re.IGNORECASE)
# "If the cup were bigger, ..."; but "If we compare them, ..."
CONDITION = re.compile(
    r"(?:\A|[.!?\n]\s*|, )"
    r"(?:if|unless|were|had|suppose|assuming|provided|in case|should(?= (?:the|it|they|this|that|you|we|one)))\b"
    r"(?! (?:i|we|you|one) (?:had|have|look|compare|must|need|ask))[^.!?\n]*,[^.!?\n]*\Z",
    re.IGNORECASE,
)
OPENING = re.compile(" or | so | also | as well|equally| depends")  # far faster
# "The chair could be closer, or the table could be."
LEFT_OPEN = re.compile(
    r"\b(?:could|might|may|maybe|perhaps|possibly)\b[^.]{0,80}\bor\b(?! more)"
    r"(?:[^.]{0,80}\b(?:could|might|may)\b| (?:perhaps|maybe|possibly|even)\b)"
    r"|\b(?:and|but) so (?:does|do|is|are|may|might|can|could)\b(?! the answer)|\b(?:it|that) depends\b"
    r"|\b(?:could|might|may) (?:also|as well|equally|just as well) be\b",
    re.IGNORECASE,
)
# Text after "near" or "far" that makes it a statement about an object: "A is near, B is far".
NEAR_ENDS = re.compile(
    r"\s*(?:$|[.,;)]|and\b|while\b|whereas\b|(?:to )?(?:the )?(?:camera|viewer|observer)\b)", re.IGNORECASE
)
FAR_ENDS = re.compile(
    r"\s*(?:$|[.,;)]|and\b|while\b|whereas\b|away\b|from\b)",
    re.IGNORECASE,
)
RELATION_OBJECT_GAP = re.compile(r"\s*(?:of|to|from)?\s*(?:the|a|an)?\s*", re.IGNORECASE)


def is_another_object(sentence: str, start: int, end: int) -> bool:
    """Return whether a mention is part of another object's name: "the cat's shadow", "the lamp on the table"."""
    near = start < 60
    if near and _ANOTHER_BEFORE.fullmatch(sentence, 0, start):
        return True
    lower = sentence.lower()
    if "shadow" not in lower and "reflect" not in lower:
        return False
    return bool(_ANOTHER_AFTER.match(sentence, end) or (near and _SHADOW_BEFORE.search(sentence, 0, start)))
