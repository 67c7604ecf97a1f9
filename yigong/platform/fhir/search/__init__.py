"""Search: what was asked read into clauses, clauses compiled to SQL, pages, and what goes along with them."""
