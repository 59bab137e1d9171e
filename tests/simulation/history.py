"""Histories: what happens to a simulated organization and to the functions that serve it, drawn from a seed.

A history is a document, so that what a seed drew can be kept, read, shrunk and played again.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any

VERSION = 1
"""Version of the documents and of what a seed draws: another one plays another history."""

_UNITS = ("/", "/Workloads/Prod", "/Workloads/Dev", "/Sandbox")
_KINDS = ("primary", "billing", "operations", "security")
_ALTERNATES = _KINDS[1:]
_FUNCTIONS = ("plan", "process", "report", "initial-sync")
_OPERATIONS = (
    "GetContactInformation",
    "GetAlternateContact",
    "PutContactInformation",
    "PutAlternateContact",
    "ListAccounts",
    "ListTagsForResource",
    "DescribeAccount",
)
_CODES = ("AccessDeniedException", "InternalServerException", "TooManyRequestsException", "ConflictException")
_MALFORMED: tuple[Any, ...] = (
    None,
    [],
    {"detail": "no mapping"},
    {"source": "aws.account", "detail": {"eventName": 7}},
    {"source": "orgsync", "detail-type": "Operator", "detail": {"accounts": "all", "kinds": [1]}},
    {"source": "orgsync", "detail-type": "Pending Request", "detail": {"cause": "none"}},
    {"source": "aws.organizations", "detail": {"eventName": "MoveAccount", "requestParameters": {"accountId": "***"}}},
)

_VERBS = (
    *("edit source",) * 5,
    *("edit member", "create account", "close account", "move account", "tag account") * 2,
    *("schedule", "schedule", "operator", "configure", "malformed", "flawed source"),
    *("refuse", "refuse", "abort", "abort", "damage"),
)
_TROUBLE = ("refuse", "abort", "damage", "close account")
"""Steps that may leave an account as it is until the next pass."""

Part = dict[str, Any]


class HistoryRefused(ValueError):
    """A document that is no history of this version; the message says why, and what to do."""


@dataclass(frozen=True)
class History:
    """One history.

    Attributes:
        seed: from which names and latencies follow; what happens stands below.
        accounts: members at the beginning.
        config: the configuration of the first deployment.
        lag: seconds for which reads show what was there before a write.
        skew: seconds by which functions' clocks differ at most.
        conflicts: share of transactions that meet another one.
        fresh: seconds after the first deployment in which the stack's own stores refuse now and then.
        slow: share of the calls of contacts that last for seconds.
        rival: whether a second tool uses the same quota.
        batch_size: accounts in a batch.
        steps: what people and AWS do: `at` (seconds), `do` and what belongs to it.
        faults: what goes wrong with functions and events: `function`, `life` (and for how many `lives`) and `call` or
            `write`, or the number of an `event`.
    """

    seed: int
    accounts: int
    config: Mapping[str, Any] = field(default_factory=dict)
    lag: float = 0.0
    skew: float = 0.0
    conflicts: float = 0.0
    fresh: float = 0.0
    slow: float = 0.0
    rival: bool = False
    batch_size: int = 1000
    steps: tuple[Part, ...] = ()
    faults: tuple[Part, ...] = ()

    @classmethod
    def draw(cls, seed: int) -> "History":
        """Draw a history; the same seed draws the same one."""
        draw = Random(f"history {VERSION}/{seed}")
        accounts = draw.choice((1, 2, 3, 5, 8, 12, 12, 20, 20, 35, 60, draw.randint(61, 260)))
        # In a third of them nothing fails: what is missed there is missed for good.
        smooth = draw.random() < 0.35
        verbs = [verb for verb in _VERBS if not (smooth and verb in _TROUBLE)]
        steps = [_step(draw, accounts, draw.choice(verbs)) for _ in range(draw.randint(0, 9))]
        if not smooth and draw.random() < 0.4:
            steps.append(_step(draw, accounts, "refuse") | {"at": 0.0})
        steps.sort(key=lambda step: float(step["at"]))
        return cls(
            seed,
            accounts,
            _config(draw, accounts),
            lag=draw.choice((0.0, 0.0, 0.0, 1.0, 4.0)),
            skew=draw.choice((0.0, 0.0, 0.5, 2.0)),
            conflicts=draw.choice((0.0, 0.0, 0.05)),
            fresh=draw.choice((0.0, 0.0, 0.0, 20.0, 90.0)),
            rival=draw.random() < 0.15,
            batch_size=draw.choice((1000, 1000, 50, 7)),
            steps=tuple(steps),
            faults=tuple(_fault(draw) for _ in range(0 if smooth else draw.choice((0, 1, 2, 3, 5, 8)))),
            slow=draw.choice((0.0, 0.0, 0.05)),
        )

    @property
    def smooth(self) -> bool:
        """Return whether nothing in it may leave an account as it is until the next pass."""
        return not self.faults and not any(step["do"] in _TROUBLE for step in self.steps)

    def to_text(self) -> str:
        """Return the history as a document, a line a step, to be read and to be played again."""
        whole = {"version": VERSION, **asdict(self)}
        lines = [f"  {json.dumps(key)}: {_listed(value)}" for key, value in whole.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def of_text(cls, text: str) -> "History":
        """Read a history back.

        Raises:
            HistoryRefused: it is none, or one of another version.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise HistoryRefused(f"this is no history: {error}; `make soak` writes them") from error
        if not isinstance(document, dict) or document.get("version") != VERSION:
            named = document.get("version") if isinstance(document, dict) else None
            raise HistoryRefused(
                f"this history is of the version {named!r}, and only version {VERSION} can be played here; "
                "check out the commit that wrote it, or draw a new one from a seed"
            )
        given = {key: value for key, value in document.items() if key != "version"}
        try:
            made = cls(**given)
            return replace(made, steps=tuple(map(dict, made.steps)), faults=tuple(map(dict, made.faults)))
        except (TypeError, ValueError) as error:
            raise HistoryRefused(f"this history cannot be read: {error}; it was edited") from error

    def smaller(self) -> Iterator["History"]:
        """Yield histories with less in them, those with much less first."""
        for name in ("faults", "steps"):
            parts: tuple[Part, ...] = getattr(self, name)
            size = len(parts)
            while size:
                for start in range(0, len(parts), size):
                    left: dict[str, Any] = {name: parts[:start] + parts[start + size :]}
                    yield replace(self, **left)
                size //= 2
        for accounts in (1, 2, 3, self.accounts // 2, self.accounts - 1):
            if 0 < accounts < self.accounts:
                yield replace(self, accounts=accounts)
        plain = replace(
            self, config={}, lag=0.0, skew=0.0, conflicts=0.0, fresh=0.0, slow=0.0, rival=False, batch_size=1000
        )
        for name in ("config", "lag", "skew", "conflicts", "fresh", "slow", "rival", "batch_size"):
            if getattr(self, name) != getattr(plain, name):
                yield replace(self, **{name: getattr(plain, name)})
        for number, step in enumerate(self.steps):
            if step["at"] > 1:
                sooner = {**step, "at": float(round(step["at"] / 2))}
                yield replace(self, steps=(*self.steps[:number], sooner, *self.steps[number + 1 :]))


def _listed(value: Any) -> str:
    if not isinstance(value, tuple) or not value:
        return json.dumps(value)
    return "[\n" + ",\n".join(f"    {json.dumps(one)}" for one in value) + "\n  ]"


def _config(draw: Random, accounts: int) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if draw.random() < 0.3:
        config["on_source_delete"] = draw.choice(("ignore", "propagate"))
    if draw.random() < 0.2:
        config["contact_types"] = sorted(draw.sample(_KINDS, draw.randint(1, 3)))
    if draw.random() < 0.25:
        config["excluded_accounts"] = [f"{200_000_000_000 + draw.randint(1, accounts)}"]
    if draw.random() < 0.2:
        config["excluded_units"] = ["/Sandbox"]
    if draw.random() < 0.35:
        config["excluded_tags"] = {"team": draw.choice(("web", "data"))}
    if draw.random() < 0.05:
        config["paused"] = True
    return config


def _step(draw: Random, accounts: int, do: str) -> Part:
    at = round(draw.choice((draw.uniform(0, 30), draw.uniform(0, 400), draw.uniform(0, 2400))), 1)
    step: Part = {"at": at, "do": do}
    return step | _details(draw, accounts, do)


def _details(draw: Random, accounts: int, do: str) -> Part:
    if do in ("edit source", "flawed source"):
        kind = draw.choice(_KINDS)
        gone = do == "edit source" and kind != "primary" and draw.random() < 0.3
        return {"kind": kind, "via": draw.choice(("camel", "pascal", "console")), "gone": gone}
    if do == "refuse":
        return _refusal(draw, accounts)
    simple: Mapping[str, Callable[[], Part]] = {
        "create account": lambda: {"ready": draw.choice((0, 30, 150, 400)), "joined": draw.random() < 0.3},
        "configure": lambda: {"config": _config(draw, accounts)},
        "malformed": lambda: {"event": draw.choice(_MALFORMED)},
        "damage": lambda: {"kind": draw.choice(_ALTERNATES)},
        "operator": lambda: {
            "accounts": [draw.randint(0, accounts)] if draw.random() < 0.6 else [],
            "kinds": draw.sample(_KINDS, draw.randint(0, 2)),
        },
        "schedule": dict,
        "abort": dict,
    }
    if do in simple:
        return simple[do]()
    account: Mapping[str, Callable[[], Part]] = {
        "edit member": lambda: {"kind": draw.choice(_KINDS), "gone": draw.random() < 0.3},
        "close account": lambda: {"state": draw.choice(("SUSPENDED", "PENDING_CLOSURE", "ACTIVE"))},
        "move account": lambda: {"ou": draw.choice(_UNITS)},
        "tag account": lambda: {"team": draw.choice(("web", "data", "mobile"))},
    }
    return {"account": draw.randint(1, accounts), **account[do]()}


def _refusal(draw: Random, accounts: int) -> Part:
    everyone, code = draw.random() < 0.3, draw.choice(_CODES)
    some = sorted(draw.sample(range(1, accounts + 1), draw.randint(1, min(accounts, 40))))
    seconds = draw.choice((draw.uniform(1, 60), draw.uniform(60, 600), draw.uniform(600, 2000)))
    return {
        "operation": draw.choice(_OPERATIONS),
        "accounts": [] if everyone else some,
        "code": code,
        "share": draw.choice((1.0, 1.0, 0.3)),
        "for": round(seconds, 1),
        # What never ends is one account's own refusal, as of a service control policy.
        "always": not everyone and code == "AccessDeniedException" and draw.random() < 0.4,
    }


def _fault(draw: Random) -> Part:
    if draw.random() < 0.25:
        return {
            "event": draw.randint(0, 6),
            "what": draw.choice(("lost", "twice", "late")),
            "seconds": round(draw.uniform(1, 300), 1),
        }
    if draw.random() < 0.12:
        return {
            "function": "process",
            "life": draw.choice((0, 0, 1, 2)),
            "what": "forgotten",
            "write": draw.randint(0, 25),
        }
    function = draw.choice((*_FUNCTIONS, "process", "process", "report"))
    fault: Part = {"function": function, "life": draw.choice((0, 0, 1, draw.randint(0, 6)))}
    if draw.random() < 0.25:
        what = draw.choice(("given up", "given up", "not started"))
        return fault | {"what": what, "after": round(draw.uniform(1, 90), 1), "lives": draw.choice((1, 2, 3))}
    calls = draw.choice((3, 12, 40, 200)) if function == "process" else draw.choice((4, 12))
    return fault | {
        "call": draw.randint(0, calls),
        "what": draw.choice(("killed before", "killed after", "killed after", "refused", "lost", "slow")),
        "seconds": round(draw.uniform(1, 12), 1),
    }
