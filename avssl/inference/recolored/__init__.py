"""The real-or-recoloured test: pairs that a person sees for a second, on a page that this machine serves to itself."""
