"""The page that shows what the parity gate measured: one HTML file, without network."""
