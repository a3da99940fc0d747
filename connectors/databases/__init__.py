"""Tables and views of databases."""
