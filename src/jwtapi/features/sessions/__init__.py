"""The sessions of the signed-in user: who is signed in, ending sessions, and signing in again in the same session."""
