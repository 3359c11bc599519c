"""Users: their names, their passwords, and how they are created."""
