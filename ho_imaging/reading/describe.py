"""Body part, view and side from a file's attributes: codes first, then CS values, then free text in several languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from ho_imaging.messages import Message
from ho_imaging.reading.radiograph import QualityFlag, Sourced
from ho_imaging.vocabulary import Laterality, Region, Side, View

__all__ = ["Description", "body_part_named", "describe", "view_named"]

T = TypeVar("T")


class Description(NamedTuple):
    """Description of a film: each statement with the attribute it was read from, and contradictions between them.

    ``columns_run_to``: the side of the patient towards which columns count up, where Patient Orientation says so.
    """

    region: Sourced[Region]
    view: Sourced[View]
    laterality: Sourced[Laterality]
    columns_run_to: Side | None
    flags: tuple[QualityFlag, ...]


# SNOMED CT and SNOMED RT codes of DICOM CID 4 and CID 4031.
_REGION_CODES = {
    Region.HIP: "29836001 24136001 T-15710 T-D2500",
    Region.PELVIS: "816092008 118645006 12921003 22356005 T-D6000 T-12340",
    Region.THIGH: "68367000 71341001 T-D9100 T-12710",
    Region.KNEE: "72696002 49076000 64234005 T-D9200 T-15720 T-12730",
    Region.LOWER_LEG: "30021000 12611008 87342007 110536004 T-D9400 T-12740 T-12750",
    Region.ANKLE: "70258002 344001 T-15750 T-D9500",
    Region.FOOT: "56459004 29707007 80144004 T-D9700 T-12770 T-D9800",
    Region.SHOULDER: "16982005 85537004 T-D2220 T-15410 79601000 T-12280",
    Region.UPPER_ARM: "40983000 85050009 T-D8200 T-12410",
    Region.ELBOW: "16953009 76248009 127949000 T-15430 T-D8300",
    Region.FOREARM: "14975008 62413002 23416004 T-D8500 T-12420",
    Region.WRIST: "74670003 8205005 T-15460 T-D8600",
    Region.HAND: "85562004 7569003 76505004 T-D8700 T-D8800",
    Region.CHEST: "51185008 816094009 43799004 113197003 T-D3000 T-11300",
    Region.ABDOMEN: "818981001 113345001 818983003 T-D4000",
    Region.SPINE: "421060004 122494005 122495006 122496007 54735007 T-11500 T-11501 T-11502 T-11503 T-11600 T-11700 T-11AD0",
    Region.HEAD: "69536005 89546000 89545001 T-D1100 T-11100 T-D1200",
    Region.TEETH: "661005 38199008 T-D1213 T-54010",
    Region.BREAST: "76752008 T-04000",
    Region.WHOLE_BODY: "38266002 T-D0010",
}
_CODE_TO_REGION = {code: region for region, codes in _REGION_CODES.items() for code in codes.split()}

_VIEW_CODES = {
    "399348003": View.AP,
    "R-10206": View.AP,
    "272479007": View.PA,
    "R-10214": View.PA,
    "399067008": View.LATERAL,
    "R-102CD": View.LATERAL,
    "399198007": View.LATERAL,  # right lateral
    "R-10232": View.LATERAL,
    "399173006": View.LATERAL,  # left lateral
    "R-10236": View.LATERAL,
    "399260004": View.LATERAL,  # mediolateral
    "R-10224": View.LATERAL,
    "399352003": View.LATERAL,  # lateromedial
    "R-10228": View.LATERAL,
    "399182000": View.OBLIQUE,
    "R-102C1": View.OBLIQUE,
    "399312000": View.OBLIQUE,  # antero-posterior oblique
    "R-10208": View.OBLIQUE,
    "260496000": View.OBLIQUE,  # Judet
    "R-4080D": View.OBLIQUE,
    "399061009": View.AXIAL,
    "R-10241": View.AXIAL,
    "399110001": View.AXIAL,  # tangential
    "R-102C2": View.AXIAL,
    "399169008": View.FROG_LEG,  # Lauenstein
    "R-1028B": View.FROG_LEG,
    "399245002": View.FROG_LEG,  # Cleaves
    "R-1026F": View.FROG_LEG,
}

# Whole words, lower case, in English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Turkish, Russian;
# scripts without spaces are found anywhere.
_REGION_WORDS: tuple[tuple[Region, str], ...] = (
    (Region.RESIDUAL_LIMB, r"residual limb|stump|amputation stump|stumpf|moignon|mu[nñ][oó]n|moncone|coto|kikut"),
    (Region.PELVIS, r"pelvis|pelvic|becken\w*|bekken|bassin|pelvi[ae]n|bacino|bacia|pelve|miednic[ay]|таз[а]?|leğen|"
                    r"骨盤|骨盆"),
    (Region.HIP, r"hips?|h[uü]ft\w*|hueft\w*|coxo-?femora\w*|hanche|cadera|anca|anche|quadril|heup|biodr[oa]|kal[cç]a|"
                 r"бедренн?\w* сустав|тазобедренн\w*|coxa|coxae|acetabul\w*|股関節|髋|髋关节|髖"),
    (Region.THIGH, r"femur|thigh|oberschenkel\w*|cuisse|f[eé]mur|muslo|femore|coscia|bovenbeen|dijbeen|ud[oa]|uyluk|бедр[оа]|大腿"),
    (Region.KNEE, r"knees?|knie\w*|genou|rodilla|ginocchio|joelho|kolan[oa]|diz|колен\w*|patella|膝"),
    (Region.LOWER_LEG, r"tib(?:ia)?(?:\W?fib(?:ula)?)?|fibula|lower leg|unterschenkel\w*|jambe|pierna|gamba|perna|onderbeen|podudzi\w*|"
                       r"голен\w*|下腿|小腿"),
    (Region.ANKLE, r"ankle|(?:ober|unter)?sprunggelenk\w*|osg|cheville|tobillo|caviglia|tornozelo|enkel|kostk\w*|голеностоп\w*|足関節|踝"),
    (Region.FOOT, r"foot|feet|fu(?:ss|ß)|pied|pie|piede|pé|voet|stop[ay]|стоп[аы]|toes?|calcaneus|heel|ayak|足"),
    (Region.SHOULDER, r"shoulder|schulter\w*|[eé]paule|hombro|spalla|ombro|schouder|bark|omuz|плеч\w* сустав|clavicle|scapula|肩"),
    (Region.UPPER_ARM, r"humerus|upper arm|oberarm|bras|brazo|braccio|bovenarm|ramienn?\w*"),
    (Region.ELBOW, r"elbow|ell(?:en)?bogen\w*|coude|codo|gomito|cotovelo|elleboog|[lł]okie[cć]|dirsek|локт\w*|肘"),
    (Region.FOREARM, r"forearm|unterarm|avant[- ]bras|antebrazo|avambraccio|antebra[cç]o|onderarm|przedrami\w*|radius|ulna|前腕|前臂"),
    (Region.WRIST, r"wrist|handgelenk|poignet|mu[nñ]eca|polso|punho|pols|nadgarst\w*|手関節|腕关节"),
    (Region.HAND, r"hands?|h[aä]nde|mains? (?:droite|gauche|d|g)|mano|m[aã]o|d[lł]o[nń]|fingers?|thumb|кист\w*|手"),
    (Region.CHEST, r"chest|thorax|thor|lung|lungs|torax|t[oó]rax|poumon|torace|klatk\w*|ribs?|sternum|груд\w*|胸"),
    (Region.ABDOMEN, r"abdomen|abd|abdominal|kub|bauch|ventre|addome|brzuch\w*|腹"),
    (Region.SPINE, r"spine|[ctl]spine|[ctl]-spine|lumbar|cervical|thoracic spine|lws|bws|hws|wirbels[aä]ule|rachis|columna|colonna|coluna|"
                   r"kr[eę]gos\w*|sacrum|coccyx|позвоноч\w*|脊椎|腰椎|颈椎"),
    (Region.HEAD, r"head|skull|sch[aä]del|cr[aâ]ne|cr[aá]neo|cranio|cr[aâ]nio|schedel|czaszk\w*|sinus(?:es)?|orbit\w*|facial|череп\w*|頭"),
    (Region.TEETH, r"teeth|tooth|dental|jaw|mandible|panoram\w*|zahn|z[aä]hne|dent(?:s|ale)?"),
    (Region.BREAST, r"breast|mammo\w*"),
    (Region.EXTREMITY, r"extremity|extremities|extremit[aä]t(?:en)?|ext"),
    (Region.WHOLE_BODY, r"whole ?body|ganzk[oö]rper"),
)  # fmt: skip

_BODY_PARTS = {
    "PELVIS": Region.PELVIS, "PELVISHIP": Region.PELVIS, "HIP": Region.HIP, "HIPS": Region.PELVIS, "BILATERALHIP": Region.PELVIS,
    "THIGH": Region.THIGH, "FEMUR": Region.THIGH, "UPPERLEG": Region.THIGH, "UPPER LEG": Region.THIGH, "KNEE": Region.KNEE,
    "LEG": Region.LOWER_LEG, "LOWERLEG": Region.LOWER_LEG, "LOWER LEG": Region.LOWER_LEG, "TIBIA": Region.LOWER_LEG,
    "TIBIAFIBULA": Region.LOWER_LEG, "TIBFIB": Region.LOWER_LEG, "ARM": Region.UPPER_ARM, "THORAX": Region.CHEST,
    "CSPINE": Region.SPINE, "TSPINE": Region.SPINE, "LSPINE": Region.SPINE, "SSPINE": Region.SPINE,
    "LOW_EXM": Region.EXTREMITY, "LOWER EXTREMITY": Region.EXTREMITY, "EXTREMITY": Region.EXTREMITY,
    "HAND": Region.HAND, "JAW": Region.TEETH, "MANDIBLE": Region.TEETH, "WHOLEBODY": Region.WHOLE_BODY,
}  # fmt: skip

_VIEW_WORDS: tuple[tuple[View, str], ...] = (
    (View.FROG_LEG, r"frog(?:[- ]?legs?)?|froschstellung|lauenstein|grenouille|rana|dunn"),
    (View.CROSS_TABLE_LATERAL, r"cross[- ]?table(?: lateral)?|shoot[- ]?through|horizontal beam|x-?table"),
    (View.AXIAL, r"axial|axiale?|assiale|sunrise|skyline|tangential|axillary"),
    (View.OBLIQUE, r"oblique|obl|judet|schr[aä]g|oblicua?|obliquo|obl[ií]qu\w*|skos\w*|obturator|ala"),
    (View.PA, r"pa|p\.a\.|postero[- ]?anterior|dorsovolar|dv"),
    (View.AP, r"ap|a\.p\.|a/p|antero[- ]?posterior|anteroposterior|(?:de )?face|frente|frontal|przednio[- ]?tyln\w*|прямая|正面|正位|dp|vd"),
    (View.LATERAL, r"lat|lateral|laterale|lateralis|lateraal|seitlich\w*|seitl|profil|perfil|profilo|boczn\w*|zijdelings|yan|боков\w*|側面|侧位|ll|rl|lm|ml"),
)  # fmt: skip

_VIEW_POSITIONS = {
    "AP": View.AP, "PA": View.PA, "LL": View.LATERAL, "RL": View.LATERAL, "LAT": View.LATERAL, "LATERAL": View.LATERAL,
    "LLD": View.AP, "RLD": View.AP, "ML": View.LATERAL, "LM": View.LATERAL, "RLO": View.OBLIQUE, "LLO": View.OBLIQUE, "OBL": View.OBLIQUE,
    "RAO": View.OBLIQUE, "LAO": View.OBLIQUE, "LPO": View.OBLIQUE, "RPO": View.OBLIQUE, "AXIAL": View.AXIAL, "TAN": View.AXIAL,
    "FROG": View.FROG_LEG, "FROGLEG": View.FROG_LEG, "LAUENSTEIN": View.FROG_LEG, "XTABLE": View.CROSS_TABLE_LATERAL,
}  # fmt: skip

_SIDE_WORDS: tuple[tuple[Laterality, str], ...] = (
    (Laterality.BILATERAL, r"bilat(?:eral)?(?:e|es)?|(?:both|beide)(?!\W+(?:views?|planes?|projections?|ebenen|richtungen|richtingen))|beid(?:er|seits|seitig)|bds|bdsts|deux c[ôo]t[ée]s|deux hanches|bilatéral\w*|ambos|ambas|entrambi|obu\w*|"
                           r"obie|обе\w*|両側|両|双|双侧"),
    (Laterality.RIGHT, r"right|rt|rechts?|rechte[rsn]?|droite?|dte|derech[ao]|dcha|destr[ao]|(?:anca|anche|bacino|femore|ginocchio|coscia|gamba|spalla|gomito|polso|mano|piede|caviglia|coxa|hofte|h[öo]ft|kn[äe])[ _]dx|direit[ao]|praw\w*|sağ|прав\w*|右"),
    (Laterality.LEFT, r"left|lt|links?|linke[rsn]?|gauche|gche|izquierd[ao]|izda|sinistr[ao]|sx|esquerd[ao]|lew(?:a|e|y|ego|ej|ym|ostronn\w*)|лев\w*|左"),
)  # fmt: skip
# "Sx" is surgery, or symptoms, where nothing else is Italian.
_SX = re.compile(r"(?<![^\W_])sx(?![^\W_])", re.IGNORECASE)
_ITALIAN = re.compile(
    r"(?<![^\W_])(?:anca|anche|bacino|femore|ginocchi\w*|coscia|gamba|spalla|gomito|polso|mano|piede|caviglia|coxa|arto|protesi|"
    r"proiezion\w*|laterale|assiale|frontale|lato|hofte|h[öo]ft|kn[äe])(?![^\W_])",
    re.IGNORECASE,
)
# Abbreviations that are words elsewhere ("re exam", "sin contraste", "sol"): only with a full stop or at the end.
_SIDE_ENDINGS: tuple[tuple[Laterality, str], ...] = ((Laterality.RIGHT, r"re"), (Laterality.LEFT, r"li|sin|sol"))
_SIDE_LETTERS: tuple[tuple[Laterality, str], ...] = ((Laterality.RIGHT, r"R"), (Laterality.LEFT, r"L"))

_SIDE_CODES = {
    "7771000": Laterality.LEFT, "24028007": Laterality.RIGHT, "51440002": Laterality.BILATERAL,
    "G-A101": Laterality.LEFT, "G-A100": Laterality.RIGHT, "G-A102": Laterality.BILATERAL,
}  # fmt: skip

_FILM_TEXTS = (
    "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription",
    "ViewName",
    "ImageComments",
)
"""Attributes that describe one film or series."""

_EXAM_TEXTS = ("PerformedProcedureStepDescription", "StudyDescription", "RequestedProcedureDescription")
"""Attributes that describe the whole examination: they may name a side or view that is not this film's."""

