"""The whole way of a request in two steps: messages in, events out. Read this first.

    prepare   checks → grammar → prompt                                                     CPU only, any thread
    start     prompt → engine → whole characters → reasoning | content | calls → stop → events

An engine that takes messages, and a request with media, skip the prompt: messages → engine → events. What lies between
a `TextRequest` or a `ChatRequest` and its events stands in these files; `api/answer.py` calls them for every protocol.
"""
