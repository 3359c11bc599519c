"""The checks of `jwtapi doctor`. A check returns a line for each problem, with what to do, and changes nothing."""
