"""Clients: services and apps with an id and a secret of their own."""
