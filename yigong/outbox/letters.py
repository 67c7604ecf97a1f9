"""Letters that leave the house: to mailboxes by SMTP, to an address by a signed webhook. Never personal data."""

from __future__ import annotations

import hmac
import json
import smtplib
from typing import Any

import httpx
from django.conf import settings
from django.core.mail import EmailMessage

SECONDS = 10.0  # to wait for a server
SIGNATURE = "X-Yigong-Signature"
#: what the network or a server may say to a letter
AWAY = (OSError, smtplib.SMTPException, httpx.HTTPError)


def is_address(way: str, address: str) -> bool:
    """Whether an address can be written to safely: mailboxes with commas between; https, or http on this machine."""
    if way == "mail":
        parts = [a.strip() for a in address.split(",")]
        return all("@" in a and not set(a) & set("\r\n <>") for a in parts)
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    inside = url.host in ("127.0.0.1", "localhost", "::1")
    safe = url.scheme == "https" or (url.scheme == "http" and inside)
    return safe and bool(url.host) and not url.userinfo


def post(way: str, address: str, key: str, letter: dict[str, Any]) -> None:
    """Send one letter (``title institution zh en link``, a webhook gets all of it). Raises one of ``AWAY``."""
    if way == "mail":
        body = f"{letter['institution']}\n{letter['zh']}\n{letter['en']}\n\n{letter['link']}\n"
        to = [a.strip() for a in address.split(",")]
        EmailMessage(letter["title"], body, settings.DEFAULT_FROM_EMAIL, to).send()
        return
    data = json.dumps(letter, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: signature(key, data)}
    with httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client:
        client.post(address, content=data, headers=headers).raise_for_status()


def signature(key: str, data: bytes) -> str:
    """HMAC-SHA256 of the body."""
    return "sha256=" + hmac.digest(key.encode(), data, "sha256").hex()


def reason(error: Exception) -> str:
    """Why a letter did not leave, short."""
    return f"{type(error).__name__}: {error}"[:200]
