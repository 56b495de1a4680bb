"""Results of the public functions: solutions with their certificates, one class for each kind of problem."""
