"""Second factors: what a user proves besides the password, and the tickets between the two proofs."""
