"""`jwtapi db copy`: makes one database a copy of another."""
