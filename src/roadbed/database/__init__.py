"""One relational database, SQLite or PostgreSQL, behind SQLAlchemy Core.

Not a port with an in-memory twin: SQLite is the small one, and the same tests
run on real PostgreSQL.
"""
