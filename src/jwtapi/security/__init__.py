"""Cryptography, and what decides whether two names or passwords are one. Knows no HTTP and no SQL."""
