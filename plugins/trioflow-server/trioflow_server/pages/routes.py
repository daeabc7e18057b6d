"""The table of the pages."""

from __future__ import annotations

from trioflow_server.endpoints import Endpoint
from trioflow_server.pages.actions import act
from trioflow_server.pages.files import serve_file
from trioflow_server.pages.home import home
from trioflow_server.pages.login import log_in, log_out
from trioflow_server.pages.plugin_page import list_plugins
from trioflow_server.pages.run_page import show_run
from trioflow_server.pages.workflow_page import list_workflows, show_workflow, start_run

PAGES = (
    Endpoint(
        method="GET",
        path="/",
        handle=home,
        needs=(),
        is_public=True,
        summary="The list of runs, or the login form",
        answer="html",
    ),
    Endpoint(
        method="POST",
        path="/login",
        handle=log_in,
        needs=(),
        is_public=True,
        summary="Log in",
        answer="html",
        is_form=True,
    ),
    Endpoint(
        method="POST",
        path="/logout",
        handle=log_out,
        needs=("read",),
        summary="Log out",
        answer="html",
        is_form=True,
    ),
    Endpoint(
        method="GET",
        path="/runs/{run_id:path}",
        handle=show_run,
        needs=("read",),
        summary="A run",
        answer="html",
    ),
    Endpoint(
        method="POST",
        path="/runs/{run_id:path}",
        handle=act,
        needs=("read",),
        summary="Cancel, retry, fork or answer a run",
        answer="html",
        is_form=True,
    ),
    Endpoint(
        method="GET",
        path="/workflows",
        handle=list_workflows,
        needs=("read",),
        summary="The list of workflows",
        answer="html",
    ),
    Endpoint(
        method="GET",
        path="/workflows/{workflow_id:path}",
        handle=show_workflow,
        needs=("read",),
        summary="A workflow",
        answer="html",
    ),
    Endpoint(
        method="POST",
        path="/workflows/{workflow_id:path}",
        handle=start_run,
        needs=("read", "start"),
        summary="Start a run",
        answer="html",
        is_form=True,
    ),
    Endpoint(
        method="GET",
        path="/plugins",
        handle=list_plugins,
        needs=("read",),
        summary="The list of plugins",
        answer="html",
    ),
    Endpoint(
        method="GET",
        path="/static/{name}",
        handle=serve_file,
        needs=(),
        is_public=True,
        summary="A file of the pages",
        answer="file",
    ),
)
