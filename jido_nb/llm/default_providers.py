"""The provider table as it comes: a row is a server that is known by name. Yours are added to it, or change a row."""

from collections.abc import Mapping
from typing import Any

from .model_spec import SIMULATED, SIMULATED_OPENAI

# What these servers take beyond OpenAI's own: their documentation of the chat completions endpoint. For anything newer
# there is the option `extra_body`.
_SAMPLING = ("min_p", "repetition_penalty", "top_k")
_VLLM = (
    *_SAMPLING,
    "add_generation_prompt",
    "chat_template_kwargs",
    "continue_final_message",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "ignore_eos",
    "include_reasoning",
    "length_penalty",
    "min_tokens",
    "mm_processor_kwargs",
    "priority",
    "skip_special_tokens",
    "stop_token_ids",
    "structured_outputs",
)
_LLAMACPP = (
    "cache_prompt",
    "chat_template_kwargs",
    "dry_multiplier",
    "dynatemp_range",
    "grammar",
    "id_slot",
    "json_schema",
    "min_p",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "n_predict",
    "reasoning_format",
    "repeat_last_n",
    "repeat_penalty",
    "samplers",
    "top_k",
    "typical_p",
    "xtc_probability",
)
_OPENROUTER = (
    *_SAMPLING,
    "include_reasoning",
    "models",
    "plugins",
    "provider",
    "reasoning",
    "route",
    "top_a",
    "transforms",
    "usage",
)

DEFAULT_PROVIDERS: Mapping[str, Any] = {
    "anthropic": {"kind": "anthropic", "api_key_env": "ANTHROPIC_API_KEY"},
    "openai": {
        "kind": "openai",
        "base_url": "https://api.openai.com/v1",
        "api_key_env": "OPENAI_API_KEY",
        "ends_with": "done",
    },
    "openrouter": {
        "kind": "openai",
        "base_url": "https://openrouter.ai/api/v1",
        "api_key_env": "OPENROUTER_API_KEY",
        "ends_with": "done",
        "extra_options": _OPENROUTER,
    },
    "groq": {
        "kind": "openai",
        "base_url": "https://api.groq.com/openai/v1",
        "api_key_env": "GROQ_API_KEY",
        "ends_with": "done",
        "extra_options": ("include_reasoning", "reasoning_format"),
    },
    "deepseek": {
        "kind": "openai",
        "base_url": "https://api.deepseek.com/v1",
        "api_key_env": "DEEPSEEK_API_KEY",
        "ends_with": "done",
        "extra_options": ("thinking",),
    },
    "ollama": {"kind": "openai", "base_url": "http://127.0.0.1:11434/v1"},
    "vllm": {"kind": "openai", "base_url": "http://127.0.0.1:8000/v1", "ends_with": "done", "extra_options": _VLLM},
    "llamacpp": {"kind": "openai", "base_url": "http://127.0.0.1:8080/v1", "extra_options": _LLAMACPP},
    SIMULATED: {"kind": SIMULATED},
    SIMULATED_OPENAI: {"kind": SIMULATED_OPENAI},
}
