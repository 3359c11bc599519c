import pytest

from jwtapi_verifier import strict_json


@pytest.mark.parametrize(
    ("text", "value"),
    (
        (b'{"a": [1, 2.5, true, null, "\\u00e9"]}', {"a": [1, 2.5, True, None, "é"]}),
        (b'"\\ud83d\\ude00"', "😀"),
        ("[" * 63 + "1" + "]" * 63, None),
    ),
)
def test_valid_json_is_read(text: bytes | str, value: object) -> None:
    parsed = strict_json.loads(text.encode() if isinstance(text, str) else text)
    assert value is None or parsed == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    (
        (b"{", "Expecting property name enclosed in double quotes at position 1"),
        (b"", "Expecting value at position 0"),
        (b"NaN", "NaN and Infinity are not JSON"),
        (b"-Infinity", "NaN and Infinity are not JSON"),
        (b"1e400", "a number is out of range"),
        (b"1" * 5000, "a number is out of range"),
        (b"-" + b"1" * 60_000, "a number is out of range"),
        (b"1" * 60_000 + b".5", "a number is out of range"),
        (b'{"a": 1, "a": 2}', "a name occurs twice in one object"),
        (b'{"a": {"b": 1, "b": 1}}', "a name occurs twice in one object"),
        (b'"\\ud800"', "a string has half of a surrogate pair"),
        (b'{"\\udfff": 1}', "a string has half of a surrogate pair"),
        (b'"\xff"', "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"[" * 64 + b"1" + b"]" * 64, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
    ),
)
def test_invalid_json_is_refused_with_the_reason(text: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^{complaint}$"):
        strict_json.loads(text)


def test_the_error_about_invalid_json_does_not_contain_the_text() -> None:
    with pytest.raises(ValueError, match="position") as error:
        strict_json.loads(b'{"password": "hunter2"')
    assert "hunter2" not in repr(error.value)
    assert error.value.__cause__ is None
