"""`gpuready doctor`: is this controller able, is what the inventory says meant so, is each PC reachable.

Nothing is changed anywhere. What could not be checked is said to be unchecked, which is no pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gpuready import contract, inventory, project
from gpuready.doctor import controller, reach, written
from gpuready.doctor.finding import Finding, unchecked
from gpuready.errors import GpureadyError
from gpuready.plain import clean

WORDS = {"ok": "ok", "wrong": "MEND", "warning": "look at", "unchecked": "not checked"}


def examine(
    sources: Sequence[str],
    *,
    offline: bool = False,
    password: str | None = None,
    vault: Path | None = None,
) -> Iterator[Finding]:
    """What is found, in order: the controller, the inventory, the PCs. Raises GpureadyError for no inventory at all."""
    base = project.root()
    resolved = [inventory.resolve(one) for one in sources]
    listed, complaint = None, ""
    if resolved:
        try:
            listed = inventory.listing(resolved, base, vault_password_file=vault, stacks=project.stacks(base))
        except GpureadyError as error:
            complaint = str(error)
    yield from controller.examine(base, listed.hosts if listed else {} if resolved else None)
    if not resolved:
        yield unchecked("lab", "no lab was given", "Give it: -i LAB.")
        return
    if complaint:
        yield Finding("inventory", "wrong", complaint)
    yield from written.examine(resolved, contract.load(base), listed, asked=password is not None)
    if listed is None:
        return
    if offline:
        yield unchecked("PCs", "nobody was asked (--offline)", "Leave --offline out once they are switched on.")
    else:
        yield from reach.examine(listed.hosts, resolved, password=password, vault=vault)


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """For a person: a line a finding and its fix below; the counts last. Names are never cut."""
    width = max((len(WORDS[one.state]) for one in found), default=0)
    for one in found:
        code = f" ({one.code})" if one.code else ""
        yield clean(f"{WORDS[one.state].ljust(width)}  {one.what}: {one.said}{code}")
        if one.next_step and one.state != "ok":
            yield clean(f"{' ' * width}    next: {one.next_step}")
    states = [one.state for one in found]
    counts = [
        f"{states.count('wrong')} to mend",
        f"{states.count('warning')} to look at",
        f"{states.count('unchecked')} not checked",
        f"{states.count('ok')} well",
    ]
    yield f"{', '.join(counts)}."
