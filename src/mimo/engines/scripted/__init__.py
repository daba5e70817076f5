"""The engine without a model: plays a given script of tokens, and samples where the script gives logits.

For people who test their own clients, and for our own tests. It knows no model and needs no library. A script is JSON:

    {"answers": [{"when": "weather", "steps": ["Sunny", {"logits": {".": 2.0, "!": 1.0}}]}, {"steps": ["Hi", "!"]}],
     "delay": 0.0, "context_window": 32768, "queue": 64}

The first answer whose `when` occurs in the prompt is played; without `when` it always fits. Every step is one token: a
string is the text it stands for (a control token's name, `<think>`, is that control token), an array of integers 0–255
its bytes, and `{"logits": {TEXT: LOGIT}}` is sampled with the request's parameters by the local engine's own sampler;
`{"random": true}` is too, over all tokens alike. `{"repeat": N, "steps": […]}` plays steps N times. After the last step
the turn ends. Under a grammar, steps that it does not allow are passed over, and what is missing
at the end is drawn at random. `delay`: seconds before each step.
"""
