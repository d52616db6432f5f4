"""The page of a sweep, read back."""

import json
import re

import pytest


def read_back(text):
    """Return the JSON inside a page."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found, parse_constant=pytest.fail)
