"""From a corpus to its store: shards encoded in several processes; an interrupted preparation goes on."""
