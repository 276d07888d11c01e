"""Who is tested: target files, addresses, and the policy on what may be sent where."""
