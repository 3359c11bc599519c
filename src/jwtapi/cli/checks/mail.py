"""Checks that mails can be sent, and that the templates of MAIL_TEMPLATES are sound."""

from jwtapi.mail.failures import ServerFailure
from jwtapi.settings import Settings

_ADVICE = "is MAIL_URL right, does the server run, and may this machine connect to it?"


async def problems_of_mail(settings: Settings) -> list[str]:
    """Connect to the mail server, and sign in. No mail is sent."""
    problems = warnings_of_templates(settings)
    if settings.mail_url is None:
        return problems
    from jwtapi.mail.transport import transport_of  # noqa: PLC0415  only servers with MAIL_URL need it

    try:
        async with transport_of(settings).connection():
            return problems
    except ServerFailure as failure:
        return [*problems, f"MAIL_URL: {failure.reason}: {_ADVICE}"]


def warnings_of_templates(settings: Settings) -> list[str]:
    """Warn of templates that cannot be used. The built-in ones are used instead."""
    if settings.mail_templates is None or not settings.sends_mail:
        return []
    from jwtapi.mail.template_checks import problems_of_templates  # noqa: PLC0415  as above

    return [f"MAIL_TEMPLATES: {problem}" for problem in problems_of_templates(settings.mail_templates)]
