"""`lighthouse-migrate notify`: who is told, and does it work?"""

from __future__ import annotations

import typer

from deployment.errors import OperatorError
from runbook.cli import output


def notify(
    context: typer.Context,
    test: bool = typer.Option(False, "--test", help="Send a message to every address now, and say what became of it."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Say which services are told about rollbacks, holds, gates, a lost guard and finished weeks."""
    from runbook import notify as notify_module
    from runbook import settings as settings_module
    from runbook.notify import ENVIRONMENT, News, Notifier, addresses, service

    settings = settings_module.load(settings_module.find(context.obj))
    urls = addresses(settings.notify)
    if not urls:
        raise settings_module.SettingsError(
            "nobody is told: there is no address",
            f'`[notify] urls = ["mailto://…"]` in {settings.path}, or {ENVIRONMENT} in the environment',
        )
    if not test:
        told = [str(news) for news in News if news is not News.TEST]
        if as_json:
            output.out_json({"format": 1, "kind": "notify", "services": [service(u) for u in urls], "news": told})
            return
        output.out_lines(service(url) for url in urls)
        output.out_lines([f"told about: {', '.join(told)}", "next: `lighthouse-migrate notify --test`"])
        return
    notifier = Notifier(urls, settings.name, lambda _line: None)
    notifier.tell(News.TEST, "this is a test; nothing happened")
    sent = notifier.settle(notify_module.SECONDS + 3.0)
    rows = [{"service": s.service, "sent": s.sent, "why": s.why} for s in sent]
    if as_json:
        output.out_json({"format": 1, "kind": "notify-test", "results": rows})
    else:
        output.out_lines(f"{'[ok]  ' if s.sent else '[FAIL]'} {s.service}  {s.why}".rstrip() for s in sent)
    failed = sum(not s.sent for s in sent)
    if failed or len(sent) < len(urls):
        raise OperatorError(
            f"{failed or len(urls) - len(sent)} of {len(urls)} addresses cannot be told",
            "correct the address: https://github.com/caronc/apprise/wiki describes each service's",
        )
