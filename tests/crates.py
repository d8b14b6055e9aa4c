"""``python tests/crates.py CACHE FOLDER ...``: which required checks of the Provenance Run Crate profile folders fail.

For the Python of ``.venv/crate`` (``make .venv/crate/ready``), without a network: prints a JSON list of messages per
folder. The terms of RO-Crate 1.1 (CC0) come with the version of rocrate that is installed there.
"""

import json
import sys
from importlib.resources import files

import requests
from requests_cache import CachedSession
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate
from urllib3 import HTTPResponse

TERMS = "https://w3id.org/ro/crate/1.1/context"


def keep_terms(cache: str) -> None:
    """Puts the terms where the validator looks for what it has downloaded."""
    session, answer = CachedSession(cache, backend="sqlite", expire_after=-1), requests.Response()
    answer.request = session.prepare_request(requests.Request("GET", TERMS))
    answer.url, answer.status_code = TERMS, 200
    answer._content = (files("rocrate") / "data/ro-crate.jsonld").read_bytes()
    assert answer.json()["@id"] == TERMS
    answer.headers["Content-Type"] = "application/ld+json"
    answer.raw = HTTPResponse(body=b"", headers=answer.headers, status=200)
    session.cache.save_response(answer)


def failed(folder: str, cache: str) -> list[str]:
    settings = ValidationSettings(
        rocrate_uri=folder,
        profile_identifier="provenance-run-crate",  # which builds on the other three
        requirement_severity=Severity.REQUIRED,
        offline=True,
        cache_path=cache,
    )
    return [f"{issue.check.identifier} {issue.message}" for issue in validate(settings).get_issues()]


if __name__ == "__main__":
    cache, *folders = sys.argv[1:]
    keep_terms(cache)
    print(json.dumps([failed(folder, cache) for folder in folders]))
