"""GET /.well-known/jwks.json and /.well-known/oauth-authorization-server: what programs that check tokens need."""
