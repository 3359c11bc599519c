"""POST /register, /login, /refresh and /logout: signing in and out by user name, password and cookies."""
