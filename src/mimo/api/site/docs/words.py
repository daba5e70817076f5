"""What the /docs page says between its tables, as HTML; `{host}` and `{model}` are filled in by `docs.py`."""

from __future__ import annotations

HEADER = """<header><div><h1>MiMo API</h1><p>Every parameter is applied exactly or refused with a 400 that names it,
 on every engine. Base URL <code>http://{host}/v1</code></p><nav><a href="#start">Start</a><a href="#models">Models</a>
<a href="#parameters">Parameters</a><a href="#protocols">Protocols</a><a href="#answer">The answer</a>
<a href="#errors">Errors</a><a href="#routes">Routes</a><a href="/openapi.json">OpenAPI</a></nav></div></header>"""

EXAMPLES = """<div class="pair"><figure><figcaption>curl</figcaption><pre>curl http://{host}/v1/chat/completions \\
  -H "content-type: application/json" \\
  -d '{{
    "model": "{model}",
    "messages": [{{"role": "user", "content": "Hello!"}}],
    "temperature": 0.8,
    "max_completion_tokens": 1024
  }}'</pre></figure>
<figure><figcaption>Python, openai</figcaption><pre>from openai import OpenAI

client = OpenAI(
    base_url="http://{host}/v1",
    api_key="unused",
)
stream = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Hello!"}}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="")</pre></figure></div>
<p>Where keys are configured, send one as <code>Authorization: Bearer KEY</code>, <code>api-key</code> or
<code>x-api-key</code>.</p>"""

MODELS_NOTE = """<p><code>GET /v1/models/ID</code> says who really answers, in <code>served_by</code>, and in its
<code>input</code> what that takes: images, audio and video are refused by name where the engine here has no place for
them.</p>"""

PARAMETERS_NOTE = """<p>Absent and <code>null</code> mean the default. Bounds are inclusive. What was really used comes
back in the header <code>x-mimo-parameters</code>; a field nobody knows is named in <code>x-mimo-ignored</code>.</p>"""

PROTOCOLS = """<div class="pair"><figure><figcaption>Python, anthropic</figcaption><pre>from anthropic import Anthropic

client = Anthropic(
    base_url="http://{host}", api_key="unused"
)
message = client.messages.create(
    model="{model}",
    max_tokens=1024,
    messages=[{{"role": "user", "content": "Hello!"}}],
)
print(message.content[-1].text)</pre></figure>
<figure><figcaption>Python, openai: the Responses API</figcaption><pre>client = OpenAI(
    base_url="http://{host}/v1", api_key="unused"
)
response = client.responses.create(
    model="{model}",
    input="Hello!",
    max_output_tokens=1024,
)
print(response.output_text)</pre></figure></div>
<p>Four protocols, one contract: a parameter has the same bounds, default and meaning under every name below, and an
error names the field as it was sent. <code>/v1/messages</code> is Anthropic's, also below <code>/anthropic</code>; its
errors have Anthropic's envelope, and a trailing assistant message is continued. <code>/v1/responses</code> stores
nothing: send the whole conversation as <code>input</code>. <code>/v1/completions</code> continues raw text or token
ids, with no template before and nothing split off after.</p>"""

ANSWER = """<p>A <code>chat.completion</code> object, or with <code>stream: true</code> server-sent events:</p>
<pre>data: {…"choices":[{"index":0,"delta":{"role":"assistant","content":""},…}]}
data: {…"choices":[{"index":0,"delta":{"reasoning_content":"Let me see"},…}]}
data: {…"choices":[{"index":0,"delta":{"content":"Hello"},…}]}
data: {…"choices":[{"index":0,"delta":{},…"finish_reason":"stop"}]}
data: {…"choices":[],"usage":{…}}          only with stream_options {"include_usage": true}
data: [DONE]</pre>
<p>Joined, a stream is the answer that is not streamed, for the same seed. An error after the first event is one
<code>data: {"error": …}</code>, and the stream ends without <code>[DONE]</code>. <code>finish_reason</code> is
<code>stop</code> after the end of the turn or a stop text, and <code>length</code> at the token limit or the end of the
window; <code>usage.completion_tokens</code> counts the reasoning too.</p>"""

ERRORS_NOTE = """<pre>{"error": {"code": "invalid_request", "message": "temperature must be between 0 and 2, got 2.5",
           "param": "temperature", "type": "error"}}</pre><p>Every answer has an <code>x-request-id</code>: your own if
you sent one.</p>"""
