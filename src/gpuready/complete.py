"""What a shell offers for a word that has begun; where nothing is known, nothing, and never a complaint."""

from __future__ import annotations

from collections.abc import Callable

from gpuready.errors import GpureadyError
from gpuready.wishes import ANY, AUTO


def _begun(words: object, incomplete: str) -> list[str]:
    return [str(word) for word in words if str(word).startswith(incomplete)] if isinstance(words, tuple | list) else []


def stacks(incomplete: str) -> list[str]:
    """The stacks that ship, and that word which leaves the choice."""
    return [*_begun((AUTO,), incomplete), *shipped_stacks(incomplete)]


def shipped_stacks(incomplete: str) -> list[str]:
    """The stacks that ship."""
    from gpuready import project

    try:
        return _begun(project.stacks(project.root()).names, incomplete)
    except GpureadyError:
        return []


def targets(incomplete: str) -> list[str]:
    """Where a stack may be."""
    return [word for word in words("environment")(incomplete) if word != ANY]


def words(wish: str) -> Callable[[str], list[str]]:
    """The words of a wish."""

    def offered(incomplete: str) -> list[str]:
        from gpuready import contract, project

        try:
            return _begun(contract.load(project.root()).wishes.get(wish) or (), incomplete)
        except GpureadyError:
            return []

    return offered


def only(incomplete: str) -> list[str]:
    """The words of --only, the last of those that stand there with commas."""
    from gpuready import newest

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{word}" for word in _begun(list(newest.WORDS), last)]
