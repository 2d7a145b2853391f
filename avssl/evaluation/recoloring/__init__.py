"""Pictures with colours that a method thought of: how they are made, and how near and how telling they are."""
