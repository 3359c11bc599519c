"""Limits on attempts, and the storages that count them.

Windows move: at every moment, the attempts within the last period are no more than the limit allows.
"""
