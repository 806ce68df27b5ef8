"""Tables of English relation words, and of words that decide whether a sentence claims a relation.

Reasoning is written with :data:`CLAIM_PHRASES`. :mod:`reinforcesight.language.claims` reads with the other, larger
tables, since models use more wordings than our data. docs/claims.md explains how a sentence is read.

In the tables, ``[on|to] the left [|side] of`` stands for each of its alternatives. Articles and adverbs are left out,
because the reader skips them.
"""

from __future__ import annotations

from itertools import product

from reinforcesight.language.vocabulary import word_set
from reinforcesight.relations.kinds import Relation

# ``{anchor}`` stands for the third object. Phrases that end in "than" are comparative and take other adverbs.
CLAIM_PHRASES: dict[Relation, tuple[str, ...]] = {
    Relation.LEFT: ("to the left of", "left of", "farther to the left than"),
    Relation.RIGHT: ("to the right of", "right of", "farther to the right than"),
    Relation.ABOVE: ("above", "higher up than", "higher in the picture than"),
    Relation.BELOW: ("below", "lower down than", "lower in the picture than"),
    Relation.IN_FRONT: ("in front of", "closer to the camera than", "nearer to the camera than"),
    Relation.BEHIND: ("behind", "farther from the camera than", "farther back than"),
    Relation.CLOSER: ("closer to {anchor} than", "nearer to {anchor} than"),
    Relation.FARTHER: ("farther from {anchor} than", "farther away from {anchor} than"),
}
# Adverbs for positions and for comparatives, by strength: plain, clear, strong.
_ADVERBS_BY_STRENGTH: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "position": (("",), ("clearly", "plainly"), ("far", "well")),
    "comparative": (("",), ("clearly", "noticeably"), ("much", "considerably")),
}


def adverbs(phrase: str, strength: int) -> tuple[str, ...]:
    """Return adverbs that fit a phrase, for strength 0 (plain), 1 (clear) or 2 (strong)."""
    return _ADVERBS_BY_STRENGTH["comparative" if phrase.endswith(" than") else "position"][strength]


# --- tables of the reader ---------------------------------------------------------------------------------------

_SIDES = "[side|part|half|edge|corner|end|border|portion|area|region|hand side|one|shelf|row]"
_PICTURE = "[picture|image|photo|photograph|frame|scene|view]"
_CAMERA = (
    "[camera|cameras|viewer|viewers|observer|onlooker|beholder|spectator|photographer|us|me|you|lens|viewpoint|eye"
    "|front|foreground]"
)
_VIEWER = "[camera|viewer|observer|photographer|us|me|lens]"
_AT = "[on|to|at|in|near|toward|towards|occupies|fills] [|very|far|immediate|extreme]"
_FAR = "[farther|further|farer]"
_NEAREST = "[nearest|closest|near|close]"
_FARTHEST = "[farthest|furthest|far|distant]"
_EDGES = "[edge|border|end|corner|boundary|margin]"
# Parts of an object: what hides one of them is in front of the object.
PARTS = word_set(
    "part parts half base foot feet leg legs back side corner edge end body frame trunk stem wheel wheels seat rim top "
    "tail outline silhouette contour handle"
)
_PART = f"[{'|'.join(sorted(PARTS))}]"
_VIEW_OF = (
    "[[|our|my] [view|sight|line of sight] [to|of]|[most|much|some|bits|pieces|third] of"
    f"|[|lower|upper|left|right|bottom|top] {_PART} of]"
)
_OWN = "[our|your|my|viewer 's|camera 's|observer 's|photographer 's]"
_PLACES = "[position|location|place|spot|centre|center|midpoint|bounding box]"
_NOT_AS = "[not|isn't|aren't] [as|so]"
_HEIGHTS = "[|vertical] [position|place|level|spot|point|location|elevation]"
_X = "[x [|coordinate|value|position]|[x|horizontal] [coordinate|value|position]]"
_LESS = "[shorter|smaller|lesser|lower|less]"
_MORE = "[longer|greater|larger|bigger|higher]"


