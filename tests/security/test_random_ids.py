import os

from jwtapi.security.random_ids import random_id


def test_ids_are_32_hexadecimal_digits_and_all_different() -> None:
    ids = {random_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id_) == 32 and int(id_, 16) >= 0 for id_ in ids)


def test_a_child_process_gives_out_no_id_of_its_parent() -> None:
    random_id()  # fills the store
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, random_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    of_child = os.read(readable, 32).decode()
    os.close(readable)
    os.close(writable)
    assert of_child not in {random_id() for _ in range(256)}
