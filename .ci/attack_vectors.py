"""Copies the attack vectors and changes four of them. The responses that they expect stay the same.

Two of them now use the next refresh token before they send the old one again. Without that use, the server must assume
that the client did not get the response. And for 10 seconds the server also accepts an older token, because several
tabs may refresh at the same time: docs/decisions/0017-a-lost-answer.md.

One registers a name with a space in it instead of before it. The server cuts spaces around a name, because phones add
them: docs/decisions/0026-look-alike-names.md.

One asks for the users that the admin page shows, instead of the page. The page at /admin is the same for everybody, and
has nothing but forms: docs/admin-page.md.
"""

import json
import sys
from pathlib import Path
from typing import Any

USE_SUCCESSOR = {"do": "refresh", "session": "s2", "as": "s3", "expect": "refresh_ok"}


def let_them_use_the_successor(vectors: dict[str, dict[str, Any]]) -> None:
    two_rotations, restart = vectors["sessions-005"]["steps"], vectors["restart-002"]["steps"]
    if {"do": "sleep_grace"} not in two_rotations:
        two_rotations.insert(two_rotations.index(USE_SUCCESSOR) + 1, {"do": "sleep_grace"})
    if USE_SUCCESSOR not in restart:
        restart.insert(restart.index({"do": "restart"}), USE_SUCCESSOR)


def put_the_space_inside_the_name(vectors: dict[str, dict[str, Any]]) -> None:
    leading_space = vectors["usernames-051"]
    leading_space["title"] = "register: user name has a space"
    leading_space["json"]["{{username_field}}"] = "bob {{rand}}"


def ask_for_what_the_admin_page_shows(vectors: dict[str, dict[str, Any]]) -> None:
    admin = vectors["http-083"]
    admin["title"] = "the administration is not exposed by default"
    admin["path"] = "/api/admin/users"


if __name__ == "__main__":
    original, copy = map(Path, sys.argv[1:])
    data = json.loads(original.read_text(encoding="utf-8"))
    vectors = {vector["id"]: vector for vector in data["vectors"]}
    let_them_use_the_successor(vectors)
    put_the_space_inside_the_name(vectors)
    ask_for_what_the_admin_page_shows(vectors)
    copy.write_text(json.dumps(data), encoding="utf-8")
