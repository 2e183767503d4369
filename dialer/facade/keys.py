"""`dialer.keys`: who may come over HTTP, for which workspace, and what for."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pydantic_core import PydanticCustomError

from dialer.domain.client import DEFAULT_SCOPES, ApiKey, NewKey, Scope
from dialer.domain.fields import read_name
from dialer.domain.reference import as_id
from dialer.errors import FieldError, LoadRefused, shown
from dialer.ports import Switchboard

KEY_PREFIX: Final = "oc_live_"
#: 256 random bits: nobody guesses them, so that a plain SHA-256 is enough at rest.
_RANDOM_BYTES: Final = 32
#: The ledger keeps the last use to the minute; asking it more often would be a write for each request.
_USE_SHOWN: Final = timedelta(minutes=1)


class Keys:
    """API keys. The ledger has digests only: what `create` returns is seen once."""

    def __init__(self, desk: Switchboard) -> None:
        self._desk = desk

    def create(self, workspace_id: str, scopes: Iterable[str | Scope] = DEFAULT_SCOPES) -> NewKey:
        """A new key of this workspace; LoadRefused where a name or a scope cannot be."""
        wanted = _read(workspace_id, scopes)
        api_key, api_secret = KEY_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES), secrets.token_urlsafe(_RANDOM_BYTES)
        kept = self._desk.ledger.keys.create(workspace_id, wanted, digest(api_key), digest(api_secret))
        return NewKey(kept.key_id, workspace_id, api_key, api_secret)

    def entries(self, workspace_id: str | None = None) -> list[ApiKey]:
        """In the order of their creation, revoked ones too."""
        return self._desk.ledger.keys.entries(workspace_id)

    def revoke(self, key_id: str) -> bool:
        """From the next request on; False when there is no such key, or it was revoked before."""
        known = as_id(key_id)
        return known is not None and self._desk.ledger.keys.revoke(known)

    def verified(self, api_key: str, api_secret: str | None = None) -> ApiKey | None:
        """Whose key this is, and its use recorded; None when it is unknown or revoked, or its secret another.

        Without a secret the key alone counts.
        """
        wanted = digest(api_key)
        found = self._desk.ledger.keys.find(wanted)
        if found is None or found[0].revoked_at is not None:
            return None
        key, secret_digest = found
        if api_secret is not None and not hmac.compare_digest(secret_digest, digest(api_secret)):
            return None
        self._note_use(key)
        return key

    def _note_use(self, key: ApiKey) -> None:
        if key.last_used_at is None or self._desk.clock.utc() - key.last_used_at >= _USE_SHOWN:
            self._desk.ledger.keys.used(key.key_id)


def digest(secret: str) -> str:
    """How the ledger keeps it. Looking one up tells a listener nothing: whoever could shape a digest knew its key."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _read(workspace_id: str, scopes: Iterable[str | Scope]) -> list[Scope]:
    wrong: list[FieldError] = []
    try:
        read_name(workspace_id)
    except PydanticCustomError as error:
        wrong.append(FieldError(error.type, "workspace", shown(workspace_id), error.message()))
    words = list(dict.fromkeys(scopes))
    expected = f"expected one of {', '.join(Scope)}"
    wrong.extend(FieldError("FIELD_TYPE", "scope", shown(word), expected) for word in words if word not in set(Scope))
    if not words:
        wrong.append(FieldError("FIELD_MISSING", "scope", None, expected))
    if wrong:
        raise LoadRefused(wrong)
    return [Scope(word) for word in words]