def _sideways(*patterns: str) -> dict[Relation, tuple[str, ...]]:
    """Return the same patterns for left and for right."""
    sides = {Relation.LEFT: "left", Relation.RIGHT: "right"}
    return {relation: tuple(pattern.replace("SIDE", side) for pattern in patterns) for relation, side in sides.items()}


_SIDEWAYS = f"[{_FAR}|more] [to|on|towards] SIDE|{_FAR} SIDE|SIDEmost|more SIDE"

# Tag (role of a relation word in a sentence) to phrases by relation.
RELATION_WORDS: dict[str, dict[Relation, tuple[str, ...]]] = {
    # P: before an object, "X is to the left of Y".
    "P": {
        **_sideways(
            f"[|off|over] [on|to|at|in|toward|towards|] [|immediate|very|far|{_OWN}] SIDE [|hand] [|side] of",
            "[SIDEward|SIDEwards] [of|from]|SIDE from",
            "[located|positioned|situated|placed] SIDE to",
        ),
        Relation.ABOVE: ("[|right|up] [above|over|atop|on top of]", "left [above|on top of]"),
        Relation.BELOW: ("[|right|down|left] [below|under|beneath|underneath]",),
        Relation.IN_FRONT: (
            "[|right] [in front of|infront of|ahead of]",
            f"[|in] between {_CAMERA} and",
            "[lies|sits|stands|rests|located|positioned|situated|placed|standing|sitting|lying|posted|parked|seated|planted|waits"
            "|waiting] before",
        ),
        Relation.BEHIND: (
            "[|right|left] behind|[|right] [beyond|in back of|[at|to] [back|rear] of|out from behind]",
            "[forms|makes|as|is] [|distant] [backdrop|background] [of|for|to|behind]",
        ),
    },
    # Pi: with a pronoun, "To its left is X".
    "Pi": {
        **_sideways("[on|to|at] [its|their|his|her] SIDE [|hand] [|side]"),
    },
    # C: comparatives, "X is closer (to the camera) (than Y)". If an anchor is mentioned, closer and farther claim a
    # distance to it.
    "C": {
        Relation.LEFT: (
            *_sideways(_SIDEWAYS)[Relation.LEFT],
            f"[|at] {_LESS} {_X}|'s {_X} is {_LESS}",
            "less [|far] [|to|on|towards] right",
        ),
        Relation.RIGHT: (
            *_sideways(_SIDEWAYS)[Relation.RIGHT],
            f"[|at] {_MORE} {_X}|'s {_X} is {_MORE}",
            "less [|far] [|to|on|towards] left",
        ),
        Relation.ABOVE: (
            f"[|at|on|in] higher [|up|{_HEIGHTS}]|at [greater|larger] height",
            "highest",
            "topmost",
            "uppermost",
            "[farther|further] up",
        ),
        Relation.BELOW: (
            f"[|at|on|in] lower [|down|{_HEIGHTS}]",
            "lowest",
            "lowermost",
            "[farther|further] down",
        ),
        Relation.IN_FRONT: (
            "[|way] [closer|nearer|closest|nearest]",
            "[in|at] [closer|nearer|closest] proximity",
            f"[at|] {_LESS} [distance|depth|way]",
            "less [far|distant] [|away]",
        ),
        Relation.BEHIND: (
            f"[|way] [{_FAR}|farthest|furthest] [|away|off]",
            f"[{_FAR}|deeper|more] into [background|distance]",
            "[more distant|more remote|most distant|less close|less near]",
            f"[at|] {_MORE} [distance|depth|way] [|away]",
        ),
    },
    # Ct: comparatives with their "than".
    "Ct": {
        Relation.IN_FRONT: (f"{_NOT_AS} [far|far away|distant] [|from camera] as",),
        Relation.BEHIND: (f"{_NOT_AS} [near|close] [|to camera] as",),
        Relation.ABOVE: (f"{_NOT_AS} [low|low down] as",),
        Relation.BELOW: (f"{_NOT_AS} [high|high up] as",),
    },
    # E: edge that a comparative refers to, "closer to the left edge".
    "E": {
        **_sideways(f"to SIDE {_EDGES}|from SIDE [|{_SIDES}]"),
        Relation.ABOVE: (f"to [top|upper] {_EDGES}|from [top|upper] [|{_SIDES}]",),
        Relation.BELOW: (f"to [bottom|lower] {_EDGES}|from [bottom|lower] [|{_SIDES}]",),
    },
    # A: position without a second object, "X is in the background".
    "A": {
        **_sideways(
            f"{_AT} [|upper|lower|top|bottom|far] SIDE [|{_SIDES}]",
            f"{_AT} [|far] SIDE [|side|hand side] of {_PICTURE}",
            f"[on|to|at] {_OWN} SIDE [|side|hand side]",
        ),
        Relation.ABOVE: (f"{_AT} [top|upper] [|{_SIDES}]", "[up|high] [|up] in [sky|air]"),
        Relation.BELOW: (f"{_AT} [bottom|lower] [|{_SIDES}]", "down on [ground|water|floor|street|lawn|grass]"),
        Relation.IN_FRONT: (
            "[|in|at|into] [|very|far|immediate] foreground",
            "[in|at|into] [|very] front|up front",
            f"[{_FAR}|more] [forward|forwards|in front|to front]",
        ),
        Relation.BEHIND: (
            "[|in|at|into] [|very|far] background",
            "[in|at|into|toward|towards] [|very|far] [back|rear]",
            f"deeper|[{_FAR}|more] [back|behind|to back]|set back",
        ),
    },
    # F: a depth without a comparison: a claim only if another object has the opposite one.
    "F": {
        Relation.IN_FRONT: (
            f"[|very|quite|fairly] [near|close to|right before] {_CAMERA}",
            "[|right] in front of [us|me|you|viewer|camera|observer|photographer]",
            "[|right|very] [up close|close by|close up|close|nearby|close at hand]",
            f"[|few] [step|steps|stride] [|away] from {_CAMERA}",
            f"within [|arm 's|arm ’s|arms|easy] reach|[|almost|nearly|practically] [touching|touches] {_VIEWER}",
            f"[|right|directly] [by|beside|next to] {_VIEWER}",
        ),
        Relation.BEHIND: (
            f"far [|away|off|back] from {_CAMERA}",
            "far [away|off|back]|distant|remote",
            "[|far|way|way off|off|out|away|back] in distance",
            "[at|against|near|by|along] far [wall|end|side|corner]",
            "[recedes|receding|fades|fading|vanishes|shrinks|disappears] [in|into|toward] [distance|background]",
            "[on|at|near] horizon|[|a] long way [off|away|back]|way [off|back|away]",
            "at end of [garden|street|road|path|room|hall|corridor|yard|field|lane|alley|aisle|pier]",
        ),
    },
    # H: "X hides Y". D: "X is hidden by Y".
    "H": {
        Relation.IN_FRONT: (
            f"[occludes|hides|obscures|covers|blocks|conceals|obstructs|eclipses|masks|cuts off|interrupts] ["
            f"|{_VIEW_OF}]",
            f"[occluding|hiding|obscuring|covering|blocking|concealing|obstructing|masking|cutting off] [|{_VIEW_OF}]",
            f"[occlude|hide|obscure|cover|block|conceal|obstruct|mask|in way of] [|{_VIEW_OF}]",
            "in [|its|our|their|her|his] way",
        )
    },
    "D": {
        Relation.BEHIND: (
            "[|half] [occluded|hidden|obscured|covered|blocked|concealed|obstructed|eclipsed|masked|overlapped"
            "|interrupted|cut off|out of sight]"
            " [|from view|in part|up] [by|behind]",
            "[disappears|vanishes|disappear|vanish|peeks|peeps|sticks] [|out] [|from] behind",
        )
    },
    # W: "before", a depth only from the camera's perspective.
    "W": {Relation.IN_FRONT: ("before",)},
    # L: after a possessive, "on Y's left".
    "L": {
        **_sideways("SIDE [|hand] [|side]"),
    },
    # T: lists objects in order, "from left to right: X, Y".
    "T": {
        Relation.LEFT: ("[|from|in] left to right",),
        Relation.RIGHT: ("[|from|in] right to left",),
        Relation.ABOVE: ("[|from] top to bottom",),
        Relation.BELOW: ("[|from] bottom to top",),
        Relation.IN_FRONT: (
            "[|from] front to back",
            f"[moving|going|walking] [away|out] from {_CAMERA}",
            f"[|from] {_NEAREST} [to|→] {_FARTHEST}",
            "[in|by] order of [increasing|growing] [distance|depth]",
        ),
        Relation.BEHIND: (
            "[in|by] order of [decreasing|falling] [distance|depth]",
            "[|from] back to front",
            f"[|from] {_FARTHEST} [to|→] {_NEAREST}",
        ),
    },
    # U: comparative between two distances, "the way from X to Z is shorter than the way from Y to Z".
    "U": {Relation.CLOSER: (_LESS,), Relation.FARTHER: (_MORE,)},
    "Ut": {Relation.FARTHER: ("exceeds",)},
}

