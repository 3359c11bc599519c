"""Password hashes of other systems: how each is read, what it may cost, and how a password is checked against it.

`importing.import_hash` turns a hash of another system into the form that is stored. `reading.read_stored` reads what is
stored. Both refuse a hash whose cost is over the bounds, because they build the same objects.
"""
