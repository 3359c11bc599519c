"""How to provoke the errors of the account."""

from tests.support.provoking import by

PROVOKED = {
    "settings_too_large": by(json={"much": "x" * 17_000}),
}
