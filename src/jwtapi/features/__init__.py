"""The features. Each is a package, and features do not import each other."""
