"""The regular expressions of the reader of claims, over the tags of a sentence.

docs/claims.md explains the tags. Groups: ``s`` and ``t`` are the subject of a claim, ``o`` its object, ``k`` what it
is compared to, ``z`` the object that distances are measured from, ``v`` the camera, ``e`` an edge.
"""

from __future__ import annotations

import re

SUBJECT = re.compile(
    r"(?<![pPqtkHDnuW])(?<![pPqtkHDnW]x)(?<!pw)(?<![mio],x)"  # not "next to the mug", "than the tall mug"
    r"(?P<s>[mio])"
    # "the mug on the table", "the mug with a blue handle", "the mug in the foreground"
    r"(?:[pP]g?x?[mio]|(?:g?p|(?P<with>&))g?[xgj]{1,3}|A"
    r"|,?w[be]*[gj]?(?:[PD]x?[mio]|A|pg?[xj]{1,3}),?"  # ", which is behind the lamp,"
    r"|,?&?[nk]x?(?P<k>[mio]),?"  # "rather than the lamp", ", compared to the lamp,"
    r"|,x{1,4},)??"  # ", a tall one,"
    # "is standing", "which must be", "is the one that is", "waits"
    r",?(?:w(?:ry)?)?(?:[be][beg]*(?:Nw?[be]*)?|N|g|j)?"
    r"(?:(?<=[bgj])(?P<on>p)x{1,2})?\Z"  # "hangs on a hook"
)
CARRIED = re.compile(r"[,&SBa](?:[be][beg]*)?(?:Nw?[be]*)?\Z")  # "..., so nearer", "and is above the lamp"
WHICH = re.compile(r"(?P<s>m),?w[be]+g?\Z")  # "behind the lamp, which is"
BEFORE_FRONTED = re.compile(r"(?:\A|[,&SBwya])[xgN]?\Z")  # "To the left of", "and behind"
BESIDE_FRONTED = re.compile(r"(?:\A|[,&SBwya])[xL]?(?P<p>p)q?x?[mi],?\Z")  # "next to it on the right is"
COMPARED_BEFORE = re.compile(r"kx?(?P<k>[mio]),?x{0,2}\Z")  # "Compared to the lamp, the mug"
IN_ORDER = re.compile(
    r"T[^mPCAHDLT]{0,8}(?:m[,&xyrbgp]{0,4})+m"  # "from left to right we see the mug, the lamp and the door"
    r"|m[be]*(?P<v>[xjgW])p?m[^mPCAHDLT]{0,8}T"  # "the mug comes before the lamp when we go from left to right"
)
ANCHOR_BEFORE = re.compile(r"qx?(?P<z>[mio]),?\Z")  # "To the armchair, the rug"
TO = r"(?:(?P<v>[vc])|(?P<e>[EA])|qx?(?P<z>[mio]))?"  # "to the camera", "to the left edge", "to the armchair"

WHOLE = r"(?![xjW]|s(?!\Z|[,&SBa]))"  # not "the lamp shop", "the lamp's base"; but "than the lamp's"

