"""GET /revocations: tells services that check tokens themselves what has ended before its tokens expire."""
