"""Our own lines in the logs: what a backend raised, or a subscriber, may hold a key."""

import logging
from weakref import WeakSet

from ..llm.secrets import scrub
from .redactor import Redactor

_formatter = logging.Formatter()
_redactors: WeakSet[Redactor] = WeakSet()


def heed(redactor: Redactor) -> Redactor:
    """Keep what it knows out of the logs, as long as it lives."""
    _redactors.add(redactor)
    return redactor


def logger_of(name: str) -> logging.Logger:
    """The logger of that name. Its records hold no secrets, whoever handles them: tracebacks come as text."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, _Redaction) for each in logger.filters):
        logger.addFilter(_Redaction())
    return logger


class _Redaction(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _words(record.getMessage()), None
        if record.exc_info:
            record.exc_text = _words(_formatter.formatException(record.exc_info))
            record.exc_info = None
        return True


def _words(text: str) -> str:
    redactors = tuple(_redactors)
    for redactor in redactors:
        text = redactor.words(text)
    return text if redactors else scrub(text)
