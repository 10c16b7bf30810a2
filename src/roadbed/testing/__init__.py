"""Published fakes, builders and the contract suites of each port."""
