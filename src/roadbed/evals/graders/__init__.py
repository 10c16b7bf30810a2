"""What judges answers: the file's name is the grader's name."""