_TEXTS = _FILM_TEXTS + _EXAM_TEXTS

_FRONTAL = {View.AP, View.PA, View.FROG_LEG}

_UNCLEAR_VIEWS = {View.UNKNOWN, View.OTHER, View.FROG_LEG, View.CROSS_TABLE_LATERAL}
"""Views that say little, or that are filed under another name as well."""

_UNCLEAR_REGIONS = {Region.UNKNOWN, Region.OTHER, Region.EXTREMITY, Region.WHOLE_BODY, Region.RESIDUAL_LIMB}

_ON_ONE_FILM = (
    {Region.PELVIS, Region.HIP, Region.THIGH},
    {Region.PELVIS, Region.HIP, Region.SPINE, Region.ABDOMEN},
    {Region.THIGH, Region.KNEE, Region.LOWER_LEG},
    {Region.LOWER_LEG, Region.ANKLE, Region.FOOT},
    {Region.CHEST, Region.ABDOMEN, Region.SPINE, Region.SHOULDER},
    {Region.SHOULDER, Region.UPPER_ARM, Region.ELBOW},
    {Region.ELBOW, Region.FOREARM, Region.WRIST, Region.HAND},
    {Region.HEAD, Region.TEETH, Region.SPINE},
)
"""Regions that lie so near to each other that one film may be called by the name of either."""


