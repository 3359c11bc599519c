"""The admin page: administrators look after users, keys and mails, and see what happens, in a browser."""
