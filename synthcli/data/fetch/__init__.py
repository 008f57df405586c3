"""Publishers' files: fetched from where they are, and packed for machines without network."""
