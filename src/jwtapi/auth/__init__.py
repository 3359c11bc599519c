"""Registering, signing in, refreshing, signing out."""
