"""Real weights, as people have them: tokens per second, waits and memory, and llama-server's. Part `real` of the run.

files.py    the models, from packages, by hash     servers.py   what is compared, and how it is started
grid.py     what is measured                       page.py      its tables and picture
"""
