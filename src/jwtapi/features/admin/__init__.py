"""The administration of users and sessions by the operator of the server."""
