"""Resources that are one operation of AWS to create, read, update and delete each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, StructureShape

from orgsync.sandbox.resources import shapes
from orgsync.sandbox.resources.context import ProviderContext, ResourceFailed, is_gone
from orgsync.sandbox.resources.resource import Created, InputError, Resource
from orgsync.sandbox.resources.values import Properties, comparable, is_unknown


class Tagging(NamedTuple):
    """A service's way to change tags: its operations and the parameter that names the resource."""

    by: str
    tag: str = "TagResource"
    untag: str = "UntagResource"
    of: str = "arn"
    extra: Mapping[str, str] = {}


class ApiResource(Resource):
    """A type that is described by a table: its four operations, and the names that differ."""

    service: str
    creates: str
    reads: str
    updates: str | None = None
    deletes: str | None = None
    id_from: str
    """`$.path` in the answer to `creates`, or a format of inputs such as `{groupName}/{name}`."""

    keys: Mapping[str, str]
    """Input or `id` -> the parameter by which `reads` and `deletes` (and `updates`) find the thing."""

    read_with: Mapping[str, Any] = {}
    """Parameters that every call of `reads` takes."""

    found: str = ""
    """Path of the description in the answer to `reads`; nothing there = gone."""

    outputs: Mapping[str, str] = {}
    """Output -> its path below `found`."""

    rename: Mapping[str, str] = {}

    resets: Mapping[str, Any] = {}
    """Input -> the value that resets it when it is no longer declared; `updates` keeps what it does not get."""

    tagging: Tagging | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.computed = cls.computed | frozenset(cls.outputs)
        cls.taggable = cls.taggable or cls.tagging is not None

    # What a type may add to its table.

    def arrange(self, inputs: Properties) -> Properties:
        """Arrange the inputs for `creates`, where more than names differ."""
        return inputs

    def attach(self, old: Properties | None, inputs: Properties, context: ProviderContext) -> Mapping[str, Any]:
        """Give parameters that are not properties, such as code, of a creation (`old` is None) or an update."""
        return {}

    def settle(self, id: str, old: Properties | None, inputs: Properties, context: ProviderContext) -> None:
        """Make further calls after a creation (`old` is None) or an update."""

    def derive(self, id: str, state: Properties, found: Any, context: ProviderContext) -> Properties:
        """Give outputs that have no path in the answer."""
        return {}

    def is_there(self, id: str, found: Any) -> bool:
        """Return whether the answer has a resource that is not being deleted."""
        return bool(found)

    def actual(self, state: Properties, found: Any) -> Properties:
        """Give inputs of which the cloud's value differs from the state: drift."""
        if not isinstance(found, Mapping):
            return {}
        wanted = self.request(self.creates, state)
        drifted = {}
        for name in state:
            spelling = self._spelling(name)
            if spelling in wanted and spelling in found:
                want, have = comparable(wanted[spelling]), comparable(found[spelling])
                if not shapes.contains(want, have):
                    drifted[name] = shapes.from_api(found[spelling])
        return drifted

    # The four operations.

    def accepts(self, name: str) -> bool:
        return super().accepts(name) or self._spelling(name) is not None

    def errors(self, inputs: Properties, context: ProviderContext) -> list[InputError]:
        found = super().errors(inputs, context)
        if not found:
            try:
                self.request(self.creates, {key: value for key, value in inputs.items() if not is_unknown(value)})
            except shapes.UnknownProperty as error:
                where = error.path.partition(".")[0]
                found.append(InputError(where, f"{self.token}: the sandbox does not know the property {error.path}"))
        return found

    def create(self, inputs: Properties, context: ProviderContext) -> Created:
        parameters = {**self.request(self.creates, inputs), **self._tags(inputs), **self.attach(None, inputs, context)}
        answer = self.call(self.creates, parameters, inputs, context)
        if self.id_from.startswith("$."):
            id = str(shapes.value_at(answer, self.id_from[2:]))
        else:
            id = self.id_from.format_map(inputs)
        try:
            self.settle(id, None, inputs, context)
            state = self.read(id, inputs, context)
        except Exception:
            # Half a thing that no state knows would stand in the way of the next attempt.
            self.delete(id, inputs, context)
            raise
        if state is None:
            raise ResourceFailed(f"{self.token} {id}: was created but cannot be read back")
        return id, state

    def read(self, id: str, state: Properties, context: ProviderContext) -> Properties | None:
        try:
            answer = self.call(self.reads, self.read_parameters(id, state), state, context)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        found = shapes.value_at(answer, self.found)
        if found is None or not self.is_there(id, found):
            return None
        taken = {name: _output(name, shapes.value_at(found, path)) for name, path in self.outputs.items()}
        now = {**state, **self.actual(state, found), **taken}
        return {**now, **self.derive(id, now, found, context)}

    def update(self, id: str, old: Properties, inputs: Properties, context: ProviderContext) -> Properties:
        declared = {**self._reset_removed(old, inputs), **inputs}
        if self.updates:
            parameters = {**self.request(self.updates, declared), **self._keys(self.updates, id, {**old, **inputs})}
            parameters |= self.attach(old, inputs, context)
            self.call(self.updates, parameters, inputs, context)
        self.settle(id, old, inputs, context)
        self._retag(id, old, inputs, context)
        kept = {name: value for name, value in old.items() if name in self.computed}
        state = self.read(id, {**kept, **inputs}, context)
        if state is None:
            raise ResourceFailed(f"{self.token} {id}: is gone; run a refresh, then deploy again")
        return state

    def delete(self, id: str, state: Properties, context: ProviderContext) -> None:
        if self.deletes:
            try:
                self.call(self.deletes, self._keys(self.deletes, id, state), state, context)
            except ClientError as error:
                if not is_gone(error):
                    raise

    def call(self, operation: str, parameters: Mapping[str, Any], state: Properties, context: ProviderContext) -> Any:
        """Call one operation of the service where the resource lives."""
        client = context.client(self.service, state.get("region"))
        return getattr(client, xform_name(operation))(**parameters)

    def request(self, operation: str, inputs: Properties) -> dict[str, Any]:
        """Make an operation's parameters from the inputs; `accepts` has refused inputs that no parameter takes."""
        shape = self._shape(operation)
        result: dict[str, Any] = {}
        for name, value in self.arrange(inputs).items():
            if name in self.held or (self.regional and name == "region") or name in ("tags", "tagsAll"):
                continue
            target = self.rename.get(name, name).partition(".")[0]
            if shapes.member(shape, target) is None:
                continue
            piece = shapes.to_api(shape, {name: value}, self.rename)
            result = _merge(result, piece)
        return result

    def read_parameters(self, id: str, state: Properties) -> dict[str, Any]:
        """Make the parameters of `reads`."""
        return {**self._keys(self.reads, id, state), **self.read_with}

    def _tags(self, inputs: Properties) -> dict[str, Any]:
        """Make the parameter of a creation that carries the tags, where it has one."""
        members = self._shape(self.creates).members
        name = next((name for name in members if name.lower() in ("tags", "tagslist")), None)
        tags = inputs.get("tagsAll")
        return {name: shapes.to_api(members[name], tags, {})} if name and tags and self.taggable else {}

    def _reset_removed(self, old: Properties, inputs: Properties) -> Properties:
        """Give the values that reset inputs which are no longer declared; a put, which writes all, needs none.

        Raises:
            ResourceFailed: for a change that would have no effect here.
        """
        declared = self._shape(self.updates).members if self.updates else {}
        changed = {name for name in old.keys() | inputs.keys() if old.get(name) != inputs.get(name)}
        gone = changed - inputs.keys() - self.computed
        written_anew = self.updates == self.creates
        for name in changed - self.computed - self.handled - self.held - {"tags", "tagsAll"}:
            if self._spelling(name) not in declared or (name in gone - self.resets.keys() and not written_anew):
                raise ResourceFailed(f"{self.token}: the sandbox cannot change {name} in place")
        return {} if written_anew else {name: self.resets[name] for name in gone & self.resets.keys()}

    def _keys(self, operation: str, id: str, state: Properties) -> dict[str, Any]:
        shape = self._shape(operation)
        result = {}
        for name, parameter in self.keys.items():
            spelling = shapes.member(shape, parameter) or shapes.member(shape, f"{parameter}s")
            value = id if name == "id" else state.get(name)
            if spelling and value is not None:
                result[spelling] = [value] if isinstance(shape.members[spelling], ListShape) else value
        return result

    def _shape(self, operation: str) -> StructureShape:
        return shapes.parameters_of(self.service, operation)

    def _spelling(self, name: str) -> str | None:
        return shapes.member(self._shape(self.creates), self.rename.get(name, name).partition(".")[0])

    def _retag(self, id: str, old: Properties, inputs: Properties, context: ProviderContext) -> None:
        before, after = old.get("tagsAll", {}), inputs.get("tagsAll", {})
        if self.tagging is None or before == after:
            return
        target = {self.tagging.by: id if self.tagging.of == "id" else old[self.tagging.of], **self.tagging.extra}
        for operation, value in (
            # Also of what changes: moto's DynamoDB would keep the former value besides the new one.
            (self.tagging.untag, sorted(key for key in before if before[key] != after.get(key))),
            (self.tagging.tag, after),
        ):
            if value:
                shape = self._shape(operation)
                name = next(name for name in shape.members if name.lower() in ("tags", "tagkeys"))
                self.call(operation, {**target, name: shapes.to_api(shape.members[name], value, {})}, old, context)


def _output(name: str, value: Any) -> Any:
    """Convert an output to Pulumi's schema: text for dates, and for what AWS left out."""
    if value is None:
        return ""
    return str(value) if name in _DATES else value


_DATES = frozenset({"createDate", "createdDate", "creationDate", "lastModificationDate", "lastModified"})


def _merge(first: dict[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in second.items():
        nested = isinstance(value, Mapping) and isinstance(first.get(key), dict)
        first[key] = _merge(first[key], value) if nested else value
    return first
