"""Which texts are numbers that may be dialed, written as E.164, and in which zones a number may lie.

Nothing is guessed: separators are dropped, everything else that is not E.164 is refused with a reason.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

import phonenumbers
from phonenumbers import CountryCodeSource, NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult
from phonenumbers.timezone import time_zones_for_number

from dialer.domain.area_codes import ZONES_OF_AREA
from dialer.domain.plans import kin_of, one_alike
from dialer.domain.zones import is_timezone
from dialer.errors import BadPhone, InvalidInput, shown

_SEPARATORS: Final = str.maketrans("", "", " -().")
_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_NATIONAL: Final = re.compile(r"[0-9]{2,17}")
_MAX_CHARS: Final = 64
_FORM: Final = "expected E.164 such as +61387772586; only spaces and -(). are dropped"


def parse_phone(value: object, *, country: str | None = None, check: Literal["possible", "valid"] = "possible") -> str:
    """The number as E.164, or BadPhone: PHONE_MISSING, PHONE_NOT_E164 or PHONE_NOT_POSSIBLE.

    `country` (ISO 3166, two letters) accepts numbers as they are dialed inside that country too. `check="valid"` also
    wants the number in a range that is known to be given out.
    """
    bare = _bare(value)
    if check == "possible" and kin_of_text(bare) is not None:
        return bare
    number = _international(value, bare) if bare.startswith("+") else _national(value, bare, country)
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict != ValidationResult.IS_POSSIBLE:
        raise BadPhone(f"{shown(value, 80)} is not possible: {_why(verdict)}", code="PHONE_NOT_POSSIBLE")
    if check == "valid" and not phonenumbers.is_valid_number(number):
        raise BadPhone(f"{shown(value, 80)} is in no range that is given out", code="PHONE_NOT_POSSIBLE")
    return _e164(number)


def kin_of_text(text: str) -> str | None:
    """`kin_of`, of a text that may not be E.164; None then, too."""
    return kin_of(text) if _E164.fullmatch(text) else None


def zones_of(phone: str, ignore: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Every zone in which an E.164 number may lie, sorted; () when nothing is known.

    Zones in `ignore` are left out while others remain.
    """
    return _zones_of(one_alike(phone), ignore)


@lru_cache(maxsize=65_536)
def _zones_of(phone: str, ignore: frozenset[str]) -> tuple[str, ...]:
    names = time_zones_for_number(phonenumbers.parse(phone))
    area = ZONES_OF_AREA.get(phone[2:5], ()) if phone.startswith("+1") else ()
    zones = {name for name in (*names, *area) if is_timezone(name)}
    return tuple(sorted(zones - ignore or zones))


def mask(phone: str) -> str:
    """The number as logs may show it: first five characters and last two, fewer where that would tell too much."""
    if len(phone) < 10:
        return "*" * max(3, len(phone) - 2) + phone[-2:] if len(phone) >= 5 else "***"
    return phone[:5] + "*" * (len(phone) - 7) + phone[-2:]


#: What may look like a number and is none: an instant, an id; and then what is one, however it is written.
_LIKE_A_NUMBER = re.compile(
    r"(\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|\+?\(?\d(?:[ ().\-/]{0,2}\d){6,}"
)


def without_numbers(text: str) -> str:
    """Words of others without anything that may be a phone number; instants and ids stay."""
    return _LIKE_A_NUMBER.sub(lambda found: found[1] or "[number]", text)


def _bare(value: object) -> str:
    if value is None or value == "":
        raise BadPhone("expected a number in E.164 such as +61387772586, got nothing", code="PHONE_MISSING")
    if not isinstance(value, str) or len(value) > _MAX_CHARS:
        raise _not_e164(value, _FORM if isinstance(value, str) else f"a {type(value).__name__}; {_FORM}")
    bare = value.translate(_SEPARATORS)
    if not bare:
        raise BadPhone(f"{value!r} holds no number, expected E.164 such as +61387772586", code="PHONE_MISSING")
    if value.endswith(".0"):
        raise _not_e164(value, "it ends in .0, as spreadsheets write numbers; keep the column as text")
    return bare


def _international(value: object, bare: str) -> PhoneNumber:
    if not _E164.fullmatch(bare):
        raise _not_e164(value, _FORM)
    number = _parse(value, bare, None)
    if _e164(number) != bare:  # a national prefix inside, such as +44 (0)20: reading it would be guessing
        raise _not_e164(value, f"expected {_e164(number)}, if that is the number meant")
    return number


def _national(value: object, bare: str, country: str | None) -> PhoneNumber:
    if country is None or not _NATIONAL.fullmatch(bare):
        raise _not_e164(value, _FORM)
    region = country.upper() if country.isascii() else ""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput(f"country {shown(country, 80)}: expected two letters such as AU", code="COUNTRY_INVALID")
    number = _parse(value, bare, region)
    if not _written_as_inside(region, number):
        raise _not_e164(value, f"it is not written as inside {region}: expected {_e164(number)}, if that is meant")
    return number


def _written_as_inside(region: str, number: PhoneNumber) -> bool:
    """Whether no country code or international prefix was found; in North America 1 is the trunk prefix as well."""
    source = number.country_code_source
    if source == CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN:
        return phonenumbers.ndd_prefix_for_region(region, True) == str(number.country_code)
    return source == CountryCodeSource.FROM_DEFAULT_COUNTRY


def _parse(value: object, bare: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(bare, region, keep_raw_input=region is not None)
    except NumberParseException as error:
        raise BadPhone(f"{shown(value, 80)} is not possible: {error}", code="PHONE_NOT_POSSIBLE") from None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _not_e164(value: object, expected: str) -> BadPhone:
    return BadPhone(f"{shown(value, 80)} cannot be read: {expected}", code="PHONE_NOT_E164")


def _why(verdict: int) -> str:
    return ValidationResult.to_string(verdict).lower().replace("_", " ")
