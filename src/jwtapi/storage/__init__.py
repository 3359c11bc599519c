"""What the service knows, and the only place that speaks SQL."""
