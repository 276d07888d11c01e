"""The local I.AM Connect: realms, clients, people, tokens, and their routes over HTTP."""
