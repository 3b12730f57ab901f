"""Who may open an association."""

from __future__ import annotations

import pytest

from node.network import Peer, Right
from node.receive.admission import Admission, Rejection

OPEN_TO_LOOPBACK = Admission("SYNTHNODE", (), 2)
LISTED = Admission(
    "SYNTHNODE",
    (
        Peer(name="scanner", ae_title="SCANNER", host="192.0.2.7", may=(Right.STORE,)),
        Peer(name="local", ae_title="LOCAL", host="localhost", may=(Right.STORE,)),
        Peer(name="mute", ae_title="MUTE", host="127.0.0.1"),
        Peer(name="six", ae_title="SIX", host="::1", may=(Right.STORE,)),
    ),
    2,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_by_default_anyone_on_loopback_may_come_in(host: str) -> None:
    assert OPEN_TO_LOOPBACK.check_titles("ANY", "SYNTHNODE", host) is None


@pytest.mark.hazard("HAZ-14")
@pytest.mark.parametrize("host", ["192.0.2.1", "::ffff:192.0.2.1", "", "localhost.example", "127.0.0.1.example"])
def test_by_default_nobody_else_may(host: str) -> None:
    assert OPEN_TO_LOOPBACK.check_titles("ANY", "SYNTHNODE", host) is Rejection.ADDRESS_UNKNOWN


@pytest.mark.hazard("HAZ-14")
@pytest.mark.parametrize(
    ("calling", "host", "expected"),
    [
        ("SCANNER", "192.0.2.7", None),
        ("SCANNER         ", "192.0.2.7", None),
        ("SCANNER", "::ffff:192.0.2.7", None),
        ("SCANNER", "192.0.2.8", Rejection.ADDRESS_UNKNOWN),
        ("SCANNER", "127.0.0.1", Rejection.ADDRESS_UNKNOWN),
        ("scanner", "192.0.2.7", Rejection.CALLING_AE_UNKNOWN),
        ("", "192.0.2.7", Rejection.CALLING_AE_UNKNOWN),
        ("LOCAL", "127.0.0.1", None),
        ("LOCAL", "192.0.2.7", Rejection.ADDRESS_UNKNOWN),
        ("SIX", "::1", None),
        ("MUTE", "127.0.0.1", Rejection.RIGHT_MISSING),
        ("MUTE", "192.0.2.7", Rejection.ADDRESS_UNKNOWN),
        ("STRANGER", "127.0.0.1", Rejection.CALLING_AE_UNKNOWN),
    ],
)
def test_with_a_list_title_and_address_must_belong_together(
    calling: str, host: str, expected: Rejection | None
) -> None:
    assert LISTED.check_titles(calling, "SYNTHNODE", host) is expected


@pytest.mark.hazard("HAZ-14")
def test_while_no_peer_may_store_a_listed_one_may_not_on_loopback_either() -> None:
    pacs = Peer(name="pacs", ae_title="PACS", host="localhost")
    admission = Admission("SYNTHNODE", (pacs,), 2)
    assert admission.check_titles("PACS", "SYNTHNODE", "127.0.0.1") is Rejection.RIGHT_MISSING
    assert admission.check_titles("ANY", "SYNTHNODE", "127.0.0.1") is None
    assert admission.check_titles("ANY", "SYNTHNODE", "192.0.2.7") is Rejection.ADDRESS_UNKNOWN


def test_a_host_that_cannot_be_resolved_admits_nobody() -> None:
    admission = Admission(
        "SYNTHNODE", (Peer(name="scanner", ae_title="SCANNER", host="no-such-host.invalid", may=(Right.STORE,)),), 2
    )
    assert admission.check_titles("SCANNER", "SYNTHNODE", "192.0.2.7") is Rejection.ADDRESS_UNKNOWN


def test_another_called_title_is_refused() -> None:
    assert OPEN_TO_LOOPBACK.check_titles("ANY", "OTHER", "127.0.0.1") is Rejection.CALLED_AE_UNKNOWN


def test_the_limit_counts_the_one_that_asks() -> None:
    assert OPEN_TO_LOOPBACK.check_room(2) is None
    assert OPEN_TO_LOOPBACK.check_room(3) is Rejection.TOO_MANY_ASSOCIATIONS


def test_each_rejection_is_one_of_the_standard() -> None:
    for rejection in Rejection:
        result, source, diagnostic = rejection.pdu
        assert result in {1, 2}
        assert diagnostic in {1: {1, 2, 3, 7}, 2: {1, 2}, 3: {1, 2}}[source]
