"""Sessions: staying signed in, whatever the method of signing in."""
