"""How providers reach their upstreams over HTTP: guarded, in time, without secrets."""
