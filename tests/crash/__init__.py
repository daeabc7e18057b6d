"""A campaign of kills: processes that share runs die at random moments, and what must hold all the
same.

`flows` are the workflows, `worker` is a process that works on them and asks things of them,
`driver` starts, kills and stops such processes. All write down what they do (`notes`), which
is read as one `history` together with the journals; `checks` say what is wrong with a history.
"""
