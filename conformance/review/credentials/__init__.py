"""Reviews the credentials of a target: access tokens, key stores, assertions, callers and who they are."""
