"""Numbers to load: distinct, possible, and spread over countries as a dialer's lists are."""

from __future__ import annotations

from collections.abc import Iterator

#: Country code and area, and how many digits follow: half Australian, the rest of three countries with many areas.
AREAS = {
    "+61": (7, "41 42 43 40 45 47 39 38 29 28 73 86"),
    "+1": (7, "201 212 213 305 312 404 415 503 512 602 617 702 713 786 804 818 858 904 916 972"),
    "+44": (8, "20 77 78 79 74 75 73"),
    "+49": (7, "30 40 89 69 221 211 711 341 351 176 151 160"),
}
WEIGHTS = ("+61", "+1", "+61", "+44", "+61", "+49", "+61", "+1", "+61", "+44")
#: Steps through all digits in an order that looks random; a prime that divides no power of ten.
STRIDE = 7_368_787


def numbers(count: int) -> Iterator[str]:
    """`count` of them, the same ones each time."""
    for index in range(count):
        country = WEIGHTS[index % len(WEIGHTS)]
        digits, areas = AREAS[country]
        area = areas.split()[index // len(WEIGHTS) % len(areas.split())]
        space = 10**digits
        # The first digit stays clear of 0, 1 and 9: some plans begin no number with them.
        within = index * STRIDE % (space * 7 // 10) + space * 2 // 10
        yield f"{country}{area}{within:0{digits}d}"
