import re
from uuid import uuid4

import pytest

from jwtapi.security.recovery_codes import RecoveryCodes

OLD, NEW = "the secret of before, 32 bytes long", "the secret of now, also 32 bytes long"
USER = uuid4()


def test_ten_codes_of_eighty_bits_in_groups_that_are_easy_to_type() -> None:
    made = [code for _ in range(50) for code in RecoveryCodes.new()]
    assert len(set(made)) == 500
    assert all(re.fullmatch("[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", code) for code in made)


@pytest.mark.parametrize(
    "typed", ("abcd-efgh-jklm-npqr", "ABCDEFGHJKLMNPQR", " ABCD EFGH JKLM NPQR\n", "A-B-C-D-E-F-G-H-J-K-L-M-N-P-Q-R")
)
def test_case_spaces_and_hyphens_make_no_difference(typed: str) -> None:
    codes = RecoveryCodes(NEW)
    assert codes.macs_of(USER, typed) == [codes.mac_of(USER, "ABCD-EFGH-JKLM-NPQR")]


@pytest.mark.parametrize(
    "typed",
    (
        *("", "ABCD-EFGH-JKLM-NPQ", "ABCD-EFGH-JKLM-NPQRS", "ABCD-EFGH-JKLM-NPQ1", "ABCD_EFGH_JKLM_NPQR"),
        *("ABCD-EFGH-JKLM-NPQ\ud83d", "ＡBCD-EFGH-JKLM-NPQR", "ABCD-EFGH-JKLM-NPQß", "A" * 10_000),
    ),
)
def test_a_text_that_has_not_the_form_of_a_code_is_looked_for_nowhere(typed: str) -> None:
    assert RecoveryCodes(NEW).macs_of(USER, typed) == ()


def test_what_is_stored_depends_on_the_user_and_on_the_secret() -> None:
    code = RecoveryCodes.new()[0]
    stored = {
        codes.mac_of(user, code) for codes in (RecoveryCodes(NEW), RecoveryCodes(OLD)) for user in (USER, uuid4())
    }
    assert len(stored) == 4
    assert {len(mac) for mac in stored} == {32}


def test_the_previous_secret_recognises_codes_and_makes_none() -> None:
    code = RecoveryCodes.new()[0]
    both = RecoveryCodes(NEW, previous_secret=OLD)
    assert both.macs_of(USER, code) == [RecoveryCodes(NEW).mac_of(USER, code), RecoveryCodes(OLD).mac_of(USER, code)]
    assert both.mac_of(USER, code) == RecoveryCodes(NEW).mac_of(USER, code)
