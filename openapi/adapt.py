"""Reads the document, and writes it without what a generator gets wrong: adapt.py optional-security|closed-objects|problem-json"""

import json
import sys


def main() -> None:
    adaptation = ADAPTATIONS[sys.argv[1]]
    json.dump(adapted(json.load(sys.stdin), adaptation), sys.stdout, indent=2)


def adapted(value, adaptation):
    if isinstance(value, dict):
        return adaptation({name: adapted(inner, adaptation) for name, inner in value.items()})
    if isinstance(value, list):
        return [adapted(item, adaptation) for item in value]
    return value


def optional_security(members):
    """openapi-python-client 0.29 takes "may authenticate" for "must"."""
    if {} in members.get("security", []):
        del members["security"]
    return members


def closed_objects(members):
    """The python of openapi-generator 7.26 forgets an import where no other field may be."""
    if members.get("additionalProperties") is False:
        del members["additionalProperties"]
    return members


def problem_json(members):
    """progenitor 0.15 takes JSON of another name for a stream of bytes."""
    return {"application/json" if name == "application/problem+json" else name: inner for name, inner in members.items()}


ADAPTATIONS = {
    "optional-security": optional_security,
    "closed-objects": closed_objects,
    "problem-json": problem_json,
}

main()
