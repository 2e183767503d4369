"""What an outgoing webhook may be sent to: the open internet, seen through every disguise, and what is named."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.address import is_allowed, is_public, parse_network

CLOSED = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # where clouds hand out credentials
    "100.64.0.1",  # carriers' own
    "100.127.255.255",
    "192.0.0.8",
    "192.0.2.1",  # documentation
    "198.18.0.1",  # benchmarks
    "224.0.0.1",  # multicast
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
OPEN = ["1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "2606:4700:4700::1111"]
#: Every way in which an IPv6 address stands for an IPv4 one.
DISGUISES = {
    "mapped": lambda v4: IPv6Address(0xFFFF << 32 | int(v4)),
    "compatible": lambda v4: IPv6Address(int(v4)),
    "6to4": lambda v4: IPv6Address(0x2002 << 112 | int(v4) << 80),
    "NAT64": lambda v4: IPv6Address(0x64FF9B << 96 | int(v4)),
    "NAT64, local": lambda v4: IPv6Address(0x64FF9B0001 << 80 | int(v4)),
    "Teredo": lambda v4: IPv6Address(0x20010000 << 96 | int(v4) ^ 0xFFFFFFFF),
}


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_not_of_the_open_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN)
def test_what_is_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
@pytest.mark.parametrize("address", [one for one in CLOSED if "." in one])
def test_a_closed_address_stays_closed_in_every_disguise(address: str, disguise: object) -> None:
    assert not is_public(str(disguise(IPv4Address(address))))  # type: ignore[operator]


@given(st.ip_addresses(v=4), st.sampled_from(sorted(DISGUISES)))
def test_no_disguise_opens_what_is_closed(address: IPv4Address, disguise: str) -> None:
    assert is_public(str(address)) or not is_public(str(DISGUISES[disguise](address)))


@pytest.mark.parametrize(
    ("address", "allowed", "may"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("10.1.2.3", ["10.1.2.3"], True),
        ("10.1.2.4", ["10.1.2.3"], False),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("fd00::7", ["fd00::/8"], True),
        ("fd00::7", ["10.0.0.0/8"], False),
        ("10.1.2.3", [], False),
        ("2002:a01:203::1", ["10.0.0.0/8"], False),
    ],
)
def test_what_the_configuration_names_is_allowed_in_its_own_spelling(
    address: str, allowed: list[str], may: bool
) -> None:
    assert is_allowed(address, [parse_network(text) for text in allowed]) is may


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.1/8", "10.0.0.0/33", "https://10.0.0.1", "*"])
def test_what_is_no_network_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected an address or a network, such as 10\.1\.2\.3"):
        parse_network(text)
