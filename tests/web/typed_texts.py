"""Every field of text in the contract: those whose words are sealed, and those kept as they are, with the reason."""

#: The operations that enter and change an entry of the register of authority requests.
AUTHORITY_REQUESTS = (
    ("POST", "/authority-requests"),
    ("PATCH", "/authority-requests/{authority_request}"),
)
_INTEGRATION = ("key", "client.id", "client.secret", "settings{}", "description")
#: Fields that hold words, by operation. Each gets a marker here, and no marker may be found.
SEALED = {
    ("PUT", "/recording-switch", "reason"),
    ("POST", "/closure", "reason"),
    ("PUT", "/request-callback", "url"),
    *(("POST", "/event-endpoints", one) for one in ("url", "description")),
    *(("PATCH", "/event-endpoints/{endpoint}", one) for one in ("url", "description")),
    *(
        ("POST", "/integrations", one)
        for one in ("key", "client.id", "client.secret", "settings{}", "description", "recipient")
    ),
    *(
        ("POST", "/integration-preview", one)
        for one in ("key", "client.id", "client.secret", "settings{}", "description", "recipient")
    ),
    *(
        ("PATCH", "/integrations/{integration}", one)
        for one in ("key", "client.id", "client.secret", "settings{}", "description")
    ),
    ("PUT", "/consent-policy", "reason"),
    ("PUT", "/consent-policy", "overrides[].reason"),
    ("PATCH", "/consent-policy", "reason"),
    ("PATCH", "/consent-policy", "overrides[].reason"),
    ("PUT", "/objections/{number}", "reason"),
    *(
        ("PUT", "/sign-in-connections/{name}", one)
        for one in (
            "issuer",
            "client_id",
            "client_secret",
            "scopes[]",
            "acr_values[]",
            "claim[]",
            "roles[].value",
            "roles[].agents[]",
        )
    ),
    *(("POST", "/members", one) for one in ("name", "email", "agents[]")),
    *(("PATCH", "/members/{member}", one) for one in ("name", "email", "agents[]")),
    ("PUT", "/connections/{name}", "next_url"),
    ("PUT", "/connections/{name}", "api_base"),
    ("PUT", "/connections/{name}", "credentials{}"),
    ("PUT", "/connections/{name}", "previous_credentials{}"),
    ("PUT", "/calls/{call_ref}", "agent"),
    ("PUT", "/calls/{call_ref}", "from"),
    ("PUT", "/calls/{call_ref}", "to"),
    ("PUT", "/calls/{call_ref}", "metadata{}"),
    ("PATCH", "/calls/{call_ref}", "metadata{}"),
    ("PATCH", "/recordings/{recording}", "metadata{}"),
    *(
        ("POST", "/webhooks/{provider}/{connection}", f"data.{one}")
        for one in ("agent", "from", "to", "recording_url", "metadata{}")
    ),
    ("PUT", "/recordings/{recording}/restriction", "reason"),
    ("POST", "/recordings/{recording}/refusal", "reason"),
    ("POST", "/recordings/{recording}/release", "reason"),
    ("POST", "/recordings/{recording}/retry", "recording_url"),
    ("POST", "/recordings/{recording}/redactions", "reason"),
    ("POST", "/recordings/{recording}/links", "listener"),
    ("POST", "/recordings/{recording}/links", "purpose_text"),
    ("POST", "/recordings/{recording}/notes", "text"),
    ("PATCH", "/recordings/{recording}/notes/{note}", "text"),
    ("POST", "/links/revocation", "listener"),
    ("POST", "/link-cuts", "listener"),
    *(("POST", "/requests", one) for one in ("channel", "identities[].value", "reference", "wish")),
    *(
        ("POST", "/requests/{request_id}/decision", one)
        for one in ("reason", "statute", "verdicts{}.statute")
    ),
    ("POST", "/requests/{request_id}/extension", "reason"),
    *(
        ("PUT", "/processing-record", f"{contact}.{part}")
        for contact in ("controller", "joint_controllers[]", "representative", "officer", "processor")
        for part in ("name", "address", "contact")
    ),
    *(
        ("PUT", "/processing-record", field)
        for field in (
            *("purposes[].purpose", "purposes[].explanation", "persons[]", "data[]", "measures[]"),
            *("requests_to", "authority"),
        )
    ),
    *(
        (method, path, field)
        for method, path in (("POST", "/recipients"), ("PATCH", "/recipients/{recipient}"))
        for field in ("name", "address", "contact", "purpose")
    ),
    *(
        (method, path, field)
        for method, path in AUTHORITY_REQUESTS
        for field in ("instrument", "statute", "numbers[]", "reviewer", "handover", "not_told_reason")
    ),
    ("POST", "/authority-requests", "authority"),
    *(("POST", "/holds", one) for one in ("name", "reason", "covers.numbers[]")),
    *(
        ("PUT", "/retention-policy", field)
        for field in (
            *("classes[].purpose", "classes[].statute", "classes[].match.agent"),
            *("decisions[].reason", "told_reason"),
        )
    ),
}
#: Fields that are kept as they are, and why they may be.
_SPOKEN = "a notice is played or read to every caller"
_NAME = "a name by which the vault's admins find a thing again"
_CODE = "a code of a known set or pattern: a place, a language, a key of the telephone, an id"
_DAY = "a day, sealed with the words of its entry"
_CONTRACT = ("contract.signed_on", "contract.ends_on")
_NOTICE = ("controller", "full_notice", "purposes", "refusal", "retention", "text")
CLEAR = {
    ("POST", "/integrations", "system"): _CODE,
    ("POST", "/handovers/{handover}/decision", "contact"): "names one of the candidates, and is not kept",
    ("POST", "/integrations", "country"): _CODE,
    ("POST", "/integrations", "policy.connections[]"): _CODE,
    ("PATCH", "/integrations/{integration}", "policy.connections[]"): _CODE,
    ("POST", "/integration-preview", "system"): _CODE,
    ("POST", "/integration-preview", "country"): _CODE,
    ("POST", "/integration-preview", "policy.connections[]"): _CODE,
    ("PUT", "/v1/accounts/{account}", "name"): _NAME,
    ("PUT", "/v1/accounts/{account}", "locale"): _CODE,
    ("PUT", "/v1/accounts/{account}", "region"): "is compared with the label of the vault, and not kept",
    ("POST", "/v1/keys", "name"): _NAME,
    ("PUT", "/provisioning", "connection"): "names a sign-in connection, and is not kept",
    **{
        ("POST", "/sign-in-connection-test", one): "is asked of the provider once, and not kept"
        for one in (
            *("issuer", "client_id", "client_secret", "scopes[]", "acr_values[]", "claim[]"),
            *("roles[].value", "roles[].agents[]"),
        )
    },
    ("POST", "/v1/keys", "account"): _NAME,
    ("PUT", "/connections/{name}", "provider"): _CODE,
    **{
        ("POST", path, field): "names recordings, and is not kept"
        for path in ("/contact-ends", "/contact-ends/withdrawal")
        for field in ("numbers[]", "calls[]")
    },
    **{
        (method, "/consent-policy", one): _CODE
        for method in ("PUT", "PATCH")
        for one in ("home_place", "overrides[].place", "keys.accept", "keys.decline", "keys.object")
    },
    ("POST", "/event-endpoints", "types[]"): _CODE,
    ("POST", "/event-endpoints/{endpoint}/replay", "event"): _CODE,
    ("PATCH", "/event-endpoints/{endpoint}", "types[]"): _CODE,
    ("POST", "/h/{door}", "link"): "a link, which is not kept",
    **{
        (
            "POST",
            "/webhooks/{provider}/{connection}",
            f"data.{one}",
        ): "a name by which the platform finds a thing again"
        for one in ("call_ref", "recording_ref")
    },
    **{("POST", "/link-checks", one): "is compared, and not kept" for one in ("link", "address")},
    ("POST", "/p/{token}/open", "nonce"): "a random value of the page, of which a hash is kept",
    **{("PUT", "/calls/{call_ref}", one): _CODE for one in ("from_place", "to_place", "language")},
    ("POST", "/calls/{call_ref}/consent", "notice"): _CODE,
    ("POST", "/recordings/{recording}/links", "networks[]"): "a range of addresses that a link is bound to",
    ("POST", "/links/revocation", "recording"): _CODE,
    ("POST", "/recordings/{recording}/redactions", "proposal"): _CODE,
    **{("POST", "/link-cuts", one): _CODE for one in ("recording", "jti")},
    ("POST", "/link-cuts", "key"): _NAME,
    **{("PUT", "/link-keys/{name}", one): _CODE for one in ("challenge", "proof")},
    ("PUT", "/link-keys/{name}", "public_key"): "public, and checked",
    ("PUT", "/link-keys/{name}", "networks[]"): "a range of addresses that its links are bound to",
    ("POST", "/approvals/{approval}", "digest"): _CODE,
    ("POST", "/requests", "identities[].region"): _CODE,
    **{
        (method, path, field): "sealed with the words of its entry"
        for method, path in (("POST", "/recipients"), ("PATCH", "/recipients/{recipient}"))
        for field in ("parent", "country", "covers[]", "objection_until", *_CONTRACT)
    },
    ("POST", "/recipients", "since"): _DAY,
    ("POST", "/recipients/{recipient}/end", "until"): _DAY,
    ("POST", "/authority-requests", "country"): _CODE,
    **{(method, path, "recordings[]"): _CODE for method, path in AUTHORITY_REQUESTS},
    **{("POST", "/holds", f"covers.{one}[]"): _CODE for one in ("calls", "recordings")},
    **{
        ("PUT", "/retention-policy", field): _CODE
        for field in (
            *("classes[].class", "classes[].match.place", "decisions[].maximum_of", "decisions[].minimum_of"),
            *("classes[].period", "classes[].minimum", "classes[].maximum", "time_zone"),
        )
    },
    **{
        ("POST", "/retention-policy/preview", field): "a preview keeps a digest alone"
        for field in (
            *("classes[].purpose", "classes[].statute", "classes[].match.agent"),
            *("decisions[].reason", "told_reason"),
            *("classes[].class", "classes[].match.place", "decisions[].maximum_of", "decisions[].minimum_of"),
            *("classes[].period", "classes[].minimum", "classes[].maximum", "time_zone"),
        )
    },
    ("PUT", "/own-key", "key"): "the ARN of a key; the root key wraps it",
    **{
        (method, path, one): _SPOKEN if one in _NOTICE else _CODE
        for method, path in (("POST", "/notices"), ("PUT", "/notices/{notice}"))
        for one in (*_NOTICE, "language", "places[]")
    },
}


class Markers:
    """Distinct words for each sealed field."""

    def __init__(self) -> None:
        """Begin without any."""
        self.used: dict[tuple[str, str, str], str] = {}

    def __call__(self, method: str, path: str, field: str) -> str:
        """Return the field's marker."""
        key = (method, path, field)
        assert key in SEALED
        number = len(self.used)
        marker = (
            f"+141555501{number % 100:02}"
            if field.removeprefix("data.") in {"from", "to", "covers.numbers[]"}
            else f"zq{number:03}qzMarker"
        )
        return self.used.setdefault(key, marker)
