"""What a ``.tflite`` file holds beside its graph: the card with its labels, and the graph cut into its two parts."""

import json
from dataclasses import asdict, dataclass, field

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import opcode_to_name, read_model_from_bytearray

from dslite.errors import DsliteError

CARD = "dslite"
"""Name of the metadata entry whose buffer is the card as JSON."""

Content = bytes | bytearray


@dataclass(frozen=True)
class Card:
    """What somebody who has nothing but the file must know.

    Attributes:
        labels: classes in the order of the probabilities; one name for a number.
        samples: length of the waveform that goes in.
        rate: its sample rate in Hz; one channel.
        variant: a name of :data:`dslite.deployment.quantisation.VARIANTS`.
        front_end: the fields of :class:`dslite.front_end.FrontEnd` the file was made with.
        about: where the model comes from (corpus, data, weights, ...), for people.
    """

    labels: tuple[str, ...]
    samples: int
    rate: int
    variant: str
    front_end: dict
    about: dict = field(default_factory=dict)


def attach(content: Content, card: Card) -> bytes:
    """Returns the file with the card in its metadata, in place of any card that it has.

    Names of tensors inside the graph go, which for DenseNet121 are a hundredth of the smallest file.
    """
    model = _unpack(content)
    for graph in model.subgraphs:
        for index, tensor in enumerate(graph.tensors):
            if index not in (*graph.inputs, *graph.outputs):
                tensor.name = None
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(asdict(card)).encode(), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = CARD, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [m for m in model.metadata or [] if m.name != CARD.encode()] + [entry]
    return _pack(model)


_ALIGNMENT = 16
"""Bytes; the format asks for it, so that a mapped file's weights can be read where they lie (32-bit ARM)."""


class _Builder(flatbuffers.Builder):
    """Aligns weights, and writes equal vectors once: the zero points of 10,000 channels, all 0, are 1 % of a file."""

    def __init__(self, size: int):
        super().__init__(size)
        self._written: dict[tuple, int] = {}

    def CreateNumpyVector(self, x):
        if x.dtype != np.uint8:
            key = x.dtype.str, x.tobytes()
            if key not in self._written:
                self._written[key] = super().CreateNumpyVector(x)
            return self._written[key]
        self.StartVector(1, x.size, _ALIGNMENT)
        self.head -= x.size
        self.Bytes[self.head : self.head + x.size] = x.tobytes()
        self.vectorNumElems = x.size
        return self.EndVector()


def _pack(model: schema.ModelT) -> bytes:
    builder = _Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _unpack(content: Content) -> schema.ModelT:
    model = read_model_from_bytearray(bytearray(content))
    for buffer in model.buffers:
        if buffer.data is not None:  # what the quantiser wrote comes as bytearrays, which are packed byte by byte
            buffer.data = np.asarray(buffer.data, np.uint8)
    return model


def read_card(content: Content, name: str = "The model") -> Card:
    """Reads the card of a file.

    Raises:
        DsliteError: if ``content`` is no TFLite model or has no card; ``name`` says which in the message.
    """
    if bytes(content[4:8]) != b"TFL3":
        raise DsliteError(f"{name} is no TFLite model; expected a file that dslite exported.")
    model = schema.Model.GetRootAs(content, 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == CARD.encode():
            stored = json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
            return Card(**{**stored, "labels": tuple(stored["labels"])})
    raise DsliteError(f"{name} carries no labels of dslite; export it again with the stage `deploy`.")


@dataclass(frozen=True)
class Graph:
    """The graph of a file, cut where the picture is done.

    Attributes:
        model: the whole, as an object.
        front_end: the operators that make the picture, in order.
        picture: index of the tensor that holds the picture.
    """

    model: schema.ModelT
    front_end: list
    picture: int

    @property
    def subgraph(self):
        return self.model.subgraphs[0]


def read_graph(content: Content) -> Graph:
    """Reads a file's graph and finds its front end: whatever the first resize, or the turn after it, depends on; where
    nothing is resized, and so nothing painted, whatever goes into the first convolution does.

    Raises:
        ValueError: if there is no such operator, so that the front end is not in the file.
    """
    model = _unpack(content)
    operators = model.subgraphs[0].operators

    def is_one_of(operator, *names: str) -> bool:
        return opcode_to_name(model, operator.opcodeIndex) in names

    resize = next((o for o in operators if is_one_of(o, "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")), None)
    made = {tensor: operator for operator in operators for tensor in operator.outputs}
    if resize is None:
        convolves = (o for o in operators if is_one_of(o, "CONV_2D", "DEPTHWISE_CONV_2D"))
        resize = next((made[o.inputs[0]] for o in convolves if o.inputs[0] in made), None)
        if resize is None:
            raise ValueError("nothing comes before the first convolution: the front end is not in the file")
        while is_one_of(resize, "QUANTIZE"):
            resize = made[resize.inputs[0]]
    last = next((o for o in operators if is_one_of(o, "REVERSE_V2") and o.inputs[0] == resize.outputs[0]), resize)
    needed, waiting = set(), [last]
    while waiting:
        operator = waiting.pop()
        if id(operator) not in needed:
            needed.add(id(operator))
            waiting += [made[tensor] for tensor in operator.inputs if tensor in made]
    return Graph(model, [o for o in operators if id(o) in needed], last.outputs[0])


def cut(content: Content) -> tuple[bytes, bytes]:
    """Cuts a file in two that run by themselves, to time them apart.

    Returns:
        The front end (waveform to picture) and the rest (picture to probabilities), without signatures.
    """
    parts = []
    for first in (True, False):
        graph = read_graph(content)
        of_front = {id(o) for o in graph.front_end}
        graph.subgraph.operators = [o for o in graph.subgraph.operators if (id(o) in of_front) == first]
        setattr(graph.subgraph, "outputs" if first else "inputs", [graph.picture])
        graph.model.signatureDefs = []
        parts.append(_pack(graph.model))
    return parts[0], parts[1]
