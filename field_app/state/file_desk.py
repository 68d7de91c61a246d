"""Files as the screens know them: taking what was picked, showing it, and on which network photos may go.

Owns the choice of Wi-Fi only and a small memory of previews. Keeping is `store/files.py`'s, sending `sync/upload.py`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from common.kernel.outcome import Outcome
from common.policy.file_rules import shipped_rules
from common.policy.policy_set import find_policy
from common.protocol.messages import Unreachable
from field_app.store.files import FileBox, NewFile
from field_app.store.pictures import NotAPicture, kind_of, media_type_of, prepare
from field_app.sync.upload import Uploads

WIFI_ONLY = "files.wifi_only"
UNMETERED = ("wifi", "ethernet")
MB = 1024 * 1024
PREVIEWS_AT_MOST = 200  # of 20 KB


class NotTaken(Exception):
    """A picked file is not attached; `key` names the sentence, `values` fill it."""

    def __init__(self, key: str, **values: str | int) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def _nothing() -> None:
    return None


@dataclass(eq=False)
class FileDesk:
    """One for each tablet. `network`: wifi, ethernet, mobile, none; '' where the platform does not say."""

    box: FileBox
    poke: Callable[[], object] = _nothing
    uploads: Callable[[], Uploads | None] = _nothing
    network: str = ""
    sends_anyway: bool = False  # photos too, on a line that costs, until the choice is made anew
    _previews: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wifi_only = self.box.store.setting(WIFI_ONLY) == "1"

    def take(self, new: NewFile, data: bytes) -> Outcome:
        """Make ready and keep a picked file. Blocks. Raises NotTaken, StoreFullError, BadPayload.

        `new.kind` is what was asked for; what the file is, it says itself.
        """
        media_type = media_type_of(data)
        kind = kind_of(media_type)
        if not kind or (new.kind in ("photo", "voice") and kind != new.kind):
            raise NotTaken("app.files.type_unknown", name=new.name)
        largest = self._largest(kind)
        if len(data) > largest:
            raise NotTaken("app.files.too_large", name=new.name, mb=largest // MB)
        try:
            prepared = prepare(data)
        except NotAPicture:
            raise NotTaken("app.files.not_a_picture", name=new.name) from None
        named = NewFile(new.ticket_id, new.visit_id, kind, new.purpose, new.name, new.taken_at, new.caption)
        outcome = self.box.attach(named, prepared).outcome
        if outcome.took_effect:
            self.poke()
        return outcome

    def preview(self, sha: str) -> bytes | None:
        """Return a small picture; None where it is not here."""
        if not sha:
            return None
        found = self._previews.get(sha) or self.box.read(sha)
        if found is not None:
            self._previews[sha] = found
            while len(self._previews) > PREVIEWS_AT_MOST:
                del self._previews[next(iter(self._previews))]
        return found

    def clear(self) -> None:
        """Forget every file: this tablet is wiped."""
        self._previews.clear()
        self.box.shelf.clear()

    def fetch(self, sha: str) -> bytes:
        """Fetch a file that is not here from the office. Blocks; raises as `FileExchange.fetch`."""
        uploads = self.uploads()
        if uploads is None:
            raise Unreachable
        return uploads.exchange.fetch(sha)

    @property
    def next_try_in_ms(self) -> int:
        """Say when the next portion is tried, in milliseconds; 0 while nothing failed."""
        uploads = self.uploads()
        if uploads is None or not uploads.chunks.failures:
            return 0
        return max(uploads.chunks.next_try_ms - self.box.store.clock.read().mono_ms, 0)

    @property
    def wifi_only(self) -> bool:
        """Say whether photos wait for a line that costs nothing."""
        return self._wifi_only

    def choose_wifi_only(self, only: bool) -> None:
        """Let photos wait for Wi-Fi, or not."""
        self._wifi_only, self.sends_anyway = only, False
        self.box.store.choose(WIFI_ONLY, "1" if only else "")
        self.poke()

    def send_anyway(self) -> None:
        """Send the photos that wait now, whatever the line costs."""
        self.sends_anyway = True
        self.poke()

    @property
    def holds_photos_back(self) -> bool:
        """Say whether photos wait for Wi-Fi now."""
        return self._wifi_only and not self.sends_anyway and self.network not in UNMETERED

    def take_network(self, network: str) -> None:
        """Note what kind of network there is now."""
        if network != self.network:
            self.network = network
            self.poke()

    def _largest(self, kind: str) -> int:
        with self.box.store.read() as session:
            policy = find_policy(session)
        rules = policy.files if policy else shipped_rules()
        known = rules.kind(kind)
        return known.size_max_bytes if known else rules.size_max_bytes
