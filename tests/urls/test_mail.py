import pytest

from jwtapi.urls.mail import MailSecurity, MailServer, parse_mail_url


@pytest.mark.parametrize(
    ("url", "server"),
    (
        (
            "smtps://u:p@mail.example.com",
            MailServer("mail.example.com", 465, MailSecurity.TLS, "u", "p"),
        ),
        (
            "smtps://u:p@mail.example.com:2465/",
            MailServer("mail.example.com", 2465, MailSecurity.TLS, "u", "p"),
        ),
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, MailSecurity.STARTTLS, None, None)),
        ("smtp://mail.example.com:25", MailServer("mail.example.com", 25, MailSecurity.STARTTLS, None, None)),
        ("SMTP://MAIL.example.com", MailServer("mail.example.com", 587, MailSecurity.STARTTLS, None, None)),
        ("smtp://localhost:1025", MailServer("localhost", 1025, MailSecurity.NONE, None, None)),
        ("smtp://127.0.0.1:1025", MailServer("127.0.0.1", 1025, MailSecurity.NONE, None, None)),
        ("smtp://127.1.2.3", MailServer("127.1.2.3", 587, MailSecurity.NONE, None, None)),
        ("smtp://[::1]:1025", MailServer("::1", 1025, MailSecurity.NONE, None, None)),
        ("smtps://localhost", MailServer("localhost", 465, MailSecurity.TLS, None, None)),
        ("smtp://[2001:db8::1]", MailServer("2001:db8::1", 587, MailSecurity.STARTTLS, None, None)),
        (
            "smtps://me%40example.com:p%2Fs%23w%3A%25@mail.example.com",
            MailServer("mail.example.com", 465, MailSecurity.TLS, "me@example.com", "p/s#w:%"),
        ),
    ),
)
def test_a_mail_url_names_a_server_and_how_the_connection_is_protected(url: str, server: MailServer) -> None:
    assert parse_mail_url(url) == server


@pytest.mark.parametrize(
    "host",
    (
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0",  # noqa: S104  no address of this machine alone
        "10.0.0.1",
        "169.254.0.1",
        "[::]",
        "[::ffff:10.0.0.1]",
        "2130706433",
        "0x7f.1",
        "127.1",
    ),
)
def test_a_server_that_is_not_certainly_this_machine_needs_starttls(host: str) -> None:
    assert parse_mail_url(f"smtp://{host}").security is MailSecurity.STARTTLS


@pytest.mark.parametrize(
    "url",
    (
        "",
        "mail.example.com",
        "smtp:mail.example.com",
        "smtp://",
        "smtps://",
        "smtps:///path",
        "smtp+starttls://mail.example.com",
        "http://mail.example.com",
        "smtps://hunter2@mail.example.com",  # a user without a password
        "smtps://u:hunter2@",
        "smtps://u:hunter2@hunter2@mail.example.com",
        "smtps://u:hunter2#hunter2@mail.example.com",
        "smtps://u:hunter2/hunter2@mail.example.com",
        "smtps://u:hunter2?hunter2@mail.example.com",
        "smtps://u:hunter2%@mail.example.com",
        "smtps://u:hunter2%00@mail.example.com",
        "smtps://u:hunter2 @mail.example.com",
        "smtps://u:hunter2\r\nX@mail.example.com",
        "smtps://u:hunter2[@mail.example.com",
        "smtps://u:hunter2@mail.example.com:hunter2",
        "smtps://u:hunter2@mail.example.com:0",
        "smtps://u:hunter2@mail.example.com:65536",
        "smtps://u:hunter2@::1",
        "smtps://u:hunter2@mail.example.com/hunter2",
        "smtps://u:hunter2@mail.example.com?starttls=hunter2",
        "smtps://u:hunter2@mail.example.com#hunter2",
        "smtps://u:hunter2@one.example,two.example",
        "smtps://u:hunter2@b\u00fccher.example",
        "smtps://u:hunter2@mail.example.com\\evil.example",
        "smtps://u:hunter2@mail.example.com%2eevil.example",
    ),
)
def test_a_mail_url_that_could_be_misread_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) ") as error:
        parse_mail_url(url)
    assert "hunter2" not in str(error.value)


def test_the_password_of_the_mail_server_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(parse_mail_url("smtps://u:hunter2@mail.example.com"))
