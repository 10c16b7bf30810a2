"""Looks at events and responses with the types that the Open Responses project made."""

import json

from openresponses_types import types
from pydantic import TypeAdapter

EVENTS = {
    "response.created": types.ResponseCreatedStreamingEvent,
    "response.in_progress": types.ResponseInProgressStreamingEvent,
    "response.completed": types.ResponseCompletedStreamingEvent,
    "response.incomplete": types.ResponseIncompleteStreamingEvent,
    "response.failed": types.ResponseFailedStreamingEvent,
    "response.output_item.added": types.ResponseOutputItemAddedStreamingEvent,
    "response.output_item.done": types.ResponseOutputItemDoneStreamingEvent,
    "response.content_part.added": types.ResponseContentPartAddedStreamingEvent,
    "response.content_part.done": types.ResponseContentPartDoneStreamingEvent,
    "response.output_text.delta": types.ResponseOutputTextDeltaStreamingEvent,
    "response.output_text.done": types.ResponseOutputTextDoneStreamingEvent,
    "response.output_text.annotation.added": (
        types.ResponseOutputTextAnnotationAddedStreamingEvent
    ),
    "response.refusal.delta": types.ResponseRefusalDeltaStreamingEvent,
    "response.refusal.done": types.ResponseRefusalDoneStreamingEvent,
    "response.reasoning_summary_part.added": (
        types.ResponseReasoningSummaryPartAddedStreamingEvent
    ),
    "response.reasoning_summary_part.done": (
        types.ResponseReasoningSummaryPartDoneStreamingEvent
    ),
    "response.reasoning_summary_text.delta": (
        types.ResponseReasoningSummaryDeltaStreamingEvent
    ),
    "response.reasoning_summary_text.done": (
        types.ResponseReasoningSummaryDoneStreamingEvent
    ),
    "response.function_call_arguments.delta": (
        types.ResponseFunctionCallArgumentsDeltaStreamingEvent
    ),
    "response.function_call_arguments.done": (
        types.ResponseFunctionCallArgumentsDoneStreamingEvent
    ),
    "error": types.ErrorStreamingEvent,
}
RESPONSE = TypeAdapter(types.ResponseResource)


def examined(document):
    """Return *document* if it is a response.

    The examiner's own types hold `schema` to be null, where OpenAI repeats it.
    """
    plain = json.loads(json.dumps(document))
    if plain["text"]["format"]["type"] == "json_schema":
        plain["text"]["format"]["schema"] = None
    RESPONSE.validate_python(plain)
    return document


def examined_stream(data):
    """Return the events in *data*, each of its type, numbered from nought."""
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        first, second = block.split("\n")
        event = json.loads(second.removeprefix("data: "))
        assert first == f"event: {event['type']}"
        EVENTS[event["type"]].model_validate(event)
        if "response" in event:
            examined(event["response"])
        found.append(event)
    assert [e["sequence_number"] for e in found] == list(range(len(found)))
    return found


GROWS = {
    "response.output_text.delta": ("content", "text"),
    "response.refusal.delta": ("content", "refusal"),
    "response.reasoning_summary_text.delta": ("summary", "text"),
}
BEGINS = {
    "response.content_part.added": "content",
    "response.reasoning_summary_part.added": "summary",
}


def assembled(events):
    """Return the output that a caller makes of the events alone, by their rules."""
    output = {}
    for event in events:
        kind, at = event["type"], event.get("output_index")
        if kind == "response.output_item.added":
            output[at] = json.loads(json.dumps(event["item"]))
        elif kind == "response.output_item.done":
            _end(output[at], event["item"])
        elif at is not None:
            _grow(output[at], kind, event)
    return [output[at] for at in sorted(output)]


def _grow(item, kind, event):
    if kind in BEGINS:
        parts = item[BEGINS[kind]]
        assert event.get("content_index", event.get("summary_index")) == len(parts)
        parts.append(event["part"])
    elif kind in GROWS:
        inside, name = GROWS[kind]
        at = event.get("content_index", event.get("summary_index"))
        item[inside][at][name] += event["delta"]
    elif kind == "response.function_call_arguments.delta":
        item["arguments"] += event["delta"]
    elif kind == "response.output_text.annotation.added":
        part = item["content"][event["content_index"]]
        part["annotations"].append(event["annotation"])


def _end(item, told):
    """Take what is known at the end only: who is called, the proof, the status."""
    for late in ("encrypted_content", "call_id", "name", "status"):
        if late in told:
            item[late] = told[late]
