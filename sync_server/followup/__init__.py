"""What follows a visit at the office: opening sealed ratings."""
