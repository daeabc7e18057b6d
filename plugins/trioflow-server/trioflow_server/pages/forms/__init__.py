"""Forms that are made from JSON Schemas, and the values that are read from them.

A form works without scripts: what a person adds, removes or chooses is a button of the form, and
the server answers with the form as it then is. It knows of no form but the fields that it gets.
"""
