"""`python -m dialer.cli` is `dialer`."""

from dialer.cli.entry import main

if __name__ == "__main__":
    main()
