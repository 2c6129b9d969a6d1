"""A normalisation profile: which rules apply. Imports nothing heavy, so a configuration is checked in no time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from naba.errors import Problems, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Profile:
    """Which normalisation rules apply, by name; part of a run's identity and of a saved model.

    Attributes:
        name, version: raise the version when a profile's rules change, so that old runs stay distinguishable.
        compatibility_forms: Unicode NFKC: presentation forms, ligatures, full-width letters, `…` to `...`.
        alef_forms: أ إ آ ٱ to ا.
        alef_maksura: ى to ي.
        ta_marbuta: ة to ه.
        hamza_carriers: ؤ to و and ئ to ي.
        letter_variants: Persian and Urdu look-alikes, such as ک ی ہ, to the Arabic letters.
        tatweel: the elongation stroke ـ is removed.
        diacritics: vowel signs, tanwin, shadda, superscript alef and Quranic marks are removed.
        digits: Arabic-Indic (٣) and Persian (۳) digits to 0-9.
        punctuation: ؟ ، ؛ ۔ ٪ ٫ ٬ and typographic quotes and dashes to their ASCII counterparts.
        invisible_marks: zero-width, bidirectional and other format characters are removed.
        links: an http(s) or www address becomes `LINK_MARK`.
        mentions: an @name becomes `MENTION_MARK`.
        hashtags: #two_words becomes `two words`.
        repeated_letters: an Arabic letter three or more times in a row is kept once.
        whitespace: any run of white space becomes one space; none at the ends.
        html_entities: `&quot;` and `&#1575;` become their characters (from version 2 of `light` and `news`).
        number_separators: 1,234.5 to 1234.5 and 3,5 to 3.5 (from version 2 of `news`).
    """

    name: str
    version: int = 1
    compatibility_forms: bool = False
    alef_forms: bool = False
    alef_maksura: bool = False
    ta_marbuta: bool = False
    hamza_carriers: bool = False
    letter_variants: bool = False
    tatweel: bool = False
    diacritics: bool = False
    digits: bool = False
    punctuation: bool = False
    invisible_marks: bool = False
    links: bool = False
    mentions: bool = False
    hashtags: bool = False
    repeated_letters: bool = False
    whitespace: bool = False
    html_entities: bool = False
    number_separators: bool = False

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the sha256 of the profile's canonical JSON."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """The profile as it stands in YAML: name, version and one boolean a rule.

        Rules that came later are named only where they are on, so that the profiles of runs and exports from before
        keep their hash and identity.
        """
        content = dataclasses.asdict(self)
        return {rule: value for rule, value in content.items() if value or rule not in LATER_RULES}


RULES: tuple[str, ...] = tuple(
    item.name for item in dataclasses.fields(Profile) if item.name not in {"name", "version"}
)
LATER_RULES = ("html_entities", "number_separators")

NONE = Profile("none")
LIGHT = Profile(
    "light", 2, compatibility_forms=True, tatweel=True, invisible_marks=True, whitespace=True, html_entities=True
)
NEWS = Profile("news", 2, **dict.fromkeys(RULES, True))
NEWS_1 = Profile("news", 1, **{rule: rule not in LATER_RULES for rule in RULES})
"""`news` as it was first: the features of pair and claim models fold with it, after the run's own profile, so that
models trained before version 2 answer as they did."""


def profile_from(mapping: Mapping[str, Any]) -> Profile:
    """The profile that a mapping (`conf/normalisation/NAME.yaml`) describes; rules it does not name are off.

    Raises:
        UserError: unknown rules (with the nearest name), values that are not booleans, a missing name, a version
            that is not a positive whole number; all of them in one message.
    """
    problems = [
        unknown_name("normalisation rule", str(key), ("name", "version", *RULES))
        for key in mapping
        if key not in {"name", "version", *RULES}
    ]
    problems += [
        f"normalisation.{rule} is {mapping[rule]!r}; expected true or false"
        for rule in RULES
        if rule in mapping and not isinstance(mapping[rule], bool)
    ]
    name, version = mapping.get("name"), mapping.get("version", 1)
    if not isinstance(name, str) or not name:
        problems.append(f"normalisation.name is {name!r}; expected the profile's name")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        problems.append(f"normalisation.version is {version!r}; expected a whole number from 1")
    if problems:
        raise Problems(problems, "the normalisation profile has")
    return Profile(**mapping)
