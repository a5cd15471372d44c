"""`python -m minegate_tools` is `minegate`."""

from minegate_tools.cli import main

if __name__ == "__main__":
    main()
