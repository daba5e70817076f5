"""`python -m mimo`, and the console script: a Ctrl-C while the program still loads is not worth a traceback."""


def main() -> None:
    """Run the command line, and end the process."""
    try:
        from mimo.cli.main import main
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    main()


if __name__ == "__main__":
    main()
