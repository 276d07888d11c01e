"""Values: contract, case, exchange, verdict, result, fault, errors. No file, socket or clock."""
