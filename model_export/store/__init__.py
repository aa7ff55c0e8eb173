"""Model versions: files, registry, champion."""
