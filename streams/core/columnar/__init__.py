"""Record batches -> columns -> state: the hot path, compiled and in pure Python."""
