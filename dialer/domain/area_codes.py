"""North American area codes that lie in more zones than `phonenumbers` tells for one exchange: numbers move in them.

Sources: the boundaries of the US and Canadian time zones (49 CFR 71 and the provinces' acts) laid over the numbering
plan. A zone too many closes an hour; a zone too few calls somebody at night.
"""

from __future__ import annotations

from typing import Final

_EASTERN: Final = "America/New_York"
_CENTRAL: Final = "America/Chicago"
_MOUNTAIN: Final = "America/Denver"
_PACIFIC: Final = "America/Los_Angeles"
_ARIZONA: Final = "America/Phoenix"
_BOISE: Final = "America/Boise"
_ALBERTA: Final = "America/Edmonton"
_MANITOBA: Final = "America/Winnipeg"
_ONTARIO: Final = "America/Toronto"
_EASTERN_WITHOUT_DST: Final = "America/Panama"  # as Atikokan and Coral Harbour keep it
_ATLANTIC: Final = "America/Halifax"
_ATLANTIC_WITHOUT_DST: Final = "America/Puerto_Rico"  # as Blanc-Sablon keeps it

_INDIANA: Final = (_EASTERN, _CENTRAL)
_BRITISH_COLUMBIA: Final = ("America/Vancouver", _ALBERTA, "America/Fort_Nelson")
_EASTERN_QUEBEC: Final = (_ONTARIO, _ATLANTIC, _ATLANTIC_WITHOUT_DST)
_SASKATCHEWAN: Final = ("America/Regina", _ALBERTA, _MANITOBA)
_NEWFOUNDLAND_LABRADOR: Final = ("America/St_Johns", _ATLANTIC)

#: Area code -> every zone that it reaches into.
ZONES_OF_AREA: Final[dict[str, tuple[str, ...]]] = {
    "208": (_BOISE, _MOUNTAIN, _PACIFIC),  # Idaho
    "986": (_BOISE, _MOUNTAIN, _PACIFIC),
    "219": _INDIANA,
    "574": _INDIANA,
    "812": _INDIANA,
    "930": _INDIANA,
    "236": _BRITISH_COLUMBIA,
    "250": _BRITISH_COLUMBIA,
    "257": _BRITISH_COLUMBIA,
    "672": _BRITISH_COLUMBIA,
    "778": _BRITISH_COLUMBIA,
    "270": (_EASTERN, _CENTRAL),  # Kentucky
    "364": (_EASTERN, _CENTRAL),
    "606": (_EASTERN, _CENTRAL),
    "308": (_CENTRAL, _MOUNTAIN),  # Nebraska
    "306": _SASKATCHEWAN,
    "474": _SASKATCHEWAN,
    "639": _SASKATCHEWAN,
    "334": (_EASTERN, _CENTRAL),  # Alabama: towns on the Georgia line keep Eastern time
    "367": _EASTERN_QUEBEC,
    "418": _EASTERN_QUEBEC,
    "581": _EASTERN_QUEBEC,
    "423": (_EASTERN, _CENTRAL),  # Tennessee
    "432": (_CENTRAL, _MOUNTAIN),  # Texas
    "448": (_EASTERN, _CENTRAL),  # Florida
    "850": (_EASTERN, _CENTRAL),
    "458": (_PACIFIC, _BOISE, _MOUNTAIN),  # Oregon: Malheur County
    "541": (_PACIFIC, _BOISE, _MOUNTAIN),
    "605": (_CENTRAL, _MOUNTAIN),  # South Dakota
    "620": (_CENTRAL, _MOUNTAIN),  # Kansas
    "785": (_CENTRAL, _MOUNTAIN),
    "701": (_CENTRAL, _MOUNTAIN),  # North Dakota
    "709": _NEWFOUNDLAND_LABRADOR,
    "879": _NEWFOUNDLAND_LABRADOR,
    "775": (_PACIFIC, _BOISE, _MOUNTAIN),  # Nevada: West Wendover, Jackpot
    "807": (_ONTARIO, _MANITOBA, _EASTERN_WITHOUT_DST),
    "867": ("America/Whitehorse", _ALBERTA, _MANITOBA, _ONTARIO, _EASTERN_WITHOUT_DST),  # the three territories
    "906": (_EASTERN, _CENTRAL),  # Michigan
    "907": ("America/Anchorage", "America/Adak"),
    "928": (_ARIZONA, _MOUNTAIN),  # Arizona: the Navajo Nation has daylight saving time
}
