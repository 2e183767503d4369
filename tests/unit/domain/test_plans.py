"""The shortcuts around phonenumbers never say anything but what it says itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

import phonenumbers
import pytest
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult
from phonenumbers.timezone import time_zones_for_number

from dialer.domain.plans import is_surely_possible, kin_of, one_alike

# `python tests/unit/domain/test_plans.py 1000000` compares as many as you like.
SAMPLE = 15_000
DIGITS = "0123456789"


def random_numbers(seed: int) -> Iterator[str]:
    """Half of them begin like real numbers of some type and country, the others like any number of a country."""
    chance = random.Random(seed)
    codes = list(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
    examples = [
        phonenumbers.format_number(example, PhoneNumberFormat.E164)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in PhoneNumberType.values()
        if (example := phonenumbers.example_number_for_type(region, kind)) is not None
    ]
    while True:
        begin = chance.choice(examples)
        length = len(begin) + chance.choice((0, 0, 0, 0, -1, 1))
        begin = begin[: chance.randint(3, len(begin))]
        if chance.random() < 0.5:
            begin = f"+{chance.choice(codes)}"
            length = chance.randint(len(begin) + 3, 16)
        yield (begin + "".join(chance.choices(DIGITS, k=16)))[: min(length, 16)]


def read_as_itself(phone: str) -> phonenumbers.PhoneNumber | None:
    """By the library alone; None where it reads another number, or finds it impossible."""
    try:
        number = phonenumbers.parse(phone)
    except NumberParseException:
        return None
    if phonenumbers.format_number(number, PhoneNumberFormat.E164) != phone:
        return None
    verdict = phonenumbers.is_possible_number_with_reason(number)
    return number if verdict == ValidationResult.IS_POSSIBLE else None


def differences(seed: int, count: int) -> list[str]:
    found = []
    for phone in islice(random_numbers(seed), count):
        number = read_as_itself(phone)
        if number is None:
            if is_surely_possible(phone):
                found.append(f"{phone} is not possible")
            continue
        for like in {one_alike(phone), kin_of(phone) or phone}:
            alike = phonenumbers.parse(like)
            if time_zones_for_number(number) != time_zones_for_number(alike):
                found.append(f"{phone} does not lie where {alike} lies")
            if phonenumbers.number_type(number) != phonenumbers.number_type(alike):
                found.append(f"{phone} is not of the type of {alike}")
    return found


def test_no_random_number_is_told_otherwise_than_by_the_library() -> None:
    assert differences(seed=20261123, count=SAMPLE) == []


def test_nearly_every_possible_number_takes_the_shortcut() -> None:
    possible = [phone for phone in islice(random_numbers(7), 3000) if read_as_itself(phone)]
    assert sum(map(is_surely_possible, possible)) > 0.9 * len(possible)


def test_numbers_that_differ_behind_their_deciding_digits_share_one_answer() -> None:
    assert one_alike("+61412345678") == one_alike("+61412345679")


def test_numbers_of_one_kin_are_told_by_the_first_that_was_met() -> None:
    assert kin_of("+61412345678") == kin_of("+61412345679") != kin_of("+61392345678")
    assert kin_of("+493012345678") != kin_of("+4930123456789")
    assert kin_of("+614123") is None


def test_a_number_is_not_alike_one_of_another_length_or_area() -> None:
    first = one_alike("+493012345678")
    assert one_alike("+4930123456789") != first
    assert one_alike("+498912345678") != first


@pytest.mark.parametrize(
    "phone",
    [
        pytest.param("+44020794609", id="a trunk zero that the library strips"),
        pytest.param("+614123", id="too short"),
        pytest.param("+2100000000", id="no country has this code"),
        pytest.param("+1", id="a code alone"),
    ],
)
def test_what_is_uncertain_is_left_to_the_library(phone: str) -> None:
    assert not is_surely_possible(phone)


if __name__ == "__main__":
    import sys

    sys.exit("\n".join(differences(random.randrange(2**32), int(sys.argv[1]))) or 0)
