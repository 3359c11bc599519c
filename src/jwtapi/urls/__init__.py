"""The URLs of databases, with their passwords: read before a driver reads them, and never repeated by an error."""
