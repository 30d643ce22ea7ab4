# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The piece `nvidia_smi`, of one shape on Windows and Linux: the answer, and what went wrong with it as problems."""

from __future__ import annotations

from ..evidence import nvidia_smi
from ..evidence.pieces import Pieces

PIECE = "nvidia_smi"


def smi(pieces: Pieces) -> nvidia_smi.NvidiaSmi | None:
    """The answer of nvidia-smi; None where there is no such program, or where it gave none in time."""
    program = pieces.row(PIECE)
    if program is None:
        return None
    output, errors, code = program.text("stdout"), program.text("stderr"), program.integer("rc")
    if not (output or errors) and pieces.error(PIECE):
        return None  # the error says it already
    answer = nvidia_smi.parse(output or errors)
    if output:
        answer.problems += nvidia_smi.complaints(errors)
    if code not in (0, None) and not answer.problems:
        # It answers in full and complains, of a damaged infoROM for one.
        said = f": {errors}" if errors else ""
        answer.problems.append(
            nvidia_smi.Problem("NVIDIA_SMI_WARNING", f"nvidia-smi ended with code {code}{said}"[:500])
        )
    for problem in answer.problems:
        pieces.problem(PIECE, problem.code, problem.message)
    for gpu in answer.gpus:
        for problem in gpu.problems:
            pieces.problem(PIECE, problem.code, f"{gpu.pci_bus_id or gpu.uuid or gpu.name}: {problem.message}")
    return answer
