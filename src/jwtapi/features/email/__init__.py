"""POST /email/verify, /email/undo and /api/email: how an account gets an e-mail address, and another one."""
