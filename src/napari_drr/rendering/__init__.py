"""From a subject and a pose to a radiograph."""
