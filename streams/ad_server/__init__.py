"""The ad server: creatives out, impressions and clicks back."""
