from jwtapi.errors import Unavailable


class TooManyWaiting(Unavailable):
    code = "too_many_waiting"
    meaning = "too many clients wait for revocations: try again after `Retry-After` seconds, or without `wait`"
    message = "Too many clients wait. Try again later."

    def __init__(self) -> None:
        super().__init__(retry_after=1)
