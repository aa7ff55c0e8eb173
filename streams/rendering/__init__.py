"""Design + words + brand kit -> SVG, PNG, HTML, OpenRTB Native, VAST, speech."""
