"""What users of other engines search for leads to the page that answers it, as the first hit.

The search of the built site is tried in a browser, from files.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote_plus

import pytest

SITE = Path(__file__).parent / "_build" / "html"
BROWSER = shutil.which("chromium")
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
    "--virtual-time-budget=20000",
]
HIT = re.compile(r'<li class="kind-\w+"><a href="([^"?#]*)\.html')

QUESTIONS = {
    "retry with backoff": "howto/retry",
    "run steps in parallel": "howto/shape",
    "loop until": "howto/shape",
    "rate limit": "howto/many",
    "human approval": "howto/approve",
    "resume after crash": "howto/recover",
    "cron": "howto/schedules",
    "fastapi": "howto/web",
    "secrets": "howto/resources",
    "change a workflow": "howto/change",
    "time travel": "howto/fork",
    "test without sleeping": "howto/test",
    "kubernetes": "howto/cluster",
    "celery": "coming-from/celery",
}


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="the search runs in Chromium, which is not installed")
@pytest.mark.skipif(not SITE.exists(), reason="the site is not built; see CONTRIBUTING")
@pytest.mark.parametrize(("question", "page"), QUESTIONS.items(), ids=QUESTIONS)
def test_the_first_hit_answers(question: str, page: str, tmp_path: Path) -> None:
    address = f"{(SITE / 'search.html').as_uri()}?q={quote_plus(question)}"
    command = [str(BROWSER), *OPTIONS, f"--user-data-dir={tmp_path}", "--dump-dom", address]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    assert HIT.findall(done.stdout)[:1] == [page]
