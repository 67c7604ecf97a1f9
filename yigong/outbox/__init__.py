"""Events between modules: table, dispatch, idempotence."""
