"""The plainest ChatML, for a model that brings no template: `--chat-template chatml`.

It writes roles and text. It has no place for tools and none for reasoning.
"""

CHATML = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{{- '<|im_start|>assistant\\n' }}"""
