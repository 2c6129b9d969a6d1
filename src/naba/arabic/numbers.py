"""Numbers in Arabic text: a grammar of digits, number words, scales, fractions, percentages and units; and dates.

Reads tokens as `naba.arabic.segment.tokens` gives them after the `news` normalisation. Numerals are those of modern
standard Arabic in every case and both genders. Ordinals ("الثاني عشر", "النصف الأول") and vague plurals ("آلاف
الأشخاص") are no quantities.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from naba.arabic.normalise import NEWS, normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEPARATORS = str.maketrans({"٬": ",", "،": ",", "٫": ".", "\u00a0": " ", "\u2009": " ", "\u202f": " "})
_GROUPED = re.compile(
    r"""
      (?P<spaces> (?![0٠۰])\d{1,3} (?:[ ]\d{3})+ (?:[.,]\d+)? )
    | (?P<commas> (?![0٠۰])\d{1,3} (?:,\d{3})+ (?: \.\d+ | ,(?!\d{3}$)\d+ )? )
    | (?P<points> (?![0٠۰])\d{1,3} (?: (?:\.\d{3})+,\d+ | (?:\.\d{3}){2,} ) )
    """,
    re.VERBOSE,
)
_DECIMAL = re.compile(r"(\d+)(?:[.,](\d+))?")
_YEARS = range(1900, 2101)

# Words by part of speech in the grammar, each with the values its words have. `one` fits before `عشر`, `مئة`, a scale.
_NUMERALS: dict[str, dict[float, str]] = {
    "one": {
        1: "واحد واحدة", 2: "اثنان اثنين اثنتين اثنتان", 3: "ثلاثة ثلاث", 4: "أربعة أربع", 5: "خمسة خمس",
        6: "ستة ست", 7: "سبعة سبع", 8: "ثمانية ثماني ثمان", 9: "تسعة تسع",
    },
    "bound": {  # numerals only before عشر, or وعشرون
        1: "أحد إحدى واحدا", 2: "اثنا اثني اثنتا اثنتي", 3: "ثلاثا", 4: "أربعا", 5: "خمسا", 6: "ستا", 7: "سبعا",
        8: "ثمانيا", 9: "تسعا",
    },
    "ten": {10: "عشرة عشر"},
    "tens": {
        11: "أحدعشر", 12: "اثناعشر اثنيعشر", 20: "عشرون عشرين", 30: "ثلاثون ثلاثين", 40: "أربعون أربعين",
        50: "خمسون خمسين", 60: "ستون ستين", 70: "سبعون سبعين", 80: "ثمانون ثمانين", 90: "تسعون تسعين",
    },
    "hundred": {100: "مئة مائة مية"},
    "hundreds": {
        200: "مئتان مئتين مئتا مئتي مائتان مائتين مائتا مائتي", 300: "ثلاثمئة ثلاثمائة", 400: "أربعمئة أربعمائة",
        500: "خمسمئة خمسمائة", 600: "ستمئة ستمائة", 700: "سبعمئة سبعمائة",
        800: "ثمانمئة ثمانمائة ثمانيمئة ثمانيمائة", 900: "تسعمئة تسعمائة",
    },
    "scale": {1e3: "ألف", 1e6: "مليون", 1e9: "مليار بليون", 1e12: "تريليون ترليون"},
    "plural": {100: "مئات", 1e3: "آلاف", 1e6: "ملايين", 1e9: "مليارات بلايين بليونات", 1e12: "تريليونات ترليونات"},
    "dual": {
        1e3: "ألفان ألفين ألفي", 1e6: "مليونان مليونين مليوني", 1e9: "ملياران مليارين ملياري بليونين",
        1e12: "تريليونان تريليونين تريليوني",
    },
    # "مليونا دولار" are two, "11 مليونا" eleven, "مليونا ونصف" one and a half.
    "dual or scale": {1e3: "ألفا", 1e6: "مليونا", 1e9: "مليارا بليونا", 1e12: "تريليونا ترليونا"},
    "fraction": {1 / 2: "نصف", 1 / 3: "ثلث", 2 / 3: "ثلثا ثلثي ثلثان ثلثين", 1 / 4: "ربع", 1 / 6: "سدس"},
    "parts": {1 / 4: "أرباع", 1 / 5: "أخماس", 1 / 6: "أسداس", 1 / 8: "أثمان", 1 / 10: "أعشار"},
    "ordinal": {
        0: "أول أولى ثاني ثانية ثالث ثالثة رابع رابعة خامس خامسة سادس سادسة سابع سابعة ثامن ثامنة تاسع تاسعة عاشر "
        "عاشرة حادي حادية أخير أخيرة",
    },
}  # fmt: skip
_SCALES = frozenset(("scale", "plural", "dual", "dual or scale"))
_CLITICS = ("", "ب", "ل", "ال", "بال", "لل", "و", "وب", "ول", "وال", "وبال", "ولل")
# Monday, and "I am not".
_HOMOGRAPHS = frozenset(f"{clitic}اثنين" for clitic in _CLITICS if clitic.endswith(("ال", "لل"))) | {"لست", "ولست"}
_STAGES = frozenset(normalise("نهائي النهائي نهائيات الخالي", NEWS).split())
_COUNTED_BY_ORDINAL = frozenset(normalise("القرن الذكرى الدورة المرتبة المركز", NEWS).split())

_UNITS = {
    "percent": "% بالمئة بالمائة مئوية",
    "money": "دولار دولارا دولارات يورو ريال ريالا ريالات جنيه جنيها جنيهات درهم درهما دراهم دينار دينارا دنانير ليرة "
    "ليرات روبية يوان ين إسترليني سنت",
    "year": "عام عاما أعوام سنة سنوات سنين",
    "month": "شهر شهرا أشهر شهور",
    "week": "أسبوع أسبوعا أسابيع",
    "day": "يوم يوما أيام",
    "hour": "ساعة ساعات دقيقة دقائق ثانية ثوان",
    "barrel": "برميل برميلا براميل",
    "mass": "طن طنا أطنان كيلوغرام كيلوغراما كيلوغرامات كغم غرام غراما غرامات كيلو",
    "length": "كيلومتر كيلومترا كيلومترات كم متر مترا أمتار ميل ميلا أميال",
    "people": "شخص شخصا أشخاص قتيل قتيلا قتلى جريح جريحا جرحى مصاب مصابا ضحية ضحايا مدني مدنيا طفل طفلا أطفال امرأة "
    "لاجئ لاجئا مهاجر مهاجرا جندي جنديا عامل موظف مواطن شهيد شهيدا شهداء ناشطين رجل فتاة عنصرا",
}
_HALVED = frozenset(("year", "month", "week", "day", "hour", "mass", "length", "money"))
_MONTHS = (
    "يناير", "فبراير شباط", "مارس آذار", "أبريل نيسان إبريل", "مايو أيار", "يونيو حزيران", "يوليو تموز",
    "أغسطس آب", "سبتمبر أيلول", "أكتوبر", "نوفمبر", "ديسمبر",
)  # fmt: skip
_POINTS = frozenset(normalise("فاصلة فاصل", NEWS).split())
_WEEKDAYS = ("السبت", "الأحد", "الاثنين الإثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة")


class Quantity(NamedTuple):
    """A number and what it counts; `unit` is '' when the next word names no known unit."""

    value: float
    unit: str


class _Numeral(NamedTuple):
    part: str
    value: float
    joined: bool = False
    definite: bool = False


@functools.cache
def _numerals() -> dict[str, _Numeral]:
    table: dict[str, _Numeral] = {}
    # The bare words come last: no clitic may turn one numeral into another.
    for clitic in sorted(_CLITICS, key=len, reverse=True):
        for part, values in _NUMERALS.items():
            for value, words in values.items():
                for word in normalise(words, NEWS).split():
                    form = clitic + word
                    if form not in _HOMOGRAPHS:
                        table[form] = _Numeral(part, value, clitic.startswith("و"), clitic.endswith(("ال", "لل")))
    # "بالمئة" is "percent", never a hundred.
    return {form: numeral for form, numeral in table.items() if form not in _units()}


@functools.cache
def _units() -> dict[str, str]:
    return {normalise(word, NEWS): unit for unit, names in _UNITS.items() for word in names.split()}


@functools.cache
def _dates() -> dict[str, str]:
    table: dict[str, str] = {}
    for kind, names in (("month", _MONTHS), ("weekday", _WEEKDAYS)):
        for position, spellings in enumerate(names, start=1):
            table.update({normalise(word, NEWS): f"{kind} {position}" for word in spellings.split()})
    return table


def number(token: str) -> float | None:
    """The value of one token of digits of any script, or None for words, lists (`2015,2016`) and dates (`1.5.2015`).

    Groups of exactly three digits after commas or spaces are thousands, after points where they repeat or a comma
    follows them; the last separator may then start the decimals. Any other single separator is a decimal point.

    >>> number("1,234.5"), number("3,5"), number("١٬٢٣٤٫٥"), number("2015,2016"), number("عام")
    (1234.5, 3.5, 1234.5, None, None)
    """
    if not token[:1].isdecimal():
        return None
    token = token.translate(_SEPARATORS)
    if found := _GROUPED.fullmatch(token):
        separator = {"spaces": " ", "commas": ",", "points": "."}[found.lastgroup or ""]
        *groups, last = token.split(separator)
        if separator == "," and len(last.split(".")[0]) != 3:
            last = f".{last}"
        return float("".join([*groups, last]).replace(",", "."))
    found = _DECIMAL.fullmatch(token)
    if not found or _two_years(found[1], found[2]):
        return None
    return float(f"{found[1]}.{found[2] or 0}")


def _two_years(first: str, second: str | None) -> bool:
    return second is not None and len(first) == len(second) == 4 and int(first) in _YEARS and int(second) in _YEARS


@functools.lru_cache(maxsize=200_000)
def _numeral(token: str) -> _Numeral | None:
    if token[:1].isdecimal():
        value = number(token)
        return _Numeral("list", 0.0) if value is None else _Numeral("digits", value)
    return _numerals().get(token)


class _Sum:
    """A number as it is composed, part by part: `total` of what scales have closed, `current` below the next scale."""

    def __init__(self) -> None:
        self.total = self.current = self.one = 0.0
        self.scale = float("inf")  # of the last scale word
        self.room = 0.0  # what `و` adds must be smaller
        self.last = ""

    @property
    def value(self) -> float:
        return self.total + self.current

    def take(self, numeral: _Numeral, *, joined: bool) -> bool:
        """Whether the numeral continues the number; then it is part of it."""
        part, value = numeral.part, numeral.value
        if part in _SCALES:
            taken = self._scale(part, value, joined=joined)
        elif part in ("fraction", "parts"):
            taken = self._fraction(part, value, joined=joined)
        else:
            taken = self._small(part, value, joined=joined)
        self.last = part if taken else self.last
        return taken

    def _small(self, part: str, value: float, *, joined: bool) -> bool:
        if self.last == "one" and not joined and part == "hundred" and self.one >= 3:
            value = self.one * 99  # "ثلاث مئة": the three are already counted once
        elif not (
            (not self.last and part not in ("ordinal", "list"))
            or (joined and value < self.room)
            or (joined and part == "tens" and self.last == "one" and value % 10 == 0)
            or (not joined and part == "ten" and self.last == "one")
        ):
            return False
        self.current += value
        self.one = value
        self.room = 100.0 if part in ("hundred", "hundreds") else 0.0
        return True

    def _scale(self, part: str, scale: float, *, joined: bool) -> bool:
        alone = 2 * scale if part.startswith("dual") else scale
        if not self.last:
            if part == "plural":
                return False
            self.total = alone
        elif joined:
            if part == "plural" or self.current or scale >= self.scale:
                return False
            self.total += alone
        elif part == "dual":
            return False
        elif self.last == "fraction" and not self.current:
            # "مليون ونصف المليون": the half is already counted, of the scale before it.
            if scale > self.scale:
                return False
            self.total += self.one * (scale - self.scale)
        elif self.current and scale < self.scale:
            self.total, self.current = self.total + self.current * scale, 0.0
        elif self.total and scale > self.scale and (not self.current or self.current >= 100):
            self.total, self.current = self.value * scale, 0.0  # "ألف ومئتا مليون"
        else:
            return False
        self.scale = self.room = scale
        return True

    def _fraction(self, part: str, value: float, *, joined: bool) -> bool:
        if part == "parts":
            if joined or self.last not in ("one", "digits") or self.value != self.one:
                return False
            self.current = self.one * value
        elif not self.last:
            self.current = value
        elif not joined or self.last == "fraction":
            return False
        elif self.current:
            self.current += value
        else:
            self.total += value * self.scale
        self.one, self.room = value, 0.0
        return True


def _separate(token: str) -> list[str]:
    numeral = _numeral(token)
    return re.findall(r"\d+", token) if numeral and numeral.part == "list" else [token]


def quantities(tokens: Sequence[str]) -> list[Quantity]:
    """The numbers among a text's tokens, composed over scales and `و`: `مليون و800 ألف` is 1,800,000.

    Percentages are given in percent ("50 %" is 50), fractions as fractions (`النصف` is 0.5).

    Args:
        tokens: tokens of text in `news` normalisation.
    """
    numerals = list(map(_numeral, tokens))
    if not any(numerals):
        return []
    if any(numeral and numeral.part == "list" for numeral in numerals):
        tokens = [part for token in tokens for part in _separate(token)]
        numerals = list(map(_numeral, tokens))
    found: list[Quantity] = []
    reached = 0
    for start, numeral in enumerate(numerals):
        if numeral is None or start < reached:
            continue
        if numeral.part == "ordinal":
            reached = _after_ordinal(numerals, tokens, start)
            continue
        if _is_quantity(numerals, tokens, start):
            quantity, reached = _phrase(numerals, tokens, start, free_sign=reached < start)
            found += [quantity] if quantity else []
    return found


def _next(numerals: Sequence[_Numeral | None], tokens: Sequence[str], at: int) -> tuple[_Numeral | None, bool, int]:
    """The numeral at a place or after the `و` that stands there, whether `و` joins it, and the place after it."""
    numeral, joined, after = _beside(numerals, tokens, at)
    if numeral is not None and tokens[after - 1] == "واحد" and not joined:
        # Without hamza "وأحد عشر", "وأحد وعشرون" are written like "واحد".
        ten, and_, _ = _beside(numerals, tokens, after)
        joined = ten is not None and ten.part == ("tens" if and_ else "ten")
    return numeral, joined, after


def _beside(numerals: Sequence[_Numeral | None], tokens: Sequence[str], at: int) -> tuple[_Numeral | None, bool, int]:
    if at < len(tokens) and tokens[at] == "و":
        return (numerals[at + 1] if at + 1 < len(tokens) else None), True, at + 2
    numeral = numerals[at] if at < len(tokens) else None
    return numeral, numeral is not None and numeral.joined, at + 1


def _after_ordinal(numerals: Sequence[_Numeral | None], tokens: Sequence[str], at: int) -> int:
    # "الثاني عشر", "الخامسة والعشرين", "الثالثة والنصف".
    following, joined, after = _next(numerals, tokens, at + 1)
    if following is None:
        return at + 1
    rest = following.part == "ten" and not joined
    rest |= following.part in ("tens", "fraction") and joined and following.definite
    return after if rest else at + 1


def _is_quantity(numerals: Sequence[_Numeral | None], tokens: Sequence[str], at: int) -> bool:
    """Whether the numeral at a place is one in its context."""
    numeral = numerals[at]
    following, joined, _ = _next(numerals, tokens, at + 1)
    if numeral is not None and numeral.part == "bound":
        return following is not None and following.part == ("tens" if joined else "ten")
    if numeral is not None and numeral.part == "fraction":
        # "النصف الأول", "ربع نهائي"
        ordinal = following is not None and following.part == "ordinal" and not joined
        return not ordinal and (at + 1 == len(tokens) or tokens[at + 1] not in _STAGES)
    if numeral is not None and numeral.part == "tens" and numeral.definite and at:
        return tokens[at - 1] not in _COUNTED_BY_ORDINAL
    return True


def _phrase(
    numerals: Sequence[_Numeral | None], tokens: Sequence[str], at: int, *, free_sign: bool
) -> tuple[Quantity | None, int]:
    """The quantity that starts at a place, and the place after it."""
    first, start = numerals[at], at
    composed, value, at = _composed(numerals, tokens, at)
    if first is None or composed is None:
        return None, start + 1
    if at + 1 < len(tokens) and tokens[at] in _POINTS:
        decimals, beyond, after = _composed(numerals, tokens, at + 1)
        if decimals is not None:
            unit, after = _unit(tokens, after)
            return Quantity(_with_decimals(value, beyond), unit), after
    alone = at == start + 1
    unit, at = _unit(tokens, at)
    if unit in _HALVED and composed.last != "fraction":
        following, joined, after = _next(numerals, tokens, at)
        scaled = after < len(tokens) and (scale := numerals[after]) is not None and scale.part in _SCALES
        if following is not None and following.part == "fraction" and joined and not scaled:
            composed.take(following, joined=True)
            value, at = composed.value, after
    if alone and start and first.part == "fraction" and first.joined:
        whole = _units().get(tokens[start - 1], "")
        if whole in _HALVED and unit in ("", whole):  # "سنة ونصف", "عام ونصف العام"
            return Quantity(1 + value, whole), at
    if not unit and start and free_sign and tokens[start - 1] == "%":
        unit = "percent"
    return Quantity(value, unit), at


def _composed(numerals: Sequence[_Numeral | None], tokens: Sequence[str], at: int) -> tuple[_Sum | None, float, int]:
    """The sum of the numerals from a place on (None if there is none), its value, and the place after it."""
    first, result = numerals[at], _Sum()
    if first is None or not result.take(_in_context(first, numerals, tokens, at + 1), joined=False):
        return None, 0.0, at
    at += 1
    closed: tuple[float, int] | None = None
    while True:
        following, joined, after = _next(numerals, tokens, at)
        if following is None or not _is_quantity(numerals, tokens, after - 1):
            break
        if result.last in _SCALES:
            closed = result.value, at
        if joined:
            following, after = _with_parts(following, numerals, after)
        if not result.take(_in_context(following, numerals, tokens, after), joined=joined):
            if following.part in _SCALES and not joined and closed:
                return result, *closed  # "5 آلاف و3 ملايين": the three belong to the millions
            break
        at = after
    return result, result.value, at


def _with_parts(numeral: _Numeral, numerals: Sequence[_Numeral | None], after: int) -> tuple[_Numeral, int]:
    """The numeral with the parts that it counts, "و" "ثلاثة أرباع", as one fraction; and the place after it."""
    parts = numerals[after] if after < len(numerals) else None
    if parts is None or parts.part != "parts" or numeral.part not in ("one", "digits"):
        return numeral, after
    return _Numeral("fraction", numeral.value * parts.value, joined=True), after + 1


def _with_decimals(whole: float, decimals: float) -> float:
    # "ثلاثة فاصلة خمسة" is 3.5; "ثلاثة فاصلة خمسة ملايين" are 3.5 millions.
    scale = next(scale for scale in (1e12, 1e9, 1e6, 1e3, 1.0) if decimals >= scale or scale == 1.0)
    digits = decimals / scale
    return (whole + digits / 10 ** len(f"{digits:.0f}")) * scale


def _in_context(numeral: _Numeral, numerals: Sequence[_Numeral | None], tokens: Sequence[str], after: int) -> _Numeral:
    """The numeral as its place shows it, for forms that mean two things; `after` is the place behind it."""
    if numeral.part == "bound":
        return numeral._replace(part="one")
    if numeral.part == "dual or scale":
        # A dual without its nun stands before what is counted, so this is one: "ألفا وخمسين", "بلغ ألفا".
        following, joined, _ = _next(numerals, tokens, after)
        return numeral._replace(part="scale") if after >= len(tokens) or (following and joined) else numeral
    return numeral


def _unit(tokens: Sequence[str], at: int) -> tuple[str, int]:
    """The unit named at a place ('' if none), and the place after it."""
    if at >= len(tokens):
        return "", at
    if tokens[at] == "في" and at + 1 < len(tokens) and f"ب{tokens[at + 1]}" in ("بالميه", "بالمايه"):
        return "percent", at + 2
    word = tokens[at]
    unit = _units().get(word) or _units().get(word.removeprefix("ال"), "")
    return unit, at + bool(unit)


def dates(tokens: Sequence[str]) -> frozenset[str]:
    """Years (1900 to 2100), months and weekdays named among the tokens, as `year 2015`, `month 8`, `weekday 2`."""
    table = _dates()
    found = {table[token] for token in tokens if token in table}
    found |= {f"year {token}" for token in tokens if len(token) == 4 and token.isdigit() and "1900" <= token <= "2100"}
    return frozenset(found)
