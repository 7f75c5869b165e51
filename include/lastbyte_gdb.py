"""Lets gdb show what lastbyte's types say: `source include/lastbyte_gdb.py`, or `-x` with that file.

A tracer, a Snapshot or a Reading prints as its trace and the spans that have ended, a span as its label and source, a tier,
an id or a final value as what it stands for. Nothing of the program is called, so a core file will do.
"""
import gdb
import gdb.printing

NO_SOURCE, NONE, UNRESOLVED = 0xff, 0xff, 0xfe  # of detail::no_source and Tier


def enumerator(kind, code):
    return str(gdb.Value(code).cast(kind)).rpartition("::")[2]


def text(view):
    """A std::string_view of either library: the one member that is a pointer, and its length."""
    members = [view[field] for field in view.type.strip_typedefs().fields() if hasattr(field, "bitpos")]  # no static ones
    pointer, size = sorted(members, key=lambda member: member.type.strip_typedefs().code != gdb.TYPE_CODE_PTR)
    return pointer.string("utf-8", "replace", length=int(size))


def span(trace, record, ns_per_tick=None):
    tail = record["tail"]
    stored = trace["text"][0].address + int(tail["word"]) * 8
    words = [text(record["label"]["stem"]) + stored.string("utf-8", "replace", length=int(tail["size"]))]
    if int(record["source"]) != NO_SOURCE:
        tiers = trace["left_out_at_seal"].type.strip_typedefs().template_argument(0).strip_typedefs()
        words.append(enumerator(tiers.template_argument(0), int(record["source"])))
    words += ["failed"] if record["failed"] else []
    if record["timed_elsewhere"]:
        words.append(f"{int(record['start']) / 1e6:.3f} ms")
    elif ns_per_tick:
        words.append(f"{int(record['end'] - record['start']) * ns_per_tick / 1e6:.3f} ms")
    return ", ".join(words)


class Trace:
    """What has one: a trace, and what the object knows besides, which may be the rate of the clock and the body's facts."""

    def __init__(self, value):
        members = {field.name: value[field] for field in value.type.strip_typedefs().fields() if not field.is_base_class}
        self.facts, view = members.get("facts_"), members.get("view_", value)
        self.trace = (view["block_"] if "view_" in members else value["trace_"]["block_"]).dereference()
        rated = view if "view_" in members else members
        self.ns_per_tick = float(rated["rate_"]["ns_per_tick"]) if "view_" in members or "rate_" in members else None

    def to_string(self):
        if int(self.trace["generation"]) == 0:
            return "no trace"
        state = "open" if int(self.trace["state"]["value_"]) >> 63 else "sealed"
        if self.facts is not None:
            state = f"{str(self.facts['outcome_']).rpartition('::')[2]}, {int(self.facts['bytes_'])} bytes"
        return f"trace {int(self.trace['id'][0]):016x}{int(self.trace['id'][1]):016x}, {state}"

    def children(self):
        claimed = int(self.trace["state"]["value_"]) & 0xffffff
        size = self.trace["slot"].type.range()[1] + 1
        for index in range(min(claimed, size)):
            slot = self.trace["slot"][index]
            if int(slot["ready"]["value_"]) == int(self.trace["generation"]) != 0:
                yield f"[{index}]", span(self.trace, slot["record"], self.ns_per_tick)


class Line:
    def __init__(self, show, value):
        self.to_string = lambda: show(value)


def open_span(value):
    if "running_" in [field.name for field in value.type.fields()] and not value["running_"]:
        return "ended span"
    trace = value["trace_"]
    trace = (trace if trace.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else trace["block_"]).dereference()
    return f"running span {span(trace, value['open_']['record'])}"


def tier(value):
    code = int(value["code_"])
    return {NONE: "none", UNRESOLVED: "unresolved"}.get(code) or enumerator(value.type.template_argument(0), code)


def printer(show):
    def of(value):
        value = value.referenced_value() if value.type.code == gdb.TYPE_CODE_REF else value
        return show(value) if show is Trace else Line(show, value)
    return of


printers = gdb.printing.RegexpCollectionPrettyPrinter("lastbyte")
for name, show in {
        "Basic(Tracer<.*true>|Reading<.*|Snapshot<.*|Sealed<.*)": Trace,
        "Basic(Async)?Span<.*true>": open_span,
        "Tier<.*": tier,
        "TraceId": lambda value: f"{int(value['high']):016x}{int(value['low']):016x}",
        "SpanId": lambda value: f"{int(value['value']):016x}",
        "(Final|Provisional|detail::Atomic)<.*": lambda value: value["value_"]}.items():
    printers.add_printer(name, f"^lastbyte::{name}$", printer(show))
gdb.printing.register_pretty_printer(gdb.current_objfile(), printers, replace=True)
