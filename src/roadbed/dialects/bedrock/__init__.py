"""Amazon Bedrock's Converse API, for upstreams: `Converse` and `ConverseStream`."""

from roadbed.dialects.base import Written
from roadbed.dialects.bedrock import write_request as request
from roadbed.dialects.bedrock.errors import DIALECT
from roadbed.dialects.bedrock.parse_answer import Answer

WRITTEN = Written(
    name=DIALECT,
    write=request.write,
    prepend=request.prepend,
    stream=request.stream,
    reader=Answer,
    reserved=request.RESERVED,
    lacks=("seed",),
    merged=request.MERGED,
)
