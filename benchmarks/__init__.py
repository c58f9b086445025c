"""What takes how long: each module measures one question and prints a table. No test asserts a time."""