def describe(dataset: Dataset) -> Description:
    """Read region, view and laterality; a statement's source is the DICOM keyword it came from, ``"none"`` if absent."""
    flags: list[QualityFlag] = []
    region = _region(dataset)
    view = _view(dataset)
    # A film said to be of the pelvis shows both sides, whichever of them the examination is about.
    is_pelvis = region.value is Region.PELVIS and region.source not in _EXAM_TEXTS
    laterality = _laterality(dataset, flags, exam_counts=not is_pelvis)
    if laterality.value is Laterality.UNKNOWN and is_pelvis and view.value in {*_FRONTAL, View.UNKNOWN}:
        laterality = Sourced(Laterality.BILATERAL, f"region ({region.source})")
    flags += [*_other_regions(dataset, region), *_other_views(dataset, view)]
    columns_run_to = _columns_run_to(dataset, view.value, flags)
    return Description(region, view, laterality, columns_run_to, tuple(flags))


def _columns_run_to(dataset: Dataset, view: View, flags: list[QualityFlag]) -> Side | None:
    """Read Patient Orientation (PS3.3 C.7.6.1.1.1), and say when a frontal film does not lie as films are read.

    As films are read the patient's left is at the right and the feet are down.
    """
    value = dataset.get("PatientOrientation")
    if not isinstance(value, list | MultiValue) or len(value) != 2:
        return None
    across, down = (str(direction).upper()[:1] for direction in value)
    side = {"L": Side.LEFT, "R": Side.RIGHT}.get(across)
    # A view that nobody names may be a lateral one, which runs from front to back.
    is_frontal = view in _FRONTAL or (view in {View.UNKNOWN, View.OTHER} and side is not None)
    if is_frontal and across and down and (across, down) != ("L", "F"):
        stated = f"{across}\\{down}"
        flags.append(
            QualityFlag(
                "orientation_unusual",
                Message("orientation_followed", stated=stated)
                if side
                else Message("orientation_turned", stated=stated),
            )
        )
    return side


