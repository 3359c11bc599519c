"""The second factors of the signed-in user, except passkeys."""
