"""`python -m vvnorm.cli` is the command `vvnorm`."""

from vvnorm.cli.app import main

if __name__ == "__main__":
    main()