def _compile(words: str) -> re.Pattern[str]:
    """Whole words for alphabets, anywhere for scripts that set no spaces; underscores and digits part words too."""
    alternatives = words.split("|")
    spaced = [w for w in alternatives if not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", w)]
    unspaced = [w for w in alternatives if w not in spaced]
    parts = []
    if spaced:
        parts.append(r"(?<![^\W\d_])(?:" + "|".join(spaced) + r")(?![^\W\d_])")
    if unspaced:
        parts.append("|".join(unspaced))
    return re.compile("|".join(parts), re.IGNORECASE)


_REGION_PATTERNS = tuple((region, _compile(words)) for region, words in _REGION_WORDS)
_VIEW_PATTERNS = tuple((view, _compile(words)) for view, words in _VIEW_WORDS)
_SIDE_PATTERNS = tuple((side, _compile(words)) for side, words in _SIDE_WORDS)
_ENDING_PATTERNS = tuple(
    (side, re.compile(rf"(?<![^\W_])(?:{words})(?=\.|[\W_]*$|[\W_]+(?:ap|pa|lat|seitl\w*|axial)\b)", re.IGNORECASE))
    for side, words in _SIDE_ENDINGS
)
_VIEWS_COUNTED = r"(?:v|vws?|views?|im(?:ages?|gs?)|films?|ebenen?|proj\w*|inc\w*)"


def _letter_pattern(letter: str) -> re.Pattern[str]:
    """Return the pattern of a side's letter where it stands alone.

    "L spine" and "L5" are no side, but "L 2 views" is. Nor are the letters of "R/O" (rule out), "R.X.", "C.R.", "L.L."
    (from side to side) and "L/S": single capitals that a point, slash or hyphen joins, unless they name both sides.
    """
    other = "L" if letter == "R" else "R"
    initial = rf"(?!{other})[A-Z]"
    spine = r"(?!\W*(?i:spine|wk))"
    if letter == "L":
        spine += rf"(?!\W*[1-5](?![^\W_])(?!(?:\W*[0-9])?\W*(?i:{_VIEWS_COUNTED})(?![^\W_])))"
    return re.compile(
        rf"(?<![^\W_])(?<!(?<![^\W_]){initial}[./-]){letter}(?![^\W_])"
        rf"(?![./-]{initial}(?![^\W_]))(?!/o(?![^\W_])){spine}"
    )


_LETTER_PATTERNS = tuple((side, _letter_pattern(letter)) for side, letter in _SIDE_LETTERS)


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    # One form for each letter: accents and wide letters are written in several ways.
    return "" if value is None else unicodedata.normalize("NFKC", str(value)).strip()


def _codes(dataset: Dataset, keyword: str) -> Iterator[tuple[str, str]]:
    for item in dataset.get(keyword) or []:
        yield _text(item, "CodeValue"), _text(item, "CodeMeaning")


def body_part_named(text: str) -> Region | None:
    """Return the region that a Body Part Examined names, a defined term or a word for it."""
    return _BODY_PARTS.get(text.strip().upper()) or _search(_REGION_PATTERNS, text)


def view_named(text: str) -> View | None:
    """Return the view that a View Position names, a defined term or a word for it."""
    return _VIEW_POSITIONS.get(text.strip().upper()) or _search(_VIEW_PATTERNS, text)


def _region(dataset: Dataset) -> Sourced[Region]:
    for keyword in ("AnatomicRegionSequence", "PrimaryAnatomicStructureSequence"):
        for value, meaning in _codes(dataset, keyword):
            found = _CODE_TO_REGION.get(value) or _search(_REGION_PATTERNS, meaning)
            if found:
                return Sourced(found, keyword)
    part = _text(dataset, "BodyPartExamined")
    if part:
        found = body_part_named(part)
        # "EXTREMITY" says little: a description may say which.
        if found is not None and found is not Region.EXTREMITY:
            return Sourced(found, "BodyPartExamined")
    for keyword in _TEXTS:
        named = _search(_REGION_PATTERNS, _text(dataset, keyword))
        if named is not None and named is not Region.EXTREMITY:
            return Sourced(named, keyword)
    if part:
        return Sourced(body_part_named(part) or Region.OTHER, "BodyPartExamined")
    return Sourced(Region.UNKNOWN, "none")


def _coded_view(dataset: Dataset) -> View | None:
    for value, meaning in _codes(dataset, "ViewCodeSequence"):
        modifiers = " ".join(
            meaning
            for item in dataset.get("ViewCodeSequence") or []
            for _, meaning in _codes(item, "ViewModifierCodeSequence")
        )
        special = _search(_VIEW_PATTERNS[:2], f"{meaning} {modifiers}")
        found = special or _VIEW_CODES.get(value) or _search(_VIEW_PATTERNS, meaning)
        if found:
            return found
    return None


def _view(dataset: Dataset) -> Sourced[View]:
    coded = _coded_view(dataset)
    if coded:
        return Sourced(coded, "ViewCodeSequence")
    position = _text(dataset, "ViewPosition")
    texts = [(keyword, _text(dataset, keyword)) for keyword in _TEXTS]
    for keyword, text in texts[: len(_FILM_TEXTS)]:
        # A frog-leg or cross-table film is often filed as AP or lateral: the more exact word counts.
        special = _search(_VIEW_PATTERNS[:2], text)
        if special:
            return Sourced(special, keyword)
    if position:
        return Sourced(view_named(position) or View.OTHER, "ViewPosition")
    for keyword, text in texts:
        found = _search(_VIEW_PATTERNS, text)
        if found and (keyword in _FILM_TEXTS or _names_one_view(text)):
            return Sourced(found, keyword)
    return Sourced(View.UNKNOWN, "none")


def _names_one_view(text: str) -> bool:
    """Return True if a text names one view alone; "frog-leg lateral" is one."""
    return len(_views_in(text)) == 1


def _views_in(text: str) -> set[View]:
    named = _all_in(_VIEW_PATTERNS, text)
    if named & {View.FROG_LEG, View.CROSS_TABLE_LATERAL}:
        named.discard(View.LATERAL)
    return named


def _other_views(dataset: Dataset, view: Sourced[View]) -> list[QualityFlag]:
    """Return a flag for attributes of the film that name another projection than the one in use.

    A frog-leg or cross-table film is filed as frontal or lateral too; a text that names several views names none.
    """
    position = view_named(_text(dataset, "ViewPosition"))
    stated = [
        ("ViewCodeSequence", {found} if (found := _coded_view(dataset)) else set()),
        ("ViewPosition", {position} if position else set()),
        *((keyword, _views_in(_text(dataset, keyword))) for keyword in _FILM_TEXTS),
    ]
    others = [
        keyword
        for keyword, views in stated
        if len(views) == 1 and not any(_may_be_one_view(view.value, other) for other in views)
    ]
    if not others:
        return []
    return [QualityFlag("view_conflict", Message("view_conflict", source=view.source, view=view.value, others=others))]


def _may_be_one_view(one: View, other: View) -> bool:
    return one is other or bool({one, other} & _UNCLEAR_VIEWS)


def _other_regions(dataset: Dataset, region: Sourced[Region]) -> list[QualityFlag]:
    """Return a flag for attributes that name only regions which one film does not show together with that in use."""
    part = body_part_named(_text(dataset, "BodyPartExamined"))
    stated = [
        ("BodyPartExamined", {part} if part else set()),
        *((keyword, _all_in(_REGION_PATTERNS, _text(dataset, keyword))) for keyword in _FILM_TEXTS),
    ]
    others = [
        keyword
        for keyword, regions in stated
        if regions and not any(_may_be_one_film(region.value, other) for other in regions)
    ]
    if not others:
        return []
    message = Message("region_conflict", source=region.source, region=region.value, others=others)
    return [QualityFlag("region_conflict", message)]


def _may_be_one_film(one: Region, other: Region) -> bool:
    return one is other or bool({one, other} & _UNCLEAR_REGIONS) or any({one, other} <= group for group in _ON_ONE_FILM)


def _laterality(dataset: Dataset, flags: list[QualityFlag], *, exam_counts: bool) -> Sourced[Laterality]:
    letters = {"L": Laterality.LEFT, "R": Laterality.RIGHT, "B": Laterality.BILATERAL}
    stated = [
        (keyword, letters[_text(dataset, keyword).upper()])
        for keyword in ("ImageLaterality", "FrameLaterality", "Laterality")
        if _text(dataset, keyword).upper() in letters
    ]
    written = [
        (keyword, side)
        for keyword in (_TEXTS if exam_counts else _FILM_TEXTS)
        if (side := _side_in(_text(dataset, keyword))) is not Laterality.UNKNOWN
    ]
    for item in dataset.get("AnatomicRegionSequence") or []:
        for value, meaning in _codes(item, "AnatomicRegionModifierSequence"):
            side = _SIDE_CODES.get(value) or _side_in(meaning)
            if side is not Laterality.UNKNOWN:
                stated.append(("AnatomicRegionModifierSequence", side))
    if not stated and not written:
        return Sourced(Laterality.UNKNOWN, "none")
    source, chosen = (stated + written)[0]
    others = {side for _, side in stated + written} - {chosen}
    if {Laterality.LEFT, Laterality.RIGHT} <= others | {chosen}:
        others_say = sorted({keyword for keyword, side in stated + written if side is not chosen})
        message = Message("laterality_conflict", source=source, side=chosen, others=others_say)
        flags.append(QualityFlag("laterality_conflict", message))
    return Sourced(chosen, source)


def _side_in(text: str) -> Laterality:
    """Side named in free text; a text that names both sides is bilateral, single letters count only in capitals."""
    if _ITALIAN.search(text) is None:
        text = _SX.sub(" ", text)
    found = [side for side, pattern in _SIDE_PATTERNS if pattern.search(text)]
    found = found or [side for side, pattern in _ENDING_PATTERNS if pattern.search(text)]
    found = found or [side for side, pattern in _LETTER_PATTERNS if pattern.search(text)]
    if Laterality.BILATERAL in found or {Laterality.LEFT, Laterality.RIGHT} <= set(found):
        return Laterality.BILATERAL
    return found[0] if found else Laterality.UNKNOWN


def _search(patterns: tuple[tuple[T, re.Pattern[str]], ...], text: str) -> T | None:
    """Find the first entry whose pattern is in the text; underscores part words."""
    spaced = text.replace("_", " ")
    return next((value for value, pattern in patterns if pattern.search(spaced)), None)


def _all_in(patterns: tuple[tuple[T, re.Pattern[str]], ...], text: str) -> set[T]:
    """Find every entry whose pattern is in the text."""
    spaced = text.replace("_", " ")
    return {value for value, pattern in patterns if pattern.search(spaced)}
