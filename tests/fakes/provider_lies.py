"""How an OpenID provider can lie in a token: in its claims, its header, its bytes, or its signature."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

ISSUER: Final = "https://idp.example"
OTHER_ISSUER: Final = "https://other-idp.example"
CLIENT: Final = "the vault: 1"
SECRET: Final = "s3cret/+ä"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
Json = dict[str, Any]


@cache
def keys() -> Mapping[str, Any]:
    """Return the keys by kid; made once, because RSA takes its time."""
    return {
        "rsa": RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
        "ec": ECKey.generate_key("P-256", {"kid": "ec"}),
        "ed": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
        "new": RSAKey.generate_key(2048, {"kid": "new"}),
    }


def segment(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: Json, payload: bytes, key: Any) -> str:
    """Return a JWS with exactly these bytes as payload."""
    return jws.serialize_compact(header, payload, key, algorithms=[header["alg"]])


def unsigned(header: Json, claims: Json) -> str:
    """Return a token without a signature."""
    return f"{segment(json.dumps(header).encode())}.{segment(json.dumps(claims).encode())}."


def _set(**values: Any) -> Callable[[Json, Json], None]:
    return lambda _, claims: claims.update(values)


def _drop(name: str) -> Callable[[Json, Json], None]:
    def drop(_: Json, claims: Json) -> None:
        del claims[name]

    return drop


def _head(**values: Any) -> Callable[[Json, Json], None]:
    return lambda header, _: header.update(values)


def _moved(name: str, change: Callable[[int], Any]) -> Callable[[Json, Json], None]:
    return lambda _, claims: claims.update({name: change(claims[name])})


def _no_kid(header: Json, _: Json) -> None:
    del header["kid"]


#: Lies in header or claims, signed well.
LIES: Final[Mapping[str, Callable[[Json, Json], None]]] = {
    "invalid-iss": _set(iss="https://idp.example/"),
    "token of another issuer": _set(iss=OTHER_ISSUER),
    "missing-sub": _drop("sub"),
    "sub is a number": _set(sub=7),
    "sub is too long": _set(sub="s" * 256),
    "sub has a line break": _set(sub="ada\nroot"),
    "invalid-aud": _set(aud="somebody else"),
    "missing aud": _drop("aud"),
    "several aud without azp": _set(aud=[CLIENT, "other"]),
    "azp of another": _set(aud=[CLIENT, "other"], azp="other"),
    "several aud with azp": _set(aud=[CLIENT, "other"], azp=CLIENT),
    "missing-iat": _drop("iat"),
    "missing exp": _drop("exp"),
    "kid-absent-single-jwks": _no_kid,
    "kid-absent-multiple-jwks": _no_kid,
    "nonce-invalid": _set(nonce="another"),
    "no nonce": _drop("nonce"),
    "exp in milliseconds": _moved("exp", lambda value: value * 1000),
    "exp is 1e30": _set(exp=1e30),
    "exp is a text": _moved("exp", str),
    "exp is true": _set(exp=True),
    "exp is a fraction": _moved("exp", lambda value: value + 0.5),
    "expired": _moved("exp", lambda value: value - 1000),
    "life of two days": _moved("exp", lambda value: value + 2 * 86400),
    "iat in the future": _moved("iat", lambda value: value + 200),
    "nbf in the future": lambda _, claims: claims.update(nbf=claims["iat"] + 200),
    "events in an ID token": _set(events={EVENT: {}}),
    "type of a logout token": _head(typ="logout+jwt"),
    "type of an access token": _head(typ="at+jwt"),
    "type JWT": _head(typ="JWT"),
    "at_hash of another token": _set(at_hash=segment(bytes(16))),
    "groups overage": lambda _, claims: (claims.pop("groups"), claims.update(_claim_names={"groups": "src1"}))[1],
    "groups overage of Entra": lambda _, claims: (claims.pop("groups"), claims.update(hasgroups=True))[1],
    "groups left out": _drop("groups"),
    "groups is one text": _set(groups="staff"),
    "unknown kid": _head(kid="nobody's"),
}  # fmt: skip


def _payload(claims: Json, old: str, new: str) -> bytes:
    text = json.dumps(claims)
    assert text.count(old) == 1
    return text.replace(old, new).encode()


def _invalid_signature(header: Json, claims: Json) -> str:
    return signed(header, json.dumps(claims).encode(), keys()["new"])


def _with_public_key(encoded: Callable[[Any], bytes]) -> Callable[[Json, Json], str]:
    def sign(header: Json, claims: Json) -> str:
        # joserfc refuses such a key, so this signs by hand.
        head = segment(json.dumps(header | {"alg": "HS256"}).encode())
        body = f"{head}.{segment(json.dumps(claims).encode())}"
        secret = encoded(keys()["rsa"])
        return f"{body}.{segment(hmac.digest(secret, body.encode(), 'sha256'))}"

    return sign


def _own_key_in_header(header: Json, claims: Json) -> str:
    own = keys()["new"].as_dict(private=False)
    return signed(header | {"jwk": own}, json.dumps(claims).encode(), keys()["new"])


def _shared_secret(header: Json, claims: Json) -> str:
    return signed(
        header | {"alg": "HS256"}, json.dumps(claims).encode(), OctKey.import_key(SECRET.encode() * 8)
    )


def _with_header(text: Callable[[Json], bytes]) -> Callable[[Json, Json], str]:
    """Put another header before a good payload, with the signature that the first header had."""

    def swap(header: Json, claims: Json) -> str:
        _, body, mark = signed(header, json.dumps(claims).encode(), keys()["rsa"]).split(".")
        return ".".join((segment(text(header)), body, mark))

    return swap


def _plain(change: Callable[[str], str]) -> Callable[[Json, Json], str]:
    return lambda header, claims: change(signed(header, json.dumps(claims).encode(), keys()["rsa"]))


#: Lies in the token's bytes or its signature.
WHOLE_LIES: Final[Mapping[str, Callable[[Json, Json], str]]] = {
    "idtoken-sig-none": lambda header, claims: unsigned(header | {"alg": "none"}, claims),
    "alg None in capitals": lambda header, claims: unsigned(header | {"alg": "nOnE"}, claims),
    "invalid-sig-rs256": _invalid_signature,
    "HS256 with the public key as PEM": _with_public_key(lambda key: key.as_pem(private=False)),
    "HS256 with the public key as JWK": _with_public_key(
        lambda key: json.dumps(key.as_dict(private=False)).encode()
    ),
    "HS256 with the client's secret": _shared_secret,
    "ES256 over an RSA key": _with_header(lambda header: json.dumps(header | {"alg": "ES256"}).encode()),
    "key in the header": _own_key_in_header,
    "member twice in the claims": lambda header, claims: signed(
        header, _payload(claims, '"sub"', '"sub": "root", "sub"'), keys()["rsa"]
    ),
    "member twice in the header": _with_header(lambda _: b'{"alg": "RS256", "alg": "RS256", "kid": "rsa"}'),
    "NaN": lambda header, claims: signed(header, _payload(claims, '"sid-1"', "NaN"), keys()["rsa"]),
    "crit": lambda header, claims: unsigned(header | {"crit": ["exp"]}, claims) + "AAAA",
    "token of 1 MB": lambda header, claims: signed(
        header, json.dumps(claims | {"x": "x" * 700_000}).encode(), keys()["rsa"]
    )[:200_000],
    "claims nested 20,000 deep": lambda header, _: signed(
        header, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, keys()["rsa"]
    ),
    "four segments": _plain(lambda token: token + ".AAAA"),
    "two segments": _plain(lambda token: token.rpartition(".")[0]),
    "padding": _plain(lambda token: token + "=="),
    "line break": _plain(lambda token: token + "\n"),
    "JWS in JSON": _plain(
        lambda token: json.dumps(
            dict(zip(("protected", "payload", "signature"), token.split("."), strict=True))
        )
    ),
    "empty": lambda _header, _claims: "",
}
