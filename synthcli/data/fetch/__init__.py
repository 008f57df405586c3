"""Publishers' files: where they are expected, fetched from and packed for machines without network."""
