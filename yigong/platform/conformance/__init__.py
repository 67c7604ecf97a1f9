"""Conformance desk (符合性测试): the cases of the interconnection evaluation run against a platform or an endpoint."""
