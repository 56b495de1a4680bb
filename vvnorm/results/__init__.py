"""What users get back: solutions with their certificates, one class for each kind of problem."""
