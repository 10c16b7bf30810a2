"""Answers of upstreams, written by hand: whole, and as the bytes of a stream."""

import json
from types import MappingProxyType

import msgspec

from roadbed.transport.events import Events
from tests.adapters.providers.speaks_bedrock import event as frame


def dumps(value):
    return json.dumps(value).encode()


def arguments(said):
    """Return the input of a tool as it stands in a body, to the byte."""
    return msgspec.Raw(said.text.encode())


def sse(*events, named=False):
    """Return server-sent events; `named` ones have their type as a name."""
    heads = [f"event: {e['type']}\n".encode() if named else b"" for e in events]
    datas = [b"data: %b\n\n" % msgspec.json.encode(e) for e in events]
    return b"".join(h + d for h, d in zip(heads, datas, strict=True))


class _Sse:
    counts_thoughts = True

    def frames(self):
        return Events()


class OpenAI(_Sse):
    finishes = ("stop", "length", "content_filter")

    def whole(self, answer):
        message = {"role": "assistant", "content": None}
        for said in answer.said:
            if said.kind == "tool":
                function = {"name": said.name, "arguments": said.text}
                call = {"id": said.id, "type": "function", "function": function}
                message.setdefault("tool_calls", []).append(call)
            else:
                message[_OPENAI[said.kind]] = said.text
        finish = {"finish_reason": answer.finish}
        choice = {"index": 0, "message": message, **finish}
        return dumps(self._body([choice]) | {"usage": self._usage(answer.usage)})

    def stream(self, answer):
        deltas, calls = [{"role": "assistant", "content": ""}], 0
        for said in answer.said:
            if said.kind != "tool":
                deltas += [{_OPENAI[said.kind]: piece} for piece in said.pieces]
                continue
            function = {"name": said.name, "arguments": ""}
            head = {"index": calls, "id": said.id, "type": "function"}
            deltas.append({"tool_calls": [head | {"function": function}]})
            for piece in said.pieces:
                part = {"index": calls, "function": {"arguments": piece}}
                deltas.append({"tool_calls": [part]})
            calls += 1
        choices = [{"index": 0, "delta": d, "finish_reason": None} for d in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": answer.finish})
        usage = self._body([]) | {"usage": self._usage(answer.usage)}
        return sse(*(self._body([c]) for c in choices), usage) + b"data: [DONE]\n\n"

    def _body(self, choices):
        head = {"id": "1", "object": "chat.completion.chunk", "created": 1}
        return head | {"model": "m", "choices": choices}

    def _usage(self, usage):
        return {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        }


_OPENAI = {"text": "content", "thinking": "reasoning_content"}


class Gemini(_Sse):
    finishes = ("stop", "length", "content_filter")
    ends = MappingProxyType(
        {
            "stop": "STOP",
            "tool_calls": "STOP",
            "length": "MAX_TOKENS",
            "content_filter": "SAFETY",
        }
    )

    def whole(self, answer):
        parts = [self._part(said, said.text) for said in answer.said]
        finish = self.ends[answer.finish]
        return msgspec.json.encode(self._body(answer, parts, finish))

    def stream(self, answer):
        parts = [
            self._part(said, piece)
            for said in answer.said
            for piece in (said.pieces if said.kind != "tool" else (said.text,))
        ]
        bodies = [self._body(answer, [part], None) for part in parts]
        bodies.append(self._body(answer, [], self.ends[answer.finish]))
        return sse(*bodies)

    def _part(self, said, text):
        if said.kind == "tool":
            call = {"id": said.id, "name": said.name, "args": arguments(said)}
            return {"functionCall": call}
        return {"text": text} | ({"thought": True} if said.kind == "thinking" else {})

    def _body(self, answer, parts, finish):
        usage = answer.usage
        written = usage.output_tokens - usage.reasoning_tokens
        candidate = {"content": {"parts": parts, "role": "model"}}
        return {
            "candidates": [candidate | ({"finishReason": finish} if finish else {})],
            "modelVersion": "m",
            "usageMetadata": {
                "promptTokenCount": usage.input_tokens,
                "candidatesTokenCount": written if finish else 0,
                "thoughtsTokenCount": usage.reasoning_tokens,
                "cachedContentTokenCount": usage.cached_tokens,
            },
        }


class Bedrock:
    counts_thoughts = False
    finishes = ("stop", "length", "content_filter")
    ends = MappingProxyType(
        {
            "stop": "end_turn",
            "tool_calls": "tool_use",
            "length": "max_tokens",
            "content_filter": "guardrail_intervened",
        }
    )

    def frames(self):
        from roadbed.adapters.providers.bedrock.frames import (  # noqa: PLC0415
            BinaryFrames,
        )

        return BinaryFrames()

    def whole(self, answer):
        blocks = []
        for said in answer.said:
            if said.kind == "tool":
                use = {"toolUseId": said.id, "name": said.name}
                blocks.append({"toolUse": use | {"input": arguments(said)}})
            elif said.kind == "thinking":
                blocks.append(
                    {"reasoningContent": {"reasoningText": {"text": said.text}}}
                )
            else:
                blocks.append({"text": said.text})
        message = {"role": "assistant", "content": blocks}
        return msgspec.json.encode(
            {
                "output": {"message": message},
                "stopReason": self.ends[answer.finish],
                "usage": self._usage(answer.usage),
            }
        )

    def stream(self, answer):
        events = [frame("messageStart", role="assistant")]
        for at, said in enumerate(answer.said):
            here = {"contentBlockIndex": at}
            if said.kind == "tool":
                head = {"toolUseId": said.id, "name": said.name}
                events.append(
                    frame("contentBlockStart", start={"toolUse": head}, **here)
                )
            for piece in said.pieces:
                delta = self._delta(said.kind, piece)
                events.append(frame("contentBlockDelta", delta=delta, **here))
            events.append(frame("contentBlockStop", **here))
        events.append(frame("messageStop", stopReason=self.ends[answer.finish]))
        events.append(frame("metadata", usage=self._usage(answer.usage)))
        return b"".join(events)

    def _delta(self, kind, piece):
        if kind == "tool":
            return {"toolUse": {"input": piece}}
        return (
            {"reasoningContent": {"text": piece}}
            if kind == "thinking"
            else {kind: piece}
        )

    def _usage(self, usage):
        return {
            "inputTokens": usage.input_tokens - usage.cached_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.input_tokens + usage.output_tokens,
            "cacheReadInputTokens": usage.cached_tokens,
        }


class Anthropic(_Sse):
    finishes = ("stop", "length")
    ends = MappingProxyType(
        {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}
    )

    def whole(self, answer):
        blocks = [
            self._block(said)
            | (
                {"input": arguments(said)}
                if said.kind == "tool"
                else {said.kind: said.text}
            )
            for said in answer.said
        ]
        message = self._message(answer.usage) | {"content": blocks}
        message["stop_reason"] = self.ends[answer.finish]
        message["usage"]["output_tokens"] = answer.usage.output_tokens
        return msgspec.json.encode(message)

    def stream(self, answer):
        events = [{"type": "message_start", "message": self._message(answer.usage)}]
        for at, said in enumerate(answer.said):
            block, here = self._block(said), {"index": at}
            empty = {"input": {}} if said.kind == "tool" else {said.kind: ""}
            start = {"type": "content_block_start", "content_block": block | empty}
            events += [start | here, {"type": "ping"}]
            for piece in said.pieces:
                delta = {"type": f"{said.kind}_delta", said.kind: piece}
                if said.kind == "tool":
                    delta = {"type": "input_json_delta", "partial_json": piece}
                events.append({"type": "content_block_delta", "delta": delta} | here)
            events.append({"type": "content_block_stop"} | here)
        ended = {"stop_reason": self.ends[answer.finish], "stop_sequence": None}
        counted = {"output_tokens": answer.usage.output_tokens}
        events.append({"type": "message_delta", "delta": ended, "usage": counted})
        return sse(*events, {"type": "message_stop"}, named=True)

    def _block(self, said):
        if said.kind == "tool":
            return {"type": "tool_use", "id": said.id, "name": said.name}
        return {"type": said.kind}

    def _message(self, usage):
        counted = {
            "input_tokens": usage.input_tokens - usage.cached_tokens,
            "cache_read_input_tokens": usage.cached_tokens,
            "output_tokens": 1,
            "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        }
        head = {"id": "m1", "type": "message", "role": "assistant", "model": "m"}
        return head | {"content": [], "stop_reason": None, "usage": counted}


class Responses(_Sse):
    finishes = ("stop", "length", "content_filter")
    ends = MappingProxyType(
        {"length": "max_output_tokens", "content_filter": "content_filter"}
    )

    def whole(self, answer):
        items = [self._item(at, said) for at, said in enumerate(answer.said)]
        return msgspec.json.encode(self._response(answer, items))

    def stream(self, answer):
        started = {"id": "r", "object": "response", "model": "m", "output": []}
        begun = started | {"status": "in_progress"}
        events, items = [{"type": "response.created", "response": begun}], []
        for at, said in enumerate(answer.said):
            items.append(self._item(at, said))
            here = {"output_index": at, "item_id": f"i{at}"}
            empty = items[-1] | _EMPTY[said.kind]
            events.append({"type": "response.output_item.added", "item": empty} | here)
            for piece in said.pieces:
                events.append({"type": _DELTAS[said.kind], "delta": piece} | here)
            done = {"type": "response.output_item.done", "item": items[-1]}
            events.append(done | here)
        ended = self._response(answer, items)
        events.append({"type": f"response.{ended['status']}", "response": ended})
        return sse(*events, named=True)

    def _item(self, at, said):
        if said.kind == "tool":
            known = {"call_id": said.id, "name": said.name, "arguments": said.text}
            return {"type": "function_call", "id": f"i{at}", **known}
        if said.kind == "thinking":
            part = {"type": "summary_text", "text": said.text}
            return {"type": "reasoning", "id": f"i{at}", "summary": [part]}
        part = {"type": "output_text", "text": said.text, "annotations": []}
        head = {"type": "message", "id": f"i{at}", "role": "assistant"}
        return head | {"content": [part]}

    def _response(self, answer, items):
        short = self.ends.get(answer.finish)
        usage = answer.usage
        return {
            "id": "r",
            "object": "response",
            "model": "m",
            "status": "incomplete" if short else "completed",
            "incomplete_details": {"reason": short} if short else None,
            "output": items,
            "usage": {
                "input_tokens": usage.input_tokens,
                "input_tokens_details": {"cached_tokens": usage.cached_tokens},
                "output_tokens": usage.output_tokens,
                "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            },
        }


_EMPTY = {
    "tool": {"arguments": ""},
    "text": {"content": []},
    "thinking": {"summary": []},
}
_DELTAS = {
    "tool": "response.function_call_arguments.delta",
    "text": "response.output_text.delta",
    "thinking": "response.reasoning_summary_text.delta",
}

UPSTREAMS = {
    "openai": OpenAI(),
    "gemini": Gemini(),
    "bedrock": Bedrock(),
    "anthropic": Anthropic(),
    "openai-responses": Responses(),
}
