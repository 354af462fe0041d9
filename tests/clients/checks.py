"""Prints the result of each check as jeton.sh expects, and compares values."""

import os
import traceback

import jwt

LABEL = os.environ["CHECK_LABEL"]

failed = False


def check(name, run, *arguments):
    """Runs a check, and prints "ok …" or "not ok …"."""
    global failed
    try:
        run(*arguments)
        print(f"ok {LABEL}: {name}", flush=True)
    except Exception as error:
        failed = True
        reason = " ".join(str(error).split())
        print(f"not ok {LABEL}: {name}: {type(error).__name__}: {reason}", flush=True)
        traceback.print_exc()


def status():
    """The exit status of the program."""
    return 1 if failed else 0


def raises(expected, call, *arguments, **named):
    """Returns the error that the call raises."""
    try:
        call(*arguments, **named)
    except expected as error:
        return error
    raise AssertionError(f"no {expected.__name__}")


def claims(token):
    """The claims of a token, not verified."""
    return jwt.decode(token, options={"verify_signature": False})


def equal(left, right):
    true(left == right, f"{left!r} is not {right!r}")


def true(condition, reason):
    if not condition:
        raise AssertionError(reason)
