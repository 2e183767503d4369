"""One seed: a schedule of moves and faults drawn from it, the healing afterwards, and what must be true then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from dialer.domain.states import CallState
from dialer.engine import control, rescue, rounds, trust, watch
from dialer.errors import BatchTerminated
from dialer.ports import Switchboard
from dialer.testing.coordination import SECOND
from tests.simulation.auditor import LIVE_REFERENCES, Broken
from tests.simulation.ground import Ground
from tests.simulation.stage import Actor
from tests.simulation.world import ACCOUNT, BLOCKED, HOURS, START, Process, World, phone

#: Moves and faults of one seed; each move is some ten steps.
EVENTS = 70
NUMBERS = 8
_JUMPS = (0.3, 0.3, 1.0, 1.0, 1.0, 2.5, 2.5, 5.0, 5.0, 12.0, 30.0, 45.0, 180.0, 600.0, 2400.0)
_FREEZES = (0.5, 3.0, 12.0, 45.0, 400.0, 3000.0)
_OUTAGES = (0.4, 3.0, 20.0, 75.0)
#: After the healing: time enough for whatever waits, and past every exp.
_AFTERWARDS = (1, 5, 30, 130, 900, 3 * 3600, 13 * 3600, 60, 700, 900, 3 * 3600)


@dataclass(frozen=True)
class Report:
    """What came of a seed that broke nothing."""

    seed: int
    kind: str
    steps: int
    faults: int
    requests: int
    called: int
    unknown: int
    thawed: int

    def figures(self) -> dict[str, int]:
        """What adds up over seeds."""
        names = ("steps", "faults", "requests", "called", "unknown", "thawed")
        return {name: getattr(self, name) for name in names}


class Driver:
    """Draws what happens next."""

    def __init__(self, world: World, events: int, faults: Sequence[str] | None = None) -> None:
        self.world, self.events, self.left = world, events, events
        self.chance = world.chance
        self.faults = self._choose_faults(faults)

    def run(self) -> None:
        """Until the events are used up."""
        self._load_all()
        while self.left > 0:
            self._next()

    def _next(self) -> None:
        world, chance = self.world, self.chance
        ready = [actor for actor in world.stage.actors if world.can_act(actor)]
        if ready and chance.random() < 0.93:
            self._burst(chance.choice(ready))
        elif not ready and chance.random() < 0.3:
            world.advance(self._jump())
        else:
            self._begin()

    def _burst(self, actor: Actor) -> None:
        """Some steps of one actor: most interleavings that matter differ in few places."""
        for _ in range(self.chance.choice((1, 1, 2, 4, 12))):
            if actor.is_over or not self.world.can_act(actor):
                return
            self.world.act(actor)

    def _jump(self) -> float:
        jump = self.chance.choice(_JUMPS)
        due = [self.world.ready_at(actor) - self.world.now for actor in self.world.stage.actors]
        return min([jump, *due])

    def _begin(self) -> None:
        """A move where somebody is free to make one, or a fault."""
        actors = len(self.world.stage.actors)
        if self.faults and self.chance.random() < 0.1:
            self.left -= 1
            self.chance.choice(self.faults)()
            return
        waiting = any(self.world.redis.lanes.values())
        moves: list[tuple[int, Callable[[], None]]] = [
            (30 if waiting else 3, self._deliver),
            (12 if not waiting else 5, self._round),
            (4, self._ask),
            (3 if self.world.provider.rung else 0, self._post),
            (2 if self.world.redis.notices else 0, self._tell),
            (2, self._operate),
        ]
        self.chance.choices([move for _, move in moves], [weight for weight, _ in moves])[0]()
        if len(self.world.stage.actors) > actors:
            self.left -= 1
        elif not actors:
            self.world.advance(self._jump())

    def _free(self, prefix: str, at_once: int) -> Process | None:
        world = self.world
        free = [
            process
            for name, process in world.processes.items()
            if name.startswith(prefix) and not world.is_frozen(process) and len(world.busy(name)) < at_once
        ]
        return self.chance.choice(free) if free else None

    def _deliver(self) -> None:
        if process := self._free("worker", 3):
            self.world.deliver(process)

    def _round(self) -> None:
        if process := self._idle("round"):
            self.world.schedule(process)

    def _ask(self) -> None:
        if process := self._idle("ask"):
            self.world.ask(process)

    def _post(self) -> None:
        if self._free("web", 2):
            self.world.post()

    def _tell(self) -> None:
        if process := self._free("worker", 3):
            self.world.tell(process)

    def _idle(self, beat: str) -> Process | None:
        """A scheduler, mostly the first, whose last round of this kind is over."""
        process = self._free(self.chance.choice(("scheduler", "scheduler-1", "scheduler-1")), 2)
        if process is None or any(actor.name == beat for actor in self.world.busy(process.name)):
            return None
        return process

    def _load_all(self) -> None:
        for ref in self.world.refs:
            self._load(ref, is_first=True)
            while self.world.stage.actors:
                self.world.act(self.world.stage.actors[0])

    def _load(self, ref: str, *, is_first: bool) -> None:
        chance = self.chance
        numbers = [phone(index) for index in sorted(chance.sample(range(NUMBERS), chance.randint(2, 6)))]
        terms = {
            "exp": START + timedelta(minutes=chance.choice([20, 240, 480, 480])),
            "hours": chance.choice(list(HOURS)),
            "blocked": chance.choice(list(BLOCKED)),
        }
        if is_first:
            terms |= {"max_retries": chance.choice([0, 0, 1, 2]), "on_unknown": self._on_unknown()}
        elif chance.random() < 0.5:
            terms = {}
        self.world.load(ref, numbers, terms)

    def _on_unknown(self) -> str:
        return "redial" if self.world.kind == "keyed" else "hold"

    def _operate(self) -> None:
        world, chance = self.world, self.chance
        if world.busy("operator"):
            return
        ref = chance.choice(world.refs)
        verb = chance.choices(
            ["pause", "resume", "terminate", "press", "lift", "suppress", "load", "resolve", "ledger"],
            [3, 8, 1 if self.left < self.events // 3 else 0, 1, 4, 1, 2, 3, 2],
        )[0]
        match verb:
            case "press" | "lift":
                world.press(verb == "press")
            case "suppress":
                world.suppress(phone(chance.randrange(NUMBERS)))
            case "load":
                self._load(ref, is_first=False)
            case "resolve":
                world.resolve(ref)
            case "ledger":
                world.speak_of_the_ledger()
            case _:
                world.control(ref, verb)

    def _choose_faults(self, named: Sequence[str] | None) -> list[Callable[[], None]]:
        """Some kinds of faults in each seed: too many at once, and nothing is ever dialed."""
        kinds: dict[str, Callable[[], None]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "cut": self._cut,
            "wipe": self._wipe,
            "restart": self._restart,
            "restore": self._back_up_and_restore,
            "clock": self._jump_clock,
            "outage": self._outage,
        }
        chosen = self.chance.sample(list(kinds), self.chance.randint(0, 4)) if named is None else named
        return [kinds[name] for name in chosen]

    def _anybody(self, *prefixes: str) -> Process:
        names = [name for name in self.world.processes if name.startswith(prefixes)]
        return self.world.processes[self.chance.choice(names)]

    def _kill(self) -> None:
        self.world.kill(self._anybody("worker", "scheduler", "operator", "web"))

    def _freeze(self) -> None:
        self.world.freeze(self._anybody("worker", "worker", "scheduler"), self.chance.choice(_FREEZES))

    def _cut(self) -> None:
        seconds, what = self.chance.choice(_OUTAGES), self.chance.choice(["redis", "ledger"])
        everybody = self.chance.random() < 0.5
        chosen = list(self.world.processes.values()) if everybody else [self._anybody("worker", "scheduler")]
        for process in chosen:
            self.world.cut(process, what, seconds)

    def _wipe(self) -> None:
        self.world.lose_redis("wiped")

    def _restart(self) -> None:
        if self.chance.random() < 0.4:
            self.world.save_redis()
        else:
            hows = ["restarted", "restarted empty", "restarted from old disk", "restarted from old disk"]
            self.world.lose_redis(self.chance.choice(hows))

    def _back_up_and_restore(self) -> None:
        if self.world.backup is None or self.chance.random() < 0.5:
            self.world.back_up()
        else:
            self.world.restore()

    def _jump_clock(self) -> None:
        self.world.jump(self._anybody("worker"), self.chance.choice([0.0, -600.0, -3.0, 1.0, 3.0, 7200.0]))

    def _outage(self) -> None:
        self.world.provider.tells = not self.world.provider.tells


class Healing:
    """Nothing stands in the way any more, and time passes: everything ends, and is accounted for."""

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self) -> None:
        self._calm()
        world = self.world
        desk = world.desk(world.processes["scheduler-1"])
        for seconds in _AFTERWARDS:
            self._clear_the_way(desk)
            self._work(desk)
            if self._is_over():
                break
            world.advance(float(seconds))
        self._work(desk)
        self._ask_on(desk)
        self._work(desk)
        self._judge(desk)

    def _ask_on(self, desk: Switchboard) -> None:
        """What is redialed is asked about a dozen times first, once a batch is over."""
        unknown = "SELECT count(*) FROM calls WHERE state IN ('unknown', 'in_progress')"
        for _ in range(20):
            if not self.world.ground.rows.execute(unknown).fetchone()[0]:
                return
            self.world.advance(130.0)
            self._work(desk)

    def _is_over(self) -> bool:
        running = "SELECT count(*) FROM batches WHERE NOT is_drained OR state NOT IN ('completed', 'terminated')"
        return not self.world.ground.rows.execute(running).fetchone()[0]

    def _calm(self) -> None:
        world = self.world
        world.is_calm = world.provider.is_healed = world.provider.tells = world.courier.is_healed = True
        for process in world.processes.values():
            process.redis_cut_until = process.ledger_cut_until = process.skew = 0.0
        while world.stage.actors:
            ready = [actor for actor in world.stage.actors if world.can_act(actor)]
            if ready:
                world.act(ready[0])
            else:
                world.advance(min(world.ready_at(actor) for actor in world.stage.actors) - world.now)

    def _clear_the_way(self, desk: Switchboard) -> None:
        """What an operator does who wants it all dialed."""
        world = self.world
        world.auditor.told.held_since = None
        for hold in desk.ledger.accounts.holds():
            if hold.on:
                control.press(desk, hold.scope, hold.key, False)
        if desk.ledger.trust.doubt():
            trust.restored(desk, world.restored_from) if world.restored_from else trust.confirm(desk)
        for ref, told in world.auditor.told.batches.items():
            batch = world.batch(ref)
            if batch is None or told.is_terminated:
                continue
            told.halted_since = None
            with suppress(BatchTerminated):
                control.resume(desk, batch)
            self._repeat_load(ref)

    def _repeat_load(self, ref: str) -> None:
        """A load that was interrupted holds its batch open until it is repeated."""
        loading = "SELECT count(*) FROM batches WHERE batch_ref = ? AND (is_loading OR NOT is_loaded)"
        if self.world.ground.rows.execute(loading, (ref,)).fetchone()[0]:
            terms = {"exp": self.world.clock.utc() + timedelta(hours=1), "hours": "", "blocked": ""}
            self._together(lambda: self.world.load(ref, [], terms))

    def _work(self, desk: Switchboard) -> None:
        world = self.world
        self._together(lambda: world.schedule(world.processes["scheduler-1"]))
        while any(world.redis.lanes.values()):
            self._together(lambda: world.deliver(world.processes["worker-1"]))
        self._together(lambda: world.ask(world.processes["scheduler-1"]))
        while world.redis.notices:
            self._together(lambda: world.tell(world.processes["worker-1"]))

    def _together(self, enter: Callable[[], None]) -> None:
        """A move from its beginning to its end."""
        world = self.world
        enter()
        while world.stage.actors:
            actor = world.stage.actors[0]
            if not world.can_act(actor):
                world.advance(world.ready_at(actor) - world.now)
            world.act(actor)

    def _judge(self, desk: Switchboard) -> None:
        world, fail = self.world, self.world.auditor.fail
        self._give_back(desk)
        dialed = world.auditor.requests
        self._work(desk)
        if world.auditor.requests > dialed:
            fail("somebody was dialed after everything was over")
        world.auditor.rewind()
        world.auditor.look()
        for ref in world.auditor.told.batches:
            batch = world.batch(ref)
            if batch is None:
                continue
            status = watch.status(desk, batch)
            if status.counts[CallState.CLOSED] != status.total or status.state not in ("completed", "terminated"):
                fail(f"{ref} never ends: {status.state}, {dict(status.counts)}, {status.why}")
            self._compare(ref, status)
        if held := world.coordination.admission.held(ACCOUNT):
            fail(f"{held} channels are held for nobody")
        self._admits_every_call()
        self._told_everybody(desk)

    def _give_back(self, desk: Switchboard) -> None:
        """Nobody holds a channel but who died less than a permit's grace ago, and then nobody at all."""
        world = self.world
        rounds.keep_house(desk)
        oldest = world.clock.micros() - round(rescue.PERMIT_GRACE_SECONDS * SECOND)
        permits = world.redis.line(ACCOUNT).permits
        live = {reference for (reference,) in world.ground.rows.execute(LIVE_REFERENCES)}
        if old := [reference for reference, start in permits.items() if start < oldest and reference not in live]:
            world.auditor.fail(f"channels are held for nobody since long: {old}")
        world.advance(rescue.PERMIT_GRACE_SECONDS + 1.0)
        rounds.keep_house(desk)

    def _compare(self, ref: str, status: object) -> None:
        """What readers are told against the rows."""
        query = (
            "SELECT c.state, coalesce(c.close_reason, ''), count(*), sum(c.attempts_spent) FROM calls c "
            "JOIN batches b ON b.batch_id = c.batch_id WHERE b.batch_ref = ? GROUP BY 1, 2"
        )
        rows = self.world.ground.rows.execute(query, (ref,)).fetchall()
        told = status.closed  # type: ignore[attr-defined]
        if {reason: count for _, reason, count, _ in rows} != {word: count for word, count in told.items() if count}:
            self.world.auditor.fail(f"the status of {ref} is not what its rows are")

    def _told_everybody(self, desk: Switchboard) -> None:
        """Whatever was written down to be told arrived, or waits for its next try; and nothing else did."""
        written = dict(self.world.ground.rows.execute("SELECT notice_id, heard_at FROM notices").fetchall())
        arrived = self.world.courier.arrived
        if deaf := [notice_id for notice_id, heard_at in written.items() if heard_at and notice_id not in arrived]:
            self.world.auditor.fail(f"taken for heard, and never arrived: {deaf}")
        if not self.world.was_restored and (strange := arrived.keys() - written.keys()):
            self.world.auditor.fail(f"told without a word in the ledger: {sorted(strange)}")
        overdue = "SELECT count(*) FROM notices WHERE due_at <= ?"
        now = desk.ledger.now().isoformat(" ", "microseconds")[:26]
        if self.world.redis.notices or self.world.ground.rows.execute(overdue, (now,)).fetchone()[0]:
            self.world.auditor.fail("somebody is not told who could be")

    def _admits_every_call(self) -> None:
        """No call took place that the ledger takes for one that did not."""
        query = "SELECT reference, state, outcome, call_id, worker FROM attempts"
        found = self.world.ground.rows.execute(query).fetchall()
        rows = {reference: (state, outcome) for reference, state, outcome, *_ in found}
        # What was recovered stands for all that a restored ledger forgot of its call, under the reference of the first.
        forgotten = {
            (rung.placement.call_id, rung.outcome)
            for reference, rung in self.world.provider.rung.items()
            if reference not in rows
        }
        for reference, state, outcome, call_id, worker in found:
            if worker == "restored" and (call_id, outcome) in forgotten:
                continue
            if state == "ended" and reference not in self.world.provider.rung:
                self.world.auditor.fail(f"the ledger says {outcome} of a call that never took place: {reference}")
        for reference, rung in self.world.provider.rung.items():
            state, outcome = rows.get(reference, (None, None))
            if state == "ended" and outcome != rung.outcome:
                self.world.auditor.fail(f"{rung.placement.phone} was {rung.outcome}, and the ledger says {outcome}")
            if state in ("not_sent", "refused", "rejected") or (state is None and not self.world.was_restored):
                self.world.auditor.fail(f"{rung.placement.phone} was called, and the ledger says {state}")


def simulate(
    ground: Ground, seed: int, events: int = EVENTS, without: str | None = None, faults: Sequence[str] | None = None
) -> Report:
    """Broken, with the seed and the last steps, when anything is violated."""
    world = World(ground, seed, without)
    try:
        Driver(world, events, faults).run()
        Healing(world).run()
    except Broken as broken:
        raise Broken(f"seed {seed}, {events} events: {broken}\n" + "\n".join(world.trace[-80:])) from broken
    finally:
        world.stage.clear()
    unknown = "SELECT count(*) FROM calls WHERE close_reason = 'unresolved'"
    return Report(
        seed,
        world.kind,
        world.stage.steps,
        world.faults,
        world.auditor.requests,
        len(world.provider.rung),
        ground.rows.execute(unknown).fetchone()[0],
        world.auditor.thawed,
    )
