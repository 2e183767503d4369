"""One simulated installation: two schedulers, some workers, a ledger, Redis and a provider, and all that can happen to
them; which of it happens when, the driver says."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from dialer.domain.call import Claim, Queued, Suppression
from dialer.domain.client import Agent
from dialer.domain.placement import Account, Capabilities
from dialer.domain.spec import BatchSpec
from dialer.domain.states import HoldScope, Lane
from dialer.engine import control, ingest, rounds, telling, trust
from dialer.engine.dispatch import WorkerIdentity, dispatch
from dialer.engine.inbox import receive
from dialer.engine.release import ReleaseMemory
from dialer.engine.settle import release_channel
from dialer.errors import (
    BatchTerminated,
    DialerError,
    LedgerUnreachable,
    LoadRefused,
    RedisUnreachable,
    WebhookUnknown,
)
from dialer.ports import Armed, Grant, HouseRules, Switchboard
from dialer.ports.ledger import Ledger
from dialer.testing.coordination import FakeClock, FakeCoordination
from tests.simulation.auditor import Auditor, Broken, Minutes, Terms, Told
from tests.simulation.courier import VirtualCourier
from tests.simulation.ground import Ground
from tests.simulation.ports import ProcessClock, Wired, WiredLedger
from tests.simulation.provider import VirtualProvider
from tests.simulation.stage import Actor, Stage

#: A Monday: 11:00 in Melbourne, 08:00 in Perth.
START = datetime(2026, 11, 23, tzinfo=UTC)
LEASE = timedelta(seconds=5)
ACCOUNT = "au"
#: In the path of its webhooks.
SECRET = "hush-hush"
#: Guards that a world can be built without, to see what happens then.
GUARDS = ("compare-and-set", "epoch", "witness", "deadline", "dead-worker proof", "last-moment gate")
CAPABILITIES = {
    "tells": Capabilities(reports_outcomes=True, can_find=True),
    "keyed": Capabilities(reports_outcomes=True, can_find=True, idempotency=timedelta(hours=24)),
    "silent": Capabilities(reports_outcomes=False, can_find=False, relays_control=True),
}
LEGAL: tuple[Minutes, ...] = ((8 * 60, 20 * 60),)
HOURS: dict[str, tuple[Minutes, ...]] = {
    "": (),
    "0900-1200 1300-1800": ((540, 720), (780, 1080)),
    "1100-1110 1130-1900": ((660, 670), (690, 1140)),
}
BLOCKED: dict[str, tuple[Minutes, ...]] = {"": (), "1115-1145": ((675, 705),)}
#: Who dials in this ledger's name that no process of ours is: `dialer.engine.redial`.
REDIALER = "redial"


def phone(index: int) -> str:
    """Even ones are landlines in Melbourne, odd ones in Perth."""
    return f"+6138777{index:04d}" if index % 2 == 0 else f"+6189200{index:04d}"


def zone_of(number: str) -> ZoneInfo:
    return ZoneInfo("Australia/Melbourne" if number.startswith("+613") else "Australia/Perth")


def rules_of(words: str) -> list[str]:
    return [f"*|{span}" for span in words.split()]


@dataclass
class Process:
    """One operating system process, or an operator at a terminal."""

    name: str
    boot: int = 1
    #: seconds of the world's clock
    frozen_until: float = 0.0
    redis_cut_until: float = 0.0
    ledger_cut_until: float = 0.0
    skew: float = 0.0
    #: how long it has been frozen in all, and until when its heart beat in the ledger
    frozen_for: float = 0.0
    beaten_at: float = -1000.0
    memory: ReleaseMemory = field(default_factory=ReleaseMemory)
    clean_at: float = 0.0

    @property
    def boot_id(self) -> str:
        return f"{self.name}/{self.boot}"

    @property
    def is_worker(self) -> bool:
        return self.name.startswith("worker")


class World:
    """Everything, at one instant."""

    def __init__(self, ground: Ground, seed: int, without: str | None = None) -> None:
        assert without in (None, *GUARDS)
        self.without = without
        self.chance = random.Random(seed)
        self.stage = Stage()
        self.clock = FakeClock(START)
        self.ground = ground
        ground.reset(self.clock, seed)
        self.coordination = FakeCoordination(self.clock, is_raised=False)
        self.redis = self.coordination.redis
        self.kind = self.chance.choice(["tells", "tells", "keyed", "silent"])
        self.keeps_host_time = self.chance.random() < 0.5
        self.account = Account(
            ACCOUNT,
            "fake",
            "https://au.example",
            calls_per_second=self.chance.choice([2.0, 10.0, 100.0]),
            channels=self.chance.choice([1, 2, 4, 8]),
            caller_id="+61390000000",
            options={"webhook_secret": SECRET},
        )
        self.auditor = Auditor(
            ground.rows,
            self.clock.utc,
            lambda: self.stage.steps,
            zone_of,
            LEGAL,
            self.has_ended,
            lambda reference: reference in self.provider.rung,
            channels=self.account.channels,
            has_key=self.kind == "keyed",
        )
        self.provider = VirtualProvider(self.chance, self.clock.utc, self.linger, self.auditor, CAPABILITIES[self.kind])
        self.courier = VirtualCourier(self.chance, self.linger)
        names = ("worker-1", "worker-2", "scheduler-1", "scheduler-2", "operator", "web")
        self.processes = {name: Process(name) for name in names}
        self.is_calm = False
        self.refs = [f"batch-{index}" for index in range(self.chance.choice([1, 2, 3]))]
        self.messages: list[Queued] = []
        #: webhooks that came, and notices that were pushed: both come again
        self.posted: list[bytes] = []
        self.pushed: list[str] = []
        self.backup: tuple[Any, Any, datetime] | None = None
        self.disk: dict[str, Any] | None = None
        #: Redis must not forget any more: the ledger has forgotten already
        self.was_restored = False
        self.restored_from: datetime | None = None
        self.faults = 0
        self.trace: list[str] = []
        self._seats: dict[str, Switchboard] = {}
        ground.ledger.accounts.ensure(ACCOUNT, None, "keys")
        self.auditor.has_listener = self.chance.random() < 0.7
        if self.auditor.has_listener:
            url, secret = "https://owner.example/calls", "whsec_c2ltdWxhdGVk"
            ground.ledger.agents.save(Agent("w1", "a1", ACCOUNT, "a1", webhook_url=url, webhook_secret=secret))

    @property
    def now(self) -> float:
        return self.clock.boottime()

    def has_ended(self, reference: str) -> bool:
        rung = self.provider.rung.get(reference)
        return rung is not None and rung.ends_at <= self.clock.utc()

    def note(self, words: str) -> None:
        self.trace.append(f"{self.now:.3f} {words}")

    # what processes see

    def desk(self, process: Process) -> Switchboard:
        if process.boot_id not in self._seats:
            self._seats[process.boot_id] = self._open(process)
        return self._seats[process.boot_id]

    def _open(self, process: Process) -> Switchboard:
        wire = ProcessWire(self, process)
        ledger = WiredLedger(wire, self.ground.ledger, keeps_host_time=self.keeps_host_time)
        parts = self.coordination
        return Switchboard(
            cast(Ledger, ledger),
            cast(Any, Wired(wire, "admission", parts.admission)),
            cast(Any, Wired(wire, "signals", parts.signals)),
            cast(Any, Wired(wire, "queue", parts.queue)),
            ProcessClock(wire.boottime, wire.utc, wire.sleep),
            {ACCOUNT: self.account},
            {ACCOUNT: self.provider},
            HouseRules(default_provider=ACCOUNT, legal_hours=("*|0800-2000",)),
        )

    def linger(self, where: str, seconds: float) -> None:
        """Time passes for whoever acts now."""
        if self.stage.current is not None:
            self.stage.pause(where, self.now + seconds)
        elif seconds:
            self.clock.advance(seconds)

    # who may act

    def can_act(self, actor: Actor) -> bool:
        return self.ready_at(actor) <= self.now + 2e-6  # the clock counts microseconds

    def ready_at(self, actor: Actor) -> float:
        return max(actor.wake_at, self.processes[actor.process].frozen_until)

    def busy(self, process: str) -> list[Actor]:
        return [actor for actor in self.stage.actors if actor.process == process]

    def is_frozen(self, process: Process) -> bool:
        return process.frozen_until > self.now

    def enter(self, name: str, process: Process, body: Callable[[], None]) -> None:
        self.note(f"+ {process.boot_id} {name}")
        self.stage.enter(name, process.name, body)

    def act(self, actor: Actor) -> None:
        self.ground.skew = self.processes[actor.process].skew
        try:
            self.stage.step(actor)
        finally:
            self.ground.skew = 0.0
        self.auditor.look_at_permits(set(self.redis.line(ACCOUNT).permits))
        if self.auditor.broken:
            raise Broken(self.auditor.broken)
        if actor.is_over:
            self.judge_end(actor)

    def judge_end(self, actor: Actor) -> None:
        failure = actor.failure
        if failure is None or isinstance(failure, LedgerUnreachable | RedisUnreachable):
            return
        raise failure

    def advance(self, seconds: float) -> None:
        """Time passes for all; hearts that can beat do."""
        self.clock.advance(seconds)
        for process in self.processes.values():
            if process.is_worker:
                self.beat(process)

    def beat(self, process: Process) -> None:
        if self.is_frozen(process) or process.ledger_cut_until > self.now:
            return
        self.ground.skew = process.skew
        self.ground.ledger.workers.beat(process.name, process.boot_id, list(Lane))
        self.ground.skew = 0.0
        process.beaten_at = self.now + process.skew

    # moves

    def deliver(self, process: Process) -> None:
        """A message reaches a worker: in order or not, once or more often, or never."""
        message = self._message()
        if message is None:
            return
        who = WorkerIdentity(process.name, process.boot_id)
        self.enter(
            f"dispatch {message.call_id[-8:]}/{message.push_seq}",
            process,
            lambda: self._dispatch(message, process, who),
        )

    def _dispatch(self, message: Queued, process: Process, who: WorkerIdentity) -> None:
        done = dispatch(message.call_id, message.push_seq, self.desk(process), who)
        if "unforeseen" in done.why and "an adapter's bug" not in done.why:
            self.auditor.fail(done.why)

    def _message(self) -> Queued | None:
        lanes = self.redis.lanes
        waiting = [message for lane in Lane for message in lanes[lane]]
        fate = 1.0 if self.is_calm else self.chance.random()
        if fate < 0.12 and self.messages:
            return self.chance.choice(self.messages)  # an old one, once more
        if not waiting:
            return None
        message = self.chance.choice(waiting) if fate < 0.3 else waiting[0]
        if not 0.3 <= fate < 0.4:
            lanes[message.lane].remove(message)
        if 0.4 <= fate < 0.47:
            self.note(f"message of {message.call_id[-8:]} is lost")
            return None
        self.messages.append(message)
        return message

    def schedule(self, process: Process) -> None:
        """A round of a scheduler, as `workers.scheduler` makes them."""
        self.enter("round", process, lambda: self._round(process))

    def _round(self, process: Process) -> None:
        desk = self.desk(process)
        if desk.ledger.workers.lead(process.boot_id, LEASE) is None:
            return
        if not desk.signals.epoch_stands():
            rounds.rebuild(desk)
        rounds.tick(desk, process.memory)
        desk.ledger.workers.ticked(process.boot_id)
        if self.now >= process.clean_at:
            process.clean_at = self.now + 2.0
            rounds.keep_house(desk)

    def ask(self, process: Process) -> None:
        self.enter("ask", process, lambda: self._ask(process))

    def _ask(self, process: Process) -> None:
        desk = self.desk(process)
        if desk.ledger.workers.lead(process.boot_id, LEASE) is None:
            return
        for asked in rounds.ask_around(desk):
            if asked.event == "failed" and "Unreachable" not in asked.detail:
                self.auditor.fail(f"asking failed: {asked.detail}")
        rounds.relay_outbox(desk)
        rounds.settle_inbox(desk)
        rounds.hand_out_notices(desk)

    # the world outside

    def post(self) -> None:
        """A webhook comes in: early, late, again, or from somebody who makes it up."""
        fate = self.chance.random()
        told = self.provider.webhook()
        if fate < 0.25 and self.posted:
            body = self.chance.choice(self.posted)
        elif fate < 0.4:
            body = json.dumps(self._forged()).encode()
        elif told is not None:
            body = json.dumps(told).encode()
        else:
            return
        self.posted.append(body)
        is_ours = fate < 0.9
        self.enter("webhook", self.processes["web"], lambda: self._post(body, is_ours=is_ours))

    def _forged(self) -> dict[str, Any]:
        """By somebody who knows the secret, and references of attempts: it says that a call is over which is not, or
        never was."""
        references = list(self.auditor.taken) or ["no reference"]
        return {"id": f"call-{self.chance.randint(1, 30)}", "reference": self.chance.choice(references), "over": True}

    def _post(self, body: bytes, *, is_ours: bool) -> None:
        desk = self.desk(self.processes["web"])
        kept = "SELECT count(*) FROM inbox"
        before = self.ground.rows.execute(kept).fetchone()[0]
        try:
            receive(desk, ACCOUNT, SECRET if is_ours else "guessed", body)
        except WebhookUnknown:
            if is_ours or self.ground.rows.execute(kept).fetchone()[0] > before:
                self.auditor.fail("a webhook without the secret was not left at the door")
            return
        if not is_ours:
            self.auditor.fail("a webhook without the secret was taken")

    def tell(self, process: Process) -> None:
        """A notice reaches a worker: once, again, or never."""
        fate = 1.0 if self.is_calm else self.chance.random()
        if fate < 0.15 and self.pushed:
            notice_id = self.chance.choice(self.pushed)
        elif self.redis.notices:
            notice_id = self.redis.notices.popleft()
            self.pushed.append(notice_id)
            if fate < 0.25:
                return
        else:
            return
        self.enter(f"tell {notice_id[-8:]}", process, lambda: self._tell(process, notice_id))

    def _tell(self, process: Process, notice_id: str) -> None:
        telling.tell(self.desk(process), self.courier, notice_id, telling.Silences())

    # operators

    @property
    def operator(self) -> Process:
        return self.processes["operator"]

    def say(self, what: str, body: Callable[[Switchboard], None]) -> None:
        self.enter(what, self.operator, lambda: body(self.desk(self.operator)))

    def load(self, ref: str, numbers: Sequence[str], terms: dict[str, Any]) -> None:
        """The first load of a batch gives terms, later ones may."""
        self.say(f"load {ref}", lambda desk: self._load(desk, ref, numbers, terms))

    def _load(self, desk: Switchboard, ref: str, numbers: Sequence[str], terms: dict[str, Any]) -> None:
        batches = self.auditor.told.batches
        if ref not in batches:
            batches[ref] = Told(terms["max_retries"], [])
        told = batches[ref]
        told.offered |= set(numbers)
        given = {name: value for name, value in terms.items() if name not in ("hours", "blocked")}
        if "hours" in terms:
            given["calling_hours"] = rules_of(terms["hours"])
            given["block_rules"] = rules_of(terms["blocked"])
            as_told = Terms(START, terms["exp"], HOURS[terms["hours"]], BLOCKED[terms["blocked"]])
            told.terms.append((as_told, self.stage.steps, None))
        spec = BatchSpec(**{"workspace_id": "w1", "agent_id": "a1", "batch_ref": ref, **given})
        try:
            receipt = ingest.load(desk, spec, [{"phone": number} for number in numbers])
        except (BatchTerminated, LoadRefused):
            if "hours" in terms:
                told.terms.pop()
            return
        told = self.auditor.told.batches[ref]
        rejected = {numbers[each.row - 1] for each in receipt.rejections}
        told.accepted |= set(numbers) - rejected
        if "hours" in terms:
            told.terms[:-1] = [(old, since, until or self.stage.steps) for old, since, until in told.terms[:-1]]

    def control(self, ref: str, verb: str) -> None:
        self.say(f"{verb} {ref}", lambda desk: self._control(desk, ref, verb))

    def _control(self, desk: Switchboard, ref: str, verb: str) -> None:
        told = self.auditor.told.batches.get(ref)
        batch = self.batch(ref)
        if told is None or batch is None:
            return
        if verb == "resume" and not told.is_terminated:
            told.halted_since, told.is_heard = None, False
        try:
            receipt = getattr(control, verb)(desk, batch)
        except BatchTerminated:
            return
        if verb != "resume" and receipt.state in ("paused", "terminated"):
            told = self.auditor.told.batches[ref]
            told.is_terminated = told.is_terminated or verb == "terminate"
            told.is_heard = not receipt.warnings
            told.halted_since = self.stage.steps if told.halted_since is None else told.halted_since

    def batch(self, ref: str) -> Any:
        for batch in self.ground.ledger.batches.page():
            if batch.terms.name.batch_ref == ref:
                return batch
        return None

    def press(self, on: bool) -> None:
        self.say(f"red button {on}", lambda desk: self._press(desk, on))

    def _press(self, desk: Switchboard, on: bool) -> None:
        told = self.auditor.told
        if not on:
            told.held_since = None
        control.press(desk, HoldScope.ALL, "", on)
        if on and self.auditor.told.held_since is None:
            self.auditor.told.held_since = self.stage.steps

    def suppress(self, number: str) -> None:
        self.say(f"suppress {number}", lambda desk: self._suppress(desk, number))

    def _suppress(self, desk: Switchboard, number: str) -> None:
        desk.ledger.suppressions.add([Suppression(number, "asked us not to")])
        self.auditor.told.suppressed.setdefault(number, self.stage.steps)

    def resolve(self, ref: str) -> None:
        """By an operator who has asked the provider, and says `not-placed` only where that is so."""
        self.say(f"resolve {ref}", lambda desk: self._resolve(desk, ref))

    def _resolve(self, desk: Switchboard, ref: str) -> None:
        batch = self.batch(ref)
        if batch is None:
            return
        for record in self.ground.ledger.reading.calls(batch.batch_id):
            if not record.attempts or record.attempts[-1].state.value not in ("unknown", "unresolved"):
                continue
            reference = record.attempts[-1].reference
            placed = reference in self.provider.rung or record.attempts[-1].worker == "restored"
            try:
                freed = desk.ledger.decisions.resolve(batch.batch_id, record.call_id, placed=placed, by="user")
            except DialerError as error:
                if isinstance(error, LedgerUnreachable):
                    raise
                return
            for account, each in freed:
                release_channel(desk, account, each)

    def speak_of_the_ledger(self) -> None:
        """Somebody who knows whether it was restored answers the doubt."""
        self.say("confirm or restored", self._confirm)

    def _confirm(self, desk: Switchboard) -> None:
        if self.restored_from is not None and self.chance.random() < 0.7:
            trust.restored(desk, self.restored_from)
        else:
            trust.confirm(desk)

    # faults

    def kill(self, process: Process) -> None:
        self.faults += 1
        self.note(f"! {process.boot_id} is killed")
        self.stage.kill(process.name)
        process.boot += 1
        process.frozen_until = process.redis_cut_until = process.ledger_cut_until = 0.0
        process.memory, process.clean_at = ReleaseMemory(), 0.0

    def freeze(self, process: Process, seconds: float) -> None:
        self.faults += 1
        self.note(f"! {process.boot_id} is frozen for {seconds} s")
        process.frozen_until = self.now + seconds
        process.frozen_for += seconds

    def cut(self, process: Process, what: str, seconds: float) -> None:
        self.faults += 1
        self.note(f"! {process.boot_id} does not reach {what} for {seconds} s")
        if what == "redis":
            process.redis_cut_until = self.now + seconds
        else:
            process.ledger_cut_until = self.now + seconds

    def jump(self, process: Process, seconds: float) -> None:
        """Its clock is set wrong; in the millisecond between the look at it and the claim nothing would help."""
        if self.busy(process.name):
            return
        self.faults += 1
        self.note(f"! the clock of {process.boot_id} is {seconds} s off")
        process.skew = seconds

    def save_redis(self) -> None:
        names = ("epoch", "debt", "signals", "lines", "witnesses", "lanes", "notices", "is_woken", "ticks")
        self.disk = {name: copy.deepcopy(getattr(self.redis, name)) for name in names}

    def lose_redis(self, how: str) -> None:
        """wiped, or restarted: empty, as it was, or from an old disk. Not once the ledger has forgotten, too."""
        if self.was_restored:
            return
        self.faults += 1
        self.note(f"! redis is {how}")
        self.backup = self.backup if how == "restarted" else None
        if how == "wiped":
            self.redis.wipe()
            return
        self.redis.restart(empty=how == "restarted empty")
        if how == "restarted from old disk" and self.disk is not None:
            for name, value in copy.deepcopy(self.disk).items():
                setattr(self.redis, name, value)

    def back_up(self) -> None:
        self.note("the ledger is copied")
        self.backup = self.ground.copy(), self.auditor.copy_knowledge(), self.clock.utc()

    def restore(self) -> None:
        """The ledger is what it was; whoever works with it goes on. What was not told to Redis either is forgotten."""
        if self.backup is None:
            return
        self.faults += 1
        copied, knowledge, at = self.backup
        self.note(f"! the ledger is restored to {at.isoformat()}")
        self.ground.restore(copied)
        self.auditor.told = copy.deepcopy(knowledge)
        in_doubt = self.ground.rows.execute("SELECT doubt FROM ledger").fetchone()[0]
        self.auditor.doubted_since = self.stage.steps if in_doubt else None
        self.auditor.restored()
        self.was_restored, self.restored_from = True, min(at, self.restored_from or at)
        self.stage.kill(self.operator.name)
        for process in self.processes.values():
            process.ledger_cut_until = max(process.ledger_cut_until, self.now + 1.0)  # connections do not survive it


class ProcessWire:
    """How one process reaches its ports."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process, self._boot = world, process, process.boot_id

    def carry(self, port: str, verb: str, real: Callable[..., Any], given: Any, named: Any) -> Any:
        world, is_redis = self._world, port in ("admission", "signals", "queue")
        world.stage.pause(f"{port}.{verb}", self._delay())
        self._reach(is_redis)
        self._disable(port, verb, given)
        try:
            answer = self._guess(port, verb, real, given, named)
        finally:
            world.auditor.look()
        world.note(f"  {self._boot} {port}.{verb}")
        self._saw(port, verb, given, answer)
        if not world.is_calm and world.stage.current is not None and world.chance.random() < 0.004:
            world.faults += 1
            world.note("  ! the answer is lost")
            raise (RedisUnreachable if is_redis else LedgerUnreachable)("the answer was lost")
        return answer

    def _delay(self) -> float:
        """Now and then the machine is slow."""
        world = self._world
        if world.is_calm or world.chance.random() > 0.02:
            return world.now
        return world.now + world.chance.choice([0.01, 0.5, 3.0, 12.0])

    def _reach(self, is_redis: bool) -> None:
        until = self._process.redis_cut_until if is_redis else self._process.ledger_cut_until
        if until > self._world.now:
            raise (RedisUnreachable if is_redis else LedgerUnreachable)("out of reach")

    def _disable(self, port: str, verb: str, given: Any) -> None:
        """Take the guard away that this world is without."""
        world = self._world
        if world.without == "epoch" and verb in ("permit", "arm", "epoch_stands"):
            world.redis.epoch = world.redis.run_id
        if world.without == "witness" and verb in ("permit", "arm"):
            world.redis.witnesses.clear()

    def _guess(self, port: str, verb: str, real: Callable[..., Any], given: Any, named: Any) -> Any:
        world = self._world
        if verb == "orphans" and world.without == "dead-worker proof":
            return real(timedelta(days=-1), *given[1:])
        if (port, verb) == ("claims", "ticket") and world.without == "compare-and-set":
            given = given[0], world.ground.queue(given[0])
        if verb == "arm" and world.without == "epoch":
            given = (replace(given[0], epoch=world.redis.run_id),)
        answer = real(*given, **named)
        if verb == "take" and world.without == "last-moment gate" and isinstance(answer, Claim):
            return replace(answer, suppression=None)
        if verb == "permit" and isinstance(answer, Grant):
            return replace(answer, at=world.clock.utc())
        return answer

    def _saw(self, port: str, verb: str, given: Any, answer: Any) -> None:
        """What the auditor must know of."""
        auditor, world = self._world.auditor, self._world
        match port, verb:
            case ("claims", "take") if isinstance(answer, Claim):
                auditor.claimed(answer, self._process.boot_id)
            case ("redials", "retake") if hasattr(answer, "claim"):
                auditor.claimed(answer.claim, REDIALER)
            case ("admission", "arm") if answer is Armed.GO:
                auditor.armed(given[0], world.redis.run_id)
            case ("decisions", "resolve") if answer:
                auditor.decided(given[0], given[1])
            case ("decisions", "never_placed") if answer:
                auditor.denied(given[0].call_id)
            case ("trust", "raise_doubt"):
                auditor.doubted_since = world.stage.steps
            case ("trust", "confirm"):
                auditor.doubted_since = None
            case ("sweeps", "orphans"):
                self._world_of_the_dead(answer)
            case _:
                pass

    def _world_of_the_dead(self, orphans: Sequence[tuple[str, str]]) -> None:
        """Nobody is taken for dead who is not: silent, frozen, gone, or long past all patience."""
        world = self._world
        for _, reference in orphans:
            taken = world.auditor.taken[reference]
            process = world.processes.get(taken.worker.partition("/")[0])
            if process is None or process.boot_id != taken.worker:
                continue
            is_silent = process.beaten_at <= world.now - 10.0
            is_forsaken = world.clock.utc() >= taken.claim.claimed_at + timedelta(seconds=40 + 120)
            if not (is_silent or is_forsaken or process.skew):
                world.auditor.fail(f"the call of {taken.claim.phone} was taken from {taken.worker}, which lives")

    def boottime(self) -> float:
        self._world.stage.pause("clock.boottime")
        missed = self._process.frozen_for if self._world.without == "deadline" else 0.0
        return self._world.now - missed

    def utc(self) -> datetime:
        return self._world.clock.utc() + timedelta(seconds=self._process.skew)

    def sleep(self, seconds: float) -> None:
        self._world.linger("clock.sleep", seconds)
