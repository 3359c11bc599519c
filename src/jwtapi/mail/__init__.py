"""Mail: an outbox that is filled in the transaction of a change, and the worker that sends from it."""