PLACE = re.compile(
    rf"[PW](?:z(?=m[beg])|wp)?x?(?P<o>[mio]){WHOLE}"
)  # "to the left of the lamp", "... of where the lamp is"
FRONTED = re.compile(
    # "behind the lamp we can see the mug", "behind the lamp, a bit tilted, stands the mug"
    r"(?:A|Px?(?P<o>[mio]))(?:,[xgp]{1,4})?,?(?:[ry]{0,2}[bey][beyg]{0,2}x?(?P<s>m)(?![sxjW])"
    r"|x?(?P<t>m)(?=[beg]{1,3}(?:\Z|[,&SBpg])))"  # "in the foreground, the mug is standing"
    r"|A,?x?(?P<s3>m)(?=\Z|,&?A)"  # "on the left the dog"
    r"|Px?(?P<o2>[mio])j(?P<s2>m)(?=\Z|,)"  # "behind the lamp looms the door"
)
COMPARED = re.compile(  # "closer (to the camera) than the lamp (is)", "closer to the lamp than to the chair"
    r"[CAL][xN]{0,2}" + TO + r"(?:[be]*,?k|t(?:i[be]+(?=q)|[be]*)(?:wp)?(?P<q>q)?)"
    r"x?(?P<o>[mio])" + WHOLE + r"(?:[be]*(?P<v2>[vc]))?"
)
ALONE = re.compile(
    r"[CA][xN]{0,2}" + TO + r"(?=\Z|[,&SBapgG])(?!gt)|[PF](?=\Z|[,&SBa])"
)  # "closer", "in the foreground", "behind"
TURNED = re.compile(  # "the closer one (to the camera) is the mug"
    r"C[xN]{0,2}" + TO + r"(?:tx?(?P<o>[mio]))?(?:(?:w?[be]+|[ry]{1,3})x?(?P<s>[mi])(?=\Z|[,&SBa])|,(?P<t>m)\Z)"
)
SHARED = re.compile(r"[AP],?&Px?(?P<o>[mio])(?![sxjW])")  # "to the left of and above the lamp"
# "the mug is left of the lamp and the door is right of it": "it" is the lamp
PARALLEL = re.compile(r"P(?P<o>m)(?:,|,?&)m[be]*\Z")
HIDING = re.compile(  # "hides the lamp", "hidden by the lamp", "hides the lamp's base"
    r"[HD]x?(?P<o>[mio])(?:s[CLx]?(?P<part>[xjL])|(?![sxjW]))|[HD](?P<o2>x)[CLx]?(?P<its>[xj])(?![smW])"  # "its base"
)
HIDDEN_PART = re.compile(  # "the lamp's base is hidden by the mug", "the base of the lamp is"
    r"(?:(?P<s>m)s[CLx]?(?P<part>[xjL])|(?P<part2>[xj])p(?P<t>m)|(?P<s3>x)[CLx]?(?P<its>[xj]))[be]*\Z"
)
OF_WHICH = re.compile(r"Pw[bey]*x?(?P<s>m)")  # "the lamp, behind which the mug stands"
BEFORE_WHICH = re.compile(r"(?P<o>m),?\Z")
# "behind the mug and the lamp"; but "behind the mug and the lamp is"
MORE_OBJECTS = re.compile(r"(?:,m)*,?&m(?=\Z|[,SBav])")
OWNER = re.compile(r"[pqg]?x?(?P<o>[mio])s\Z")  # "the lamp's" of "on the lamp's left"
OWNED = re.compile(
    r"Lx?,?[ry]{0,2}[bey]+(?P<s>m)(?=\Z|[,&SBa])"
)  # "left is the mug" of "on the lamp's left is the mug"
HEADED = re.compile(r"LN?(?:,|[bey]+)(?P<s>m)(?=\Z|[,&SBa])")  # "Left: the mug", "the left object is the mug"
# "the mug is beside the lamp, on the left", "the mug and the lamp are side by side, with the mug on the left"
NEIGHBOURS = re.compile(
    r"m[be]+[xp]q?x?(?P<k>m),?\Z|(?P<a>m)&(?P<b>m)[^mPCAHDL]*[,&]+(?P<s>m)\Z"
    r"|(?:\A|[,&SB])[xL]?pq?x?(?P<n>[mi]),?\Z"  # "next to the lamp on the left is the mug"
)
# "its x is smaller than the lamp's, so it is on the left"
CONCLUDED_PLACE = re.compile(r"tx?(?P<k>m)(?:s[CLxG]?)?[be]*,?(?P<so>&)i?[be]*\Z")
NEXT_TO = re.compile(r"beside|next|adjacent|alongside|side")
# "the camera is" of "the camera is closer to the mug than to the lamp"; "the observer was standing", "we are"
CAMERA_IS = re.compile(r"(?<![pPq])(?<!x&)(?:c[be]*|(?P<r>r)[be]+)(?P<x>[gx])?\Z")
WAYS = re.compile(  # "the distance from the mug to the door is smaller than that from the lamp to the door"
    r"G[pq]x?(?P<a>m)[&q]x?(?P<b>m)[be]*(?P<u>U)t[GwxN]*[pq]x?(?P<c>m)[&q]x?(?P<d>m)"
)
WAYS_TO_CAMERA = re.compile(  # "the mug's depth is smaller than the lamp's"
    r"(?:G[pvP]*[q&]?x?(?P<s>m)|(?P<t>m)sG(?:qx?(?P<z>m))?)v?[be]*(?P<u>U)t[Gwx]*[pvP]*[q&]?x?(?P<o>m)"
)

WAYS_FOR = re.compile(  # "the distance to the door is smaller for the mug than for the lamp"
    r"G(?:v|qx?(?P<z>m))[be]*(?P<u>U)(?P<f>p)x?(?P<s>m)tpx?(?P<o>m)"
)
ALL_WAYS = (WAYS, WAYS_TO_CAMERA, WAYS_FOR)
# Patterns of sentences that claim nothing.
WHEN = re.compile(r"[&bx]x{0,2}[mi][be]")  # "when the mug is", "should the mug be"
DENIED_BEFORE = re.compile(r"(?:[nfd][^,&SBa]*|h[^SB]*|Z[^B]*|z(?:(?!,&)[^B])*|O[,w]*)\Z")
DENIED_AFTER = re.compile(r",?(?:[wi]?[be]*f|d|n,)|[^&SB]*[hRZ]|,?[Ba][^mPCAHDL]*[hf](?![^mPCAHDL]*[PCAHDL])")
SAID = re.compile(r"(?<!P)z")  # "is falsely said to be behind"; but "behind where the lamp is"
SEEN_OTHERWISE = re.compile(r"M|(?:[mux]s|xb)V")  # "in the mirror", "from the dog's perspective"
ASKED = re.compile(r"(?:\A|[,&SBwa])b+\Z")  # "is the mug left of the lamp"
RETRACTS = re.compile(  # "No.", "No, ...", "That is false.", "I doubt it.", "Or the other way round."
    r"(?:x,|[,&B])*(?:n(?:[,B]|\Z)|n?,?[rwi]?[be]*f|db+i\Z|d?[rwi]?[be]*[hR][^mPCAHDL]*\Z)"
)
