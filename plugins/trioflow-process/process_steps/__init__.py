"""Steps that the tests run in worker processes, which import them from here, by topic.

It stands beside the folder of the tests, for in there every plugin's modules would be ``tests.x``.
"""
