"""Who administers, and what every change by an administrator checks again in its transaction."""
