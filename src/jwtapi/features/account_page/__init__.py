"""The account page: people register, sign in and look after their account in a browser."""
