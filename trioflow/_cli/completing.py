"""Completes ids on the command line, and installs this in the user's shell.

cyclopts writes the script for the shell, with all commands and options in it. For ids the script
calls ``trioflow __complete``, which ends here.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import trio
from cyclopts.completion.detect import ShellDetectionError, detect_shell
from cyclopts.completion.install import get_default_completion_path

from trioflow._cli.app import make_app
from trioflow._cli.errors import UsageError
from trioflow._cli.plugged import add_commands
from trioflow._cli.stores import Whereabouts, find_store, open_reading
from trioflow._host.plugins import PluginHost
from trioflow.abc import StoredRun

Shell: TypeAlias = Literal["bash", "zsh", "fish"]
SHOWN = 100
"""How many of the newest runs are offered."""
PATIENCE = 10.0
"""Seconds after which a store that does not answer is given up."""
JOIN_COLONS = """
# bash splits words at colons, which are part of URLs such as sqlite:runs.db.
_trioflow_joined() {
  local -a joined=()
  local i n=0 cword=0
  for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
    if ((n > 0)) && [[ ${COMP_WORDS[i]} == :* || ${joined[n - 1]} == *: ]]; then
      joined[n - 1]+=${COMP_WORDS[i]}
    else
      joined[n++]=${COMP_WORDS[i]}
    fi
    ((i <= COMP_CWORD)) && cword=$((n - 1))
  done
  local -a COMP_WORDS=("${joined[@]}")
  local COMP_CWORD=$cword
  _trioflow
}
complete -o default -F _trioflow_joined trioflow
"""


def install(shell: Shell | None) -> None:
    """Install completion for a shell, by default for the one that runs the command line.

    The commands of plugins that are installed now are included.

    Raises:
      UsageError: if the shell cannot be determined, or completion for it is not supported.
      OSError: if a file cannot be written.
    """
    chosen = shell or _running_shell()
    app = make_app()
    add_commands(app, "")
    script = app.generate_completion(shell=chosen)
    if chosen == "bash":
        script += JOIN_COLONS
    path = get_default_completion_path(chosen, "trioflow")
    path.write_text(script, encoding="utf-8")
    if chosen == "bash":
        _add_line(Path.home() / ".bashrc", f". {shlex.quote(str(path))}")
    if chosen == "zsh":
        _add_line(Path.home() / ".zshrc", f"fpath=({shlex.quote(str(path.parent))} $fpath)")
    print(f"completion for {chosen} is installed in {path}; it works in new shells")
    if chosen == "zsh":
        print("~/.zshrc must call compinit: autoload -Uz compinit && compinit")


def _add_line(file: Path, line: str) -> None:
    """Add a line at the beginning of a file of the shell, unless it is there.

    zsh needs it before the user's call of compinit, and bash does not mind. cyclopts would not
    quote the path for zsh.
    """
    content = file.read_bytes() if file.exists() else b""
    wanted = os.fsencode(line)
    if wanted not in content.splitlines():
        file.write_bytes(wanted + b"\n" + content)


def _running_shell() -> Shell:
    try:
        found = detect_shell()
    except ShellDetectionError:
        found = None
    if found is None or found == "powershell":
        remedy = "name it: trioflow --install-completion --shell bash"
        raise UsageError(f"the shell is unknown, or completion for it is not supported; {remedy}")
    return found


# ---------------------------------------------------------------- ids
def workflow_ids() -> Mapping[str, str]:
    """Return the ids of the workflows that plugins provide, with their descriptions."""
    host = PluginHost(keep_broken=True)
    return {id: workflow.description or "" for id, workflow in host.workflows.items()}


def run_ids(store_url: str | None) -> Mapping[str, str]:
    """Return the ids of the newest runs, with their workflow and status.

    Without a store, or if it cannot be read, there are none, and no error: the user has not
    called a command yet.
    """
    kept = find_store(store_url)
    found = () if kept is None else trio.run(_newest_runs, kept)
    return {run.header.run_id: f"{run.header.workflow_id}, {run.status}" for run in found}


async def _newest_runs(kept: Whereabouts) -> Sequence[StoredRun]:
    with trio.move_on_after(PATIENCE):
        async with open_reading(kept) as store:
            return await store.list_runs(limit=SHOWN)
    return ()