# Tag to words without a relation. A word in no table has the tag "x".
SMALL_WORDS: dict[str, tuple[str, ...]] = {
    # skipped words
    "": (
        "[the|a|an|this|these|those|its own|-|more|bit|little|lot|far|well|just|quite|rather|somewhat|still|even|also]",
        "[much|way|too|so far|no doubt|no question|without doubt|of course|in fact|indeed|therefore|thus|hence|very]",
        "own|all|both",
        f"[in|of|within|across|on] [|this|given|provided] [{_PICTURE}|room|shot|screen|depth|space]",
        "[if|when] [we|you|i|one] [look|looks|compare|compares|examine|consider|zoom in|check|scan|go|move|read]",
        "[most|very|quite] [likely|probably]|likely to [|be]",
        "[i|we] [think|believe|conclude|would say]|i'd [say|argue|conclude]",
        "[of|among|between] two [|objects|of them]",
        "at same time|at once|simultaneously",
        # "the mug's position", "the centre of the mug": the mug itself
        f"'s [|horizontal|vertical] {_PLACES}|'s box|[|horizontal|vertical] {_PLACES} of",
        "on other hand|by contrast|in contrast|meanwhile",
        "[metre|metres|meter|meters|m|cm|centimetres|centimeters|km]|[row|group|couple|bunch|line|cluster] of",
        "at all|as well|by far|not only|again|then|really|actually|once|itself|themselves|visible|here|now|today",
    ),
    # verbs of being, standing and inferring
    "b": (
        "[am|is|are|was|were|be|been|being|has been|have been|to be|lies|lie|sits|sit|stands|stand|rests|rest|hangs]",
        "[must|should|has to|have to|can|does|do|did|comes|come|remains|stays|found|seen|shown|placed|located]",
        "[located|positioned|situated|put|set|mounted|hang|hung|kept|held|laid|stood|goes|has|have]",
        "[would|can|must|should|to] be [considered|called|described|regarded|said|inferred|judged|concluded|seen|taken]"
        " [|as|to be|to lie|to sit|to stand|as being]",
        "[stretches|stretch|extends|extend|spreads|runs] [|out|away]|[made out|spotted|noticed|discerned|glimpsed]",
        "[looms|loom|looming] large|[gets|get|got|getting]",
        "spread|built|thrown|strewn|stuck|draped|[ends|end|winds|shows|turns] [up|out]|[occupied|dominated"
        "|filled|taken up] by",
        "[takes|occupies|holds] [position|place|spot]",
    ),
    # verbs of seeming: they claim, unless "but" follows
    "e": (
        "[appears|appear|seems|seem|looks|look] [|to be|to lie|to sit|to stand]",
        "it [looks like|seems that|appears that]",
    ),
    # words before the object of a comparison
    "t": ("than",),
    "k": (
        "unlike|in contrast to|as opposed to",
        "[|when|as] [compared|relative|in comparison|by comparison|in relation] [to|with]",
        "with respect to|versus|vs",
    ),
    # the camera: with "to" or "from", and alone
    "v": (
        f"[to|from|of|for|toward|towards] {_CAMERA} [|taking photo|taking picture|position]",
        "[to|from] [point of view|where we stand|where i stand|person taking photo]",
    ),
    "c": (
        "[camera|viewer|observer|photographer|cameraman]",
        "[person|someone] [taking|who took|who takes|behind] [photo|picture|camera]",
        "whoever [took|takes] [this|] [photo|picture|shot]|[photo|picture|shot|image] was taken",
    ),
    "q": ("[|measured|starting|seen|viewed|going|looking] from|to|towards",),
    # pronouns: for an object, for the other object, for a clause, for the speaker
    "ib": ("rest [is|are|was|being]",),
    "i": ("[it|they|them|he|she|him|this one|that one|former|latter] [|one|object]",),
    "o": ("other [one|object|thing]",),
    "N": ("[one|object|thing|item]",),
    "w": ("[which|that|who]", f"whose {_PLACES}"),
    "r": ("[i|we|you|one can|one could see]",),
    # verbs of seeing
    "y": (
        "[there|see|sees|find|notice|observe|spot|shows|show|means|mean|reach|come to|comes to|suggests|indicates]",
        "[i|we|you] [will|would] [see|find|notice]|one [sees|finds|notices|spots]|make out|makes out|discern|perceive",
        "tells us|points to|[someone|somebody] [has|had|] [left|put|placed|set|parked|hung|dropped]",
    ),
    "G": ("[distance|gap|space|way|separation|depth]",),
    # prepositions, and words that turn a name into another object ("toy car")
    "p": (
        "[of|near|beside|next to|adjacent to|alongside|by|inside|on|in|at|for|around|against|within|into|onto|like]",
        "about|along|between",
        "[toy|model|fake|painted|printed|drawn|reflected|mirrored|another|second|different|other]",
    ),
    # between clauses: "and", "because", "although", "but"
    "&": ("[and|so|while|whereas|with|as|when|meaning|making|plus|given]",),
    "S": ("[because|since]",),
    "a": ("[although|though|even though|despite]",),
    "B": (
        "[but|however|yet|nevertheless|in reality|wait|correction|in any case|hold on]",
        "[on|upon] [closer|second|further|careful] [inspection|look|examination|thought|thoughts|reflection]",
        "[at|after] [closer|second|another] [look|glance]|looking [closer|again]",
    ),
    # denial
    "n": (
        "[not|never|no|nobody|cannot|neither|nor|without|hardly|scarcely|no longer|anything but|nothing|none]",
        "[rather than|instead of|not really]|[everything|all|all objects] [but|except|except for]",
        "[rule|rules|ruled|ruling] out|[exclude|excludes|excluding]",
    ),
    "f": (
        "[false|untrue|wrong|incorrect|mistaken|mistake|impossible|illusion|nonsense]",
        "[take|takes] [that|it|this] back|scratch that",
        "out of question|[not|fails to] hold",
        "not [true|right|so|case|correct|what i see]|[be|is|are] [ruled out|excluded]",
    ),
    # doubt, and alternatives
    "h": (
        "[maybe|perhaps|possibly|doubt|doubtful|doubts|unlikely|unsure|uncertain|unclear|either|hard to|difficult to]",
        "[not|far from] [sure|certain|clear|obvious|know]|opposite|guess|ambiguous|possible|debatable",
        "ago|tomorrow|until recently|[before that|back then] ,|[in|last] past",
        "last [week|year|month|night|summer|winter|time]|used to be",
        "[moment|moments|minute|minutes|second|seconds|hour|hours|day|days] [earlier|later|before]",
        "chance|[as|though] if|as though|[usually|normally|typically|generally|often|sometimes|yesterday|formerly]",
    ),
    "gx": ("[followed|preceded] ,",),  # "followed, farther back, by the lamp"
    "d": ("[or|could|might|may|would|will]", "should have been|supposed to be"),
    # conditions
    "Z": (
        "[if|as long as|only if|what if|in case|had|whether|unless|provided that|suppose|supposing|assume|assuming]",
        "imagine|pretend",
    ),
    # indirect questions, tentative thoughts, reported speech
    "z": (
        "[wonder|deny|denies|asks|asked|ask|says|said|say|states|stated|claims|claimed|tells|told|thought]",
        "[believed|argue|argued|think|caption|example|options|choices|choose|at first|at first glance|at first sight]",
        "[initially|where|how|allegedly|supposedly|reportedly|wrongly|mistakenly|falsely|according to|refutes]",
        "[statement|claim|idea|belief|notion|misconception|fallacy|myth|assumption|impression|theory|suggestion|reads]",
        "contradicts|disproves|true or false|[insist|insists|objects|maintains|reports]",
        "[asserts|assert|asserted|alleges|alleged|contends|contended|declares|declared|wrote|writes|mentions]",
        "[expect|expects|expected|assumes|presumes|presupposes] [|that]",
        "[first|initial] [reading|thought|guess|instinct|answer]|[disagree|disagrees|dispute|disputes] [that|with]",
        "[tell|see|find out|know] [if|whether|which|where|what]",
        "for [|option|option a] [|b|c|d] [to be [right|correct|true]|to hold|to apply|to fit]",
        "[check|verify|confirm|test|ensure|make sure|prove] [that|if|whether|how|which]",
        "[determine|decide|option|choice|possibility|possibilities|alternative|alternatives|hypothesis|candidate|candidates]",
    ),
    # another viewpoint than the camera's: nothing in the sentence counts
    "M": (
        "[mirror|mirrors|mirrored|reflection|reflected|flipped|mirror image|upside down|reversed]",
        "[|seen|viewed] from [behind|back|other side|opposite side]|seen from [above|top|below]",
        "[previous|earlier|last|next|other|another|original] [frame|image|picture|photo|view|shot]",
        "[own|its|its own|their|his|her] [perspective|point of view|viewpoint]",
    ),
    "V": ("[perspective|point of view|viewpoint]",),
    "R": ("other way [round|around]|vice versa|reverse|on contrary",),
    # option letters
    "O": ("( [a|b|c|d|e|f] )|[option|choice|claim|statement] [a|b|c|d|e|f]",),
    # parts of an object, and words that only look like a comparative
    "xb": ("stand [is|was|stands|sits]",),
    "x": (
        "[farther|further] along",
        "[moved|moves|moving|pointing|pointed|points|looking|facing|faces|heading|turned|turning]",
    ),
    ",": ("[,|;|:|—|–|(|)|•]",),
}


def expand(pattern: str) -> list[tuple[str, ...]]:
    """Return the phrases that a pattern stands for, as words: "[to|] left of" gives "to left of" and "left of"."""
    found: list[tuple[str, ...]] = []
    for alternative in _split(pattern, "|"):
        options: list[list[tuple[str, ...]]] = []
        for part in _split(alternative, " "):
            options.append(expand(part[1:-1]) if part.startswith("[") else [(part,)] if part else [()])
        found += [tuple(word for words in choice for word in words) for choice in product(*options)]
    return found


def _split(pattern: str, sign: str) -> list[str]:
    found, depth, start = [], 0, 0
    for at, char in enumerate(pattern):
        depth += (char == "[") - (char == "]")
        if char == sign and depth == 0:
            found.append(pattern[start:at])
            start = at + 1
    return [*found, pattern[start:]]
