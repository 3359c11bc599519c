"""What whoever runs the server does to users and sessions."""
