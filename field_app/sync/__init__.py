"""The conversation with the server: what to send, what to do with the answer, when to try again."""
