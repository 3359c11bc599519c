import pytest

from jwtapi.settings import SettingsError
from tests.conftest import MakeSettings, on_sqlite


@on_sqlite
@pytest.mark.parametrize("issuer", ("", "a:b", "a\nb", "x" * 65, "𞤀" * 17))
def test_an_issuer_that_does_not_fit_into_a_qr_code_is_refused(make_settings: MakeSettings, issuer: str) -> None:
    with pytest.raises(SettingsError, match="TOTP_ISSUER"):
        make_settings(totp_issuer=issuer)


@on_sqlite
def test_an_issuer_may_have_64_bytes(make_settings: MakeSettings) -> None:
    make_settings(totp_issuer="𞤀" * 16)
