"""A conversation's name inside a project, as the `subject` of its signals."""

from urllib.parse import quote_plus, unquote_plus

from ..errors import ContractError
from .signal import is_unicode


def project_subject(project_id: str, conversation_id: str) -> str:
    """`project/<project>/conversation/<conversation>`, each part form-encoded.

    Raises:
        ContractError: a part is blank or no string.
    """
    for field, value in (("project_id", project_id), ("conversation_id", conversation_id)):
        if not isinstance(value, str) or not value.strip():
            message = f"{field} must be a non-blank string, not {value!r}"
            raise ContractError(message, field=field, reason="invalid", value=value)
        if not is_unicode(value):
            message = f"{field} must not hold lone surrogates, as {value!r} does"
            raise ContractError(message, field=field, reason="invalid", value=value)
    return f"project/{quote_plus(project_id)}/conversation/{quote_plus(conversation_id)}"


def parse_subject(subject: str) -> tuple[str, str]:
    """The (project id, conversation id) of a project's subject; the inverse of `project_subject`."""
    head, _, conversation = subject.partition("/conversation/")
    prefix, _, project = head.partition("/")
    names = unquote_plus(project), unquote_plus(conversation)
    if prefix != "project" or not all(name.strip() for name in names):
        message = f"{subject!r} is not of the form project/<id>/conversation/<id>"
        raise ContractError(message, field="subject", reason="invalid", value=subject)
    return names
