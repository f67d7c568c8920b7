"""Everything that can go wrong in a way that a user can do something about.

ReflectgenError                exit  the message is one line: what happened, to what, what to do next
├── InputError                  3    nothing readable, wrong field, an input that changed
├── OutputError                 4    the output folder cannot be written, the disk is full
│   └── StoreUnavailable             the database cannot be reached, or another was first: may pass
├── TeacherError                5    an endpoint that answers wrongly or not at all
│   ├── TeacherUnauthorized          401 or 403: always stops a run
│   ├── TeacherNotFound              404: always stops a run
│   ├── TeacherUnavailable           no answer, time-out, 5xx, or an answer that is no completion: may pass
│   ├── TeacherBusy                  429 or 503 under load: may pass, `retry_after_seconds` says when
│   └── RequestRejected              400, 413, 422: this one request will never be answered
├── RecipeError                 6    the job in this folder was begun with other options, or is being worked on
├── VerificationError           7    an export is not what its manifest says
├── PromptError                 8    a prompt that is missing or lacks a variable
└── TrainingError              10    a loss that is no number, or an extra that is not installed
"""


class ReflectgenError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 1


class InputError(ReflectgenError):
    exit_code = 3


class OutputError(ReflectgenError):
    exit_code = 4


class StoreUnavailable(OutputError):
    pass


class TeacherError(ReflectgenError):
    exit_code = 5


class TeacherUnauthorized(TeacherError):
    pass


class TeacherNotFound(TeacherError):
    pass


class TeacherUnavailable(TeacherError):
    pass


class TeacherGone(TeacherUnavailable):
    """There was no answer at all: no connection, one that did not hold, or none in time."""


class TeacherBusy(TeacherUnavailable):
    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RequestRejected(TeacherError):
    pass


class RecipeError(ReflectgenError):
    exit_code = 6


class VerificationError(ReflectgenError):
    exit_code = 7


class PromptError(ReflectgenError):
    exit_code = 8


class TrainingError(ReflectgenError):
    exit_code = 10


class TrainingStopped(TrainingError):
    pass
