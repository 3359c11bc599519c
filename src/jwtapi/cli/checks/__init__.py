"""What `jwtapi doctor` looks at. A check gives a line for each problem, which says what to do, and changes nothing."""
