"""What clients and operators can ask for. A feature is a package; features do not import each other."""
