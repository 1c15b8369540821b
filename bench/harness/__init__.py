"""Side-by-side benchmark of two builds of mod_ssl: see the README beside this package."""
