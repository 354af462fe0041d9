"""Changes an OpenAPI document to work around errors of a generator, from stdin to stdout.

adapt.py optional-security|openapi-generator|problem-json
"""

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
    """openapi-python-client 0.29 treats optional authentication as required."""
    if {} in members.get("security", []):
        del members["security"]
    return members


def openapi_generator(members):
    """openapi-generator 7.26 omits an import for objects with `additionalProperties: false` (python), and writes a
    security scheme once for each of its flows (python, rust)."""
    if members.get("additionalProperties") is False:
        del members["additionalProperties"]
    if "password" in members.get("flows", {}):
        members["flows"].pop("authorizationCode", None)
    return members


def problem_json(members):
    """progenitor 0.15 treats JSON of another media type as a stream of bytes."""
    return {"application/json" if name == "application/problem+json" else name: inner for name, inner in members.items()}


ADAPTATIONS = {
    "optional-security": optional_security,
    "openapi-generator": openapi_generator,
    "problem-json": problem_json,
}

main()
