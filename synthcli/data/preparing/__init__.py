"""How a store is made: rows are cut into shards, engines encode them, a work folder keeps what is done."""
