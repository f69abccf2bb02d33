"""A conversation inside a project has one name, and the name gives both back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jido_nb.core.subject import parse_subject, project_subject
from jido_nb.errors import ContractError

NAMES = st.text(min_size=1).filter(str.strip)


@pytest.mark.parametrize(
    ("project", "conversation", "subject"),
    [
        ("p1", "c1", "project/p1/conversation/c1"),
        ("my project", "a:b", "project/my+project/conversation/a%3Ab"),
        ("a/b", "/conversation/", "project/a%2Fb/conversation/%2Fconversation%2F"),
        ("é", "🙂", "project/%C3%A9/conversation/%F0%9F%99%82"),
    ],
)
def test_each_part_is_form_encoded(project: str, conversation: str, subject: str) -> None:
    assert project_subject(project, conversation) == subject


@given(NAMES, NAMES)
def test_a_subject_gives_its_parts_back(project: str, conversation: str) -> None:
    assert parse_subject(project_subject(project, conversation)) == (project, conversation)


@pytest.mark.parametrize("bad", [None, "", "  ", 7, b"p", "\ud800"])
@pytest.mark.parametrize("field", ["project_id", "conversation_id"])
def test_a_part_must_be_a_name(field: str, bad: Any) -> None:
    parts = {"project_id": "p1", "conversation_id": "c1", field: bad}
    with pytest.raises(ContractError) as caught:
        project_subject(**parts)
    assert (caught.value.field, caught.value.reason) == (field, "invalid")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c1",
        "project/p1",
        "project//conversation/c1",
        "project/p1/conversation/",
        "projects/p1/conversation/c1",
        "project/+/conversation/c1",
        "conversation/c1",
        "project/p1/conversation",
        "xproject/p1/conversation/c1",
    ],
)
def test_other_texts_are_no_subject_of_a_project(text: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_subject(text)
    assert (caught.value.field, caught.value.reason, caught.value.value) == ("subject", "invalid", text)
