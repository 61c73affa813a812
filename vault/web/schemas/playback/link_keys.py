"""JSON schemas of keys that sign links, of cuts, and of doorways."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from vault.domain.playback.link import DEFAULT_SESSIONS
from vault.domain.playback.link_key import LinkKey, write_public_key
from vault.domain.playback.why_refused import CheckReason
from vault.services.playback.explain_link import LinkCheck
from vault.services.playback.link_cuts import CutRequest, CutView
from vault.services.playback.link_keys import LinkKeyRequest
from vault.web.schemas.base import Body, Flag, MomentIn, MomentOut, Text

_Kind = Literal["player", "media"]
_Name = Annotated[str, Field(min_length=1, max_length=64)]


class DoorwayOut(BaseModel):
    """The doorway of a recording."""

    #: No secret, and valid as long as the recording exists.
    url: str


class ChallengeOut(BaseModel):
    """A text to sign with the private key of the public key that is about to be registered."""

    challenge: str
    expires_at: MomentOut


class LinkKeyIn(Body):
    """A public key that signs links, and the widest link that it may sign."""

    #: PEM, beginning with ``-----BEGIN PUBLIC KEY-----``.
    public_key: Annotated[str, Field(min_length=1, max_length=1000)]
    #: Fixed for the key: a token cannot choose another.
    algorithm: Literal["Ed25519", "ES256"]
    #: Longest life of a link, in seconds.
    max_life: Annotated[int, Field(ge=1, le=86_400)] = 900
    #: Most sessions of a link, and how many it has if it names no number.
    max_sessions: Annotated[int, Field(ge=1, le=1000)] = DEFAULT_SESSIONS
    #: The player alone without this.
    kinds: Annotated[list[_Kind], Field(min_length=1, max_length=2)] | None = None
    #: Networks from which its links open; any without this.
    networks: Annotated[
        list[Annotated[str, Field(max_length=64)]], Field(max_length=64, default_factory=list)
    ]
    #: Whether a link may let the player offer the original as a file.
    download: Flag = False
    #: From then on the key signs nothing.
    not_after: MomentIn | None = None
    #: From `POST /v1/accounts/{account}/link-key-challenges`, of the last ten minutes.
    challenge: Annotated[str, Field(min_length=1, max_length=400)]
    #: The signature over the challenge: base64url of 64 bytes; for ES256, r and s.
    proof: Annotated[str, Field(min_length=1, max_length=100)]

    def wanted(self) -> LinkKeyRequest:
        """Return the key to register."""
        return LinkKeyRequest(
            public_key=self.public_key,
            algorithm=self.algorithm,
            max_life=timedelta(seconds=self.max_life),
            max_sessions=self.max_sessions,
            kinds=self.kinds or ("player",),
            networks=self.networks,
            download=self.download,
            not_after=self.not_after,
            challenge=self.challenge,
            proof=self.proof,
        )


class LinkKeyOut(BaseModel):
    """A registered key."""

    #: The ``kid`` in the header of its tokens.
    id: str
    name: str
    algorithm: str
    public_key: str
    max_life: int
    max_sessions: int
    kinds: list[str]
    networks: list[str]
    download: bool
    not_after: MomentOut | None = None
    created_at: MomentOut
    created_by: str

    @classmethod
    def of(cls, key: LinkKey) -> "LinkKeyOut":
        """Show a key."""
        same = (
            *("id", "name", "algorithm", "max_life", "max_sessions", "download", "not_after"),
            *("created_at", "created_by"),
        )
        return cls(
            **{name: getattr(key, name) for name in same},
            public_key=write_public_key(key),
            kinds=list(key.kinds),
            networks=list(key.networks),
        )


class LinkKeysOut(BaseModel):
    """The keys of an account, ordered by name."""

    items: list[LinkKeyOut]


class LinkCutIn(Body):
    """What to cut: links of one key, recording, listener or token; without any, all links of the account."""

    #: The name of a key.
    key: _Name | None = None
    recording: Annotated[str, Field(max_length=64)] | None = None
    #: As in the claim ``lsn``, or the listener of a link of the vault's own.
    listener: Text | None = None
    #: The claim of the same name.
    jti: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")] | None = None
    #: Links minted before this time open no more. Without it: all until now, by clocks a minute ahead too.
    minted_before: MomentIn | None = None

    def wanted(self) -> CutRequest:
        """Return the cut to make."""
        return CutRequest(
            key=self.key,
            recording=self.recording,
            listener=self.listener,
            jti=self.jti,
            minted_before=self.minted_before,
        )


class LinkCutOut(BaseModel):
    """A cut."""

    id: str
    #: Null for another cut, and for one of a key that was deleted since.
    key: str | None = None
    recording: str | None = None
    listener: str | None = None
    jti: str | None = None
    minted_before: MomentOut
    created_at: MomentOut
    created_by: str

    @classmethod
    def of(cls, view: CutView) -> "LinkCutOut":
        """Show a cut."""
        cut = view.cut
        return cls(
            id=cut.id,
            key=view.key,
            recording=cut.value if cut.target == "recording" else None,
            listener=view.listener,
            jti=cut.value if cut.target == "jti" else None,
            minted_before=cut.minted_before,
            created_at=cut.created_at,
            created_by=cut.created_by,
        )


class LinkCheckIn(Body):
    """A signed link that is to be checked."""

    #: The address of the link, or its token.
    link: Annotated[str, Field(min_length=1, max_length=2000)]
    #: The IP address of a listener; without it the networks of the link are not compared.
    address: Annotated[str, Field(max_length=45)] | None = None


class LinkCheckOut(BaseModel):
    """Whether a link opens now, and if not, why."""

    opens: bool
    reason: CheckReason | None = None
    #: What is wrong and what to do.
    detail: str
    #: The claim that is wrong; `unknown` for one that no link has.
    claim: str | None = None
    #: As the link says; null where its claims were not read.
    expires_at: MomentOut | None = None

    @classmethod
    def of(cls, check: LinkCheck) -> "LinkCheckOut":
        """Show the result."""
        same = ("reason", "detail", "claim", "expires_at")
        return cls(opens=check.reason is None, **{name: getattr(check, name) for name in same})


class LinkCutsOut(BaseModel):
    """Cuts that still refuse something, newest first."""

    items: list[LinkCutOut]
    next_cursor: str | None = None
