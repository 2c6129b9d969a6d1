"""Numbers in Arabic text: digits of every script, number words, scales, units, years, months and weekdays.

Reads tokens as `naba.arabic.segment.tokens` gives them after the `news` normalisation.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from naba.arabic.normalise import NEWS, normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")

_WORDS = {
    **dict.fromkeys(("واحد", "واحدة"), 1),
    **dict.fromkeys(("اثنان", "اثنين", "اثنتين", "اثنتان", "إثنان"), 2),
    **dict.fromkeys(("ثلاثة", "ثلاث"), 3),
    **dict.fromkeys(("أربعة", "أربع"), 4),
    **dict.fromkeys(("خمسة", "خمس"), 5),
    **dict.fromkeys(("ستة", "ست"), 6),
    **dict.fromkeys(("سبعة", "سبع"), 7),
    **dict.fromkeys(("ثمانية", "ثماني", "ثمان"), 8),
    **dict.fromkeys(("تسعة", "تسع"), 9),
    **dict.fromkeys(("عشرة", "عشر"), 10),
    **dict.fromkeys(("عشرون", "عشرين"), 20),
    **dict.fromkeys(("ثلاثون", "ثلاثين"), 30),
    **dict.fromkeys(("أربعون", "أربعين"), 40),
    **dict.fromkeys(("خمسون", "خمسين"), 50),
    **dict.fromkeys(("ستون", "ستين"), 60),
    **dict.fromkeys(("سبعون", "سبعين"), 70),
    **dict.fromkeys(("ثمانون", "ثمانين"), 80),
    **dict.fromkeys(("تسعون", "تسعين"), 90),
    **dict.fromkeys(("مئتان", "مئتين", "مائتين", "مائتان"), 200),
    "نصف": 0.5,
}
_SCALES = {
    **dict.fromkeys(("مئة", "مائة"), 100.0),
    **dict.fromkeys(("ألف", "آلاف", "ألفا"), 1e3),
    **dict.fromkeys(("مليون", "ملايين", "مليونا"), 1e6),
    **dict.fromkeys(("مليار", "مليارات", "بليون"), 1e9),
    **dict.fromkeys(("تريليون", "ترليون"), 1e12),
}
_DUAL_SCALES = {"ألفين": 2e3, "ألفان": 2e3, "مليونين": 2e6, "مليونا": 2e6, "مليارين": 2e9, "ملياري": 2e9}
_UNITS = {
    "percent": "% بالمئة بالمائة المئة المائة مئوية",
    "money": "دولار دولارا دولارات يورو ريال ريالا جنيه جنيها درهم درهما دينار دينارا ليرة روبية يوان ين إسترليني سنت",
    "year": "عام عاما أعوام سنة سنوات سنين",
    "month": "شهر شهرا أشهر شهور",
    "week": "أسبوع أسبوعا أسابيع",
    "day": "يوم يوما أيام",
    "hour": "ساعة ساعات دقيقة دقائق ثانية ثوان",
    "barrel": "برميل برميلا براميل",
    "mass": "طن طنا أطنان كيلوغرام كغم غرام كيلو",
    "length": "كيلومتر كم متر مترا أمتار ميل كيلومترا",
    "people": "شخص شخصا أشخاص قتيل قتيلا قتلى جريح جريحا جرحى مصاب مصابا ضحية ضحايا مدني مدنيا طفل طفلا أطفال امرأة "
    "لاجئ لاجئا مهاجر مهاجرا جندي جنديا عامل موظف مواطن شهيد شهيدا شهداء ناشطين رجل فتاة عنصرا",
}
_MONTHS = (
    "يناير", "فبراير شباط", "مارس آذار", "أبريل نيسان إبريل", "مايو أيار", "يونيو حزيران", "يوليو تموز",
    "أغسطس آب", "سبتمبر أيلول", "أكتوبر", "نوفمبر", "ديسمبر",
)  # fmt: skip
_WEEKDAYS = ("السبت", "الأحد", "الاثنين الإثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة")


class Quantity(NamedTuple):
    """A number and what it counts; `unit` is '' when the next word names no known unit."""

    value: float
    unit: str


def _folded(mapping: dict[str, float]) -> dict[str, float]:
    return {normalise(word, NEWS): float(value) for word, value in mapping.items()}


@functools.cache
def _tables() -> tuple[dict[str, float], dict[str, float], dict[str, str]]:
    words = _folded({**_WORDS, **_DUAL_SCALES})
    units = {normalise(word, NEWS): unit for unit, names in _UNITS.items() for word in names.split()}
    return words, _folded(_SCALES), units


@functools.cache
def _dates() -> dict[str, str]:
    table: dict[str, str] = {}
    for kind, names in (("month", _MONTHS), ("weekday", _WEEKDAYS)):
        for position, spellings in enumerate(names, start=1):
            table.update({normalise(word, NEWS): f"{kind} {position}" for word in spellings.split()})
    return table


def number(token: str) -> float | None:
    """The value of one token of digits (`1,200`, `3.5`), or None.

    A comma or point before exactly three final digits, or repeated, separates thousands; otherwise it is decimal.

    >>> number("1,200"), number("3.5"), number("عام")
    (1200.0, 3.5, None)
    """
    if not _DIGITS.fullmatch(token):
        return None
    if "," in token or token.count(".") > 1:
        parts = re.split("[.,]", token)
        thousands = all(len(part) == 3 for part in parts[1:])
        return float("".join(parts) if thousands else parts[0] + "." + "".join(parts[1:]))
    return float(token)


def _bare(token: str, known: Iterable[dict[str, float]]) -> str:
    # A number word may carry و, ب, ل or the article; only strip what leaves a number word.
    for prefix in ("", "و", "ب", "ل", "ال", "وال", "بال", "لل"):
        rest = token[len(prefix) :]
        if token.startswith(prefix) and any(rest in table for table in known):
            return rest
    return token


def quantities(tokens: Sequence[str]) -> list[Quantity]:
    """The numbers among a text's tokens, composed over scales and `و`: `مليون و800 ألف` is 1,800,000.

    Args:
        tokens: tokens of normalised text.
    """
    words, scales, units = _tables()
    found: list[Quantity] = []
    total, current, open_ = 0.0, 0.0, False
    for position, word in enumerate([*tokens, ""]):
        bare = _bare(word, (words, scales))
        joined = word.startswith("و") or (position > 0 and tokens[position - 1] == "و")
        value = number(word.removeprefix("و") if word[1:2].isdigit() else word)
        digits = value is not None
        value = words.get(bare) if value is None else value
        if value is not None:
            if open_ and current and (digits or not joined):
                found.append(Quantity(total + current, ""))
                total, current = 0.0, 0.0
            current, open_ = current + value, True
        elif bare in scales and (not open_ or current or joined):
            total, current, open_ = total + (current or 1.0) * scales[bare], 0.0, True
        elif open_ and word != "و":
            unit = units.get(word) or units.get(word.removeprefix("ال"), "")
            found.append(Quantity(total + current, unit))
            total, current, open_ = 0.0, 0.0, False
    return found


def dates(tokens: Sequence[str]) -> frozenset[str]:
    """Years (1900 to 2100), months and weekdays named among the tokens, as `year 2015`, `month 8`, `weekday 2`."""
    table = _dates()
    found = {table[token] for token in tokens if token in table}
    found |= {f"year {token}" for token in tokens if len(token) == 4 and token.isdigit() and "1900" <= token <= "2100"}
    return frozenset(found)
