"""The systems that users come from: each module knows the export of one of them, and makes records of it."""
