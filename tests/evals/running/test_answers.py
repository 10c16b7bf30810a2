"""What an answer cites, as graders read it."""

import json

from roadbed.server.evaluating.answers import documents_of


def test_a_citation_is_its_text_its_name_or_both():
    quoted = {"type": "file_citation", "filename": "a.md", "quote": "Paid \u00e0 vue."}
    page = {"type": "url_citation", "url_citation": {"url": "https://a.test/b"}}
    bare = {"type": "file_citation", "cited_text": "Paid."}

    both, named, text = documents_of([quoted, page, bare, {"type": "file_citation"}])

    assert json.loads(both) == {"id": "a.md", "text": "Paid \u00e0 vue."}
    assert (named, text) == ("https://a.test/b", "Paid.")
