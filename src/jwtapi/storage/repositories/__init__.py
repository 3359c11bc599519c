"""All queries, one repository a table. Each works inside the unit of work that it was made for."""
