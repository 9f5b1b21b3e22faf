"""Who may look and change."""

import pytest

from rt_seg.web.access import Access


def test_on_this_computer_no_token_is_needed_and_other_names_are_refused():
    access = Access.of("127.0.0.1")
    assert access.token == "" and access.knows_token(None)
    for host in ("127.0.0.1:8080", "localhost:8080", "[::1]:8080"):
        assert access.knows_host(host)
    for host in ("evil.example:8080", "127.0.0.1.evil.example", "", None, "[::1"):
        assert not access.knows_host(host)


def test_beyond_it_there_is_a_token_that_nobody_guesses():
    access = Access.of("0.0.0.0")
    assert len(access.token) >= 20 and access.token != Access.of("0.0.0.0").token
    assert access.knows_token(access.token)
    for given in (None, "", "x", access.token[:-1], access.token + "x"):
        assert not access.knows_token(given)


@pytest.mark.parametrize(
    "origin, own",
    [
        (None, True),
        ("http://127.0.0.1:8080", True),
        ("http://127.0.0.1:9090", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_requests_of_other_pages_are_known_by_their_origin(origin, own):
    assert Access.is_own_page(origin, "127.0.0.1:8080") is own
