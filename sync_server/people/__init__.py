"""Who may come in: credentials, console sessions, enrolment codes, device tokens. Persons themselves are `common`'s."""
